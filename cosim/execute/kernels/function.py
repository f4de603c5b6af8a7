"""Functions of one element. On 8-bit codes they are a table of 256 entries, made in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import erf  # numpy has no error function

from cosim.execute.call import Array, Call
from cosim.execute.kernels.recode import quantised, recoded
from cosim.execute.quantise import quantised_real, takes_rule
from cosim.formats import IntegerFormat
from cosim.graph.op import Op
from cosim.plugin.functions import Kernel


def _sigmoid(x: Array) -> Array:
    # exp of a negative number only: no overflow on either side.
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _gelu(x: Array, op: Op) -> Array:
    """Hendrycks and Gimpel, doi:10.48550/arXiv.1606.08415."""
    if op["approximate"] == "tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))))
    return np.asarray(0.5 * x * (1 + erf(x * math.sqrt(0.5))))


def _elu(x: Array, op: Op) -> Array:
    return np.where(x >= 0, x, op["alpha"] * np.expm1(np.minimum(x, 0)))


def _same(x: Array) -> Array:
    return x


PLAIN: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "silu": lambda x: x * _sigmoid(x),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "neg": np.negative,
    "abs": np.abs,
    "erf": erf,
    "reciprocal": lambda x: 1 / x,
    "softplus": lambda x: np.logaddexp(x.dtype.type(0), x),
    "identity": _same,
    "quantize": _same,
    "dequantize": _same,
    "requantize": _same,
}
WITH_ATTRIBUTES: dict[str, Callable[[Array, Op], Array]] = {
    "clip": lambda x, op: np.clip(x, op["low"], op["high"]),
    "leaky_relu": lambda x, op: np.where(x >= 0, x, op["alpha"] * x),
    "gelu": _gelu,
    "elu": _elu,
}
FUNCTIONS = (*PLAIN, *WITH_ATTRIBUTES)


def unary(name: str) -> Kernel:
    """Kernel of a function of one operand."""

    def function(x: Array, op: Op) -> Array:
        return PLAIN[name](x) if name in PLAIN else WITH_ATTRIBUTES[name](x, op)

    def kernel(call: Call) -> Array:
        form = call.formats[call.inputs[0].format] if call.is_integer(0) else None
        if name in {"requantize", "identity"} and call.all_integer and call.numerics.preset.requantise is not None:
            return recoded(call.operand(0), call)
        rule = call.numerics.preset.quantise
        if name == "quantize" and not call.is_integer(0) and takes_rule(call.output, call.target, rule):
            unsigned = call.numerics.preset.unsigned
            return quantised_real(call.real(0), call.output, call.integer_target, rule, unsigned=unsigned)
        if not call.all_integer or not isinstance(form, IntegerFormat):
            with np.errstate(all="ignore"):
                return call.encoded(function(call.real(0), call.op))
        codes = call.operand(0)
        with np.errstate(all="ignore"):
            if form.bits > 8:
                return quantised(function(_real(codes, call), call.op), call)
            table = quantised(function(_real(np.arange(256, dtype=np.uint8).view(form.storage), call), call.op), call)
        return table[codes.view(np.uint8)]

    return kernel


def _real(codes: Array, call: Call) -> Array:
    return (codes.astype(np.float64) - call.zero(0)) * call.scale(0)
