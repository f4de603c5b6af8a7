"""Codes of one encoding as codes of another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cosim.execute.averages import AVERAGES, TOTALS, Average
from cosim.execute.call import Array, Call
from cosim.execute.epilogue import Epilogue, Scales
from cosim.execute.quantise import coded
from cosim.formats import Encoding, IntegerFormat


def recoded(codes: Array, call: Call, position: int = 0) -> Array:
    """`codes`, in the encoding of operand `position` and the shape of the output box, in the output's encoding.

    Integer to integer is ``rint((code - zero) * scale / scale_out) + zero_out`` in float64, halves to even.
    """
    source, target = call.inputs[position], call.output
    if is_same(source, target):
        return codes
    form = call.target
    if call.is_integer(position) and isinstance(form, IntegerFormat):
        preset = call.numerics.preset
        if preset.requantise is not None and source.bits <= 8 and form.bits <= 8:
            rule = preset.within("requantise", call.scale(position) / call.output_scale).requantise
            if isinstance(rule, Epilogue):
                return scaled(codes.astype(np.int32) - call.zero(position), rule, call, position=position)
            return ruled(single(call, position, codes), str(rule), call)
        real = (codes.astype(np.float64) - call.zero(position)) * call.scale(position)
        return quantised(real, call)
    from_format = call.formats[source.format]
    if call.is_integer(position):
        call.scale(position)  # one scale: codes may have been moved to other places of their axis
    return call.encoded(from_format.decode(codes, source))


def scaled(kept: Array, rule: Epilogue, call: Call, factor: float = 1.0, *, position: int = 0) -> Array:
    """Codes of `kept`, codes less their zero point, as accumulators of one scale, that of the operand times `factor`."""
    form = call.integer_target
    made = rule(
        kept.astype(np.int32).reshape(1, 1, -1),
        np.zeros(1, np.int64),
        Scales(call.scale(position), np.array([factor]), call.output_scale),
        axis=1,
        zero=call.output_zero,
        low=form.low,
        high=form.high,
        storage=form.storage,
    )
    return made.reshape(kept.shape)


def ruled(real: NDArray[np.floating], rule: str, call: Call) -> Array:
    """Codes of real numbers by a rule of `cosim.execute.quantise`, in the codes of the framework."""
    form, offset = call.integer_target, 128 if call.numerics.preset.unsigned else 0
    bounds = form.low + offset, form.high + offset
    made = coded(real, call.output_scale, call.output_zero + offset, bounds, rule) - offset
    return np.asarray(made, form.storage)


def single(call: Call, position: int, codes: Array | None = None) -> NDArray[np.float32]:
    """Real numbers of an operand, or of other codes with its encoding, in float32 steps."""
    codes = call.operand(position) if codes is None else codes
    return (codes.astype(np.float32) - np.float32(call.zero(position))) * np.float32(call.scale(position))


def limited(codes: Array, call: Call) -> Array:
    """`codes` clamped to those of the output."""
    form = call.integer_target
    return np.asarray(np.clip(codes, form.low, form.high), form.storage)


def averaged(total: Array, counts: Array, rule: str, call: Call, real: Array | None = None) -> Array:
    """Codes of averages by the rule of a framework; `total` are sums of codes less their zero point, `real` of values.

    A rule that stays in the input's encoding is followed by a change of encoding where the output has another.
    """
    made, offset = _made(total, counts, AVERAGES[rule], call, real)
    return recoded(limited(made - offset, call), call) if rule == "raw-away" else limited(made - offset, call)


def totalled(total: Array, count: int, rule: str, call: Call) -> Array:
    """Codes of sums of `count` codes less their zero point by the rule of a framework."""
    made, offset = _made(total, np.asarray(float(count)), TOTALS[rule], call, None)
    return limited(made - offset, call)


def _made(
    total: Array, counts: Array, rule: Callable[[Average], NDArray[np.int64]], call: Call, real: Array | None
) -> tuple[NDArray[np.int64], int]:
    """Codes by `rule`, and how much higher than ours they are."""
    offset = 128 if call.numerics.preset.unsigned else 0
    zero = call.zero(0) + offset
    sums = np.asarray(total + counts * zero, np.int64)
    scales, zeros = (call.scale(0), call.output_scale), (zero, call.output_zero + offset)
    first = int(call.output_box[1, 0]) if len(call.output_box) > 1 else 0
    channels = call.space.output.axes[1].size if len(call.output_box) > 1 else 1
    return rule(Average(sums, counts, scales, zeros, real, (first, channels))), offset


def quantised(real: Array, call: Call) -> Array:
    """Codes of float64 values in an integer output encoding; NaN becomes the code of 0, infinities saturate."""
    form = call.integer_target
    codes = np.rint(np.nan_to_num(real / call.output_scale, nan=0.0)) + call.output_zero
    return np.asarray(np.clip(codes, form.low, form.high), form.storage)


def is_same(one: Encoding, other: Encoding) -> bool:
    """Whether two encodings give every code the same meaning."""
    if one is other:
        return True
    if (one.format, one.bits, one.block, one.block_axis) != (other.format, other.bits, other.block, other.block_axis):
        return False
    if one.threshold is not other.threshold and not _equal(one.threshold, other.threshold):
        return False
    if one.scale is None or other.scale is None:
        return one.scale is None and other.scale is None
    if one.axis != other.axis or one.scale.shape != other.scale.shape:
        return False
    zero, other_zero = (0 if e.zero_point is None else e.zero_point for e in (one, other))
    return np.array_equal(one.scale, other.scale) and bool(np.all(np.equal(zero, other_zero)))


def _equal(one: NDArray[np.float64] | None, other: NDArray[np.float64] | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)
