"""`Table`: a code book as arrays that encode by look-up, proved equal to it when it is built.

fp32 numbers take one look-up and one comparison (`Cells`), for formats of up to eight bits; or arithmetic that is
proved to give the same (`Shortcut`). Wider numbers, and formats without either, take a look-up and a short search.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.formats.cells import INFINITY, SIGN, Cells, breakpoints, build_cells, known, reals
from cosim.formats.codebook import CodeBook
from cosim.formats.grid import Codes, Shortcut
from cosim.formats.steps import few_steps

KEYS = 1 << 16
PIECE = 1 << 17  # numbers that are rounded through their codes at a time: they stay in the second-level cache
_NEXT = (np.uint32(0), np.uint32(1))


@dataclass(frozen=True, eq=False)
class Table:
    """A code book by look-up.

    Attributes
    ----------
    book
        What it means.
    cells
        Codes of fp32 numbers; None where a code has more than eight bits or bounds are too close.
    shortcut
        Arithmetic that replaces the look-up; None where there is none.
    first, last
        Steps of the lowest and the highest number of each cell of equal top 16 bits, shape (65536,).
    edges
        Bounds such that x belongs above one exactly if x > edge, shape (n - 1,).
    codes
        Code of each step, shape (n,).
    decoded
        Value of each code; NaN where a pattern is no code, shape (2 ** bits,).
    """

    book: CodeBook = field(repr=False)
    cells: Cells | None
    shortcut: Shortcut | None
    first: NDArray[np.int32] = field(repr=False)
    last: NDArray[np.int32] = field(repr=False)
    edges: NDArray[np.float64] = field(repr=False)
    codes: NDArray[np.generic] = field(repr=False)
    decoded: NDArray[np.float32] = field(repr=False)

    @property
    def nan_codes(self) -> tuple[int, int]:
        """Codes of NaN of either sign, (0, 0) where there is none."""
        return self.book.nan or (0, 0)

    @property
    def negative_zero(self) -> int:
        """Code of -0, or -1 where there is one zero."""
        return -1 if self.book.negative_zero is None else self.book.negative_zero

    def encode(self, values: NDArray[np.float32], out: Codes) -> bool:
        """Write the code of each number, (n,) contiguous; whether a NaN was met."""
        from cosim.formats import kernel

        patterns = values.view(np.uint32)
        if self.shortcut is not None:
            largest = self.shortcut.encode(patterns, out)
            if largest > INFINITY:
                kernel.mark_nan(patterns, *self.nan_codes, out)
            return largest > INFINITY
        if self.cells is not None:
            return bool(kernel.by_cell(patterns, self.cells.entries, self.cells.shift, out) > INFINITY)
        return self.search(values, 1.0, out)

    def search(self, values: NDArray[np.floating], scale: float, out: Codes) -> bool:
        """As `encode`, for fp32 or fp64 numbers over `scale`."""
        from cosim.formats import kernel

        steps = self.first, self.last, self.edges, self.codes
        return bool(kernel.search(values, scale, *steps, self.negative_zero, np.array(self.nan_codes), out))

    def decode(self, codes: Codes, out: NDArray[np.float32]) -> None:
        """Write the value of each code, (n,) contiguous."""
        from cosim.formats import kernel

        if self.shortcut is None or not self.shortcut.decode(codes, out):
            kernel.decode_by_code(codes, self.decoded, out)

    def round(self, values: NDArray[np.float32], out: NDArray[np.float32]) -> bool:
        """Write what each number becomes, (n,) contiguous; whether a NaN was met."""
        from cosim.formats import kernel

        patterns = values.view(np.uint32)
        largest = None if self.shortcut is None else self.shortcut.round(patterns, out)
        if largest is not None:
            if largest > INFINITY:
                kernel.mark_nan(patterns, np.nan, np.nan, out)
            return largest > INFINITY
        codes, bad = np.empty(min(PIECE, values.size), self.codes.dtype), False
        for start in range(0, values.size, PIECE):
            part = values[start : start + PIECE]
            bad |= self.encode(part, codes[: part.size])
            self.decode(codes[: part.size], out[start : start + PIECE])
        return bad

    def prove(self) -> None:
        """Check every entry against the code book.

        An encoder is a step function that never falls, so a cell is right if both of its ends are.

        Raises
        ------
        SimulationError
            An entry differs from what the code book says.
        """
        self.book.prove()
        if self.cells is not None:
            self.cells.prove(self.book)
        first, last = _steps(self.edges)
        if not (np.array_equal(self.first, first) and np.array_equal(self.last, last)):
            raise SimulationError("an entry of the step tables is not the first or last step of its cell")
        if not np.array_equal(self.edges, self.book.edges()):
            raise SimulationError("the edges are not those of the code book")
        if not np.array_equal(self.codes, self.book.codes):
            raise SimulationError("the codes are not those of the code book")
        _same(self.decoded, self.book.decoded(), "a decoded value")
        self._prove_round_trip()
        if self.shortcut is not None:
            self._prove_shortcut(self.shortcut)

    def _prove_round_trip(self) -> None:
        codes = np.flatnonzero(~np.isnan(self.decoded))
        again = self.book.encode(self.decoded[codes].astype(np.float64))
        if not np.array_equal(again, codes):
            raise SimulationError("the value of a code is encoded as another code")

    def _prove_shortcut(self, shortcut: Shortcut) -> None:
        """On both sides of every bound, at the ends, and between: all numbers of one step at its first and last."""
        patterns = np.concatenate([at_bounds(self.book), np.arange(KEYS, dtype=np.uint32) << np.uint32(16)])
        number = (patterns & np.uint32(SIGN - 1)) <= INFINITY
        patterns = patterns[number]
        codes = np.empty(patterns.shape, self.codes.dtype)
        shortcut.encode(patterns, codes)
        if not np.array_equal(codes, known(self.book, patterns)):
            raise SimulationError("arithmetic gives another code than the code book")
        again = np.empty(patterns.shape, np.float32)
        if shortcut.round(patterns, again) is not None:
            _same(again, self.decoded[codes.astype(np.int64)], "a number rounded by arithmetic")
        every = np.arange(len(self.decoded)).astype(self.codes.dtype)
        values = np.empty(every.shape, np.float32)
        if shortcut.decode(every, values):
            _same(values, self.decoded, "a value decoded by arithmetic")


def _same(found: NDArray[np.float32], wanted: NDArray[np.float32], what: str) -> None:
    if not np.array_equal(found.view(np.uint32), wanted.view(np.uint32)):
        raise SimulationError(f"{what} is wrong")


def at_bounds(book: CodeBook) -> NDArray[np.uint32]:
    """Patterns of the first and last fp32 number of every step, some twice."""
    points = breakpoints(book)
    return np.concatenate([points, points - np.uint32(1)])


def build_table(book: CodeBook, storage: np.dtype[np.generic], shortcut: Shortcut | None = None) -> Table:
    """The table of a code book, proved; codes are held as `storage`. Few steps bring their own `shortcut`."""
    edges, shortcut = book.edges(), shortcut or few_steps(book)
    table = Table(book, build_cells(book), shortcut, *_steps(edges), edges, book.codes.astype(storage), book.decoded())
    table.prove()
    return table


def _steps(edges: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Steps that the lowest and the highest number of every cell of equal top 16 bits belong to.

    Cells include the fp64 numbers between their fp32 ones, so the far end is where the next cell begins.
    """
    keys = np.arange(KEYS, dtype=np.uint32)
    finite, negative = keys % 0x8000 < 0x7F80, keys >= 0x8000
    near, beyond = (reals((keys + step) << np.uint32(16)) for step in _NEXT)
    far = np.where(finite, beyond, near)
    ends = np.where(negative, far, near), np.where(negative, near, far)
    first, last = (np.where(np.isnan(end), 0, np.searchsorted(edges, end, side="left")) for end in ends)
    return first.astype(np.int32), last.astype(np.int32)
