"""Equal rows found by hashing: service classes and boxes that occur many times are stored once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit
from cosim.program.program import Int64

Values = NDArray[np.integer]


def unique_rows(offset: Int64, values: Values) -> tuple[Int64, Int64]:
    """Class of each row, and the first row of each class in order of appearance.

    Row i is ``values[offset[i]:offset[i + 1]]``; rows of different lengths are different.
    """
    n = len(offset) - 1
    slots = 1 << max(2 * n - 1, 1).bit_length()
    classes, first = _hash_pass(offset, values, np.full(slots, -1, np.int32))
    return classes, first


@njit
def _hash_pass(offset: Int64, values: Values, table: NDArray[np.int32]) -> tuple[Int64, Int64]:
    mask = np.uint64(table.size - 1)
    classes = np.empty(offset.size - 1, np.int64)
    first = np.empty(offset.size - 1, np.int64)
    n_classes = 0
    for row in range(offset.size - 1):
        start, length = offset[row], offset[row + 1] - offset[row]
        slot = np.int64(_mix(values, start, length) & mask)
        while table[slot] >= 0:
            other = first[table[slot]]
            if offset[other + 1] - offset[other] == length and _equal(values, start, offset[other], length):
                break
            slot = (slot + 1) & (table.size - 1)
        if table[slot] < 0:
            table[slot] = n_classes
            first[n_classes] = row
            n_classes += 1
        classes[row] = table[slot]
    return classes, first[:n_classes].copy()


@njit
def _mix(values: Values, start: int, length: int) -> np.uint64:
    """Multiply-and-shift hash of one row (the finaliser of splitmix64, applied per value)."""
    state = np.uint64(0x9E3779B97F4A7C15)
    for index in range(start, start + length):
        state = (state ^ np.uint64(values[index])) * np.uint64(0xBF58476D1CE4E5B9)
        state ^= state >> np.uint64(29)
    return state


@njit
def _equal(values: Values, one: int, other: int, length: int) -> bool:
    index = 0
    while index < length and values[one + index] == values[other + index]:
        index += 1
    return index == length
