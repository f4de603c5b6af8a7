"""Convolution and pooling; one-dimensional ones become images of height 1."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from cosim.errors import UnsupportedError
from cosim.frontend.lowering import view
from cosim.frontend.lowering.lowering import Lowering
from cosim.frontend.lowering.value import Value


@dataclass(frozen=True)
class Window:
    """How a kernel moves over an image, one entry per spatial axis.

    Attributes
    ----------
    kernel, strides, dilations
        Extents, steps and spacing.
    before, after
        Padding.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    def of_images(self) -> Window:
        """The same window with a first axis of 1 when there is only one axis."""
        if len(self.kernel) == 2:
            return self
        return Window((1, *self.kernel), (1, *self.strides), (1, *self.dilations), (0, *self.before), (0, *self.after))

    @property
    def pads(self) -> tuple[int, ...]:
        """(top, left, bottom, right)."""
        return (*self.before, *self.after)


def convolution(low: Lowering, x: Value, weight: Value, bias: Value | None, window: Window, groups: int) -> Value:
    """X (N, C, [H,] W), weight (K, C/groups, [FY,] FX), bias (K,) -> (N, K, [OY,] OX)."""
    window = _checked(low, x, window, "convolution")
    operands = [_image(low, x), _image(low, weight)] + ([] if bias is None else [bias])
    y = low.emit(
        "conv2d", *operands, strides=window.strides, pads=window.pads, dilations=window.dilations, groups=groups
    )
    return _as_rank(low, y, x.rank)


def transposed_convolution(
    low: Lowering,
    x: Value,
    weight: Value,
    bias: Value | None,
    window: Window,
    groups: int,
    output_padding: tuple[int, ...],
) -> Value:
    """X (N, C, [H,] W), weight (C, K/groups, [FY,] FX), bias (K,) -> (N, K, [OY,] OX)."""
    window = _checked(low, x, window, "transposed convolution")
    operands = [_image(low, x), _image(low, weight)] + ([] if bias is None else [bias])
    y = low.emit(
        "conv_transpose2d",
        *operands,
        strides=window.strides,
        pads=window.pads,
        dilations=window.dilations,
        groups=groups,
        output_padding=(0,) * (2 - len(output_padding)) + output_padding,
    )
    return _as_rank(low, y, x.rank)


def max_pool(low: Lowering, x: Value, window: Window, *, ceil_mode: bool = False) -> Value:
    """X (N, C, [H,] W) -> largest element under the window."""
    window = _checked(low, x, window, "max pooling")
    y = low.emit(
        "max_pool2d",
        _image(low, x),
        kernel=window.kernel,
        strides=window.strides,
        pads=window.pads,
        dilations=window.dilations,
        ceil_mode=ceil_mode,
    )
    return _as_rank(low, y, x.rank)


def average_pool(
    low: Lowering, x: Value, window: Window, *, ceil_mode: bool = False, count_include_pad: bool = True
) -> Value:
    """X (N, C, [H,] W) -> mean under the window."""
    window = _checked(low, x, window, "average pooling")
    if any(dilation != 1 for dilation in window.dilations):
        raise UnsupportedError("average pooling with dilation", where=low.place(), allowed="dilations of 1")
    y = low.emit(
        "avg_pool2d",
        _image(low, x),
        kernel=window.kernel,
        strides=window.strides,
        pads=window.pads,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
    )
    return _as_rank(low, y, x.rank)


def same_padding(
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    *,
    more_after: bool,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Padding (before, after) that makes the output ceil(size / stride); the odd element goes after or before."""
    before, after = [], []
    for extent, width, stride, dilation in zip(size, kernel, strides, dilations, strict=True):
        total = max((ceil(extent / stride) - 1) * stride + dilation * (width - 1) + 1 - extent, 0)
        small, large = total // 2, total - total // 2
        before.append(small if more_after else large)
        after.append(large if more_after else small)
    return tuple(before), tuple(after)


def _checked(low: Lowering, x: Value, window: Window, what: str) -> Window:
    if x.rank not in (3, 4) or len(window.kernel) != x.rank - 2:
        raise UnsupportedError(
            f"{what} of a tensor of shape {x.shape} with a window of {len(window.kernel)} axes",
            where=low.place(),
            allowed="(N, C, L) with one axis or (N, C, H, W) with two",
            fix="volumetric networks need an op kind of their own: the hook cosim_op_kinds adds it",
        )
    if min(window.pads) < 0:
        raise UnsupportedError(f"{what} with negative padding {window.pads}", where=low.place(), allowed="padding >= 0")
    return window.of_images()


def _image(low: Lowering, x: Value) -> Value:
    return x if x.rank == 4 else view.reshape(low, x, (x.shape[0], x.shape[1], 1, x.shape[2]))


def _as_rank(low: Lowering, y: Value, rank: int) -> Value:
    return y if rank == 4 else view.reshape(low, y, (y.shape[0], y.shape[1], y.shape[3]))
