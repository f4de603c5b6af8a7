"""MnasNet-B1 with torchvision's parameter names. Source: Tan et al., CVPR 2019, doi:10.1109/CVPR.2019.00293."""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm, make_divisible

from cosim.graph import Builder, Graph

# kernel, stride of the first block, expansion, channels, blocks
_STAGES = ((3, 2, 3, 24, 3), (5, 2, 3, 40, 3), (5, 2, 6, 80, 3), (3, 1, 6, 96, 2), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1))
_HEAD = 1280  # channels, whatever the width


def mnasnet(name: str, batch: int, seed: int, *, width: float) -> Graph:
    """MnasNet for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 224, 224))
    stem = make_divisible(32 * width)
    x = _conv(b, x, stem, 3, 2, "layers", 0)
    x = _conv(b, x, stem, 3, 1, "layers", 3, groups=stem)
    x = _conv(b, x, make_divisible(16 * width), 1, 1, "layers", 6, activation="none")
    for stage, (kernel, stride, expansion, channels, repeats) in enumerate(_STAGES, start=8):
        for i in range(repeats):
            out = make_divisible(channels * width)
            x = _block(b, x, kernel, 1 if i else stride, expansion, out, f"layers.{stage}.{i}.layers")
    x = _conv(b, x, _HEAD, 1, 1, "layers", 14)
    b.output(classify(b, x, 1000, "classifier.1"))
    return b.build()


def _block(b: Builder, x: str, kernel: int, stride: int, expansion: int, channels: int, stem: str) -> str:
    width = b.shape(x)[1]
    y = _conv(b, x, expansion * width, 1, 1, stem, 0)
    y = _conv(b, y, expansion * width, kernel, stride, stem, 3, groups=expansion * width)
    shortcut = stride == 1 and width == channels
    gamma = RESIDUAL_GAMMA if shortcut else 1.0
    y = _conv(b, y, channels, 1, 1, stem, 6, activation="none", gamma=gamma)
    return b.add(y, x) if shortcut else y


def _conv(
    b: Builder,
    x: str,
    channels: int,
    kernel: int,
    stride: int,
    stem: str,
    index: int,
    *,
    groups: int = 1,
    activation: str = "relu",
    gamma: float = 1.0,
) -> str:
    return conv_norm(
        b,
        x,
        channels,
        kernel,
        stride,
        kernel // 2,
        conv=f"{stem}.{index}",
        norm=f"{stem}.{index + 1}",
        groups=groups,
        activation=activation,
        gamma=gamma,
    )
