"""MobileNet v2 with torchvision's parameter names. Source: Sandler et al. 2018, doi:10.1109/CVPR.2018.00474."""

from __future__ import annotations

from cosim_workloads.blocks import RESIDUAL_GAMMA, classify, conv_norm, make_divisible

from cosim.graph import Builder, Graph

# expansion, channels, blocks, stride of the first
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet_v2(name: str, batch: int, seed: int, *, width: float = 1.0, size: int = 224) -> Graph:
    """MobileNet v2 for images (batch, 3, size, size)."""
    b = Builder(name, seed)
    x = mobilenet_v2_features(b, b.input("input", (batch, 3, size, size)), width=width)
    x = _conv(b, x, make_divisible(1280 * max(1.0, width)), 1, 1, "features.18")
    b.output(classify(b, x, 1000, "classifier.1"))
    return b.build()


def mobilenet_v2_features(b: Builder, x: str, *, width: float = 1.0, output_stride: int = 32) -> str:
    """The last block of MobileNet v2.

    Below 1 / `output_stride` of the image nothing is halved: a stride there becomes a dilation of what follows.
    """
    x = _conv(b, x, make_divisible(32 * width), 3, 2, "features.0")
    index, reached, dilation = 1, 2, 1
    for expansion, channels, repeats, stride in _STAGES:
        for i in range(repeats):
            step = 1 if i else stride
            if reached * step > output_stride:
                here, dilation, step = dilation, dilation * step, 1
            else:
                here, reached = dilation, reached * step
            out = make_divisible(channels * width)
            x = _block(b, x, expansion, out, step, f"features.{index}.conv", dilation=here)
            index += 1
    return x


def _conv(
    b: Builder, x: str, channels: int, kernel: int, stride: int, name: str, groups: int = 1, *, dilation: int = 1
) -> str:
    return conv_norm(
        b,
        x,
        channels,
        kernel,
        stride,
        kernel // 2 * dilation,
        conv=f"{name}.0",
        norm=f"{name}.1",
        groups=groups,
        dilation=dilation,
        activation="relu6",
    )


def _block(b: Builder, x: str, expansion: int, channels: int, stride: int, name: str, *, dilation: int) -> str:
    y, index = x, 0
    inner = b.shape(x)[1] * expansion
    if expansion != 1:
        y = _conv(b, y, inner, 1, 1, f"{name}.0")
        index = 1
    y = _conv(b, y, inner, 3, stride, f"{name}.{index}", inner, dilation=dilation)
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
