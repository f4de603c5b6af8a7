"""Cells: a code book over all fp32 patterns as one array, at one look-up and one comparison per number.

The upper bits of a pattern name its cell: sign, exponent and seven bits of the fraction or a few more. Where no cell
holds more than one bound, an entry of 32 bits says everything about it: the lower bits of the first pattern beyond
the bound, the code before it, the code from it on. Every usual format of up to eight bits has such cells, irregular
ones and any scale included.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.formats.codebook import CodeBook

U32 = NDArray[np.uint32]

SHIFTS = (16, 15, 14)  # bits of a pattern within its cell; what is left of 32 beside two codes holds them
SIGN = 0x80000000
INFINITY = 0x7F800000
_BEFORE, _AFTER, _BYTE = np.uint32(16), np.uint32(24), np.uint32(0xFF)


def reals(patterns: U32) -> NDArray[np.float64]:
    """fp64 of fp32 patterns; a signalling NaN is quieted without a warning."""
    with np.errstate(invalid="ignore"):
        return patterns.astype(np.uint32).view(np.float32).astype(np.float64)


def known(book: CodeBook, patterns: U32, scale: float = 1.0) -> NDArray[np.int64]:
    """Codes by the definition, of numbers over `scale`; 0 for a NaN that has none (the caller looks for NaN itself)."""
    with np.errstate(invalid="ignore"):
        return np.maximum(book.encode(reals(patterns) / scale), 0)


def breakpoints(book: CodeBook, scale: float = 1.0) -> U32:
    """Patterns at which the code may change, ascending, some twice: zeros, the first number beyond every bound, NaNs."""
    points = [np.array([0, INFINITY + 1, SIGN, SIGN + 1, SIGN + INFINITY + 1])]
    points += [sign + _first_beyond(book.edges(), scale, sign) for sign in (0, SIGN)]
    return np.sort(np.concatenate(points)).astype(np.uint32)


def _first_beyond(edges: NDArray[np.float64], scale: float, sign: int) -> NDArray[np.int64]:
    """Lowest magnitude, as a pattern, on the far side of each edge among numbers of one sign."""

    def far(magnitudes: NDArray[np.int64]) -> NDArray[np.bool_]:
        above = reals((magnitudes + sign).astype(np.uint32)) / scale > edges
        return ~above if sign else above

    with np.errstate(over="ignore"):
        near = np.maximum(-edges * scale if sign else edges * scale, 0.0).astype(np.float32).view(np.uint32)
    first = np.clip(near.astype(np.int64) - 1, 0, INFINITY + 1)
    beyond = np.clip(first + 3, 0, INFINITY + 1)
    found = ((first == 0) | ~far(first - 1)) & ((beyond > INFINITY) | far(beyond))
    first, beyond = np.where(found, first, 0), np.where(found, beyond, INFINITY + 1)
    while (first < beyond).any():  # the step function never falls: halve
        middle = (first + beyond) // 2
        reached = far(middle) | (first >= beyond)
        first, beyond = np.where(reached, first, middle + 1), np.where(reached, middle, beyond)
    return first


@dataclass(frozen=True, eq=False)
class Cells:
    """A code book over all fp32 patterns.

    Attributes
    ----------
    entries
        Per cell, from the lowest bit: 16 bits of the first pattern beyond its bound (0 without one), 8 bits of the
        code before, 8 bits of the code from there on, shape (2 ** (32 - shift),).
    shift
        Bits of a pattern within its cell [bit].
    """

    entries: U32 = field(repr=False)
    shift: int

    def prove(self, book: CodeBook, scale: float = 1.0) -> None:
        """Check every entry against the definition: at both ends of its cell and on both sides of its bound.

        A code book is a step function that never falls, so a cell that is right there is right everywhere.

        Raises
        ------
        SimulationError
            An entry differs from what the code book says.
        """
        low = np.arange(len(self.entries), dtype=np.uint32) << np.uint32(self.shift)
        bound = self.entries & np.uint32(0xFFFF)
        before, after = (self.entries >> _BEFORE) & _BYTE, self.entries >> _AFTER
        ends = (
            (low, before),
            (low + np.maximum(bound, np.uint32(1)) - np.uint32(1), before),
            (low + bound, after),
            (low + np.uint32((1 << self.shift) - 1), after),
        )
        single = np.array_equal(bound > 0, before != after) and int(bound.max()) < 1 << self.shift
        if not (single and all(np.array_equal(known(book, end, scale), codes) for end, codes in ends)):
            message = "an entry of the cells is not the code of its numbers"
            raise SimulationError(message)


def build_cells(book: CodeBook, scale: float = 1.0) -> Cells | None:
    """The widest cells that are exact; None where even the narrowest hold two bounds, or codes have over eight bits."""
    if book.bits > 8:
        return None
    points = breakpoints(book, scale)
    codes = known(book, points, scale).astype(np.uint32)
    changes = np.concatenate([[True], codes[1:] != codes[:-1]])
    built = (_with_shift(points[changes], codes[changes], shift) for shift in SHIFTS)
    return next((cells for cells in built if cells is not None), None)


def _with_shift(points: U32, codes: U32, shift: int) -> Cells | None:
    low = np.uint32((1 << shift) - 1)
    begins = (points.astype(np.int64) + int(low)) >> shift  # first cell that lies wholly beyond
    before = np.repeat(codes, np.diff(begins, append=1 << (32 - shift)))
    inner = (points & low) != 0
    at = points[inner] >> np.uint32(shift)
    if (at[1:] == at[:-1]).any():
        return None
    entries = (before << _BEFORE) | (before << _AFTER)
    entries[at] = (points[inner] & low) | (before[at] << _BEFORE) | (codes[inner] << _AFTER)
    return Cells(entries, shift)
