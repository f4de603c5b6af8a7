"""`CodeBook`: the meaning of a format of few codes, without a word about speed."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError

Reals = NDArray[np.float64]
TIES = ("even", "away", "up")


@dataclass(frozen=True, eq=False)
class CodeBook:
    """Levels in ascending order and the bounds between them: a step function from reals to codes.

    Attributes
    ----------
    bits
        Bits of a code [bit].
    values
        Level of each step, ascending, shape (n,); the first or last may be infinite, or NaN for overflow.
    codes
        Code of each step, shape (n,).
    bounds
        ``values[i]`` ends and ``values[i + 1]`` begins here, shape (n - 1,).
    closed
        Whether the bound itself belongs to the upper step, shape (n - 1,).
    negative_zero
        Code of -0 and of what rounds to it from below; None where there is one zero.
    nan
        Code of NaN, of positive and negative sign; None where NaN has no code.
    tie
        Rule of the bounds where they are midpoints: ``"even"``, ``"away"`` or ``"up"``; empty where they are not.
    """

    bits: int
    values: Reals = field(repr=False)
    codes: NDArray[np.int64] = field(repr=False)
    bounds: Reals = field(repr=False)
    closed: NDArray[np.bool_] = field(repr=False)
    negative_zero: int | None = None
    nan: tuple[int, int] | None = None
    tie: str = ""

    @property
    def largest(self) -> float:
        """Largest finite level."""
        return float(self.values[np.isfinite(self.values)].max())

    def edges(self) -> Reals:
        """Bounds such that a real x belongs above one exactly if x > edge, shape (n - 1,)."""
        return np.where(self.closed, np.nextafter(self.bounds, -np.inf), self.bounds)

    def encode(self, reals: Reals) -> NDArray[np.int64]:
        """Codes by search: the definition, slow. A NaN gets the code of NaN, or -1 where it has none."""
        reals = np.asarray(reals, np.float64)
        codes = self.codes[np.searchsorted(self.edges(), reals, side="left")]
        if self.negative_zero is not None:
            codes = np.where((reals == 0) & np.signbit(reals), self.negative_zero, codes)
        positive, negative = (-1, -1) if self.nan is None else self.nan
        return np.where(np.isnan(reals), np.where(np.signbit(reals), negative, positive), codes)

    def decoded(self) -> NDArray[np.float32]:
        """Value of every code, shape (2 ** bits,); NaN where a pattern is no code."""
        table = np.full(1 << self.bits, np.nan, np.float32)
        table[self.codes] = self.values.astype(np.float32)
        if self.negative_zero is not None:
            table[self.negative_zero] = -0.0
        return table

    def prove(self) -> None:
        """Check the definition itself in exact arithmetic.

        Raises
        ------
        SimulationError
            Levels or bounds out of order, a code used twice, a bound that is no midpoint, or a tie on the wrong side.
        """
        number = ~np.isnan(self.values)
        ordered = (np.diff(self.values[number]) >= 0).all() and (np.diff(self.edges()) > 0).all()
        lower = ~(self.values[:-1] > self.bounds)  # a NaN step has no order
        upper = ~(self.values[1:] < self.bounds)
        single = np.bincount(self.codes[number]).max() == 1
        if not (ordered and lower.all() and upper.all() and single):
            message = "a code book is out of order"
            raise SimulationError(message)
        if self.tie:
            self._prove_ties()

    def _prove_ties(self) -> None:
        for i, bound in enumerate(self.bounds):
            below, above = self.values[i], self.values[i + 1]
            if not (np.isfinite(below) and np.isfinite(above)) or below == above:
                continue
            if 2 * Fraction(bound) != Fraction(below) + Fraction(above):
                message = f"{bound} is not between {below} and {above}"
                raise SimulationError(message)
            if bool(self.closed[i]) != _rises(self.tie, below, above, int(self.codes[i + 1])):
                message = f"the tie at {bound} is not resolved by rule {self.tie!r}"
                raise SimulationError(message)


def _rises(tie: str, below: float, above: float, upper_code: int) -> bool:
    if tie == "up":
        return True
    if tie == "away":
        return abs(above) > abs(below)
    return upper_code % 2 == 0


def nearest_book(
    bits: int,
    values: Reals,
    codes: NDArray[np.int64],
    *,
    tie: str,
    negative_zero: int | None = None,
    nan: tuple[int, int] | None = None,
) -> CodeBook:
    """Code book of nearest levels, given in any order; midpoints follow `tie`.

    With `negative_zero`, negative numbers that round to zero keep their sign.
    """
    order = np.argsort(values, kind="stable")
    values, codes = np.asarray(values, np.float64)[order], np.asarray(codes, np.int64)[order]
    bounds = values[:-1] + (values[1:] - values[:-1]) / 2
    pairs = zip(values[:-1].tolist(), values[1:].tolist(), codes[1:].tolist(), strict=True)
    closed = np.array([_rises(tie, *pair) for pair in pairs], bool)
    book = CodeBook(bits, values, codes, bounds, closed, nan=nan, tie=tie)
    return book if negative_zero is None else with_negative_zero(book, negative_zero)


def with_negative_zero(book: CodeBook, code: int) -> CodeBook:
    """The same code book with a step of its own for negative numbers that round to zero."""
    at = int(np.flatnonzero(book.values == 0)[0])
    return CodeBook(
        book.bits,
        np.insert(book.values, at, -0.0),
        np.insert(book.codes, at, code),
        np.insert(book.bounds, at, 0.0),
        np.insert(book.closed, at, True),
        negative_zero=code,
        nan=book.nan,
        tie=book.tie,
    )
