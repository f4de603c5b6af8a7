"""The numbers that AdaptivFloat<n, e> has, and which real becomes which of them: three published behaviours.

Source: Tambe et al., "Algorithm-Hardware Co-Design of Adaptive Floating-Point Encodings for Resilient Deep Learning
Inference", DAC 2020, doi:10.1109/DAC18072.2020.9218516; preprint arXiv:1909.13271.

A code is a sign, an exponent E of e bits and a fraction M of m = n - e - 1 bits, and stands for an integer times one
power of two that the whole tensor shares:

    level = (2^m + M) << E, or 0 where E = M = 0        value = +-level * 2^(bias - m)

The pattern E = M = 0, which would be 2^bias, is spent on zero. There are no subnormals, infinities or NaN.

The authors' repository, github.com/ttambe/AdaptivFloat, has held more than one script: the variant ``script`` is the one
with IEEE-like limits; another revision follows the paper's rule, but for numbers at exactly half of the smallest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.errors import unknown
from cosim.formats import CodeBook

VARIANTS = {
    "paper": "algorithm 1 of the paper: all 2^e binades, small numbers rounded to zero or the smallest",
    "script": "a public script of the authors: 2^e - 2 binades, what is smaller becomes zero",
    "flexasr": "the open-source FlexASR datapath: halves towards plus infinity, what is below 2^bias becomes zero",
}


@dataclass(frozen=True)
class Layout:
    """Fields of a code, and how small numbers and halves are rounded.

    Attributes
    ----------
    bits, exponent_bits
        Width n of a code and e of its exponent field [bit].
    variant
        One of `VARIANTS`.
    """

    bits: int
    exponent_bits: int
    variant: str = "paper"

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise unknown("variant", self.variant, VARIANTS, where="format adaptivfloat")

    @property
    def fraction_bits(self) -> int:
        """Width m of the fraction field [bit]."""
        return self.bits - self.exponent_bits - 1

    @property
    def top(self) -> int:
        """Largest value of the exponent field."""
        return (1 << self.exponent_bits) - 1

    @property
    def first(self) -> int:
        """Smallest code that is a number beside zero."""
        return 2 << self.fraction_bits if self.variant == "script" else 1

    @property
    def is_even(self) -> bool:
        """Whether halves go to the even fraction; without a fraction the even significand is the larger, 2.0."""
        return self.variant != "flexasr" and self.fraction_bits > 0

    def magnitudes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Codes without sign that are numbers, and their levels, both ascending from 0."""
        codes = np.arange(self.first, 1 << (self.bits - 1))
        fraction = codes & ((1 << self.fraction_bits) - 1)
        levels = ((1 << self.fraction_bits) + fraction) << (codes >> self.fraction_bits)
        return np.concatenate([[0], codes]), np.concatenate([[0], levels])

    def levels(self) -> NDArray[np.int64]:
        """Signed integer of every code, shape (2 ** bits,): 0 for both zeros and for codes that are no numbers."""
        codes, levels = self.magnitudes()
        sign = 1 << (self.bits - 1)
        table = np.zeros(1 << self.bits, np.int64)
        table[codes], table[codes | sign] = levels, -levels
        return table


def book(layout: Layout) -> CodeBook:
    """Code book of the levels themselves: the power of two of a tensor is its scale."""
    codes, levels = layout.magnitudes()
    bounds = (levels[:-1] + levels[1:]) / 2
    upwards = codes[1:] % 2 == 0 if layout.is_even else np.ones(len(bounds), bool)
    bounds[0], upwards[0] = _first_bound(layout, levels), True
    downwards = upwards if layout.variant == "flexasr" else ~upwards  # of a negative half: towards plus infinity
    sign = 1 << (layout.bits - 1)
    values = levels.astype(np.float64)
    return CodeBook(
        layout.bits,
        np.concatenate([-values[:0:-1], [-0.0], values]),
        np.concatenate([codes[:0:-1] | sign, [sign], codes]),
        np.concatenate([-bounds[::-1], [0.0], bounds]),
        np.concatenate([downwards[::-1], [True], upwards]),
        negative_zero=sign,
    )


def _first_bound(layout: Layout, levels: NDArray[np.int64]) -> float:
    """Where the smallest number begins: at half of it, at itself, or half-way from the slot that zero has taken."""
    smallest = float(levels[1])
    if layout.variant == "script":
        return smallest
    if layout.variant == "flexasr":
        return ((1 << layout.fraction_bits) + smallest) / 2
    return smallest / 2
