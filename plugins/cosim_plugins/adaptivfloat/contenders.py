"""The five formats that the paper compares, at any width: all but one already have a home in cosim.

Widths of fields are the paper's choice of the best: AdaptivFloat e = 3, float e = 4 (3 at four bits), posit es = 1 (0 at
four bits). Float and posit have no scale; uniform has a real one and block floating point a power of two, per tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cosim.formats import Encoding, Format, IntegerFormat, TableFormat, float_arithmetic
from cosim_plugins.adaptivfloat.format import AdaptivFloat
from cosim_plugins.formats.minifloat import minifloat_book
from cosim_plugins.formats.posit import posit

NAMES = ("Float", "BFP", "Uniform", "Posit", "AdaptivFloat")


class BlockFloat(IntegerFormat):
    """Signed integers of n bits, the most negative left out, times a power of two that a whole tensor shares."""

    def __init__(self, bits: int) -> None:
        super().__init__(
            f"bfp{bits}_tensor", bits, "int8" if bits <= 8 else "int16", f"{bits}-bit, one exponent per tensor"
        )
        self.low = -self.high

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
        """The exponent of the largest magnitude; its significand keeps n - 1 bits."""
        reach = np.maximum(np.abs(low), np.abs(high))
        scale = np.exp2(np.where(reach > 0, np.frexp(reach)[1] - 1.0 - (self.bits - 2), 0.0))
        return Encoding(self.name, self.bits, scale, np.zeros(scale.shape, np.int64), axis)


def plain_float(bits: int) -> TableFormat:
    """IEEE-like float without infinities, e = 4 (3 at four bits), never scaled."""
    exponent = 3 if bits == 4 else 4
    fraction = bits - exponent - 1
    return TableFormat(
        f"float{bits}_{exponent}",
        bits,
        f"{bits}-bit float with {exponent} exponent bits, unscaled",
        partial(minifloat_book, exponent, fraction),
        tie_rule="even",
        saturation="clamp",
        arithmetic=float_arithmetic(bits, exponent, fraction),
        scaled=False,
    )


def contenders(bits: int) -> Mapping[str, Format]:
    """The five formats of `bits`, by the paper's names."""
    return {
        "Float": plain_float(bits),
        "BFP": BlockFloat(bits),
        "Uniform": IntegerFormat(f"uniform{bits}", bits, "int8" if bits <= 8 else "int16", f"{bits}-bit, symmetric"),
        "Posit": posit(bits, 0 if bits == 4 else 1),
        "AdaptivFloat": AdaptivFloat(bits, 3),
    }
