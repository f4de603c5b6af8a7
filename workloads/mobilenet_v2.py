"""MobileNet v2 with torchvision's parameter names. Source: Sandler et al. 2018, doi:10.1109/CVPR.2018.00474."""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm, make_divisible

from cosim.graph import Builder, Graph

# expansion, channels, blocks, stride of the first
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet_v2(name: str, batch: int, seed: int, *, width: float = 1.0, size: int = 224) -> Graph:
    """MobileNet v2 for images (batch, 3, size, size)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, size, size))
    x = _conv(b, x, make_divisible(32 * width), 3, 2, "features.0")
    index = 1
    for expansion, channels, repeats, stride in _STAGES:
        for i in range(repeats):
            x = _block(b, x, expansion, make_divisible(channels * width), 1 if i else stride, f"features.{index}.conv")
            index += 1
    x = _conv(b, x, make_divisible(1280 * max(1.0, width)), 1, 1, f"features.{index}")
    b.output(classify(b, x, 1000, "classifier.1"))
    return b.build()


def _conv(b: Builder, x: str, channels: int, kernel: int, stride: int, name: str, groups: int = 1) -> str:
    return conv_norm(
        b,
        x,
        channels,
        kernel,
        stride,
        kernel // 2,
        conv=f"{name}.0",
        norm=f"{name}.1",
        groups=groups,
        activation="relu6",
    )


def _block(b: Builder, x: str, expansion: int, channels: int, stride: int, name: str) -> str:
    y, index = x, 0
    inner = b.shape(x)[1] * expansion
    if expansion != 1:
        y = _conv(b, y, inner, 1, 1, f"{name}.0")
        index = 1
    y = _conv(b, y, inner, 3, stride, f"{name}.{index}", inner)
    residual = stride == 1 and b.shape(x)[1] == channels
    y = conv_norm(
        b,
        y,
        channels,
        1,
        conv=f"{name}.{index + 1}",
        norm=f"{name}.{index + 2}",
        activation="none",
        gamma=RESIDUAL_GAMMA if residual else 1.0,
    )
    return b.add(x, y) if residual else y
