"""Sums of two operands as frameworks requantise them: a + b of codes with three encodings.

Each rule is integer or float32 arithmetic in the order of its framework; `a` and `b` are codes as the framework has
them (unsigned where the preset says so), `sign` is -1 for a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.execute.epilogue import fixed_multipliers
from cosim.execute.fused import fused
from cosim.execute.requantise import Array, rounded, shifted
from cosim.jit import njit

Bounds = tuple[int, int]


@dataclass(frozen=True)
class Operands:
    """Codes of one shape with their scales and zero points, and those of the result."""

    a: Array
    b: Array
    scales: tuple[float, float, float]
    zeros: tuple[int, int, int]
    bounds: Bounds
    sign: int = 1

    def ratio(self, position: int) -> np.float32:
        """Scale of an operand over that of the result, in float32."""
        return np.float32(self.scales[position]) / np.float32(self.scales[2])


def _lrint_shifted(ratio: np.float32, shift: int) -> int:
    return int(np.rint(np.float64(ratio) * 2.0**shift))


def _integer(operands: Operands, bits: int, tie: int) -> Array:
    """Two multipliers below 2^(bits+1) on a common shift, one rounding."""
    first, second = operands.ratio(0), operands.ratio(1)
    _, exponent = np.frexp(max(first, second))
    shift = bits - (int(exponent) - 1)
    factors = _lrint_shifted(first, shift), operands.sign * _lrint_shifted(second, shift)
    out = np.empty(operands.a.shape, operands.a.dtype)
    _weighted(operands.a, operands.b, factors, operands.zeros, shift, tie, operands.bounds, out)
    return out


def _xnnpack(operands: Operands) -> Array:
    # Outside these ratios its delegate leaves the sum to LiteRT's own kernel.
    if not all(2.0**-10 <= operands.ratio(position) < 2.0**8 for position in (0, 1)):
        return _gemmlowp(operands)
    return _integer(operands, 20, 1)


def _qnnpack(operands: Operands) -> Array:
    return _integer(operands, 21, 2)


def _gemmlowp(operands: Operands) -> Array:
    """Both operands on 20 more bits and on twice the larger scale, then to the result's: rounded three times twice."""
    one, other, result = operands.scales
    largest = 2 * max(one, other)
    real = np.array([one / largest, other / largest, largest / ((1 << 20) * result)])
    factors, shifts = fixed_multipliers(real, "q31")
    out = np.empty(operands.a.shape, operands.a.dtype)
    _three_times(operands.a, operands.b, factors, shifts, operands.zeros, operands.sign, operands.bounds, out)
    return out


def _onnxruntime(operands: Operands) -> Array:
    if operands.sign < 0:
        return _single(operands)
    out = np.empty(operands.a.shape, operands.a.dtype)
    first, second = operands.ratio(0), operands.ratio(1)
    _fixed_part(operands.a, operands.b, first, second, operands.zeros, operands.bounds, out)
    return out


def _single(operands: Operands) -> Array:
    """A difference of real numbers in float32: ONNX Runtime has no operator on codes for it."""
    sides = zip((operands.a, operands.b), operands.scales, operands.zeros, strict=False)
    one, other = ((codes.astype(np.float32) - np.float32(zero)) * np.float32(scale) for codes, scale, zero in sides)
    made = np.rint((one - other) / np.float32(operands.scales[2])) + np.float32(operands.zeros[2])
    return np.clip(made, *operands.bounds).astype(operands.a.dtype)


def _dequantised(operands: Operands) -> Array:
    out = np.empty(operands.a.shape, operands.a.dtype)
    one, other = np.float32(operands.scales[0]), np.float32(operands.sign) * np.float32(operands.scales[1])
    inverse = np.float32(1) / np.float32(operands.scales[2])
    _real_sum(operands.a, operands.b, one, other, inverse, operands.zeros, operands.bounds, out)
    return out


ADDITIONS: Mapping[str, Callable[[Operands], Array]] = MappingProxyType(
    {
        "xnnpack": _xnnpack,
        "qnnpack": _qnnpack,
        "gemmlowp": _gemmlowp,
        "onnxruntime": _onnxruntime,
        "dequantised": _dequantised,
    }
)


@njit
def _weighted(
    a: Array,
    b: Array,
    factors: tuple[int, int],
    zeros: tuple[int, int, int],
    shift: int,
    tie: int,
    bounds: Bounds,
    out: Array,
) -> None:
    for i in range(a.size):
        total = (np.int64(a[i]) - zeros[0]) * factors[0] + (np.int64(b[i]) - zeros[1]) * factors[1]
        out[i] = min(max(shifted(total, shift, tie) + zeros[2], bounds[0]), bounds[1])


@njit(inline="always")
def _scaled(value: Any, factor: Any, shift: Any) -> Any:
    upper = (value * factor + (np.int64(1) << np.int64(30))) >> np.int64(31)
    return shifted(upper, shift - 31, 2)


@njit
def _three_times(
    a: Array,
    b: Array,
    factors: NDArray[np.int64],
    shifts: NDArray[np.int64],
    zeros: tuple[int, int, int],
    sign: int,
    bounds: Bounds,
    out: Array,
) -> None:
    for i in range(a.size):
        first = _scaled((np.int64(a[i]) - zeros[0]) << np.int64(20), factors[0], shifts[0])
        second = _scaled((np.int64(b[i]) - zeros[1]) << np.int64(20), factors[1], shifts[1])
        total = _scaled(first + sign * second, factors[2], shifts[2])
        out[i] = min(max(total + zeros[2], bounds[0]), bounds[1])


@njit
def _fixed_part(
    a: Array,
    b: Array,
    first: np.float32,
    second: np.float32,
    zeros: tuple[int, int, int],
    bounds: Bounds,
    out: Array,
) -> None:
    both = np.float32(np.float64(first) * zeros[0] + np.float64(second * np.float32(zeros[1])))
    fixed = np.float32(zeros[2]) - both
    low, high = np.float32(bounds[0]), np.float32(bounds[1])
    for i in range(a.size):
        inner = fused(np.float32(b[i]), second, fixed)
        real = fused(np.float32(a[i]), first, inner)
        out[i] = np.int32(min(max(np.rint(real), low), high))


@njit
def _real_sum(
    a: Array,
    b: Array,
    one: np.float32,
    other: np.float32,
    inverse: np.float32,
    zeros: tuple[int, int, int],
    bounds: Bounds,
    out: Array,
) -> None:
    first, second = -one * np.float32(zeros[0]), -other * np.float32(zeros[1])
    zero, low, high = np.float32(zeros[2]), np.float32(bounds[0]), np.float32(bounds[1])
    for i in range(a.size):
        left = fused(np.float32(a[i]), one, first)
        right = fused(np.float32(b[i]), other, second)
        out[i] = np.int32(min(max(rounded((left + right) * inverse, 0) + zero, low), high))
