"""`Storage`: what each cell of a tensor takes in memory where that is no fixed number of bits per element."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats.regions import Boxes, Int64

_CHUNK = 1 << 22  # numbers in one temporary of `Storage.most_bits`


@dataclass(frozen=True, eq=False)
class Storage:
    """A grid of cells over a tensor, each stored by itself and moved whole.

    Sparse weights with their indices, coefficients with their basis, run lengths: whoever wants an element needs its
    cell, so a box costs every cell that it touches.

    Attributes
    ----------
    starts
        Per axis the first index of each cell, ascending from 0; the last cell ends where the tensor does.
    bits
        Bits of each cell with all that belongs to it, shape (cells along each axis) [bit].

    Raises
    ------
    DescriptionError
        A grid that does not begin at 0 or does not ascend, a shape of `bits` that is not its own, or negative bits.

    >>> import numpy as np
    >>> rows = Storage.regular((4, 6), (1, 3), np.array([[9, 0], [5, 5], [0, 0], [1, 2]]))
    >>> rows.box_bits(np.array([[[0, 2], [0, 1]]])).tolist()
    [14]
    """

    starts: tuple[Int64, ...]
    bits: Int64 = field(repr=False)

    def __post_init__(self) -> None:
        where = "storage"
        for axis, start in enumerate(self.starts):
            if not len(start) or start[0] != 0 or np.any(np.diff(start) <= 0):
                raise DescriptionError(f"the cells of axis {axis} do not ascend from 0", where=where)
        wanted = tuple(len(start) for start in self.starts)
        if self.bits.shape != wanted:
            raise DescriptionError(f"bits of shape {self.bits.shape}", where=where, allowed=f"one per cell, {wanted}")
        if np.any(self.bits < 0):
            raise DescriptionError("a cell takes a negative number of bits", where=where, allowed="0 or more")

    @classmethod
    def regular(cls, shape: Sequence[int], cell: Sequence[int], bits: NDArray[np.integer]) -> Storage:
        """Cells of `cell` elements along each axis of a tensor of `shape`, the last ones smaller."""
        starts = tuple(np.arange(0, extent, size, dtype=np.int64) for extent, size in zip(shape, cell, strict=True))
        return cls(starts, np.asarray(bits, np.int64))

    @property
    def all_bits(self) -> int:
        """Bits of the whole tensor [bit]."""
        return int(self.bits.sum())

    def box_bits(self, boxes: Boxes) -> Int64:
        """Bits of the cells that each of `boxes` (n, rank, 2) touches, shape (n,); at least 1 unless it is empty [bit]."""
        boxes = np.asarray(boxes, np.int64)
        first = [np.searchsorted(s, boxes[:, axis, 0], side="right") - 1 for axis, s in enumerate(self.starts)]
        last = [np.searchsorted(s, boxes[:, axis, 1], side="left") for axis, s in enumerate(self.starts)]
        full = np.all(boxes[:, :, 1] > boxes[:, :, 0], axis=1)
        return np.where(full, np.maximum(self._between(first, last), 1), 0)

    def most_bits(self, extents: Int64) -> Int64:
        """Bits that a box of `extents` (n, rank) may take wherever it lies, shape (n,) [bit]."""
        extents = np.asarray(extents, np.int64)
        kinds, which = np.unique(extents, axis=0, return_inverse=True)
        step = max(1, _CHUNK // max(self.bits.size, 1))
        found = [self._most(kinds[i : i + step]) for i in range(0, len(kinds), step)]
        most = np.concatenate(found) if found else np.zeros(0, np.int64)
        return np.asarray(most[which.reshape(-1)], np.int64)

    def _most(self, extents: Int64) -> Int64:
        """Worst placement: one that begins with the last element of a cell touches the most cells behind it."""
        n, rank = len(extents), len(self.starts)
        first, last = [], []
        for axis, start in enumerate(self.starts):
            ends = np.append(start[1:], np.iinfo(np.int64).max // 2) - 1
            ends[-1] = start[-1]
            along = [1] * rank
            along[axis] = len(start)
            reach = np.searchsorted(start, ends + np.maximum(extents[:, axis : axis + 1], 1), side="left")
            last.append(reach.reshape(n, *along))
            first.append(np.arange(len(start)).reshape(1, *along))
        total = self._between(first, last).reshape(n, -1)
        return np.where(np.all(extents > 0, axis=1), np.maximum(total.max(axis=1), 1), 0)

    def _between(self, first: Sequence[Int64], last: Sequence[Int64]) -> Int64:
        """Sums of the cells from `first` to before `last` along each axis, arrays that broadcast with one another."""
        total: Int64 = np.zeros((), np.int64)
        for corner in range(1 << len(self.starts)):
            picked = tuple(first[axis] if corner >> axis & 1 else last[axis] for axis in range(len(self.starts)))
            total = total + (-1) ** corner.bit_count() * self._sums[picked]
        return np.asarray(total, np.int64)

    @cached_property
    def _sums(self) -> Int64:
        """Bits of all cells before each, shape (cells + 1 along each axis)."""
        sums = self.bits.astype(np.int64)
        for axis in range(sums.ndim):
            sums = np.cumsum(sums, axis=axis)
        return np.pad(sums, [(1, 0)] * sums.ndim)

    def key(self) -> bytes:
        """Bytes that differ where the storage does."""
        return b"|".join([*(start.tobytes() for start in self.starts), self.bits.tobytes()])

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether the cells can be those of a tensor of `shape`."""
        return len(shape) == len(self.starts) and all(
            start[-1] < extent for start, extent in zip(self.starts, shape, strict=True)
        )

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(len(start) for start in self.starts)
