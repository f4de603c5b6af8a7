"""HFINT arithmetic: AdaptivFloat products summed as integers, and the widths of the sums. The definition, slow.

Source: Tambe et al., DAC 2020, doi:10.1109/DAC18072.2020.9218516, section 5; FlexASR, github.com/harvard-acc/FlexASR.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError, unknown
from cosim.formats import Codes, Encoding
from cosim_plugins.adaptivfloat.format import AdaptivFloat

OVERFLOWS = ("wrap", "saturate", "count", "error")


def hfint_bits(bits: int, exponent_bits: int, terms: int) -> int:
    """Accumulator of an HFINT element as the paper states it: 2 (2^e - 1) + 2 m + log2 H [bit].

    >>> hfint_bits(8, 3, 256), hfint_bits(4, 3, 256)
    (30, 22)
    """
    m = bits - exponent_bits - 1
    return 2 * ((1 << exponent_bits) - 1) + 2 * m + (terms - 1).bit_length()


def hfint_safe_bits(bits: int, exponent_bits: int, terms: int) -> int:
    """Narrowest two's complement accumulator that no sum of `terms` products overflows [bit].

    The paper's width leaves out the hidden bit of either factor and the sign.

    >>> hfint_safe_bits(8, 3, 256), hfint_safe_bits(4, 3, 256)
    (33, 24)
    """
    m = bits - exponent_bits - 1
    level = ((2 << m) - 1) << ((1 << exponent_bits) - 1)
    return (terms * level * level).bit_length() + 1


def integer_bits(bits: int, terms: int, scale_bits: int) -> tuple[int, int]:
    """Accumulator and scaled result of the integer element: 2 n + log2 H, and S more [bit].

    >>> integer_bits(8, 256, 16), integer_bits(4, 256, 8)
    ((24, 40), (16, 24))
    """
    accumulator = 2 * bits + (terms - 1).bit_length()
    return accumulator, accumulator + scale_bits


@dataclass(frozen=True)
class Accumulator:
    """What adds the products up.

    Attributes
    ----------
    bits
        Width, two's complement [bit]; 64 for a sum that never overflows here.
    overflow
        ``"wrap"``, ``"saturate"`` after every product, ``"count"`` (the sum stays exact) or ``"error"``.
    """

    bits: int = 64
    overflow: str = "wrap"

    def __post_init__(self) -> None:
        if self.overflow not in OVERFLOWS:
            raise unknown("overflow", self.overflow, OVERFLOWS)

    def add(self, total: int, product: int) -> tuple[int, bool]:
        """The new sum, and whether it left the range on its way."""
        wide = total + product
        low, high = -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        if low <= wide <= high:
            return wide, False
        if self.overflow == "error":
            raise SimulationError(f"the sum {wide} does not fit {self.bits} bits", allowed=f"{low} to {high}")
        if self.overflow == "saturate":
            return min(max(wide, low), high), True
        return (wide if self.overflow == "count" else (wide - low) % (1 << self.bits) + low), True


@dataclass(frozen=True)
class Dot:
    """A dot product: the integer sum, its real value, and the additions that overflowed."""

    total: int
    value: float
    overflows: int


def hfint_dot(
    form: AdaptivFloat, a: Codes, b: Codes, encodings: tuple[Encoding, Encoding], accumulator: Accumulator | None = None
) -> Dot:
    """Dot product of the codes `a` and `b` (n,) of tensors with one bias each, term by term in this order.

    A product is the integer product of the two significands with their hidden bits, shifted by the sum of the two
    exponent fields; a zero code gives 0. After the last one the sum is shifted once, by both biases less 2 m.
    """
    adder, m = accumulator or Accumulator(), form.layout.fraction_bits
    total, overflows = 0, 0
    for left, right in zip(np.asarray(a).tolist(), np.asarray(b).tolist(), strict=True):
        one, other = _fields(left, form), _fields(right, form)
        product = (one[1] * other[1]) << (one[2] + other[2])
        total, over = adder.add(total, -product if one[0] != other[0] else product)
        overflows += over
    shift = sum(int(form.biases(encoding).reshape(())) for encoding in encodings) - 2 * m
    return Dot(total, float(np.ldexp(float(total), shift)), overflows)


def _fields(code: int, form: AdaptivFloat) -> tuple[int, int, int]:
    """Sign, significand (0 for zero) and exponent field of a code."""
    m, width = form.layout.fraction_bits, form.bits - 1
    magnitude = code & ((1 << width) - 1)
    exponent, fraction = magnitude >> m, magnitude & ((1 << m) - 1)
    significand = (1 << m) | fraction if magnitude else 0
    return code >> width, significand, exponent


def register_values(values: NDArray[np.float64], *, bits: int = 20, fraction_bits: int = 14) -> NDArray[np.float64]:
    """Sums as the activation unit of FlexASR holds them: fixed point, cut off towards minus infinity, clipped evenly."""
    most = (1 << (bits - 1)) - 1
    steps = np.clip(np.floor(np.ldexp(np.asarray(values, np.float64), fraction_bits)), -most, most)
    return np.asarray(np.ldexp(steps, -fraction_bits), np.float64)
