"""Booth digits: how many partial products a bit-serial multiplier makes of a value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS = 4  # of an 8-bit two's complement number in radix 4
_REACH = 255  # 8-bit codes less their zero point lie in -255 .. 255 and have five digits


def digits_of(value: int, count: int = DIGITS) -> list[int]:
    """Radix-4 Booth digits of `value`, -2 .. 2, least significant first: -2 b[2i+1] + b[2i] + b[2i-1].

    Source: MacSorley, Proc. IRE 1961, doi:10.1109/JRPROC.1961.287779.

    >>> digits_of(7)
    [-1, 2, 0, 0]
    """
    bits = [0, *((value >> place) & 1 for place in range(2 * count))]
    return [-2 * bits[2 * i + 2] + bits[2 * i + 1] + bits[2 * i] for i in range(count)]


def _counts() -> NDArray[np.uint8]:
    values = range(-_REACH, _REACH + 1)
    return np.array([sum(d != 0 for d in digits_of(value, DIGITS + 1)) for value in values], np.uint8)


_TABLE = _counts()


def digit_counts(codes: NDArray[Any], zero_point: int = 0) -> NDArray[np.uint8]:
    """Digits that are not zero of each code less `zero_point`, same shape; 0 for a value of 0 alone."""
    return np.asarray(_TABLE[codes.astype(np.int64) - zero_point + _REACH])
