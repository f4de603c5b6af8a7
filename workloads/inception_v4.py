"""Inception v4 with timm's parameter names. Source: Szegedy et al., AAAI 2017, doi:10.1609/aaai.v31i1.11231."""

from __future__ import annotations

from cosim_workloads.blocks import classify, conv_norm

from cosim.graph import Builder, Graph
from cosim.graph.builder import Pair

Step = tuple[int, Pair]  # channels, kernel


def inception_v4(name: str, batch: int, seed: int) -> Graph:
    """Inception v4 for images (batch, 3, 299, 299)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 299, 299))
    x = _stem(b, x)
    for index in range(6, 10):
        x = _a(b, x, f"features.{index}")
    x = _reduce_a(b, x, "features.10")
    for index in range(11, 18):
        x = _b(b, x, f"features.{index}")
    x = _reduce_b(b, x, "features.18")
    for index in range(19, 22):
        x = _c(b, x, f"features.{index}")
    b.output(classify(b, x, 1000, "last_linear"))
    return b.build()


def _conv(b: Builder, x: str, channels: int, kernel: Pair, name: str, stride: int = 1, *, same: bool = True) -> str:
    """Convolution that keeps the extent, or has no padding (stride 2, or not `same`)."""
    taps = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (taps[0] // 2, taps[1] // 2) if same and stride == 1 else (0, 0)
    return conv_norm(b, x, channels, kernel, stride, padding, conv=f"{name}.conv", norm=f"{name}.bn", epsilon=1e-3)


def _chain(b: Builder, x: str, name: str, *steps: Step, start: int = 0) -> str:
    for index, (channels, kernel) in enumerate(steps, start):
        x = _conv(b, x, channels, kernel, f"{name}.{index}")
    return x


def _pooled(b: Builder, x: str, channels: int, name: str) -> str:
    pooled = b.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    return _conv(b, pooled, channels, 1, f"{name}.branch3.1")


def _stem(b: Builder, x: str) -> str:
    x = _conv(b, x, 32, 3, "features.0", 2)
    x = _conv(b, x, 32, 3, "features.1", same=False)
    x = _conv(b, x, 64, 3, "features.2")
    x = b.concat((b.max_pool2d(x, 3, 2), _conv(b, x, 96, 3, "features.3.conv", 2)), name="features.3")
    left = _chain(b, x, "features.4.branch0", (64, 1))
    right = _chain(b, x, "features.4.branch1", (64, 1), (64, (1, 7)), (64, (7, 1)))
    parts = (
        _conv(b, left, 96, 3, "features.4.branch0.1", same=False),
        _conv(b, right, 96, 3, "features.4.branch1.3", same=False),
    )
    x = b.concat(parts, name="features.4")
    return b.concat((_conv(b, x, 192, 3, "features.5.conv", 2), b.max_pool2d(x, 3, 2)), name="features.5")


def _a(b: Builder, x: str, name: str) -> str:
    parts = (
        _conv(b, x, 96, 1, f"{name}.branch0"),
        _chain(b, x, f"{name}.branch1", (64, 1), (96, 3)),
        _chain(b, x, f"{name}.branch2", (64, 1), (96, 3), (96, 3)),
        _pooled(b, x, 96, name),
    )
    return b.concat(parts, name=name)


def _reduce_a(b: Builder, x: str, name: str) -> str:
    parts = (
        _conv(b, x, 384, 3, f"{name}.branch0", 2),
        _conv(b, _chain(b, x, f"{name}.branch1", (192, 1), (224, 3)), 256, 3, f"{name}.branch1.2", 2),
        b.max_pool2d(x, 3, 2),
    )
    return b.concat(parts, name=name)


def _b(b: Builder, x: str, name: str) -> str:
    long = ((192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7)))
    parts = (
        _conv(b, x, 384, 1, f"{name}.branch0"),
        _chain(b, x, f"{name}.branch1", (192, 1), (224, (1, 7)), (256, (7, 1))),
        _chain(b, x, f"{name}.branch2", *long),
        _pooled(b, x, 128, name),
    )
    return b.concat(parts, name=name)


def _reduce_b(b: Builder, x: str, name: str) -> str:
    long = _chain(b, x, f"{name}.branch1", (256, 1), (256, (1, 7)), (320, (7, 1)))
    parts = (
        _conv(b, _chain(b, x, f"{name}.branch0", (192, 1)), 192, 3, f"{name}.branch0.1", 2),
        _conv(b, long, 320, 3, f"{name}.branch1.3", 2),
        b.max_pool2d(x, 3, 2),
    )
    return b.concat(parts, name=name)


def _c(b: Builder, x: str, name: str) -> str:
    short = _conv(b, x, 384, 1, f"{name}.branch1_0")
    long = x
    steps: tuple[Step, ...] = ((384, 1), (448, (3, 1)), (512, (1, 3)))
    for index, (channels, kernel) in enumerate(steps):
        long = _conv(b, long, channels, kernel, f"{name}.branch2_{index}")
    parts = (
        _conv(b, x, 256, 1, f"{name}.branch0"),
        _conv(b, short, 256, (1, 3), f"{name}.branch1_1a"),
        _conv(b, short, 256, (3, 1), f"{name}.branch1_1b"),
        _conv(b, long, 256, (1, 3), f"{name}.branch2_3a"),
        _conv(b, long, 256, (3, 1), f"{name}.branch2_3b"),
        _pooled(b, x, 256, name),
    )
    return b.concat(parts, name=name)
