"""Values of quantised files: known codes, and quantising what is computed."""

from __future__ import annotations

import numpy as np

from cosim.errors import DescriptionError
from cosim.formats import Encoding
from cosim.frontend.lowering.lowering import Lowering
from cosim.frontend.lowering.scale import is_same, signed
from cosim.frontend.lowering.value import Array, Value


def coded(codes: Array, encoding: Encoding, label: str = "") -> Value:
    """A known value that is kept as the signed `codes` of its file."""
    codes = np.asarray(codes)
    scale, zero = encoding.scale, encoding.zero_point
    if scale is None or zero is None:
        raise DescriptionError("codes without a scale", where=label)
    steps, zeros = (encoding.aligned(side, codes.shape) for side in (scale, zero))
    real = ((codes.astype(np.float32) - zeros.astype(np.float32)) * steps.astype(np.float32)).astype(np.float32)
    return Value(tuple(codes.shape), encoding, real, label, codes=codes)


def encoded(low: Lowering, x: Value, encoding: Encoding) -> Value:
    """`x` in `encoding`: itself where it is so already, otherwise by a step that may melt into the one before it."""
    if x.is_coded and is_same(x.encoding, encoding):
        return x
    for before, known_encoding, after in low.quantised.get(id(x), ()):
        if before is x and is_same(known_encoding, encoding):
            return after
    y = low.emit("requantize" if x.is_coded else "quantize", x)
    y.encoding = encoding
    low.quantised.setdefault(id(x), []).append((x, encoding, y))
    return y


def real_number(code: Array, encoding: Encoding) -> float:
    """Number that one code of a file means in `encoding`."""
    return float(np.asarray(coded(signed(code).reshape(1), encoding).array)[0])
