"""EfficientNet-Lite with timm's parameter names: no squeeze-excite, activations that end at 6, Keras' padding.

Sources: Tan and Le, ICML 2019, arXiv:1905.11946; Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite",
TensorFlow blog.
"""

from __future__ import annotations

import math

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm, make_divisible

from cosim.graph import Builder, Graph

# expansion, kernel, stride, channels, blocks; the first and last stage keep their depth
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_STEM, _HEAD = 32, 1280  # channels, whatever the width


def efficientnet_lite(
    name: str, batch: int, seed: int, *, width: float = 1.0, depth: float = 1.0, image: int = 224
) -> Graph:
    """EfficientNet-Lite for images (batch, 3, image, image)."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, image, image))
    x = _conv(b, x, _STEM, 3, 2, "conv_stem", "bn1")
    for stage, (expansion, kernel, stride, channels, repeats) in enumerate(_STAGES):
        is_end = stage in (0, len(_STAGES) - 1)
        for i in range(repeats if is_end else math.ceil(repeats * depth)):
            out = make_divisible(channels * width)
            x = _block(b, x, expansion, kernel, 1 if i else stride, out, f"blocks.{stage}.{i}")
    x = _conv(b, x, _HEAD, 1, 1, "conv_head", "bn2")
    b.output(classify(b, x, 1000, "classifier"))
    return b.build()


def _block(b: Builder, x: str, expansion: int, kernel: int, stride: int, channels: int, name: str) -> str:
    y, norm = x, 1
    inner = expansion * b.shape(x)[1]
    if expansion > 1:
        y = _conv(b, y, inner, 1, 1, f"{name}.conv_pw", f"{name}.bn1")
        norm = 2
    y = _conv(b, y, inner, kernel, stride, f"{name}.conv_dw", f"{name}.bn{norm}", groups=inner)
    shortcut = stride == 1 and b.shape(x)[1] == channels
    gamma = RESIDUAL_GAMMA if shortcut else 1.0
    last = f"{name}.conv_pwl" if expansion > 1 else f"{name}.conv_pw"
    y = _conv(b, y, channels, 1, 1, last, f"{name}.bn{norm + 1}", activation="none", gamma=gamma)
    return b.add(y, x) if shortcut else y


def _conv(
    b: Builder,
    x: str,
    channels: int,
    kernel: int,
    stride: int,
    conv: str,
    norm: str,
    *,
    groups: int = 1,
    activation: str = "relu6",
    gamma: float = 1.0,
) -> str:
    return conv_norm(
        b,
        x,
        channels,
        kernel,
        stride,
        "same",
        conv=conv,
        norm=norm,
        groups=groups,
        activation=activation,
        epsilon=1e-3,
        gamma=gamma,
    )
