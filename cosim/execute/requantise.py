"""Requantisation kernels, compiled: accumulators (outer, channels, inner) to codes.

Each has two loops: along `inner`, where a channel's numbers stay the same, and along the channels where `inner` is 1.
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
Pair = tuple[np.float32, np.float32]


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


@njit(inline="always")
def _real_bounds(bounds: Bounds, inside: bool) -> tuple[Pair, Pair]:
    """What is added before and after rounding, and both ends: in float32, so that what no integer holds saturates."""
    zero, none = np.float32(bounds[0]), np.float32(0.0)
    zeros = (zero, none) if inside else (none, zero)
    return zeros, (np.float32(bounds[1]), np.float32(bounds[2]))


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


@njit(inline="always")
def _once(
    total: np.int64, part: np.float32, scale: np.float32, tie: int, zeros: Pair, ends: Pair, wraps: bool
) -> np.float32:
    if wraps:
        total = np.int64(np.int32(total))
    value = rounded((np.float32(total) + part) * scale + zeros[0], tie) + zeros[1]
    return min(max(value, ends[0]), ends[1])


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
    zeros, ends = _real_bounds(bounds, inside)
    offset = bounds[3]
    outer, channels, inner = accumulators.shape
    if inner == 1:
        rows, targets = accumulators.reshape(outer, channels), out.reshape(outer, channels)
        for o in range(outer):
            for c in range(channels):
                total = np.int64(rows[o, c]) + bias[c]
                targets[o, c] = np.int64(_once(total, part[c], multipliers[c], tie, zeros, ends, wraps)) - offset
        return
    for o in range(outer):
        for c in range(channels):
            scale, whole, rest = multipliers[c], bias[c], part[c]
            for i in range(inner):
                total = np.int64(accumulators[o, c, i]) + whole
                out[o, c, i] = np.int64(_once(total, rest, scale, tie, zeros, ends, wraps)) - offset


@njit(inline="always")
def _twice(
    real: np.float32, addend: np.float32, last: np.float32, divides: bool, tie: int, zeros: Pair, ends: Pair
) -> np.float32:
    real = real + addend
    value = real / last if divides else real * last
    return min(max(rounded(value + zeros[0], tie) + zeros[1], ends[0]), ends[1])


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
    zeros, ends = _real_bounds(bounds, inside)
    offset = bounds[3]
    outer, channels, inner = accumulators.shape
    if inner == 1:
        rows, targets = accumulators.reshape(outer, channels), out.reshape(outer, channels)
        for o in range(outer):
            for c in range(channels):
                real = np.float32(rows[o, c]) * first * steps[c]
                targets[o, c] = np.int64(_twice(real, bias[c], last, divides, tie, zeros, ends)) - offset
        return
    for o in range(outer):
        for c in range(channels):
            step, addend = steps[c], bias[c]
            for i in range(inner):
                real = np.float32(accumulators[o, c, i]) * first * step
                out[o, c, i] = np.int64(_twice(real, addend, last, divides, tie, zeros, ends)) - offset


@njit(inline="always")
def _double(total: np.int64, scale: np.float64, tie: int, wraps: bool, bounds: Bounds) -> Any:
    if wraps:
        total = np.int64(np.int32(total))
    value = rounded_double(np.float64(total) * scale, tie) + bounds[0]
    return np.int64(min(max(value, np.float64(bounds[1])), np.float64(bounds[2]))) - bounds[3]


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
    outer, channels, inner = accumulators.shape
    if inner == 1:
        rows, targets = accumulators.reshape(outer, channels), out.reshape(outer, channels)
        for o in range(outer):
            for c in range(channels):
                targets[o, c] = _double(np.int64(rows[o, c]) + bias[c], multipliers[c], tie, wraps, bounds)
        return
    for o in range(outer):
        for c in range(channels):
            scale, whole = multipliers[c], bias[c]
            for i in range(inner):
                out[o, c, i] = _double(np.int64(accumulators[o, c, i]) + whole, scale, tie, wraps, bounds)


@njit(inline="always")
def _fixed(
    total: np.int64,
    factor: np.int64,
    left: np.int64,
    right: np.int64,
    tie: int,
    twice: bool,
    wraps: bool,
    bounds: Bounds,
) -> Any:
    if wraps:
        total = np.int64(np.int32(total))
    if twice:
        value = shifted(((total << left) * factor + (np.int64(1) << np.int64(30))) >> np.int64(31), right, tie)
    else:
        value = shifted(total * factor, right, tie)
    return min(max(value + bounds[0], bounds[1]), bounds[2]) - bounds[3]


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
    outer, channels, inner = accumulators.shape
    lefts, rights = np.maximum(31 - shifts, 0), shifts
    if twice:
        rights = np.maximum(shifts - 31, 0)
    if inner == 1:
        rows, targets = accumulators.reshape(outer, channels), out.reshape(outer, channels)
        for o in range(outer):
            for c in range(channels):
                total = np.int64(rows[o, c]) + bias[c]
                targets[o, c] = _fixed(total, multipliers[c], lefts[c], rights[c], tie, twice, wraps, bounds)
        return
    for o in range(outer):
        for c in range(channels):
            factor, left, right, whole = multipliers[c], lefts[c], rights[c], bias[c]
            for i in range(inner):
                total = np.int64(accumulators[o, c, i]) + whole
                out[o, c, i] = _fixed(total, factor, left, right, tie, twice, wraps, bounds)
