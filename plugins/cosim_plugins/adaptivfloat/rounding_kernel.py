"""Compiled loops from fp32 numbers to AdaptivFloat codes, and to the numbers that they stand for; vectorised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit

Codes = NDArray[Any]
U32 = NDArray[np.uint32]

_SIGN, _MAGNITUDE, _NAN = np.uint32(0x80000000), np.uint32(0x7FFFFFFF), np.uint32(0x7FC00000)
_ONE, _WORD = np.uint32(1), np.uint32(31)


@njit
def _code(u: Any, shift: Any, base: Any, top: Any, begin: Any, least: Any, even: Any, up: Any, down: Any) -> Any:
    """Code without sign: the upper bits of the pattern, rounded, less those of 2^bias."""
    number = np.uint32(min(np.uint32(u & _MAGNITUDE), top))
    kept = np.uint32(number >> np.uint32(shift & _WORD))
    half = np.uint32(np.uint32(_ONE << np.uint32(shift & _WORD)) >> _ONE)
    more = np.uint32(np.uint32(kept & even) | np.uint32(down if u & _SIGN else up))
    total = np.uint32(np.uint32(number + np.uint32(half - _ONE)) + more)
    code = np.uint32(max(np.uint32(total >> np.uint32(shift & _WORD)), np.uint32(base + least)) - base)
    return np.uint32(code if number >= begin else np.uint32(0))


@njit
def encode(bits: U32, numbers: U32, width: int, out: Codes) -> Any:
    """Code of each fp32 pattern; the largest magnitude met, as a pattern. `numbers` are those of `Rounding`."""
    shift, base, top, begin, least, even, up, down = numbers
    place, sign = np.uint32(32 - width), np.uint32(1 << (width - 1))
    largest = np.uint32(0)
    for i in range(bits.size):
        u = bits[i]
        largest = np.uint32(max(largest, np.uint32(u & _MAGNITUDE)))
        code = _code(u, shift, base, top, begin, least, even, up, down)
        out[i] = np.uint16(np.uint32(code | np.uint32(np.uint32(u >> np.uint32(place & _WORD)) & sign)))
    return largest


@njit
def rounded(bits: U32, numbers: U32, out: U32) -> Any:
    """Pattern of what each fp32 pattern becomes; the largest magnitude met, as a pattern."""
    shift, base, top, begin, least, even, up, down = numbers
    largest = np.uint32(0)
    for i in range(bits.size):
        u = bits[i]
        largest = np.uint32(max(largest, np.uint32(u & _MAGNITUDE)))
        code = _code(u, shift, base, top, begin, least, even, up, down)
        near = np.uint32(np.uint32(code + base) << np.uint32(shift & _WORD))
        out[i] = np.uint32(np.uint32(near if code else np.uint32(0)) | np.uint32(u & _SIGN))
    return largest


@njit
def decode(codes: Codes, shift: Any, base: Any, width: int, first: int, out: U32) -> None:
    """Pattern of the value of each code; NaN for codes below `first` that are not zero."""
    mask, place = np.uint32((1 << (width - 1)) - 1), np.uint32(32 - width)
    for i in range(codes.size):
        code = np.uint32(codes[i])
        magnitude = np.uint32(code & mask)
        number = np.uint32(np.uint32(magnitude + base) << np.uint32(shift & _WORD))
        sign = np.uint32(np.uint32(code << np.uint32(place & _WORD)) & _SIGN)
        value = np.uint32(np.uint32(number if magnitude else np.uint32(0)) | sign)
        known = np.uint32(magnitude - _ONE) >= np.uint32(first - 1)  # zero wraps to the largest
        out[i] = np.uint32(value if known else _NAN)
