"""`Table`: a code book as arrays that encode by look-up, proved equal to it when it is built.

A key of 16 bits stands for a cell of fp32 numbers: the sign, the exponent, six bits of the fraction, and one bit that
says whether anything below them is set. A cell with that bit clear is one number, with it set an open interval
between two. Where no bound of the code book lies within an interval, one look-up per number is exact, halves and all:
this holds for every format of up to five fraction bits. Otherwise a cell gives the first step to try, and the code
book's own bounds decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.formats.codebook import CodeBook

KEYS = 1 << 16
_TOP = np.uint32(0xFFFE)  # the key without its sticky bit
_NEXT = (np.uint32(0), np.uint32(1))
_REST = np.uint32(0x1FFFF)  # bits of the fraction that the sticky bit stands for


@dataclass(frozen=True, eq=False)
class Table:
    """A code book by look-up.

    Attributes
    ----------
    book
        What it means.
    by_key
        Code of each sticky key, shape (65536,); None where one look-up is not exact.
    rounded
        Value of the code of each sticky key, shape (65536,); None where `by_key` is.
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
    by_key: NDArray[np.generic] | None = field(repr=False)
    rounded: NDArray[np.float32] | None = field(repr=False)
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

    def prove(self) -> None:
        """Check every entry against the code book.

        An encoder is a step function that never falls, so a cell is right if both of its ends are.

        Raises
        ------
        SimulationError
            An entry differs from what the code book says.
        """
        self.book.prove()
        if self.by_key is not None:
            low, high = sticky_cells()
            wanted = _known(self.book, low)
            if not (np.array_equal(self.by_key, wanted) and np.array_equal(wanted, _known(self.book, high))):
                raise SimulationError("an entry of the key table is not the code of its cell")
        if self.rounded is not None and self.by_key is not None:
            _same(self.rounded, self.decoded[self.by_key.astype(np.int64)], "an entry of the value table")
        first, last = _steps(self.edges)
        if not (np.array_equal(self.first, first) and np.array_equal(self.last, last)):
            raise SimulationError("an entry of the step tables is not the first or last step of its cell")
        if not np.array_equal(self.edges, self.book.edges()):
            raise SimulationError("the edges are not those of the code book")
        if not np.array_equal(self.codes, self.book.codes):
            raise SimulationError("the codes are not those of the code book")
        _same(self.decoded, self.book.decoded(), "a decoded value")
        self._prove_round_trip()

    def _prove_round_trip(self) -> None:
        codes = np.flatnonzero(~np.isnan(self.decoded))
        again = self.book.encode(self.decoded[codes].astype(np.float64))
        if not np.array_equal(again, codes):
            raise SimulationError("the value of a code is encoded as another code")


def _same(found: NDArray[np.float32], wanted: NDArray[np.float32], what: str) -> None:
    if not np.array_equal(found.view(np.uint32), wanted.view(np.uint32)):
        raise SimulationError(f"{what} is wrong")


def build_table(book: CodeBook, storage: np.dtype[np.generic]) -> Table:
    """The table of a code book, proved; codes are held as `storage`."""
    low, high = sticky_cells()
    by_key = _known(book, low)
    exact = np.array_equal(by_key, _known(book, high))
    decoded = book.decoded()
    edges = book.edges()
    table = Table(
        book,
        by_key.astype(storage) if exact else None,
        decoded[by_key] if exact else None,
        *_steps(edges),
        edges,
        book.codes.astype(storage),
        decoded,
    )
    table.prove()
    return table


def sticky_cells() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two ends of the cell of every key, shape (65536,) each, as they are met going away from zero."""
    keys = np.arange(KEYS, dtype=np.uint32)
    sticky = keys & np.uint32(1)
    near = ((keys & _TOP) << np.uint32(16)) | sticky
    far = ((keys & _TOP) << np.uint32(16)) | (sticky * _REST)
    with np.errstate(invalid="ignore"):
        return near.view(np.float32).astype(np.float64), far.view(np.float32).astype(np.float64)


def _known(book: CodeBook, reals: NDArray[np.float64]) -> NDArray[np.int64]:
    """Codes, 0 for a NaN that has none (the caller looks for NaN itself)."""
    return np.maximum(book.encode(reals), 0)


def _steps(edges: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Steps that the lowest and the highest number of every cell of equal top 16 bits belong to.

    Cells include the fp64 numbers between their fp32 ones, so the far end is where the next cell begins.
    """
    keys = np.arange(KEYS, dtype=np.uint32)
    finite, negative = keys % 0x8000 < 0x7F80, keys >= 0x8000
    with np.errstate(invalid="ignore"):  # patterns of NaN
        near, beyond = (((keys + step) << np.uint32(16)).view(np.float32).astype(np.float64) for step in _NEXT)
    far = np.where(finite, beyond, near)
    ends = np.where(negative, far, near), np.where(negative, near, far)
    first, last = (np.where(np.isnan(end), 0, np.searchsorted(edges, end, side="left")) for end in ends)
    return first.astype(np.int32), last.astype(np.int32)
