"""Time and digits of rows of products: what activations leave for the lines of an array to do.

A *row* is what one row of coefficients is multiplied with: the pixels under one row of a 3x3 kernel, or three channels
of one pixel. It is worked off by one line, its lanes computing neighbouring output pixels in step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.graph import Graph, Op
from cosim.jit import njit
from cosim_plugins.smartexchange.booth import digit_counts

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of some tile of an op, by pass (one group of output pixels) and row.

    Attributes
    ----------
    steps
        Sum over the products of a row of the slowest lane's digits, at least 1 each, shape (passes, rows).
    digits
        Digits that are not zero, of all lanes, same shape; 0 for a row of zeros.
    """

    steps: Int32
    digits: Int32


@dataclass(frozen=True)
class Window:
    """Where a convolution looks: strides, dilations and first pads, taps; a linear layer has one pixel per row of x.

    Attributes
    ----------
    joined
        Input channels that make one row together: 3 where a vector was decomposed.
    """

    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int] = (0, 0)
    taps: tuple[int, int] = (1, 1)
    joined: int = 1


def window_of(op: Op, graph: Graph, joined: int) -> Window:
    """The window of a convolution or linear layer."""
    if op.kind.name != "conv2d":
        return Window(joined=joined)
    _, _, fy, fx = graph.tensors[op.inputs[1]].shape
    return Window(tuple(op["strides"]), tuple(op["dilations"]), tuple(op["pads"][:2]), (fy, fx), joined)


def counts_of(codes: NDArray[Any], zero_point: int) -> NDArray[np.uint8]:
    """Digits of activations as images (N, C, H, W); of the x of a linear layer, rows are pixels of one image."""
    counts = digit_counts(codes, zero_point)
    if counts.ndim == 4:
        return counts
    flat = counts.reshape(-1, counts.shape[-1])
    return np.ascontiguousarray(flat.T)[None, :, None, :]


def rows_of(image: NDArray[np.uint8], window: Window, oy: tuple[int, int], ox: tuple[int, int], lanes: int) -> Rows:
    """Rows of the output box `oy` x `ox` over the channels of `image`, digit counts (C, H, W)."""
    (sy, sx), (dy, dx), (top, left), (fy, fx) = window.strides, window.dilations, window.pads, window.taps
    high = np.arange(*oy)[:, None] * sy + np.arange(fy) * dy - top  # (OY, FY) rows of the image
    first = int(high.min())
    lines = int(high.max()) - first + 1
    groups = -(-(ox[1] - ox[0]) // lanes)
    steps = np.empty((len(image), lines, groups), np.int32)
    digits = np.empty_like(steps)
    _reduce(image, first, ox[0], ox[1], sx, dx, left, fx, lanes, steps, digits)
    picked = [_picked(found, high - first) for found in (steps, digits)]
    if window.joined > 1:
        return Rows(_joined(picked[0], window.joined, 1), _joined(picked[1], window.joined, 0))
    return Rows(picked[0], picked[1])


def _picked(found: Int32, high: Int64) -> Int32:
    """(C, lines, groups) to (OY * groups, C * FY)."""
    oy, fy = high.shape
    rows = found[:, high.reshape(-1)].reshape(len(found), oy, fy, found.shape[2])
    return np.ascontiguousarray(rows.transpose(1, 3, 0, 2)).reshape(oy * found.shape[2], len(found) * fy)


def _joined(rows: Int32, width: int, fill: int) -> Int32:
    """Sums of `width` neighbouring columns; what is missing of the last counts `fill` each."""
    missing = -rows.shape[1] % width
    wide = np.pad(rows, ((0, 0), (0, missing)), constant_values=fill)
    return np.asarray(wide.reshape(len(rows), -1, width).sum(axis=2), np.int32)


@njit
def _reduce(
    image: NDArray[np.uint8],
    first: int,
    start: int,
    end: int,
    stride: int,
    dilation: int,
    left: int,
    taps: int,
    lanes: int,
    steps: Int32,
    digits: Int32,
) -> None:
    """Slowest lane and all digits of each group of output pixels, summed over the taps; padding has no digits."""
    height, width = image.shape[1], image.shape[2]
    for c in range(len(image)):
        for line in range(steps.shape[1]):
            y = first + line
            for group in range(steps.shape[2]):
                slow, total = np.int32(0), np.int32(0)
                for tap in range(taps):
                    most = np.int32(1)
                    for lane in range(lanes):
                        out = start + group * lanes + lane
                        x = out * stride + tap * dilation - left
                        if out < end and 0 <= y < height and 0 <= x < width:
                            count = np.int32(image[c, y, x])
                            most = max(most, count)
                            total += count
                    slow += most
                steps[c, line, group] = slow
                digits[c, line, group] = total


@njit
def slowest(time: Int32, nonzero: Int32, ends: Int64, filters: int) -> Any:
    """Cycles of all passes: in each, `filters` filters at a time take as long as their slowest line.

    Parameters
    ----------
    time
        Cycles of each row, shape (passes, rows), the rows of one line side by side.
    nonzero
        1 where a filter has the row, shape (K, rows).
    ends
        Where the rows of each line end, shape (lines,).
    """
    total = 0
    for begin in range(0, len(nonzero), filters):
        for one_pass in range(len(time)):
            most = 0
            for k in range(begin, min(begin + filters, len(nonzero))):
                low = 0
                for high in ends:
                    work = 0
                    for j in range(low, high):
                        work += nonzero[k, j] * time[one_pass, j]
                    most = max(most, work)
                    low = high
            total += most
    return total
