"""Compiled loop from fp32 numbers to posits, without tables; vectorised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit

Codes = NDArray[Any]
U32 = NDArray[np.uint32]

_MAGNITUDE, _INFINITY = np.uint32(0x7FFFFFFF), np.uint32(0x7F800000)


@njit
def _left(word: Any, places: Any) -> Any:
    """Shifted within 32 bits: the mask says so to the compiler, and numba's 64-bit result is taken back at once."""
    return np.uint32(word << np.uint32(places & np.uint32(31)))


@njit
def _right(word: Any, places: Any) -> Any:
    return np.uint32(word >> np.uint32(places & np.uint32(31)))


@njit
def _right_signed(word: Any, places: Any) -> Any:
    return np.int32(word >> np.int32(places & np.int32(31)))


@njit
def encode(bits: U32, width: int, es: int, out: Codes) -> Any:
    """Posit of each fp32 pattern: `width` bits, `es` of exponent; the largest magnitude, as a pattern.

    The bit string begins with the last two bits of the regime, at the upper end of a word: 10 for numbers from 1 on,
    01 below. Shifting it right with its sign repeats the first of them as often as the regime wants.
    """
    reach = (width - 2) << es
    smallest, most = np.uint32((127 - reach) << 23), np.uint32((127 + reach) << 23)
    exponent_mask, align, above = np.uint32((1 << es) - 1), np.uint32(7 - es), np.uint32(23 + es)
    drop, regime_shift = np.uint32(33 - width), np.int32(es)
    half, rest = np.uint32(1 << (32 - width)), np.uint32((1 << (33 - width)) - 1)
    nar, mask, one = np.uint32(1 << (width - 1)), np.uint32((1 << width) - 1), np.uint32(1)
    largest = np.uint32(0)
    for i in range(bits.size):
        u = bits[i]
        magnitude = np.uint32(u & _MAGNITUDE)
        largest = np.uint32(max(largest, magnitude))
        number = np.uint32(max(np.uint32(min(magnitude, most)), smallest))
        exponent = np.int32(np.int32(_right(number, np.uint32(23))) - np.int32(127))
        regime = _right_signed(exponent, regime_shift)
        below = _right_signed(regime, np.int32(31))  # -1 below 1
        shift = np.uint32(np.int32(regime ^ below))
        start = _left(np.uint32(np.int32(np.int32(2) + below)), above)
        power = _left(np.uint32(np.uint32(exponent) & exponent_mask), np.uint32(23))
        text = np.uint32(np.uint32(start | power) | np.uint32(number & np.uint32(0x7FFFFF)))
        word = _left(text, align)
        moved = np.uint32(_right_signed(np.int32(word), np.int32(shift)))
        lost = np.uint32(_left(moved, shift) != word)
        code = _right(moved, drop)
        tail = np.uint32(np.uint32(moved & rest) | lost)
        nearer = np.uint32(np.uint32(tail + np.uint32(code & one)) > half)
        near = np.uint32(code + nearer)
        signed = np.uint32(np.uint32(np.uint32(0) - near) & mask) if u != magnitude else near
        known = np.uint32(0) if magnitude == np.uint32(0) else np.uint32(signed)
        out[i] = np.uint16(np.uint32(nar if magnitude >= _INFINITY else np.uint32(known)))
    return largest
