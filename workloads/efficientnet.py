"""EfficientNet-B0 (torchvision's names) and EfficientNet-EdgeTPU (timm's names).

Sources: Tan and Le, ICML 2019, arXiv:1905.11946; Gupta and Tan 2019, "EfficientNet-EdgeTPU", Google AI blog.
"""

from __future__ import annotations

import math
from functools import partial

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm, make_divisible, squeeze_excite

from cosim.graph import Builder, Graph

# expansion, kernel, stride, channels, blocks
_B0 = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
# the first three stages fuse expansion and depthwise convolution into one full convolution
_EDGE = (
    (4, 3, 1, 24, 1),
    (8, 3, 2, 32, 2),
    (8, 3, 2, 48, 4),
    (8, 5, 2, 96, 5),
    (8, 5, 1, 144, 4),
    (8, 5, 2, 192, 2),
)
_FUSED_STAGES = 3


def efficientnet_b0(name: str, batch: int, seed: int) -> Graph:
    """EfficientNet-B0 for images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    conv = partial(conv_norm, b, activation="silu")
    x = b.input("input", (batch, 3, 224, 224))
    x = conv(x, 32, 3, 2, 1, conv="features.0.0", norm="features.0.1")
    for stage, (expansion, kernel, stride, channels, repeats) in enumerate(_B0, start=1):
        for i in range(repeats):
            stem = f"features.{stage}.{i}.block"
            x = _mbconv(b, x, expansion, kernel, 1 if i else stride, channels, stem)
    x = conv(x, 1280, 1, conv="features.8.0", norm="features.8.1")
    b.output(classify(b, x, 1000, "classifier.1"))
    return b.build()


def _mbconv(b: Builder, x: str, expansion: int, kernel: int, stride: int, channels: int, name: str) -> str:
    width = b.shape(x)[1]
    inner = width * expansion
    conv = partial(conv_norm, b, activation="silu")
    y, index = x, 0
    if expansion != 1:
        y = conv(y, inner, 1, conv=f"{name}.0.0", norm=f"{name}.0.1")
        index = 1
    stem = f"{name}.{index}"
    y = conv(y, inner, kernel, stride, kernel // 2, conv=f"{stem}.0", norm=f"{stem}.1", groups=inner)
    stem = f"{name}.{index + 1}"
    y = squeeze_excite(b, y, max(1, width // 4), reduce=f"{stem}.fc1", expand=f"{stem}.fc2", activation="silu")
    residual = stride == 1 and width == channels
    stem = f"{name}.{index + 2}"
    gamma = RESIDUAL_GAMMA if residual else 1.0
    y = conv_norm(b, y, channels, 1, conv=f"{stem}.0", norm=f"{stem}.1", activation="none", gamma=gamma)
    return b.add(y, x) if residual else y


def efficientnet_edgetpu(
    name: str, batch: int, seed: int, *, width: float = 1.0, depth: float = 1.0, size: int = 224
) -> Graph:
    """EfficientNet-EdgeTPU for images (batch, 3, size, size): no squeeze-excite, relu throughout."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, size, size))
    x = conv_norm(b, x, make_divisible(32 * width), 3, 2, 1, conv="conv_stem", norm="bn1")
    for stage, (expansion, kernel, stride, channels, repeats) in enumerate(_EDGE):
        for i in range(math.ceil(repeats * depth)):
            block = _fused if stage < _FUSED_STAGES else _inverted
            # the first stage expands as though its input had 24 channels, and has no shortcut
            inner = expansion * (b.shape(x)[1] if stage else make_divisible(24 * width))
            out = make_divisible(channels * width)
            shortcut = stage > 0 and bool(i)
            x = block(b, x, inner, kernel, 1 if i else stride, out, f"blocks.{stage}.{i}", shortcut)
    x = conv_norm(b, x, make_divisible(1280 * width), 1, conv="conv_head", norm="bn2")
    b.output(classify(b, x, 1000, "classifier"))
    return b.build()


def _fused(b: Builder, x: str, inner: int, kernel: int, stride: int, channels: int, name: str, shortcut: bool) -> str:
    y = conv_norm(b, x, inner, kernel, stride, kernel // 2, conv=f"{name}.conv_exp", norm=f"{name}.bn1")
    return _project(b, x, y, channels, f"{name}.conv_pwl", f"{name}.bn2", shortcut)


def _inverted(
    b: Builder, x: str, inner: int, kernel: int, stride: int, channels: int, name: str, shortcut: bool
) -> str:
    y = conv_norm(b, x, inner, 1, conv=f"{name}.conv_pw", norm=f"{name}.bn1")
    y = conv_norm(b, y, inner, kernel, stride, kernel // 2, conv=f"{name}.conv_dw", norm=f"{name}.bn2", groups=inner)
    return _project(b, x, y, channels, f"{name}.conv_pwl", f"{name}.bn3", shortcut)


def _project(b: Builder, x: str, y: str, channels: int, conv: str, norm: str, shortcut: bool) -> str:
    gamma = RESIDUAL_GAMMA if shortcut else 1.0
    y = conv_norm(b, y, channels, 1, conv=conv, norm=norm, activation="none", gamma=gamma)
    return b.add(y, x) if shortcut else y
