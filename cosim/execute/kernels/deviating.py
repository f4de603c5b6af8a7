"""Sums that deviate from exact integers, as some hardware makes them: chosen by name, never by accident.

Products of a window are taken tap by tap, and of each tap channel by channel. A tile that sums only part of the
terms goes on from the partial sums that it is given, so a schedule equals the whole op in the schedule's order. What
overflows is counted (`cosim.execute.overflow`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, UnsupportedError
from cosim.execute.call import Array, Call
from cosim.execute.overflow import note
from cosim.jit import njit

Int64s = NDArray[np.int64]

_MODES = {"wrap": 0, "saturate": 1, "count": 2, "error": 2}
_TAPS = frozenset({3, 5, 7})  # windows of fbgemm's depthwise kernels


def deviating_sums(
    windows: Array, weights: Array, zero: int, call: Call, inside: Array | None = None, start: Array | None = None
) -> Int64s:
    """Sums (rows, outputs) of windows (rows, taps, channels) by weights (outputs, taps, channels).

    `inside` (rows, taps) is False where a tap lies in the padding: hardware skips it. `start` (rows, outputs) are
    partial sums to go on from; the result is what is to be added to them.
    """
    numerics = call.numerics
    if numerics.pairs:
        if call.inputs[0].bits > 8:
            raise UnsupportedError(f"pairs={numerics.pairs} takes activations of 8 bits", where=call.where)
        if inside is None or numerics.pairs == "taps":
            inside = np.ones(windows.shape[:2], np.bool_)
        return pair_sums(windows.astype(np.int64) + 128, weights, zero + 128, inside, call.op.name)
    return narrow_sums(
        windows, weights, zero, numerics.accumulator, numerics.overflow, call.where, start=start, op=call.op.name
    )


def pairs_of_taps(call: Call) -> bool:
    """Whether fbgemm takes its depthwise kernel, which adds the products of neighbouring taps in pairs."""
    if call.op.kind.name != "conv2d":
        return False
    (fy, fx), groups = call.space.inputs[1].shape[2:], call.op["groups"]
    return bool(
        call.space.inputs[1].axes[1].size == 1
        and call.space.inputs[0].axes[1].size == groups
        and groups % 8 == 0
        and groups > call.numerics.preset.products.many_groups
        and fy == fx
        and fy in _TAPS
        and tuple(call.op["pads"]) == (fy // 2,) * 4
        and max(call.op["strides"]) <= 2
        and tuple(call.op["dilations"]) == (1, 1)
    )


def refuse_deviation(call: Call) -> None:
    """Raise `UnsupportedError` where an op kind has no such deviating sums."""
    if call.numerics.pairs:
        raise UnsupportedError(
            f"no sums in pairs are written for {call.op.kind.name}",
            where=call.where,
            allowed="conv2d and linear",
            fix="register a kernel with the hook cosim_kernels",
        )


def product_sums(left: Array, right: Array, zero: int, call: Call) -> Int64s:
    """Sums (..., M, N) of left (..., M, K), of which `zero` is the code of 0, by right (..., K, N), without one."""
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    rows, terms, outputs = left.shape[-2], left.shape[-1], right.shape[-1]
    left, right = np.broadcast_to(left, (*batch, rows, terms)), np.broadcast_to(right, (*batch, terms, outputs))
    out = np.empty((*batch, rows, outputs), np.int64)
    for place in np.ndindex(*batch):
        begun = None if call.accumulators is None else call.accumulators[place]
        out[place] = deviating_sums(left[place][:, None], right[place].T[:, None], zero, call, start=begun)
    return out


def pair_sums(windows: Array, weights: Array, zero: int, inside: Array, op: str = "") -> Int64s:
    """Sums (rows, outputs) of uint8 by int8 products that are added in pairs of channels saturating at 16 bits.

    `windows` (rows, taps, channels) are codes with 128 added, `weights` (outputs, taps, channels); `zero` is the code
    of 0 with 128 added, whose share is subtracted exactly; taps that are not `inside` (rows, taps) are left out. Source: Intel 64 and IA-32 Architectures Software
    Developer's Manual, VPMADDUBSW.
    """
    out = np.empty((len(windows), len(weights)), np.int64)
    weights = np.ascontiguousarray(weights, np.int64)
    ranges = np.zeros(2, np.int64)
    count = _pairs(np.ascontiguousarray(windows, np.int64), weights, zero, np.ascontiguousarray(inside), out, ranges)
    note(op, out.size, count, int(ranges[0]), int(ranges[1]))
    return out


def narrow_sums(
    windows: Array,
    weights: Array,
    zero: int,
    bits: int,
    overflow: str,
    where: str,
    *,
    start: Array | None = None,
    op: str = "",
) -> Int64s:
    """Sums (rows, outputs) in an accumulator of `bits`: it wraps, saturates after every product, counts, or may not.

    `windows` (rows, taps, channels) are codes, of which `zero` is that of 0. With `start` the accumulator begins there,
    and the result is the difference from it.

    Raises
    ------
    DescriptionError
        With ``overflow="error"``, where a sum does not fit; it says how many did not.
    """
    shape = (len(windows), len(weights))
    begun = np.zeros(shape, np.int64) if start is None else np.asarray(start, np.int64).reshape(shape)
    out, ranges = np.empty(shape, np.int64), np.zeros(2, np.int64)
    centred = np.ascontiguousarray(windows, np.int64) - zero
    factors, limit = np.ascontiguousarray(weights, np.int64), 1 << (bits - 1)
    count = _narrow(centred, factors, np.ascontiguousarray(begun), limit, _MODES[overflow], out, ranges)
    note(op, out.size, count, int(ranges[0]), int(ranges[1]))
    if count and overflow == "error":
        raise DescriptionError(
            f"{count} of {out.size} sums overflow {bits} bits",
            where=where,
            fix="a wider accumulator, or overflow=wrap, saturate or count",
        )
    return out - begun


@njit
def _pairs(windows: Int64s, weights: Int64s, zero: int, inside: Array, out: Int64s, ranges: Int64s) -> int:
    rows, taps, channels = windows.shape
    saturated = 0
    for row in range(rows):
        for k in range(len(weights)):
            total = np.int64(0)
            over = False
            for tap in range(taps):
                if not inside[row, tap]:
                    continue
                for c in range(0, channels, 2):
                    pair, share = windows[row, tap, c] * weights[k, tap, c], weights[k, tap, c]
                    if c + 1 < channels:
                        pair += windows[row, tap, c + 1] * weights[k, tap, c + 1]
                        share += weights[k, tap, c + 1]
                    cut = min(max(pair, -32768), 32767)
                    over = over or cut != pair
                    total += cut - zero * share
                    ranges[0], ranges[1] = min(ranges[0], total), max(ranges[1], total)
            out[row, k] = total
            saturated += over
    return saturated


@njit
def _narrow(windows: Int64s, weights: Int64s, begun: Int64s, limit: int, mode: int, out: Int64s, ranges: Int64s) -> int:
    """How many sums leave [-limit, limit); 0 wraps, 1 saturates, 2 only counts."""
    rows, taps, channels = windows.shape
    overflows = 0
    for row in range(rows):
        for k in range(len(weights)):
            total: Any = begun[row, k]
            over = False
            least = most = total
            for tap in range(taps):
                for c in range(channels):
                    total += windows[row, tap, c] * weights[k, tap, c]
                    least, most = min(least, total), max(most, total)
                    if total >= limit or total < -limit:
                        over = True
                        if mode == 1:
                            total = min(max(total, -limit), limit - 1)
            ranges[0], ranges[1] = min(ranges[0], least), max(ranges[1], most)
            out[row, k] = (total + limit) % (2 * limit) - limit if mode == 0 else total
            overflows += over
    return overflows
