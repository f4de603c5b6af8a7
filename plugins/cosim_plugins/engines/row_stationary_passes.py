"""How a tile lies on a row-stationary array: strips, folds, repeated sets, and what crosses the buffer for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from cosim_plugins.engines.loops import Counts


@dataclass(frozen=True)
class Shape:
    """What the extents of a tile do not say: strides of its window, and bits of a partial sum."""

    stride_y: int
    stride_x: int
    sum_bits: int


@dataclass(frozen=True)
class Passes:
    """Work of tiles on the array, shape (tiles,) each.

    Attributes
    ----------
    cycles
        Of the array's clock.
    active
        Elements with work while a strip of full width is computed.
    inputs, weights
        Elements read from the buffer: once per pass.
    outputs, sums
        Elements of the output, and partial sums written.
    """

    cycles: Counts
    active: Counts
    inputs: Counts
    weights: Counts
    outputs: Counts
    sums: Counts


def passes(parameters: Mapping[str, Any], extents: Counts, shape: Shape) -> Passes:
    """Work of tiles whose extents are N G K C OY OX FY FX, shape (tiles, 8)."""
    sizes = tuple(
        int(parameters[key])
        for key in ("rows", "cols", "filter_words", "input_words", "sum_words", "sum_bytes_per_cycle")
    )
    distinct, which = np.unique(extents, axis=0, return_inverse=True)
    rows = [_best(sizes, tuple(int(n) for n in tile), shape) for tile in distinct]
    table = np.array(rows, np.int64).reshape(len(rows), 6)[which.reshape(-1)]
    return Passes(*(np.ascontiguousarray(column) for column in table.T))


@lru_cache(maxsize=1 << 16)
def _best(sizes: tuple[int, ...], tile: tuple[int, ...], shape: Shape) -> tuple[int, ...]:
    """The fastest arrangement of one tile; of those the one with the fewest elements at the buffer.

    An arrangement is a width of the set (output rows) and a share of the sets for input channels; the other sets take
    output channels.
    """
    rows, cols, filter_words, input_words, sum_words, port = sizes
    n, g, k, c, oy, ox, fy, fx = tile
    folds, lanes = -(-fy // rows), max(rows // fy, 1) * cols
    width = np.arange(1, min(oy, lanes) + 1)[:, None]
    sets = lanes // width
    r = np.minimum(np.arange(1, min(c, lanes) + 1)[None, :], sets)
    t = np.minimum(sets // r, k)
    strips = -(-oy // width)
    channels, filters = -(-c // r), -(-k // t)
    q = np.minimum(max(input_words // fx, 1), channels)
    p = np.minimum(np.minimum(np.maximum(filter_words // (q * fx), 1), sum_words), filters)
    images = n * g * strips * folds
    busy = images * ox * fx * filters * channels
    outputs = n * g * k * oy * ox
    sums = np.broadcast_to(outputs * -(-channels // q) * folds, busy.shape)
    tall = (oy - 1) * shape.stride_y + fy + (strips - 1) * max(fy - shape.stride_y, 0)
    wide = (ox - 1) * shape.stride_x + fx
    inputs = n * g * c * tall * wide * -(-filters // p)
    weights = n * g * strips * k * c * fy * fx
    cycles = np.maximum(busy, -(-2 * sums * shape.sum_bits // (8 * port)))
    order = np.lexsort(((inputs + weights + 2 * sums).ravel(), cycles.ravel()))
    i, j = np.unravel_index(order[0], cycles.shape)
    height = -(-fy // folds)
    active = int(width[i, 0]) * int(r[i, j]) * int(t[i, j]) * height
    chosen = cycles[i, j], active, inputs[i, j], np.broadcast_to(weights, cycles.shape)[i, j], outputs, sums[i, j]
    return tuple(int(one) for one in chosen)
