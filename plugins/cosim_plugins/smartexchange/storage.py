"""What decomposed weights take in memory: coefficients of the rows that are not zero, a basis, an index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.formats import Storage
from cosim_plugins.smartexchange.slices import WIDTH, Slicing

COEFFICIENT_BITS = 4
BASIS_BITS = 8
INDEX_BITS = 1  # per row, whether it is stored


def slice_bits(nonzero: NDArray[np.integer] | int, height: int, *, index: bool = True) -> NDArray[np.int64]:
    """Bits of slices of `height` rows, `nonzero` of which are not zero: 4 S nonzero + 8 S^2 + height [bit].

    The place of a slice's window (a few bits) and the step of a filter's grid are not in the published count.

    >>> int(slice_bits(192, 192))
    2568
    >>> round(192 * 3 * 32 / 2568, 2)  # compression of a dense slice
    7.18
    """
    stored = np.asarray(nonzero, np.int64) * COEFFICIENT_BITS * WIDTH
    return np.asarray(stored + BASIS_BITS * WIDTH**2 + (INDEX_BITS * height if index else 0), np.int64)


def storage_of(slicing: Slicing, nonzero: NDArray[np.integer], *, index: bool = True) -> Storage:
    """The storage of a tensor, one cell per slice; `nonzero` rows of each slice, shape (filters * count,).

    Where slices of 3x3 kernels do not end with a channel, a filter is one cell.
    """
    bits = slice_bits(nonzero, slicing.height, index=index).reshape(slicing.filters, slicing.count)
    channels = slicing.height * WIDTH
    if slicing.is_window:
        channels = slicing.height // WIDTH
        if slicing.height % WIDTH:
            bits, channels = bits.sum(axis=1, keepdims=True), slicing.channels
    cells = (1, channels, *slicing.shape[2:])
    return Storage.regular(slicing.shape, cells, bits.reshape(*bits.shape, *(1,) * (len(cells) - 2)))
