"""Sums that deviate from exact integers, as some hardware makes them: chosen by name, never by accident.

Products of a window are taken tap by tap, and of each tap channel by channel. A tile that sums only part of the
channels deviates like hardware that runs this tile: a schedule equals the whole op in the schedule's order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, UnsupportedError
from cosim.execute.call import Array, Call
from cosim.jit import njit

Int64s = NDArray[np.int64]


def deviating_sums(windows: Array, weights: Array, zero: int, call: Call, inside: Array | None = None) -> Int64s:
    """Sums (rows, outputs) of windows (rows, taps, channels) by weights (outputs, taps, channels).

    `inside` (rows, taps) is False where a tap lies in the padding: hardware skips it.
    """
    numerics = call.numerics
    if numerics.pairs:
        if call.inputs[0].bits > 8:
            raise UnsupportedError("pairs=int16 takes activations of 8 bits", where=call.where)
        if inside is None:
            inside = np.ones(windows.shape[:2], np.bool_)
        return pair_sums(windows.astype(np.int64) + 128, weights, zero + 128, inside)
    return narrow_sums(windows, weights, zero, numerics.accumulator, numerics.overflow, call.where)


def refuse_deviation(call: Call) -> None:
    """Raise `UnsupportedError` where an op kind has no deviating sums."""
    if not call.numerics.is_exact:
        raise UnsupportedError(
            f"no deviating sums are written for {call.op.kind.name}",
            where=call.where,
            allowed="conv2d and linear",
            fix="register a kernel with the hook cosim_kernels",
        )


def pair_sums(windows: Array, weights: Array, zero: int, inside: Array) -> Int64s:
    """Sums (rows, outputs) of uint8 by int8 products that are added in pairs of channels saturating at 16 bits.

    `windows` (rows, taps, channels) are codes with 128 added, `weights` (outputs, taps, channels); `zero` is the code
    of 0 with 128 added, whose share is subtracted exactly; taps that are not `inside` (rows, taps) are left out. Source: Intel 64 and IA-32 Architectures Software
    Developer's Manual, VPMADDUBSW.
    """
    out = np.empty((len(windows), len(weights)), np.int64)
    weights = np.ascontiguousarray(weights, np.int64)
    _pairs(np.ascontiguousarray(windows, np.int64), weights, zero, np.ascontiguousarray(inside), out)
    return out


def narrow_sums(windows: Array, weights: Array, zero: int, bits: int, overflow: str, where: str) -> Int64s:
    """Sums (rows, outputs) in an accumulator of `bits` that wraps, saturates after every product, or may not overflow.

    `windows` (rows, taps, channels) are codes, of which `zero` is that of 0.

    Raises
    ------
    DescriptionError
        With ``overflow="error"``, where a sum does not fit; it says how many did not.
    """
    out = np.empty((len(windows), len(weights)), np.int64)
    limit = 1 << (bits - 1)
    centred = np.ascontiguousarray(windows, np.int64) - zero
    count = _narrow(centred, np.ascontiguousarray(weights, np.int64), limit, overflow == "saturate", out)
    if count and overflow == "error":
        raise DescriptionError(
            f"{count} of {out.size} sums overflow {bits} bits",
            where=where,
            fix="a wider accumulator, or overflow=wrap or saturate",
        )
    return out


@njit
def _pairs(windows: Int64s, weights: Int64s, zero: int, inside: Array, out: Int64s) -> None:
    rows, taps, channels = windows.shape
    for row in range(rows):
        for k in range(len(weights)):
            total = np.int64(0)
            for tap in range(taps):
                if not inside[row, tap]:
                    continue
                for c in range(0, channels, 2):
                    pair, share = windows[row, tap, c] * weights[k, tap, c], weights[k, tap, c]
                    if c + 1 < channels:
                        pair += windows[row, tap, c + 1] * weights[k, tap, c + 1]
                        share += weights[k, tap, c + 1]
                    total += min(max(pair, -32768), 32767) - zero * share
            out[row, k] = total


@njit
def _narrow(windows: Int64s, weights: Int64s, limit: int, saturates: bool, out: Int64s) -> int:
    rows, taps, channels = windows.shape
    overflows = 0
    for row in range(rows):
        for k in range(len(weights)):
            over = False
            total: Any = np.int64(0)
            for tap in range(taps):
                for c in range(channels):
                    total += windows[row, tap, c] * weights[k, tap, c]
                    if total >= limit or total < -limit:
                        over = True
                        if saturates:
                            total = min(max(total, -limit), limit - 1)
            out[row, k] = (total + limit) % (2 * limit) - limit
            overflows += over
    return overflows
