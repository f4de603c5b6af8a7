"""`Slicing`: how a weight tensor becomes the tall, narrow matrices that are decomposed.

A 3x3 filter of C channels is a matrix (3C, 3) whose rows are the rows of its kernels; a vector of C weights (one
filter of a 1x1 convolution, one row of a linear layer) is padded with zeros to a multiple of 3 and becomes (C/3, 3).
Tall matrices are cut into slices of equal height, each with a basis of its own. Heights follow the authors' code
for the follow-up paper SmartDeal (github VITA-Group/SmartDeal, MIT; arXiv:2101.01163).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH = 3  # S: columns of a slice, rank of its basis
TALLEST = 64 * WIDTH  # rows of a slice
PRESETS = {3072: 192, 1638: 171, 8364: 204}  # heights that the authors' code states by hand

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Slicing:
    """Slices of one weight tensor.

    Attributes
    ----------
    shape
        Of the tensor, output channels first.
    rows
        Rows of the matrix of one filter before it is padded.
    height
        Rows of a slice; the last one of a filter is filled up with rows of zeros.
    count
        Slices per filter.
    """

    shape: tuple[int, ...]
    rows: int
    height: int
    count: int

    @property
    def filters(self) -> int:
        """Output channels."""
        return self.shape[0]

    @property
    def is_window(self) -> bool:
        """Whether rows are those of 3x3 kernels, not groups of three channels."""
        return len(self.shape) == 4 and self.shape[2] > 1

    @property
    def channels(self) -> int:
        """Input channels."""
        return self.shape[1]

    def cut(self, weights: NDArray[np.floating]) -> Reals:
        """Weights of the tensor's shape as slices (filters * count, height, 3)."""
        flat = np.asarray(weights, np.float64).reshape(self.filters, -1)
        padded = np.zeros((self.filters, self.count * self.height * WIDTH))
        padded[:, : flat.shape[1]] = flat
        return padded.reshape(self.filters * self.count, self.height, WIDTH)

    def join(self, slices: NDArray[np.generic]) -> NDArray[np.generic]:
        """The opposite of `cut`: a tensor of the shape, in the type of `slices`."""
        flat = slices.reshape(self.filters, -1)[:, : int(np.prod(self.shape[1:]))]
        return np.ascontiguousarray(flat).reshape(self.shape)

    def per_filter(self, rows: NDArray[np.generic]) -> NDArray[np.generic]:
        """What is known of each row of each slice (filters * count, height), by filter: (filters, rows)."""
        return np.ascontiguousarray(rows.reshape(self.filters, -1)[:, : self.rows])


def slicing_of(shape: Sequence[int]) -> Slicing | None:
    """The slices of a convolution (K, C, 3, 3) or (K, C, 1, 1) or a linear layer (K, C); None for other shapes.

    >>> slicing_of((8, 64, 3, 3))
    Slicing(shape=(8, 64, 3, 3), rows=192, height=192, count=1)
    >>> slicing_of((10, 4096)).height
    171
    """
    shape = tuple(shape)
    if len(shape) == 4 and shape[2:] == (WIDTH, WIDTH):
        rows = shape[1] * WIDTH
        height = window_height(rows)
        return Slicing(shape, rows, height, -(-rows // height))
    if len(shape) == 2 or (len(shape) == 4 and shape[2:] == (1, 1)):
        rows = -(-shape[1] // WIDTH)
        height = vector_height(rows)
        return Slicing(shape, rows, height, -(-rows // height))
    return None


def window_height(rows: int) -> int:
    """Height of the slices of `rows` rows: small prime factors are taken out until 192 rows are left, or a prime.

    >>> [window_height(rows) for rows in (192, 384, 480, 3072, 422)]
    [192, 192, 120, 192, 211]
    """
    if rows in PRESETS:
        return PRESETS[rows]
    height = rows
    while height > TALLEST and (factor := _smallest_factor(height)) < height:
        height //= factor
    return height


def vector_height(rows: int) -> int:
    """Height of the slices of a vector of `rows` rows: equal slices of at most 192.

    >>> [vector_height(-(-length // 3)) for length in (4096, 2048, 1024, 512, 256, 128, 64)]
    [171, 171, 171, 171, 86, 43, 22]
    >>> vector_height(-(-25088 // 3))
    204
    """
    for padded in (rows, rows + 1):  # the authors fill 25088 weights up to 8364 rows
        if padded in PRESETS:
            return PRESETS[padded]
    return -(-rows // -(-rows // TALLEST))


def _smallest_factor(number: int) -> int:
    return next((n for n in range(2, int(number**0.5) + 1) if number % n == 0), number)
