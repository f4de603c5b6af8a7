"""Posits: sign, regime, exponent and fraction, with more bits for the fraction near 1.

Sources: Gustafson and Yonemoto 2017, doi:10.14529/jsfi170206; Standard for Posit Arithmetic 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cosim.formats import Arithmetic, CodeBook, Codes, TableFormat


def posit_values(bits: int, es: int) -> NDArray[np.float64]:
    """Values of the patterns 0 .. 2^(bits-1) - 1, ascending from 0."""
    codes = np.arange(1, 1 << (bits - 1))
    ones = codes >> (bits - 2)  # what the regime repeats
    other = np.where(ones, ~codes, codes) & ((1 << (bits - 1)) - 1)
    run = bits - 1 - np.frexp(other.astype(np.float64))[1]
    regime = np.where(ones, run - 1, -run)
    left = np.maximum(bits - 2 - run, 0)  # bits after the one that ends the regime
    rest = codes & ((1 << left) - 1)
    fraction_bits = np.maximum(left - es, 0)
    exponent = (rest >> fraction_bits) << (es - (left - fraction_bits))  # bits that are cut off are zeros
    significand = (1 << fraction_bits) + (rest & ((1 << fraction_bits) - 1))
    values = np.ldexp(significand.astype(np.float64), (regime << es) + exponent - fraction_bits)
    return np.concatenate([[0.0], values])


def posit_book(bits: int, es: int) -> CodeBook:
    """Bounds are the posits of one more bit between; a number that is not 0 never becomes 0; infinities are NaR."""
    values = posit_values(bits, es)
    between = posit_values(bits + 1, es)[1::2]  # between patterns c and c + 1; the last is beyond the largest
    codes = np.arange(len(values))
    nar = 1 << (bits - 1)
    bounds, closed = between[:-1].copy(), codes[1:] % 2 == 0
    bounds[0], closed[0] = 0.0, False
    negative = (-codes[:0:-1]) & ((1 << bits) - 1)
    top = float(np.finfo(np.float64).max)
    return CodeBook(
        bits,
        np.concatenate([[np.nan], -values[:0:-1], values, [np.nan]]),
        np.concatenate([[nar], negative, codes, [nar]]),
        np.concatenate([[-np.inf], -bounds[::-1], bounds, [top]]),
        np.concatenate([[False], ~closed[::-1], closed, [False]]),
        nan=(nar, nar),
    )


@dataclass(frozen=True)
class PositBits:
    """A posit by shifting its bit string; values are left to the table.

    Attributes
    ----------
    bits, es
        Width, and width of the exponent [bit].
    """

    bits: int
    es: int

    def encode(self, patterns: NDArray[np.uint32], out: Codes) -> int:
        """Codes; infinities and NaN are not a real."""
        from cosim_plugins.formats import posit_kernel

        return int(posit_kernel.encode(patterns, self.bits, self.es, out))

    def decode(self, codes: Codes, out: NDArray[np.float32]) -> bool:
        """Left to the table."""
        return False

    def round(self, patterns: NDArray[np.uint32], out: NDArray[np.float32]) -> int | None:
        """Left to `encode` and the table."""
        return None


def posit(bits: int, es: int) -> TableFormat:
    """Format ``posit{bits}_{es}``, without a scale: its precision is near 1."""
    significand = max(bits - 2 - es, 1)  # hidden bit, with the shortest regime of two bits
    exponents = int(2 * (bits - 2) * (1 << es)).bit_length()
    return TableFormat(
        f"posit{bits}_{es}",
        bits,
        f"{bits}-bit posit with {es} exponent bits; not a real for NaN and infinity",
        partial(posit_book, bits, es),
        tie_rule="even",
        saturation="clamp",
        arithmetic=Arithmetic(
            (significand, significand),
            exponents,
            shift_bits=bits,
            float_sum=True,
            operand_bits=bits,
            products=2,
            note="two shifters undo the regimes",
        ),
        scaled=False,
        rounding="bit string",
        shortcut=PositBits(bits, es) if bits > 8 else None,  # narrow ones are looked up faster
    )
