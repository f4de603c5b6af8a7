"""`Packed`: constant 8-bit weights laid out for blocks of sums, and the windows of an image that they meet.

Images are bytes with their channels last, codes 128 higher than ours (`cosim.execute.pixels`). What depends on
weights and encodings only is computed here once: the packed weights, and a bias that takes the zero point with it,
since sum (x - z) w = sum x w - z sum w.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cosim.execute.block import COLUMNS, block_codes, block_rows, block_sums
from cosim.execute.dot import QUAD
from cosim.execute.rescale import Bounds, Rescale
from cosim.jit import njit

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Packed:
    """Weights of a window, for sums over its taps.

    Attributes
    ----------
    weights
        int8 (blocks * taps * quads * 32 * 4,), see `cosim.execute.block`; missing columns and terms are zero.
    taps
        First byte of each run of terms, relative to the pixel's (taps,).
    quads
        Terms of a run, by four.
    groups, inner, outer
        Groups; bytes from a group's first channel to the next group's; output channels of a group.
    row_sums
        Sums of the weights of each output channel (groups * outer,).
    largest
        Bound of the magnitude of any sum of unsigned bytes times weights.
    """

    weights: NDArray[np.int8] = field(repr=False)
    taps: Places = field(repr=False)
    quads: int
    groups: int
    inner: int
    outer: int
    row_sums: NDArray[np.int64] = field(repr=False)
    largest: int

    @property
    def blocks(self) -> int:
        """Blocks of columns of one group."""
        return -(-self.outer // COLUMNS)

    def spread(self, values: NDArray[Number]) -> NDArray[Number]:
        """Values by output channel, with zeros for the columns that are missing."""
        out = np.zeros((self.groups, self.blocks * COLUMNS), values.dtype)
        out[:, : self.outer] = values.reshape(self.groups, self.outer)
        return out.reshape(-1)


def packed(weights: NDArray[np.int8], taps: Places, groups: int, inner: int) -> Packed:
    """Pack weights (channels, taps, terms of a run)."""
    channels, count, terms = weights.shape
    outer = channels // groups
    quads = -(-terms // QUAD)
    out = np.zeros((groups * -(-outer // COLUMNS), count, quads, COLUMNS, QUAD), np.int8)
    _pack(np.ascontiguousarray(weights), outer, out)
    sums, sizes = np.empty(channels, np.int64), np.empty(channels, np.int64)
    _row_sums(np.ascontiguousarray(weights).reshape(channels, -1), sums, sizes)
    return Packed(out.reshape(-1), taps, quads, groups, inner, outer, sums, 255 * int(sizes.max(initial=0)))


def codes_of(x: Bytes, images: int, size: int, pixels: Places, weights: Packed, rescale: Rescale) -> Bytes:
    """Codes (images, pixels, channels) of `x`, images of `size` bytes each; `pixels` are the first bytes of windows."""
    channels = weights.groups * weights.outer
    count = images * len(pixels) * channels
    out = np.empty(count + COLUMNS, np.uint8)  # the last row of a block may end behind its channels
    _codes(
        x, images, size, pixels, weights.taps, weights.quads, weights.weights,
        (weights.groups, weights.inner, weights.outer), rescale.bias, rescale.scale, rescale.bounds, out,
    )  # fmt: skip
    return out[:count].reshape(images, len(pixels), channels)


def sums_of(
    x: Bytes, images: int, size: int, pixels: Places, weights: Packed, bias: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Accumulators (images * pixels, channels), with `bias` by padded column."""
    channels = weights.groups * weights.outer
    out = np.empty((images * len(pixels), channels), np.int32)
    _accumulators(
        x, images, size, pixels, weights.taps, weights.quads, weights.weights,
        (weights.groups, weights.inner, weights.outer), bias, out,
    )  # fmt: skip
    return out


