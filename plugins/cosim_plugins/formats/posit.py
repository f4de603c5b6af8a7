"""Posits: sign, regime, exponent and fraction, with more bits for the fraction near 1.

Sources: Gustafson and Yonemoto 2017, doi:10.14529/jsfi170206; Standard for Posit Arithmetic 2022.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from cosim.formats import Arithmetic, CodeBook, TableFormat


def posit_values(bits: int, es: int) -> NDArray[np.float64]:
    """Values of the patterns 0 .. 2^(bits-1) - 1, ascending from 0."""
    values = [0.0]
    for code in range(1, 1 << (bits - 1)):
        text = f"{code:0{bits - 1}b}"
        run = len(text) - len(text.lstrip(text[0]))
        regime = run - 1 if text[0] == "1" else -run
        rest = text[run + 1 :]
        exponent = int(rest[:es].ljust(es, "0") or "0", 2)  # bits that are cut off are zeros
        fraction = rest[es:]
        significand = (1 << len(fraction)) + int(fraction or "0", 2)
        values.append(float(np.ldexp(significand, regime * (1 << es) + exponent - len(fraction))))
    return np.array(values)


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
    )
