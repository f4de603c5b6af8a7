"""Blocks that several families share."""

from __future__ import annotations

from collections.abc import Sequence

from cosim.graph import Builder
from cosim.graph.builder import Padding, Pair

RESIDUAL_GAMMA = 0.25  # mean scale of the last normalisation of a residual branch: depth then adds little variance


def conv_norm(
    b: Builder,
    x: str,
    channels: int,
    kernel: Pair,
    stride: Pair = 1,
    padding: Padding = 0,
    *,
    conv: str,
    norm: str,
    groups: int = 1,
    dilation: Pair = 1,
    activation: str = "relu",
    bias: bool = False,
    epsilon: float = 1e-5,
    gamma: float = 1.0,
) -> str:
    """Convolution, batch norm and activation; `conv` and `norm` name the parameters of the first two."""
    x = b.conv2d(x, channels, kernel, stride, padding, groups=groups, dilation=dilation, bias=bias, name=conv)
    x = b.batch_norm(x, epsilon=epsilon, gamma=gamma, name=norm)
    return b.activate(x, activation, name=f"{norm}.{activation}" if activation != "none" else None)


def squeeze_excite(
    b: Builder, x: str, squeezed: int, *, reduce: str, expand: str, activation: str = "relu", gate: str = "sigmoid"
) -> str:
    """Channels of x scaled by gates computed from their means.

    Source: Hu et al., CVPR 2018, doi:10.1109/CVPR.2018.00745.
    """
    channels = b.shape(x)[1]
    s = b.conv2d(b.global_avg_pool(x), squeezed, 1, name=reduce)
    s = b.conv2d(b.activate(s, activation), channels, 1, gain=1.0, name=expand)
    return b.mul(x, b.activate(s, gate), name=f"{expand}.scale")


def classify(b: Builder, x: str, classes: int, name: str) -> str:
    """Global average pool and a linear layer."""
    return b.linear(b.global_avg_pool(x, keepdims=False), classes, gain=1.0, name=name)


def upsample(b: Builder, x: str, factor: int = 2, mode: str = "nearest") -> str:
    """`factor` times the rows and columns of x."""
    rows, columns = b.shape(x)[2:]
    return b.resize(x, (factor * rows, factor * columns), mode=mode)


def space_to_depth(b: Builder, x: str, corners: Sequence[tuple[int, int]]) -> str:
    """Every second row and column from each corner (row, column) of 2x2 pixels, as channels."""
    shape = b.shape(x)
    parts = [b.op("slice", [x], starts=(0, 0, top, left), stops=shape, steps=(1, 1, 2, 2)) for top, left in corners]
    return b.concat(parts)


def make_divisible(value: float, divisor: int = 8) -> int:
    """`value` rounded to a multiple of `divisor`, never losing more than a tenth.

    Source: Sandler et al. 2018, doi:10.1109/CVPR.2018.00474, reference implementation.
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