@njit
def _pack(weights: NDArray[np.int8], outer: int, out: NDArray[np.int8]) -> None:
    channels, taps, terms = weights.shape
    blocks = -(-outer // COLUMNS)
    for channel in range(channels):
        group, rest = divmod(channel, outer)
        block, column = group * blocks + rest // COLUMNS, rest % COLUMNS
        for tap in range(taps):
            for term in range(terms):
                out[block, tap, term // QUAD, column, term % QUAD] = weights[channel, tap, term]


@njit
def _row_sums(rows: NDArray[np.int8], sums: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
    for row in range(len(rows)):
        total, size = np.int64(0), np.int64(0)
        for value in rows[row]:
            total += np.int64(value)
            size += abs(np.int64(value))
        sums[row], sizes[row] = total, size


@njit(inline="always")
def _put_places(places: Places, pixels: Places, start: int, base: int) -> None:
    last = len(pixels) - 1
    for row in range(len(places)):
        places[row] = base + pixels[min(start + row, last)]


@njit
def _codes(
    x: Bytes,
    images: int,
    size: int,
    pixels: Places,
    taps: Places,
    quads: int,
    weights: NDArray[np.int8],
    shape: tuple[int, int, int],
    bias: NDArray[np.int32],
    scale: NDArray[np.float32],
    bounds: Bounds,
    out: Bytes,
) -> None:
    groups, inner, outer = shape
    blocks, channels, rows, count = -(-outer // COLUMNS), groups * outer, block_rows(), len(pixels)
    length = len(taps) * quads * COLUMNS * QUAD
    places, tile = np.empty(rows, np.intp), np.empty(rows * COLUMNS, np.uint8)
    for image in range(images):
        # The last block comes first: what it writes behind a row's channels is the next row, which is still to come.
        for block in range(groups * blocks - 1, -1, -1):
            group, part = divmod(block, blocks)
            first = group * outer + part * COLUMNS
            wide = min(COLUMNS, outer - part * COLUMNS)
            base, at = image * size + group * inner, block * length
            whole = (groups == 1 or wide == COLUMNS) and (count >= rows or count == 1)
            for begin in range(0, count, rows):
                start = max(min(begin, count - rows), 0)
                _put_places(places, pixels, start, base)
                to = (image * count + start) * channels + first
                if whole:
                    step = channels if count > 1 else 0
                    block_codes(
                        x, places, taps, quads, weights, at, bias, block * COLUMNS, scale, bounds, out, to, step
                    )
                    continue
                block_codes(x, places, taps, quads, weights, at, bias, block * COLUMNS, scale, bounds, tile, 0, COLUMNS)
                for row in range(min(rows, count)):
                    for column in range(wide):
                        out[to + row * channels + column] = tile[row * COLUMNS + column]


@njit
def _accumulators(
    x: Bytes,
    images: int,
    size: int,
    pixels: Places,
    taps: Places,
    quads: int,
    weights: NDArray[np.int8],
    shape: tuple[int, int, int],
    bias: NDArray[np.int32],
    out: NDArray[np.int32],
) -> None:
    groups, inner, outer = shape
    blocks, rows, count = -(-outer // COLUMNS), block_rows(), len(pixels)
    length = len(taps) * quads * COLUMNS * QUAD
    places, tile = np.empty(rows, np.intp), np.empty(rows * COLUMNS, np.int32)
    for image in range(images):
        for block in range(groups * blocks):
            group, part = divmod(block, blocks)
            first = group * outer + part * COLUMNS
            wide = min(COLUMNS, outer - part * COLUMNS)
            for begin in range(0, count, rows):
                start = max(min(begin, count - rows), 0)
                _put_places(places, pixels, start, image * size + group * inner)
                block_sums(x, places, taps, quads, weights, block * length, bias, block * COLUMNS, tile)
                for row in range(min(rows, count)):
                    line = out[image * count + start + row]
                    for column in range(wide):
                        line[first + column] = tile[row * COLUMNS + column]
