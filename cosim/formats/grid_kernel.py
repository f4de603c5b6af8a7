"""Compiled loops for minifloats, without tables; every loop is vectorised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.formats.kernel import INFINITY, MAGNITUDE, SIGN, left, right
from cosim.jit import njit

Codes = NDArray[Any]
U32 = NDArray[np.uint32]


@njit
def code_of(magnitude: Any, low: Any, rise: Any, drop: Any, limit: Any) -> Any:
    """Code of an fp32 pattern without sign.

    Adding 2^(23 - fraction) times the power of two below a number leaves the number, rounded, in the last bits of the
    sum. `low` is the pattern of the smallest normal number: below it the step no longer shrinks. `rise` adds
    23 - fraction to an exponent, `drop` is 23 - fraction, `limit` the pattern of the largest number.
    """
    number = np.uint32(min(magnitude, limit))
    exponent = np.uint32(max(np.uint32(number & INFINITY), low))
    magic = np.uint32(exponent + rise)
    total = np.float32(number.view(np.float32) + magic.view(np.float32))
    return np.uint32(right(np.uint32(exponent - low), drop) + np.uint32(total.view(np.uint32) - magic))


@njit
def number_of(magnitude: Any, low: Any, rise: Any, limit: Any) -> Any:
    """What an fp32 pattern without sign becomes, as in `code_of`."""
    number = np.uint32(min(magnitude, limit))
    magic = np.uint32(np.uint32(max(np.uint32(number & INFINITY), low)) + rise)
    total = np.float32(number.view(np.float32) + magic.view(np.float32))
    return np.float32(total - magic.view(np.float32))


@njit
def value_of(code: Any, mask: Any, shift: Any, base: Any, normal: Any, step: Any, end: Any, sign: Any) -> Any:
    """Pattern of the value of a code; NaN for magnitudes above `end`.

    `mask` takes the sign off, `shift` and `base` turn a normal code into its pattern, codes below `normal` are
    multiples of `step`, `sign` moves the sign to its place.
    """
    magnitude = np.uint32(code & mask)
    small = np.float32(np.float32(np.int32(magnitude)) * step)
    large = np.uint32(left(magnitude, shift) + base)
    value = np.uint32(small.view(np.uint32) if magnitude < normal else large)
    signed = np.uint32(value | np.uint32(left(code, sign) & SIGN))
    return np.uint32(np.uint32(0x7FC00000) if magnitude > end else signed)


@njit
def encode(bits: U32, fraction: int, least: int, top: int, width: int, out: Codes) -> Any:
    """Code of each fp32 pattern, halves to even, the largest for what is beyond; the largest magnitude, as a pattern.

    `least` is the biased exponent of the smallest normal number, `top` the pattern of the largest.
    """
    low, rise = np.uint32(least << 23), np.uint32((23 - fraction) << 23)
    drop, limit = np.uint32(23 - fraction), np.uint32(top)
    shift, sign = np.uint32(32 - width), np.uint32(1 << (width - 1))
    largest = np.uint32(0)
    for i in range(bits.size):
        u = bits[i]
        magnitude = np.uint32(u & MAGNITUDE)
        largest = np.uint32(max(largest, magnitude))
        code = code_of(magnitude, low, rise, drop, limit)
        out[i] = np.uint8(np.uint32(code | np.uint32(right(u, shift) & sign)))
    return largest


@njit
def rounded(bits: U32, fraction: int, least: int, top: int, out: U32) -> Any:
    """Pattern of what each fp32 pattern becomes, as in `encode`; the largest magnitude, as a pattern."""
    low, rise, limit = np.uint32(least << 23), np.uint32((23 - fraction) << 23), np.uint32(top)
    largest = np.uint32(0)
    for i in range(bits.size):
        u = bits[i]
        magnitude = np.uint32(u & MAGNITUDE)
        largest = np.uint32(max(largest, magnitude))
        near = np.float32(number_of(magnitude, low, rise, limit)).view(np.uint32)
        out[i] = np.uint32(near | np.uint32(u & SIGN))
    return largest


@njit
def decode(codes: Codes, fraction: int, least: int, last: int, width: int, out: U32) -> None:
    """Pattern of the value of each code; NaN for magnitudes above `last`."""
    mask, sign = np.uint32((1 << (width - 1)) - 1), np.uint32(32 - width)
    shift, base, normal = np.uint32(23 - fraction), np.uint32((least - 1) << 23), np.uint32(1 << fraction)
    end, step = np.uint32(last), np.float32(2.0) ** np.float32(least - 127 - fraction)
    for i in range(codes.size):
        out[i] = value_of(np.uint32(codes[i]), mask, shift, base, normal, step, end, sign)
