"""Codes of one encoding as codes of another."""

from __future__ import annotations

import numpy as np

from cosim.execute.call import Array, Call
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
        real = (codes.astype(np.float64) - call.zero(position)) * call.scale(position)
        return quantised(real, call)
    from_format = call.formats[source.format]
    if call.is_integer(position):
        call.scale(position)  # one scale: codes may have been moved to other places of their axis
    return call.encoded(from_format.decode(codes, source))


def quantised(real: Array, call: Call) -> Array:
    """Codes of float64 values in an integer output encoding; NaN becomes the code of 0, infinities saturate."""
    form = call.integer_target
    codes = np.rint(np.nan_to_num(real / call.output_scale, nan=0.0)) + call.output_zero
    return np.asarray(np.clip(codes, form.low, form.high), form.storage)


def is_same(one: Encoding, other: Encoding) -> bool:
    """Whether two encodings give every code the same meaning."""
    if one is other:
        return True
    if (one.format, one.bits) != (other.format, other.bits):
        return False
    if one.scale is None or other.scale is None:
        return one.scale is None and other.scale is None
    if one.axis != other.axis or one.scale.shape != other.scale.shape:
        return False
    zero, other_zero = (0 if e.zero_point is None else e.zero_point for e in (one, other))
    return np.array_equal(one.scale, other.scale) and bool(np.all(np.equal(zero, other_zero)))
