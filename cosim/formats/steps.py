"""`Steps`: a code book of four levels or less by comparisons, the same as its table and faster."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.formats.cells import INFINITY, SIGN, U32, breakpoints, known
from cosim.formats.codebook import CodeBook
from cosim.formats.grid import Codes

COUNT = 4
NEVER = 0xFFFFFFFF  # a pattern that only a NaN reaches


@dataclass(frozen=True, eq=False)
class Steps:
    """Up to four runs of fp32 patterns with one code each, and up to four values.

    Attributes
    ----------
    points
        First pattern of each run, ascending, shape (4,).
    codes
        Code of each run, shape (4,).
    levels
        Value of each code, shape (4,); codes of one bit twice.
    """

    points: U32
    codes: NDArray[np.uint8]
    levels: NDArray[np.float32] = field(repr=False)

    def encode(self, patterns: U32, out: Codes) -> int:
        """Codes."""
        from cosim.formats import steps_kernel as kernel

        return int(kernel.encode(patterns, self.points, self.codes, out))

    def decode(self, codes: Codes, out: NDArray[np.float32]) -> bool:
        """Values; always True."""
        from cosim.formats import steps_kernel as kernel

        kernel.decode(codes, self.levels, out)
        return True

    def round(self, patterns: U32, out: NDArray[np.float32]) -> int | None:
        """What numbers become."""
        from cosim.formats import steps_kernel as kernel

        return int(kernel.rounded(patterns, self.points, self.levels[self.codes], out))


def few_steps(book: CodeBook) -> Steps | None:
    """The steps of a code book; None where there are more than four, or more than two bits."""
    if book.bits > 2:
        return None
    points = breakpoints(book)
    points = points[(points & np.uint32(SIGN - 1)) <= INFINITY]
    codes = known(book, points)
    changes = np.concatenate([[True], codes[1:] != codes[:-1]])
    if changes.sum() > COUNT:
        return None
    filled, first = np.full(COUNT, NEVER, np.uint32), np.flatnonzero(changes)
    filled[: len(first)] = points[first]
    numbered = np.zeros(COUNT, np.uint8)
    numbered[: len(first)] = codes[first]
    return Steps(filled, numbered, np.tile(book.decoded(), COUNT >> book.bits))
