"""MCUNet and ProxylessNAS (mobile) with the parameter names of mit-han-lab/mcunet.

Sources: Lin et al., NeurIPS 2020, arXiv:2007.10319 (MCUNet); Cai et al., ICLR 2019, arXiv:1812.00332 (ProxylessNAS).
"""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm, make_divisible

from cosim.graph import Builder, Graph

# kernel, channels after expansion, channels, stride
_Row = tuple[int, int, int, int]
_IN0: tuple[_Row, ...] = (
    (5, 64, 16, 2),
    (3, 48, 16, 1),
    (3, 64, 16, 1),
    (7, 80, 24, 2),
    (5, 96, 24, 1),
    (5, 120, 24, 1),
    (7, 120, 48, 2),
    (5, 192, 48, 1),
    (3, 240, 56, 1),
    (5, 224, 56, 1),
    (3, 280, 56, 1),
    (3, 336, 112, 2),
    (5, 448, 112, 1),
    (3, 672, 192, 1),
)
_IN1: tuple[_Row, ...] = (
    (3, 32, 16, 2),
    (3, 48, 16, 1),
    (7, 48, 24, 2),
    (3, 120, 24, 1),
    (3, 120, 40, 2),
    (7, 160, 40, 1),
    (5, 160, 48, 1),
    (3, 144, 48, 1),
    (3, 192, 48, 1),
    (7, 240, 96, 2),
    (5, 384, 96, 1),
    (5, 384, 96, 1),
    (3, 576, 160, 1),
)
_IN2: tuple[_Row, ...] = (
    (5, 24, 16, 2),
    (7, 96, 16, 1),
    (3, 80, 16, 1),
    (5, 80, 16, 1),
    (3, 80, 24, 2),
    (7, 144, 24, 1),
    (5, 144, 24, 1),
    (7, 96, 40, 2),
    (5, 200, 40, 1),
    (3, 200, 48, 1),
    (5, 240, 48, 1),
    (3, 192, 48, 1),
    (5, 288, 96, 2),
    (5, 384, 96, 1),
    (5, 288, 96, 1),
    (3, 384, 96, 1),
    (5, 480, 160, 1),
)
_IN3: tuple[_Row, ...] = (
    (7, 24, 16, 2),
    (3, 80, 16, 1),
    (7, 80, 16, 1),
    (5, 64, 16, 1),
    (5, 80, 24, 2),
    (5, 120, 24, 1),
    (5, 120, 24, 1),
    (3, 120, 40, 2),
    (7, 240, 40, 1),
    (5, 160, 40, 1),
    (5, 200, 48, 1),
    (7, 240, 48, 1),
    (3, 240, 48, 1),
    (3, 288, 96, 2),
    (7, 480, 96, 1),
    (3, 384, 96, 1),
    (7, 480, 160, 1),
)
_IN4: tuple[_Row, ...] = (
    (7, 48, 24, 2),
    (3, 120, 24, 1),
    (5, 96, 24, 1),
    (7, 120, 40, 2),
    (3, 160, 40, 1),
    (7, 160, 40, 1),
    (7, 120, 80, 2),
    (3, 240, 80, 1),
    (7, 240, 80, 1),
    (3, 320, 96, 1),
    (5, 288, 96, 1),
    (5, 288, 96, 1),
    (7, 384, 192, 2),
    (7, 576, 192, 1),
    (5, 576, 192, 1),
    (5, 768, 320, 1),
)
_VWW1: tuple[_Row, ...] = (
    (3, 48, 16, 2),
    (3, 48, 16, 1),
    (3, 48, 16, 1),
    (7, 48, 24, 2),
    (3, 144, 24, 1),
    (5, 120, 24, 1),
    (7, 144, 40, 2),
    (7, 240, 40, 1),
    (3, 240, 48, 1),
    (3, 192, 48, 1),
    (5, 240, 96, 2),
    (3, 480, 96, 1),
    (3, 384, 96, 1),
    (7, 288, 160, 1),
)
# channels of the first convolution and block, rows, pixels of the image
_MCUNETS = {
    "in0": (24, 16, _IN0, 48),
    "in1": (16, 8, _IN1, 96),
    "in2": (16, 8, _IN2, 160),
    "in3": (16, 8, _IN3, 176),
    "in4": (32, 16, _IN4, 160),
    "vww1": (16, 8, _VWW1, 80),
}

