"""Compiled loops over elements: one look-up and one comparison each, or a look-up and a short search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit

Codes = NDArray[Any]
U32 = NDArray[np.uint32]

SIGN = np.uint32(0x80000000)
MAGNITUDE = np.uint32(0x7FFFFFFF)
INFINITY = np.uint32(0x7F800000)
PIECE = 1024  # elements whose entries are fetched before they are used: the second loop is then vectorised
_HALF, _BYTE, _LOW = np.uint32(16), np.uint32(24), np.uint32(0xFFFF)
_WORD = np.uint32(31)


@njit
def left(word: Any, places: Any) -> Any:
    """`word` shifted within 32 bits.

    numba widens every operation on 32 bits to 64, and vectors hold half as many of those: so each result is taken back
    at once, and shifts are masked, which tells the compiler that nothing else can be meant.
    """
    return np.uint32(word << np.uint32(places & _WORD))


@njit
def right(word: Any, places: Any) -> Any:
    """`word` shifted down, filled with zeros."""
    return np.uint32(word >> np.uint32(places & _WORD))


@njit
def by_cell(bits: U32, entries: U32, shift: int, out: Codes) -> Any:
    """Code of each fp32 pattern by the entry of its cell; the largest magnitude met, as a pattern."""
    fetched = np.empty(PIECE, np.uint32)
    low = np.uint32((1 << shift) - 1)
    largest = np.uint32(0)
    for start in range(0, bits.size, PIECE):
        part = bits[start : start + PIECE]
        _fetch(part, entries, np.uint32(shift), fetched[: part.size])
        largest = max(largest, _choose(part, fetched[: part.size], low, out[start : start + PIECE]))
    return np.uint32(largest)


@njit
def _fetch(bits: U32, entries: U32, shift: Any, fetched: U32) -> None:
    for i in range(bits.size):
        fetched[i] = entries[right(bits[i], shift)]


@njit
def _choose(bits: U32, fetched: U32, low: Any, out: Codes) -> Any:
    largest = np.uint32(0)
    for i in range(bits.size):
        u, entry = bits[i], fetched[i]
        largest = np.uint32(max(largest, np.uint32(u & MAGNITUDE)))
        beyond = np.uint32(u & low) >= np.uint32(entry & _LOW)
        out[i] = np.uint8(np.uint32(np.uint32(entry >> _BYTE) if beyond else np.uint32(entry >> _HALF)))
    return largest


@njit
def mark_nan(bits: U32, positive: int, negative: int, out: Codes) -> None:
    """Write `positive` or `negative` where an fp32 pattern is a NaN."""
    for i in range(bits.size):
        if bits[i] & MAGNITUDE > INFINITY:
            out[i] = negative if bits[i] & SIGN else positive


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
    mask = np.uint32(decoded.size - 1)
    for i in range(codes.size):
        out[i] = decoded[np.uint32(codes[i]) & mask]


@njit
def bfloat16_codes(bits: U32, out: Codes) -> None:
    """Upper halves of fp32 patterns, halves to even; a NaN stays a NaN."""
    for i in range(bits.size):
        u = bits[i]
        rounded = (u + np.uint32(0x7FFF) + ((u >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
        is_nan = (u & np.uint32(0x7FFFFFFF)) > INFINITY
        out[i] = np.uint16((u >> np.uint32(16)) | np.uint32(0x40)) if is_nan else np.uint16(rounded)


@njit
def bfloat16_values(codes: Codes, out: U32) -> None:
    """fp32 patterns with the codes as their upper halves."""
    for i in range(codes.size):
        out[i] = left(np.uint32(codes[i]), np.uint32(16))
