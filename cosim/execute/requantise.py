"""Requantisation kernels, compiled: accumulators (outer, channels, inner) to codes.

Float rules are float32 operations in the order that is written here: compiled without fast math, so nothing is
contracted or reordered. `bounds` are (zero point, lowest, highest code, offset of the rule's codes to ours).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit

Array = NDArray[Any]
Bounds = tuple[int, int, int, int]


@njit(inline="always")
def rounded(value: np.float32, tie: int) -> Any:
    """Nearest integer; halves to even (0), up (1) or away from zero (2)."""
    if tie == 0:
        return np.rint(value)
    if tie == 1:
        low = np.floor(value)
        return low + np.float32(1.0) if value - low >= np.float32(0.5) else low
    low = np.floor(abs(value))
    size = low + np.float32(1.0) if abs(value) - low >= np.float32(0.5) else low
    return -size if value < 0 else size


@njit(inline="always")
def rounded_double(value: np.float64, tie: int) -> Any:
    """The same in float64."""
    if tie == 0:
        return np.rint(value)
    if tie == 1:
        low = np.floor(value)
        return low + 1.0 if value - low >= 0.5 else low
    low = np.floor(abs(value))
    size = low + 1.0 if abs(value) - low >= 0.5 else low
    return -size if value < 0 else size


@njit(inline="always")
def shifted(value: Any, shift: int, tie: int) -> Any:
    """Value / 2^shift to the nearest integer."""
    if shift <= 0:
        return value
    if shift > 62:
        return 0
    half = np.int64(1) << np.int64(shift - 1)
    if tie == 1:
        return (value + half) >> shift
    if tie == 2:
        return (value + half) >> shift if value >= 0 else -((-value + half) >> shift)
    low = value >> shift
    rest = value - (low << shift)
    return low + 1 if rest > half or (rest == half and low & 1) else low


@njit
def float_even(
    accumulators: NDArray[np.int32],
    bias: NDArray[np.int32],
    multipliers: NDArray[np.float32],
    inside: bool,
    bounds: Bounds,
    out: Array,
) -> None:
    """`float_once` with halves to even, in 32 bits throughout: the sum with the bias wraps."""
    zero, low, high, offset = bounds
    zero_in = np.float32(zero) if inside else np.float32(0.0)
    zero_out = np.float32(0.0) if inside else np.float32(zero)
    bottom, top, less = np.float32(low), np.float32(high), np.int32(offset)
    outer, channels, inner = accumulators.shape
    for o in range(outer):
        for c in range(channels):
            scale, whole = multipliers[c], bias[c]
            line, target = accumulators[o, c], out[o, c]
            for i in range(inner):
                value = np.rint(np.float32(np.int32(line[i] + whole)) * scale + zero_in) + zero_out
                target[i] = np.int32(min(max(value, bottom), top)) - less


@njit
def float_once(
    accumulators: Array,
    bias: NDArray[np.int64],
    part: NDArray[np.float32],
    multipliers: NDArray[np.float32],
    tie: int,
    inside: bool,
    wraps: bool,
    bounds: Bounds,
    out: Array,
) -> None:
    """round((float32(acc + bias) + part) * multiplier [+ zero]) [+ zero]."""
    # zero_in/zero_out: the clamp happens in float32, so that values beyond the integers' range saturate.
    zero, low, high, offset = bounds
    zero_in = np.float32(zero) if inside else np.float32(0.0)
    zero_out = np.float32(0.0) if inside else np.float32(zero)
    bottom, top = np.float32(low), np.float32(high)
    outer, channels, inner = accumulators.shape
    for o in range(outer):
        for c in range(channels):
            scale, whole, rest = multipliers[c], bias[c], part[c]
            for i in range(inner):
                total = np.int64(accumulators[o, c, i]) + whole
                if wraps:
                    total = np.int64(np.int32(total))
                product = (np.float32(total) + rest) * scale
                value = rounded(product + zero_in, tie) + zero_out
                out[o, c, i] = np.int64(min(max(value, bottom), top)) - offset


@njit
def float_twice(
    accumulators: Array,
    bias: NDArray[np.float32],
    first: np.float32,
    steps: NDArray[np.float32],
    last: np.float32,
    divides: bool,
    tie: int,
    inside: bool,
    bounds: Bounds,
    out: Array,
) -> None:
    """round((float32(acc) * first * step + bias) * last [+ zero]) [+ zero], or divided by last."""
    zero, low, high, offset = bounds
    zero_in = np.float32(zero) if inside else np.float32(0.0)
    zero_out = np.float32(0.0) if inside else np.float32(zero)
    bottom, top = np.float32(low), np.float32(high)
    outer, channels, inner = accumulators.shape
    for o in range(outer):
        for c in range(channels):
            step, addend = steps[c], bias[c]
            for i in range(inner):
                real = np.float32(accumulators[o, c, i]) * first * step + addend
                value = real / last if divides else real * last
                value = rounded(value + zero_in, tie) + zero_out
                out[o, c, i] = np.int64(min(max(value, bottom), top)) - offset


@njit
def float_double(
    accumulators: Array,
    bias: NDArray[np.int64],
    multipliers: NDArray[np.float64],
    tie: int,
    wraps: bool,
    bounds: Bounds,
    out: Array,
) -> None:
    """round((acc + bias) * multiplier) + zero, in float64."""
    zero, low, high, offset = bounds
    outer, channels, inner = accumulators.shape
    for o in range(outer):
        for c in range(channels):
            scale, whole = multipliers[c], bias[c]
            for i in range(inner):
                total = np.int64(accumulators[o, c, i]) + whole
                if wraps:
                    total = np.int64(np.int32(total))
                value = rounded_double(np.float64(total) * scale, tie) + zero
                out[o, c, i] = np.int64(min(max(value, np.float64(low)), np.float64(high))) - offset


@njit
def fixed_point(
    accumulators: Array,
    bias: NDArray[np.int64],
    multipliers: NDArray[np.int64],
    shifts: NDArray[np.int64],
    tie: int,
    twice: bool,
    wraps: bool,
    bounds: Bounds,
    out: Array,
) -> None:
    """((acc + bias) * multiplier) / 2^shift, rounded once; or twice, first to the upper 32 bits with ties up."""
    zero, low, high, offset = bounds
    outer, channels, inner = accumulators.shape
    for o in range(outer):
        for c in range(channels):
            factor, shift, whole = multipliers[c], shifts[c], bias[c]
            left, right = max(31 - shift, 0), max(shift - 31, 0)
            for i in range(inner):
                total = np.int64(accumulators[o, c, i]) + whole
                if wraps:
                    total = np.int64(np.int32(total))
                if twice:
                    upper = ((total << left) * factor + (np.int64(1) << np.int64(30))) >> np.int64(31)
                    value = shifted(upper, right, tie)
                else:
                    value = shifted(total * factor, shift, tie)
                out[o, c, i] = min(max(value + zero, low), high) - offset
