"""YOLO v2 to v4 as Darknet describes them: layers are counted as in Darknet's configuration files.

Sources: Redmon and Farhadi, CVPR 2017, doi:10.1109/CVPR.2017.690 (v2); Redmon and Farhadi 2018, arXiv:1804.02767 (v3);
Bochkovskiy et al. 2020, arXiv:2004.10934 (v4). The outputs are the maps of the heads, before boxes are decoded.
"""

from __future__ import annotations

from cosim_workloads.blocks import space_to_depth
from cosim_workloads.layers import Layers

from cosim.graph import Builder, Graph


def yolov3(name: str, batch: int, seed: int, *, classes: int = 80, rows: int = 416, columns: int = 416) -> Graph:
    """YOLOv3 on Darknet-53 for images (batch, 3, rows, columns)."""
    layers = Layers(Builder(name, seed))
    layers.conv(32, 3, x=layers.start(batch, rows, columns))
    for channels, repeats in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        layers.conv(channels, 3, 2)
        for _ in range(repeats):
            layers.residual(channels)
    for channels, lateral in ((512, 61), (256, 36), (128, None)):
        for _ in range(2):
            layers.conv(channels, 1)
            layers.conv(2 * channels, 3)
        branch = layers.index
        layers.conv(channels, 1)
        layers.conv(2 * channels, 3)
        layers.head(3 * (classes + 5))
        layers.mark()
        if lateral is not None:
            layers.route(branch)
            layers.conv(channels // 2, 1)
            layers.grow()
            layers.route(-1, lateral)
    return layers.b.build()


def yolov3_tiny(name: str, batch: int, seed: int, *, classes: int = 80, image: int = 416) -> Graph:
    """YOLOv3-tiny for images (batch, 3, image, image)."""
    layers = Layers(Builder(name, seed))
    _plain(layers, batch, image)
    layers.conv(256, 1)
    layers.conv(512, 3)
    layers.head(3 * (classes + 5))
    layers.mark()
    layers.route(13)
    layers.conv(128, 1)
    layers.grow()
    layers.route(-1, 8)
    layers.conv(256, 3)
    layers.head(3 * (classes + 5))
    return layers.b.build()


def yolov2_tiny(name: str, batch: int, seed: int, *, classes: int = 80, image: int = 416, width: int = 512) -> Graph:
    """YOLOv2-tiny for images (batch, 3, image, image); `width` is that of the last hidden layer."""
    layers = Layers(Builder(name, seed))
    _plain(layers, batch, image)
    layers.conv(width, 3)
    layers.head(5 * (classes + 5))
    return layers.b.build()


def _plain(layers: Layers, batch: int, image: int) -> None:
    """Seven convolutions with pools between, which v2-tiny and v3-tiny share."""
    layers.conv(16, 3, x=layers.start(batch, image, image))
    for channels in (32, 64, 128, 256, 512):
        layers.pool()
        layers.conv(channels, 3)
    layers.pool(1)
    layers.conv(1024, 3)


def yolov4_tiny(name: str, batch: int, seed: int, *, classes: int = 80, image: int = 416) -> Graph:
    """YOLOv4-tiny for images (batch, 3, image, image)."""
    layers = Layers(Builder(name, seed))
    layers.conv(32, 3, 2, x=layers.start(batch, image, image))
    layers.conv(64, 3, 2)
    for channels in (64, 128, 256):
        layers.conv(channels, 3)
        whole = layers.last
        layers.put(layers.b.slice(whole, 1, channels // 2, channels))
        layers.conv(channels // 2, 3)
        layers.conv(channels // 2, 3)
        layers.route(-1, -2)
        layers.conv(channels, 1)
        layers.route(-6, -1)
        layers.pool()
    layers.conv(512, 3)
    layers.conv(256, 1)
    layers.conv(512, 3)
    layers.head(3 * (classes + 5))
    layers.mark()
    layers.route(-4)
    layers.conv(128, 1)
    layers.grow()
    layers.route(-1, 23)
    layers.conv(256, 3)
    layers.head(3 * (classes + 5))
    return layers.b.build()


def yolov2(name: str, batch: int, seed: int, *, classes: int = 80, image: int = 416) -> Graph:
    """YOLOv2 on Darknet-19 for images (batch, 3, image, image)."""
    layers = Layers(Builder(name, seed))
    layers.conv(32, 3, x=layers.start(batch, image, image))
    layers.pool()
    layers.conv(64, 3)
    for channels, repeats in ((128, 1), (256, 1), (512, 2), (1024, 2)):
        layers.pool()
        layers.conv(channels, 3)
        for _ in range(repeats):
            layers.conv(channels // 2, 1)
            layers.conv(channels, 3)
    layers.conv(1024, 3)
    layers.conv(1024, 3)
    layers.route(16)
    layers.conv(64, 1)
    # Darknet numbers the channels otherwise, which changes no count
    layers.put(space_to_depth(layers.b, layers.last, ((0, 0), (0, 1), (1, 0), (1, 1))))
    layers.route(-1, -4)
    layers.conv(1024, 3)
    layers.head(5 * (classes + 5))
    return layers.b.build()