# kernel, expansion, channels, stride; `None` is a block that the search removed
_PROXYLESS: tuple[_Row | None, ...] = (
    (5, 3, 32, 2),
    (3, 3, 32, 1),
    None,
    None,
    (7, 3, 40, 2),
    (3, 3, 40, 1),
    (5, 3, 40, 1),
    (5, 3, 40, 1),
    (7, 6, 80, 2),
    (5, 3, 80, 1),
    (5, 3, 80, 1),
    (5, 3, 80, 1),
    (5, 6, 96, 1),
    (5, 3, 96, 1),
    (5, 3, 96, 1),
    (5, 3, 96, 1),
    (7, 6, 192, 2),
    (7, 6, 192, 1),
    (7, 3, 192, 1),
    (7, 3, 192, 1),
    (7, 6, 320, 1),
)


def mcunet(name: str, batch: int, seed: int, *, size: str, classes: int = 1000) -> Graph:
    """MCUNet for ImageNet or, with two classes, visual wake words, at the resolution that was searched with it."""
    stem, first, rows, image = _MCUNETS[size]
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, image, image))
    x = _stem(b, x, stem, first)
    for i, (kernel, inner, channels, stride) in enumerate(rows, start=1):
        x = _block(b, x, kernel, inner, channels, stride, f"blocks.{i}")
    b.output(classify(b, x, classes, "classifier.linear"))
    return b.build()


def proxyless(
    name: str, batch: int, seed: int, *, width: float = 1.0, image: int = 224, mix: int | None = 1280
) -> Graph:
    """ProxylessNAS (mobile) for images (batch, 3, image, image); `mix` is the width before the classifier."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, image, image))
    x = _stem(b, x, make_divisible(32 * width), make_divisible(16 * width))
    for i, row in enumerate(_PROXYLESS, start=1):
        if row is not None:
            kernel, expansion, channels, stride = row
            inner = expansion * b.shape(x)[1]
            x = _block(b, x, kernel, inner, make_divisible(channels * width), stride, f"blocks.{i}")
    if mix is not None:
        x = _conv(b, x, mix, 1, 1, "feature_mix_layer")
    b.output(classify(b, x, 1000, "classifier.linear"))
    return b.build()


def _stem(b: Builder, x: str, stem: int, channels: int) -> str:
    x = _conv(b, x, stem, 3, 2, "first_conv")
    return _block(b, x, 3, stem, channels, 1, "blocks.0")


def _block(b: Builder, x: str, kernel: int, inner: int, channels: int, stride: int, name: str) -> str:
    stem = f"{name}.mobile_inverted_conv"
    y = x if inner == b.shape(x)[1] else _conv(b, x, inner, 1, 1, f"{stem}.inverted_bottleneck")
    y = _conv(b, y, inner, kernel, stride, f"{stem}.depth_conv", groups=inner)
    shortcut = stride == 1 and b.shape(x)[1] == channels
    gamma = RESIDUAL_GAMMA if shortcut else 1.0
    y = _conv(b, y, channels, 1, 1, f"{stem}.point_linear", activation="none", gamma=gamma)
    return b.add(y, x) if shortcut else y


def _conv(
    b: Builder,
    x: str,
    channels: int,
    kernel: int,
    stride: int,
    stem: str,
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
        kernel // 2,
        conv=f"{stem}.conv",
        norm=f"{stem}.bn",
        groups=groups,
        activation=activation,
        gamma=gamma,
    )
