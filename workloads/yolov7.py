"""YOLOv7 and YOLOv7-tiny as deployed, with the layer numbers of WongKinYiu/yolov7 as names.

Source: Wang et al., CVPR 2023, doi:10.1109/CVPR52729.2023.00721. The outputs are the maps of the three heads, before
boxes are decoded.
"""

from __future__ import annotations

from cosim_workloads.layers import Layers

from cosim.graph import Builder, Graph

_ANCHORS = 3


def yolov7_tiny(name: str, batch: int, seed: int, *, image: int = 640, classes: int = 80) -> Graph:
    """YOLOv7-tiny for images (batch, 3, image, image)."""
    n = Layers(Builder(name, seed), "model", "leaky_relu", 1e-3)
    n.conv(32, 3, 2, x=n.start(batch, image, image))
    n.conv(64, 3, 2)
    _short(n, 32, 64)
    for width, channels in ((64, 128), (128, 256), (256, 512)):
        n.pool()
        _short(n, width, channels)
    x = n.last
    n.conv(256, 1)
    _pyramid(n, n.conv(256, 1, x=x))
    n.conv(256, 1)
    n.route(-1, -7)
    n.conv(256, 1)
    for width, channels, lateral in ((64, 128, 21), (32, 64, 14)):
        n.conv(channels, 1)
        n.grow()
        n.conv(channels, 1, x=n.outputs[lateral])
        n.route(-1, -2)
        _short(n, width, channels)
    for width, channels, lateral in ((64, 128, 47), (128, 256, 37)):
        n.conv(channels, 3, 2)
        n.route(-1, lateral)
        _short(n, width, channels)
    for layer, channels in ((57, 128), (65, 256), (73, 512)):
        n.conv(channels, 3, x=n.outputs[layer])
    return _detect(n, classes)


def yolov7(name: str, batch: int, seed: int, *, image: int = 640, classes: int = 80) -> Graph:
    """YOLOv7 for images (batch, 3, image, image)."""
    n = Layers(Builder(name, seed), "model", "silu", 1e-3)
    n.conv(32, 3, x=n.start(batch, image, image))
    n.conv(64, 3, 2)
    n.conv(64, 3)
    n.conv(128, 3, 2)
    _long(n, 64, 256, 64, joined=(-1, -3, -5, -6))
    for width, half, channels in ((128, 128, 512), (256, 256, 1024), (256, 512, 1024)):
        _halve(n, half)
        _long(n, width, channels, width, joined=(-1, -3, -5, -6))
    n.put(_pyramid_csp(n, 512))
    every = (-1, -2, -3, -4, -5, -6)
    for channels, lateral in ((256, 37), (128, 24)):
        n.conv(channels, 1)
        n.grow()
        n.conv(channels, 1, x=n.outputs[lateral])
        n.route(-1, -2)
        _long(n, channels, channels, channels // 2, joined=every)
    for channels, lateral in ((256, 63), (512, 51)):
        _halve(n, channels // 2, lateral)
        _long(n, channels, channels, channels // 2, joined=every)
    for layer, channels in ((75, 256), (88, 512), (101, 1024)):
        n.fused(channels, 3, x=n.outputs[layer])
    return _detect(n, classes)


def _short(n: Layers, width: int, channels: int) -> None:
    """Two 1x1 convolutions of one map and two more 3x3 in a row, all joined."""
    x = n.last
    n.conv(width, 1)
    n.conv(width, 1, x=x)
    n.conv(width, 3)
    n.conv(width, 3)
    n.route(-1, -2, -3, -4)
    n.conv(channels, 1)


def _long(n: Layers, first: int, channels: int, width: int, *, joined: tuple[int, ...]) -> None:
    """Two 1x1 convolutions of one map and four more 3x3 in a row, some of them joined."""
    x = n.last
    n.conv(first, 1)
    n.conv(first, 1, x=x)
    for _ in range(4):
        n.conv(width, 3)
    n.route(*joined)
    n.conv(channels, 1)


def _halve(n: Layers, channels: int, *laterals: int) -> None:
    """Half the extent, by a maximum and by a stride, joined; with earlier layers of that extent."""
    x = n.last
    n.pool()
    n.conv(channels, 1)
    n.conv(channels, 1, x=x)
    n.conv(channels, 3, 2)
    n.route(-1, -3, *laterals)


def _pyramid(n: Layers, x: str) -> None:
    """Maxima of x over 5, 9 and 13 pixels, joined with x."""
    for window in (5, 9, 13):
        n.put(n.b.max_pool2d(x, window, 1, window // 2))
    n.route(-1, -2, -3, -4)


def _pyramid_csp(n: Layers, channels: int) -> str:
    """Pyramid of maxima between convolutions on one half, joined with the other; one layer to the source."""
    inner = Layers(n.b, f"model.{n.index}", n.activation, n.epsilon)
    x = n.last
    for kernel, width in ((1, channels), (3, channels), (1, channels)):
        inner.conv(width, kernel, x=None if inner.outputs else x)
    _pyramid(inner, inner.last)
    inner.conv(channels, 1)
    y = inner.conv(channels, 3)
    inner.put(n.b.concat((y, inner.conv(channels, 1, x=x))))
    return inner.conv(channels, 1)


def _detect(n: Layers, classes: int) -> Graph:
    for i, level in enumerate(n.outputs[-3:]):
        n.b.output(n.b.conv2d(level, _ANCHORS * (classes + 5), 1, gain=1.0, name=f"model.{n.index}.m.{i}"))
    return n.b.build()
