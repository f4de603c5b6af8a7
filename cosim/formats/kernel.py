"""Compiled loops over elements: one look-up each, or a look-up and a short search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit

Codes = NDArray[Any]
U32 = NDArray[np.uint32]

SIGN = np.uint32(0x80000000)
INFINITY = np.uint32(0x7F800000)


@njit
def look_up(bits: U32, table: Codes, out: Codes) -> None:
    """Entry of each fp32 pattern's sticky key."""
    for i in range(bits.size):
        u = bits[i]
        key = (u >> np.uint32(16)) & np.uint32(0xFFFE)
        out[i] = table[key | np.uint32((u & np.uint32(0x1FFFF)) != 0)]


@njit
def has_nan(bits: U32) -> bool:
    """Whether one of the fp32 patterns is a NaN."""
    largest = np.uint32(0)
    for i in range(bits.size):
        largest = max(largest, bits[i] & np.uint32(0x7FFFFFFF))
    return bool(largest > INFINITY)


@njit
def search(
    values: Any,
    scale: float,
    first: NDArray[np.int32],
    last: NDArray[np.int32],
    edges: NDArray[np.float64],
    codes: Codes,
    negative_zero: int,
    nan_codes: NDArray[np.int64],
    out: Codes,
) -> bool:
    """Codes of ``values / scale``, fp32 or fp64, by search among the edges of their cell; whether a NaN was met.

    fp64 numbers are in the cell of what they are truncated to; those beyond fp32 are in the outermost.
    """
    bad = False
    for i in range(values.size):
        x = np.float64(values[i]) / scale
        if np.isnan(x):
            bad = True
            out[i] = nan_codes[1] if np.signbit(x) else nan_codes[0]
            continue
        if x == 0.0 and negative_zero >= 0 and np.signbit(x):
            out[i] = negative_zero
            continue
        near = np.float32(x)
        u = near.view(np.uint32)
        if abs(np.float64(near)) > abs(x):
            u = np.uint32(u - np.uint32(1))
        cell = u >> np.uint32(16)
        low, high = first[cell], last[cell]
        # Bounds within a cell are often evenly spaced: guess by the rest of the fraction, then put it right.
        offset = (np.int64(u & np.uint32(0xFFFF)) * (high - low)) >> 16
        step = high - offset if u & SIGN else low + offset
        while step < high and x > edges[step]:
            step += 1
        while step > low and x <= edges[step - 1]:
            step -= 1
        out[i] = codes[step]
    return bad


@njit
def decode_by_code(codes: Codes, decoded: NDArray[np.float32], out: Any) -> None:
    """Value of each code; patterns beyond the table keep their low bits."""
    mask = decoded.size - 1
    for i in range(codes.size):
        out[i] = decoded[np.int64(codes[i]) & mask]


@njit
def decode_scaled(codes: Codes, decoded: NDArray[np.float32], scale: float, out: Any) -> None:
    """Value of each code times `scale`, rounded once."""
    mask = decoded.size - 1
    for i in range(codes.size):
        out[i] = np.float32(np.float64(decoded[np.int64(codes[i]) & mask]) * scale)


@njit
def bfloat16_codes(bits: U32, out: Codes) -> None:
    """Upper halves of fp32 patterns, halves to even; a NaN stays a NaN."""
    for i in range(bits.size):
        u = bits[i]
        rounded = (u + np.uint32(0x7FFF) + ((u >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
        is_nan = (u & np.uint32(0x7FFFFFFF)) > INFINITY
        out[i] = np.uint16((u >> np.uint32(16)) | np.uint32(0x40)) if is_nan else np.uint16(rounded)
