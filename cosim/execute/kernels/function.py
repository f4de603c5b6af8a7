"""Functions of one element. On 8-bit codes they are a table of 256 entries, made in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cosim.execute.call import Array, Call
from cosim.execute.epilogue import Epilogue
from cosim.execute.fixed_point import hard_swish
from cosim.execute.kernels.finish import clamp_codes
from cosim.execute.kernels.recode import limited, quantised, recoded, ruled, scaled, single
from cosim.execute.preset import COSIM
from cosim.execute.quantise import quantised_real, takes_rule
from cosim.formats import IntegerFormat
from cosim.graph.op import Op
from cosim.plugin.functions import Kernel


def _sigmoid(x: Array) -> Array:
    # exp of a negative number only: no overflow on either side.
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _erf(x: Array) -> Array:
    from scipy.special import erf  # numpy has no error function

    return np.asarray(erf(x))


def _gelu(x: Array, op: Op) -> Array:
    """Hendrycks and Gimpel, doi:10.48550/arXiv.1606.08415."""
    if op["approximate"] == "tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))))
    return np.asarray(0.5 * x * (1 + _erf(x * math.sqrt(0.5))))


def _elu(x: Array, op: Op) -> Array:
    return np.where(x >= 0, x, op["alpha"] * np.expm1(np.minimum(x, 0)))


def _same(x: Array) -> Array:
    return x


def _sigmoid_in_steps(x: Array) -> Array:
    power = np.exp(-x.astype(np.float64)).astype(np.float32)
    return np.asarray(np.float32(1) / (np.float32(1) + power))


def _gelu_in_steps(x: Array, op: Op) -> Array:
    from scipy.special import erfc

    half = np.float32(0.5) * x
    if op["approximate"] == "tanh":
        cube = np.float32(0.044715) * x * x * x
        inner = np.float32(math.sqrt(2 / math.pi)) * (x + cube)
        return half * (np.float32(1) + np.tanh(inner.astype(np.float64)).astype(np.float32))
    inner = x * np.float32(-math.sqrt(0.5))
    return np.asarray(half * erfc(inner.astype(np.float64)).astype(np.float32))


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
    "erf": _erf,
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
IN_STEPS: dict[str, Callable[[Array, Op], Array]] = {
    "leaky_relu": lambda x, op: np.where(x >= 0, x, np.float32(op["alpha"]) * x),
    "sigmoid": lambda x, _: _sigmoid_in_steps(x),
    "gelu": _gelu_in_steps,
}
"""Functions in float32 steps as LiteRT's tables take them; the others are correctly rounded."""
_KEPT = frozenset({"relu", "relu6", "abs"})


def unary(name: str) -> Kernel:
    """Kernel of a function of one operand."""

    def function(x: Array, op: Op) -> Array:
        return PLAIN[name](x) if name in PLAIN else WITH_ATTRIBUTES[name](x, op)

    def kernel(call: Call) -> Array:
        form = call.formats[call.inputs[0].format] if call.is_integer(0) else None
        preset = call.numerics.preset
        if name in {"requantize", "identity"} and call.all_integer and preset.requantise is not None:
            return recoded(call.operand(0), call)
        if name == "quantize" and not call.is_integer(0) and takes_rule(call.output, call.target, preset.quantise):
            return quantised_real(
                call.real(0), call.output, call.integer_target, preset.quantise, unsigned=preset.unsigned
            )
        if not call.all_integer or not isinstance(form, IntegerFormat):
            with np.errstate(all="ignore"):
                return call.encoded(function(call.real(0), call.op))
        codes = call.operand(0)
        with np.errstate(all="ignore"):
            if form.bits > 8:
                return quantised(function(_real(codes, call), call.op), call)
            every = np.arange(256, dtype=np.uint8).view(form.storage)
            table = _ruled(name, every, call, function)
        return table[codes.view(np.uint8)]

    return kernel


def _ruled(name: str, codes: Array, call: Call, function: Callable[[Array, Op], Array]) -> Array:
    """Codes of a function of `codes` under the graph's preset."""
    functions = call.numerics.preset.functions
    if call.target.bits <= 8:
        if name in _KEPT and functions.clamp is not None:
            return _clamped(name, codes, call, functions.clamp)
        if name == "leaky_relu" and functions.leaky is not None:
            return _leaky(codes, call)
        if name == "hard_swish" and functions.hard_swish:
            made = hard_swish(codes.astype(np.int64) - call.zero(0), call.scale(0), call.output_scale)
            return limited(made + call.output_zero, call)
        if functions.table_of(name) != COSIM:
            values = single(call, 0, codes)
            rule = functions.table_of(name)
            if name in IN_STEPS and (rule == "reciprocal-away" or name == "leaky_relu"):
                return ruled(IN_STEPS[name](values, call.op), rule, call)
            return ruled(function(values.astype(np.float64), call.op), rule, call)
    return quantised(function(_real(codes, call), call.op), call)


def _clamped(name: str, codes: Array, call: Call, rule: Epilogue) -> Array:
    """What a clamp keeps, as an accumulator with one scale."""
    kept = codes.astype(np.int32) - call.zero(0)
    made = scaled(np.abs(kept) if name == "abs" else kept, rule, call)
    return made if name == "abs" else np.clip(made, *clamp_codes(name, call)).astype(made.dtype)


def _leaky(codes: Array, call: Call) -> Array:
    """Two slopes, each with a multiplier of its own."""
    alpha, ratio = call.op["alpha"], call.scale(0) / call.output_scale
    rule = call.numerics.preset.within("leaky_relu", ratio, abs(alpha) * ratio).functions.leaky
    assert rule is not None  # noqa: S101 - presets that name one have one beyond their limits too
    kept = codes.astype(np.int32) - call.zero(0)
    return np.where(kept >= 0, scaled(kept, rule, call), scaled(kept, rule, call, alpha))


def _real(codes: Array, call: Call) -> Array:
    return (codes.astype(np.float64) - call.zero(0)) * call.scale(0)
