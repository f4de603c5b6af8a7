"""Inception v3 without the auxiliary head. Source: Szegedy et al., CVPR 2016, doi:10.1109/CVPR.2016.308."""

from __future__ import annotations

from cosim_workloads.blocks import classify, conv_norm

from cosim.graph import Builder, Graph
from cosim.graph.builder import Pair

Step = tuple[str, int, Pair, int]  # name, channels, kernel, stride


def inception_v3(name: str, batch: int, seed: int) -> Graph:
    """Inception v3 for images (batch, 3, 299, 299)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 299, 299))
    x = _conv(b, x, 32, 3, "Conv2d_1a_3x3", 2)
    x = _conv(b, x, 32, 3, "Conv2d_2a_3x3")
    x = _conv(b, x, 64, 3, "Conv2d_2b_3x3", padding=(1, 1))
    x = b.max_pool2d(x, 3, 2)
    x = _conv(b, x, 80, 1, "Conv2d_3b_1x1")
    x = _conv(b, x, 192, 3, "Conv2d_4a_3x3")
    x = b.max_pool2d(x, 3, 2)
    for module, pool in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
        x = _a(b, x, pool, module)
    x = _b(b, x, "Mixed_6a")
    for module, width in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        x = _c(b, x, width, module)
    x = _d(b, x, "Mixed_7a")
    for module in ("Mixed_7b", "Mixed_7c"):
        x = _e(b, x, module)
    b.output(classify(b, x, 1000, "fc"))
    return b.build()


def _conv(
    b: Builder, x: str, channels: int, kernel: Pair, name: str, stride: int = 1, padding: tuple[int, int] = (0, 0)
) -> str:
    return conv_norm(b, x, channels, kernel, stride, padding, conv=f"{name}.conv", norm=f"{name}.bn", epsilon=1e-3)


def _chain(b: Builder, x: str, module: str, *steps: Step) -> str:
    """Convolutions in a row; those of stride 1 keep the extent, those of stride 2 have no padding."""
    for name, channels, kernel, stride in steps:
        taps = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (taps[0] // 2, taps[1] // 2) if stride == 1 else (0, 0)
        x = _conv(b, x, channels, kernel, f"{module}.{name}", stride, padding)
    return x


def _pooled(b: Builder, x: str, module: str, channels: int) -> str:
    return _chain(b, b.avg_pool2d(x, 3, 1, 1), module, ("branch_pool", channels, 1, 1))


def _a(b: Builder, x: str, pool: int, module: str) -> str:
    parts = (
        _chain(b, x, module, ("branch1x1", 64, 1, 1)),
        _chain(b, x, module, ("branch5x5_1", 48, 1, 1), ("branch5x5_2", 64, 5, 1)),
        _chain(b, x, module, ("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 1), ("branch3x3dbl_3", 96, 3, 1)),
        _pooled(b, x, module, pool),
    )
    return b.concat(parts, name=module)


def _b(b: Builder, x: str, module: str) -> str:
    parts = (
        _chain(b, x, module, ("branch3x3", 384, 3, 2)),
        _chain(b, x, module, ("branch3x3dbl_1", 64, 1, 1), ("branch3x3dbl_2", 96, 3, 1), ("branch3x3dbl_3", 96, 3, 2)),
        b.max_pool2d(x, 3, 2),
    )
    return b.concat(parts, name=module)


def _c(b: Builder, x: str, width: int, module: str) -> str:
    single = (("branch7x7_1", width, 1, 1), ("branch7x7_2", width, (1, 7), 1), ("branch7x7_3", 192, (7, 1), 1))
    double = (
        ("branch7x7dbl_1", width, 1, 1),
        ("branch7x7dbl_2", width, (7, 1), 1),
        ("branch7x7dbl_3", width, (1, 7), 1),
        ("branch7x7dbl_4", width, (7, 1), 1),
        ("branch7x7dbl_5", 192, (1, 7), 1),
    )
    parts = (
        _chain(b, x, module, ("branch1x1", 192, 1, 1)),
        _chain(b, x, module, *single),
        _chain(b, x, module, *double),
        _pooled(b, x, module, 192),
    )
    return b.concat(parts, name=module)


def _d(b: Builder, x: str, module: str) -> str:
    seven = (
        ("branch7x7x3_1", 192, 1, 1),
        ("branch7x7x3_2", 192, (1, 7), 1),
        ("branch7x7x3_3", 192, (7, 1), 1),
        ("branch7x7x3_4", 192, 3, 2),
    )
    parts = (
        _chain(b, x, module, ("branch3x3_1", 192, 1, 1), ("branch3x3_2", 320, 3, 2)),
        _chain(b, x, module, *seven),
        b.max_pool2d(x, 3, 2),
    )
    return b.concat(parts, name=module)


def _e(b: Builder, x: str, module: str) -> str:
    parts = [_chain(b, x, module, ("branch1x1", 320, 1, 1))]
    for stem, last, steps in (
        ("branch3x3", "2", (("branch3x3_1", 384, 1, 1),)),
        ("branch3x3dbl", "3", (("branch3x3dbl_1", 448, 1, 1), ("branch3x3dbl_2", 384, 3, 1))),
    ):
        y = _chain(b, x, module, *steps)
        parts.append(_chain(b, y, module, (f"{stem}_{last}a", 384, (1, 3), 1)))
        parts.append(_chain(b, y, module, (f"{stem}_{last}b", 384, (3, 1), 1)))
    parts.append(_pooled(b, x, module, 192))
    return b.concat(parts, name=module)
