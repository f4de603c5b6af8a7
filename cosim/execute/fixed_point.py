"""32-bit and 16-bit fixed-point numbers as gemmlowp computes with them, in int64: every step is the register's value.

Exponential, reciprocal and softmax follow gemmlowp's `fixedpoint.h` and LiteRT's reference softmax; numbers are raw
integers, and `integers` is how many of their bits lie before the point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]

TOP = (1 << 31) - 1
# exp(-1/4), exp(-1/2), .. exp(-16) with no bit before the point, by exponent of their argument.
_POWERS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
_EXP_EIGHTH = 1895147668  # exp(-1/8)
_THIRD = 715827883
_DIFFERENCE = 5  # bits before the point of a softmax's scaled differences
_SUM = 12  # and of its sum


def doubling_high(a: Any, b: Any, bits: int = 32) -> Int64s:
    """A * b / 2^(bits-1), halves up for positive and down for negative products, saturated."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    half = np.int64(1) << (bits - 2)
    nudged = product + np.where(product >= 0, half, 1 - half)
    # Division truncates, as in C.
    made = np.where(nudged >= 0, nudged >> (bits - 1), -(-nudged >> (bits - 1)))
    return np.asarray(np.minimum(made, (1 << (bits - 1)) - 1), np.int64)


def right(values: Any, shift: Any) -> Int64s:
    """`values` / 2^`shift`, halves away from zero."""
    values, shift = np.asarray(values, np.int64), np.asarray(shift, np.int64)
    mask = (np.int64(1) << shift) - 1
    return np.asarray((values >> shift) + ((values & mask) > (mask >> 1) + (values < 0)), np.int64)


def left(values: Any, shift: int, bits: int = 32) -> Int64s:
    """`values` * 2^`shift`, saturated."""
    limit = 1 << (bits - 1)
    return np.asarray(np.clip(np.asarray(values, np.int64) << shift, -limit, limit - 1), np.int64)


def exponential(values: Int64s, integers: int) -> Int64s:
    """Exp of `values` <= 0, with no bit before the point; exp(0) is the largest number."""
    point = 31 - integers
    quarter = 1 << (point - 2)
    inside = (values & (quarter - 1)) - quarter
    made, rest = _near_zero(left(inside, integers)), inside - values
    for exponent, factor in _POWERS:
        if integers > exponent:
            made = np.where(rest & (1 << (point + exponent)), doubling_high(made, factor), made)
    return np.asarray(np.where(values == 0, TOP, made), np.int64)


def _near_zero(values: Int64s) -> Int64s:
    """Exp on [-1/4, 0): a Taylor polynomial of degree 4 around -1/8."""
    x = values + (1 << 28)
    square = doubling_high(x, x)
    cube, fourth = doubling_high(square, x), doubling_high(square, square)
    tail = right(doubling_high(right(fourth, 2) + cube, _THIRD) + square, 1)
    return _EXP_EIGHTH + doubling_high(_EXP_EIGHTH, x + tail)


def _reciprocal(sums: Int64s) -> tuple[Int64s, Int64s]:
    """1 / `sums` with no bit before the point, and by how many bits it has been enlarged. Newton and Raphson."""
    _, width = np.frexp(sums.astype(np.float64))
    head = 32 - width.astype(np.int64)
    fraction = ((sums << head) & 0xFFFFFFFF) - (1 << 31)
    total = fraction + TOP
    half = np.where(total >= 0, (total + 1) >> 1, -((1 - total) >> 1))
    x = 1515870810 + doubling_high(half, -1010580540)  # 48/17 - 32/17 d, two bits before the point
    for _ in range(3):
        x = x + left(doubling_high(x, (1 << 29) - doubling_high(half, x)), 2)
    return left(x, 1), _SUM - head


def softmax(codes: Int64s, scale: float, axis: int) -> Int64s:
    """Softmax along `axis` in 256ths, of codes of any zero point; in fixed point from the first step to the last."""
    real = min(scale * (1 << (31 - _DIFFERENCE)), float(TOP))
    mantissa, shift = np.frexp(real)
    factor = int(np.floor(mantissa * (1 << 31) + 0.5))
    if factor == 1 << 31:
        factor, shift = factor >> 1, shift + 1
    least = -int(np.floor(31.0 * (1 << (31 - _DIFFERENCE)) / 2.0 ** int(shift)))
    below = codes - codes.max(axis=axis, keepdims=True)
    counts = below >= least
    scaled = doubling_high(np.where(counts, below, 0) << int(shift), factor)
    powers = exponential(scaled, _DIFFERENCE)
    total = np.where(counts, right(powers, _SUM), 0).sum(axis=axis, keepdims=True)
    inverse, enlarged = _reciprocal(total)
    made = right(doubling_high(inverse, powers), enlarged + 31 - 8)
    return np.asarray(np.where(counts, made, 0), np.int64)


def hard_swish(centred: Int64s, scale: float, target: float) -> Int64s:
    """X * clamp(x + 3, 0, 6) / 6 of codes less their zero point, in steps of `target`, with 16-bit numbers.

    Source: LiteRT's reference kernel of HARD_SWISH, which all of its kernel paths use.
    """
    fine = np.float32(1 / 128) * np.float32(scale)  # codes are moved up by seven bits
    factor, shift = _short(fine / np.float32(target))
    gate_factor, gate_shift = _short(fine / np.float32(3.0 / 32768.0))
    moved = centred << 7
    value = doubling_high(moved, factor, 16)
    gate = left(moved, max(gate_shift - 1, 0), 16)
    gate = doubling_high(gate, gate_factor, 16)
    gate = left(gate, 1, 16) if gate_shift > 0 else right(gate, -gate_shift)
    product = ((gate + (1 << 15)) >> 1) * value
    high = np.minimum(np.where(product >= 0, product >> 15, -(-product >> 15)), (1 << 15) - 1)
    return right(high, -shift)


def _short(real: np.float32) -> tuple[int, int]:
    """A 16-bit fraction and the exponent of what it stands for."""
    from cosim.execute.epilogue import fixed_multipliers

    (factor,), (shift,) = fixed_multipliers(np.array([float(real)]), "q16")
    return int(factor), 15 - int(shift)
