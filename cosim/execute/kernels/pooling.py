"""`max_pool2d` and `avg_pool2d` on boxes."""

from __future__ import annotations

import numpy as np

from cosim.execute.call import Array, Call, padded
from cosim.execute.kernels.recode import averaged, quantised, recoded
from cosim.execute.preset import COSIM
from cosim.formats import IntegerFormat


def max_pool2d(call: Call) -> Array:
    """Maximum of codes; padding never wins."""
    form = call.formats[call.inputs[0].format]
    if isinstance(form, IntegerFormat):
        x = padded(call.operands[0], call.boxes[0], call.reaches[0], form.low, form.storage)
    else:
        real = None if call.operands[0] is None else call.real(0)
        x = padded(real, call.boxes[0], call.reaches[0], -np.inf, np.dtype(np.float32))
    taps = _taps(x, call, call.op["dilations"])
    out = taps[0].copy()
    for tap in taps[1:]:
        np.maximum(out, tap, out=out)
    return recoded(out, call) if isinstance(form, IntegerFormat) else call.encoded(out)


def avg_pool2d(call: Call) -> Array:
    """Sum of the window over its count: exact for integers, then float64 and one rounding."""
    counts = _counts(call)
    if not call.all_integer:
        real = None if call.operands[0] is None else call.real(0)
        x = padded(real, call.boxes[0], call.reaches[0], 0.0, np.dtype(np.float32))
        return call.encoded(_sum(_taps(x, call, (1, 1)), np.dtype(np.float32)) / counts.astype(np.float32))
    zero = call.zero(0)
    storage = call.formats[call.inputs[0].format].storage
    x = padded(call.operands[0], call.boxes[0], call.reaches[0], zero, storage)
    taps = _taps(x, call, (1, 1))
    total = _sum(taps, np.dtype(np.int64)) - len(taps) * zero
    rule = call.numerics.preset.average
    if rule != COSIM and call.inputs[0].bits <= 8:
        real = _real_sum(taps, call) if rule == "dequantised" else None
        return averaged(total, counts, rule, call, real)
    return quantised(total * call.scale(0) / counts, call)


def _sum(taps: list[Array], dtype: np.dtype[np.generic]) -> Array:
    out = taps[0].astype(dtype)
    for tap in taps[1:]:
        out += tap
    return out


def _real_sum(taps: list[Array], call: Call) -> Array:
    """Sum of decoded values in float32, tap by tap: the order shows."""
    zero, scale = call.zero(0), np.float32(call.scale(0))
    out = np.zeros(taps[0].shape, np.float32)
    for tap in taps:
        out += (tap.astype(np.int32) - zero).astype(np.float32) * scale
    return out


def _taps(x: Array, call: Call, dilations: tuple[int, int]) -> list[Array]:
    """The image shifted to each tap of the window, each of the shape of the output box."""
    (sy, sx), (dy, dx) = call.op["strides"], dilations
    rows, width = call.shape[2:]
    return [
        x[:, :, dy * fy : dy * fy + (rows - 1) * sy + 1 : sy, dx * fx : dx * fx + (width - 1) * sx + 1 : sx]
        for fy in range(call.op["kernel"][0])
        for fx in range(call.op["kernel"][1])
    ]


def _counts(call: Call) -> Array:
    """Elements that each window divides by, shape (OY, OX); windows past the padding do not count what is not there."""
    top, left, bottom, right = call.op["pads"]
    along = []
    for axis, before, after in ((0, top, bottom), (1, left, right)):
        low, high = call.output_box[2 + axis]
        size = call.space.inputs[0].axes[2 + axis].size
        start = np.arange(low, high) * call.op["strides"][axis] - before
        stop = np.minimum(start + call.op["kernel"][axis], size + after)
        if not call.op["count_include_pad"]:
            start, stop = np.maximum(start, 0), np.minimum(stop, size)
        along.append(stop - start)
    return np.asarray(np.outer(*along), np.float64)
