"""YOLOv5 (release 6 and later) with the parameter names of ultralytics/yolov5.

Source: Jocher 2020, "YOLOv5 by Ultralytics", doi:10.5281/zenodo.3908559. The outputs are the maps of the three heads,
before boxes are decoded.
"""

from __future__ import annotations

from functools import partial

from cosim_workloads.blocks import RESIDUAL_GAMMA, upsample
from cosim_workloads.yolo_blocks import conv_silu, eighths, spatial_pyramid

from cosim.graph import Builder, Graph

_ANCHORS = 3
_SIZES = {"n": (0.33, 0.25), "s": (0.33, 0.5), "m": (0.67, 0.75), "l": (1.0, 1.0), "x": (1.33, 1.25)}  # depth, width


def yolov5(name: str, batch: int, seed: int, *, size: str, image: int = 640, classes: int = 80) -> Graph:
    """YOLOv5 n, s, m, l or x for images (batch, 3, image, image)."""
    depth, width = _SIZES[size]
    b = Builder(name, seed)
    conv = partial(conv_silu, b)
    csp = partial(_csp, b)
    c = [eighths(channels * width) for channels in (64, 128, 256, 512, 1024)]
    n = [max(1, round(repeats * depth)) for repeats in (3, 6, 9)]

    x = b.input("input", (batch, 3, image, image))
    x = conv(x, c[0], 6, 2, "model.0", padding=2)
    x = csp(conv(x, c[1], 3, 2, "model.1"), c[1], n[0], "model.2")
    fine = csp(conv(x, c[2], 3, 2, "model.3"), c[2], n[1], "model.4")
    middle = csp(conv(fine, c[3], 3, 2, "model.5"), c[3], n[2], "model.6")
    x = csp(conv(middle, c[4], 3, 2, "model.7"), c[4], n[0], "model.8")
    x = spatial_pyramid(b, x, c[4], "model.9")

    csp = partial(_csp, b, shortcut=False)
    top = conv(x, c[3], 1, 1, "model.10")
    x = csp(b.concat((upsample(b, top), middle)), c[3], n[0], "model.13")
    side = conv(x, c[2], 1, 1, "model.14")
    first = csp(b.concat((upsample(b, side), fine)), c[2], n[0], "model.17")
    second = csp(b.concat((conv(first, c[2], 3, 2, "model.18"), side)), c[3], n[0], "model.20")
    third = csp(b.concat((conv(second, c[3], 3, 2, "model.21"), top)), c[4], n[0], "model.23")
    for i, level in enumerate((first, second, third)):
        b.output(b.conv2d(level, _ANCHORS * (classes + 5), 1, gain=1.0, name=f"model.24.m.{i}"))
    return b.build()


def _csp(b: Builder, x: str, channels: int, repeats: int, name: str, *, shortcut: bool = True) -> str:
    """Bottlenecks on one half of the channels, joined with the other half."""
    half = channels // 2
    y = conv_silu(b, x, half, 1, 1, f"{name}.cv1")
    for i in range(repeats):
        inner = conv_silu(b, y, half, 1, 1, f"{name}.m.{i}.cv1")
        inner = conv_silu(b, inner, half, 3, 1, f"{name}.m.{i}.cv2", gamma=RESIDUAL_GAMMA if shortcut else 1.0)
        y = b.add(y, inner) if shortcut else inner
    joined = b.concat((y, conv_silu(b, x, half, 1, 1, f"{name}.cv2")))
    return conv_silu(b, joined, channels, 1, 1, f"{name}.cv3")
