"""Converters: arithmetic, functions of one element, reductions."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from cosim.frontend.lowering import Value, known, view
from cosim.frontend.lowering.norm import clip, leaky, number
from cosim.frontend.lowering.product import scaled
from cosim.frontend.torch.call import Call, Converter


def unary(kind: str) -> Converter:
    """Converter of an operator that is an op kind without attributes."""

    def convert(call: Call) -> Value:
        return call.low.emit(kind, call.tensor("self"))

    return convert


def binary(kind: str) -> Converter:
    """Converter of an operator on two operands."""

    def convert(call: Call) -> Value:
        if call.get("rounding_mode") is not None:
            raise call.refuse(f"rounding_mode={call['rounding_mode']!r}", "true division")
        alpha = call.get("alpha", 1)
        other = call.tensor("other", "exponent")
        return call.low.emit(kind, call.tensor("self"), scaled(call.low, other, float(alpha)))

    return convert


def reversed_subtraction(call: Call) -> Value:
    """aten.rsub: other - alpha * self."""
    alpha = float(call.get("alpha", 1))
    return call.low.emit("sub", call.tensor("other"), scaled(call.low, call.tensor("self"), alpha))


def square(call: Call) -> Value:
    """aten.square."""
    return call.low.emit("mul", call.tensor("self"), call.tensor("self"))


def clamp(call: Call) -> Value:
    """aten.clamp, clamp_min, clamp_max, hardtanh, relu6."""
    lowest = call.get("min", call.get("min_val", -math.inf))
    highest = call.get("max", call.get("max_val", math.inf))
    if isinstance(lowest, Value) or isinstance(highest, Value):
        raise call.refuse("tensors as bounds", "numbers as bounds")
    return clip(call.low, call.tensor("self"), float(lowest), float(highest))


def leaky_relu(call: Call) -> Value:
    """aten.leaky_relu."""
    return call.low.emit("leaky_relu", call.tensor("self"), alpha=float(call["negative_slope"]))


def elu(call: Call) -> Value:
    """aten.elu, which is also how SELU and CELU arrive: scale * (x where x >= 0, else alpha * (exp(s * x) - 1))."""
    low, inner, outer = call.low, float(call["input_scale"]), float(call["scale"])
    y = low.emit("elu", scaled(low, call.tensor("self"), inner), alpha=float(call["alpha"]) * inner)
    return scaled(low, y, outer / inner)


def gelu(call: Call) -> Value:
    """aten.gelu."""
    return call.low.emit("gelu", call.tensor("self"), approximate=call.get("approximate", "none"))


def softplus(call: Call) -> Value:
    """aten.softplus; beyond the threshold both formulas agree within fp32."""
    if call["beta"] != 1:
        raise call.refuse(f"beta={call['beta']}", "beta=1")
    return call.low.emit("softplus", call.tensor("self"))


def mish(call: Call) -> Value:
    """aten.mish: x * tanh(softplus(x))."""
    x = call.tensor("self")
    return call.low.emit("mul", x, call.low.emit("tanh", call.low.emit("softplus", x)))


def prelu(call: Call) -> Value:
    """aten.prelu: slope per channel."""
    x, slope = call.tensor("self"), call.tensor("weight")
    if slope.shape not in ((1,), ()) and x.rank > 1:
        slope = view.reshape(call.low, slope, (-1, *(1,) * (x.rank - 2)))
    return leaky(call.low, x, slope)


def power(call: Call) -> Value:
    """aten.pow; squares and roots get their own op kinds."""
    base, exponent = call.arguments["self"], call.arguments["exponent"]
    if isinstance(base, Value) and not isinstance(exponent, Value):
        if exponent == 2:
            return call.low.emit("mul", base, base)
        if exponent == 0.5:
            return call.low.emit("sqrt", base)
        if exponent == -0.5:
            return call.low.emit("rsqrt", base)
    return call.low.emit("pow", call.tensor("self"), call.tensor("exponent"))


def reduction(kind: str) -> Converter:
    """Converter of a reduction over `dim`, or over everything."""

    def convert(call: Call) -> Value:
        x = call.tensor("self")
        dims = call.get("dim")
        if isinstance(dims, int):
            dims = [dims]
        axes = tuple(int(axis) for axis in dims) if dims else tuple(range(x.rank))
        return call.low.emit(kind, x, axes=axes, keepdims=bool(call.get("keepdim", False)))

    return convert


def variance(call: Call) -> Value:
    """aten.var with Bessel's or another correction."""
    return _moments(call)[0]


def deviation(call: Call) -> Value:
    """aten.std."""
    return call.low.emit("sqrt", _moments(call)[0])


def _moments(call: Call) -> tuple[Value, Value]:
    """Variance and mean over `dim`."""
    x, low = call.tensor("self"), call.low
    dims = call.get("dim") or range(x.rank)
    axes = tuple(int(axis) % x.rank for axis in ([dims] if isinstance(dims, int) else dims))
    count = math.prod(x.shape[axis] for axis in axes)
    correction = float(call.get("correction", 1.0 if call.get("unbiased", True) else 0.0))
    mean = low.emit("reduce_mean", x, axes=axes, keepdims=True)
    difference = low.emit("sub", x, mean)
    spread = low.emit("reduce_mean", low.emit("mul", difference, difference), axes=axes, keepdims=True)
    results = (scaled(low, spread, count / (count - correction)), mean)
    if call.get("keepdim", False):
        return results
    kept = tuple(extent for axis, extent in enumerate(x.shape) if axis not in axes)
    return view.reshape(low, results[0], kept), view.reshape(low, mean, kept)


def masked_fill(call: Call) -> Value:
    """aten.masked_fill with a known mask."""
    mask, value = call.tensor("mask"), call.tensor("value")
    return _blend(call, mask, value, call.tensor("self"))


def where(call: Call) -> Value:
    """aten.where with a known condition."""
    return _blend(call, call.tensor("condition"), call.tensor("self"), call.tensor("other"))


def _blend(call: Call, condition: Value, chosen: Value, other: Value) -> Value:
    """Elements of `chosen` where the known `condition` holds, of `other` elsewhere."""
    if condition.array is None:
        raise call.refuse("a mask that is only known at run time", "a constant mask", "pass an additive float mask")
    mask = condition.array.astype(np.bool_)
    if chosen.array is not None and np.all(np.isneginf(chosen.array)):
        return call.low.emit("add", other, known(np.where(mask, np.float32(-np.inf), np.float32(0.0)), "mask"))
    parts = []
    for value, kept in ((chosen, mask), (other, ~mask)):
        if value.array is not None:
            parts.append(known(np.where(kept, np.asarray(value.array, np.float32), np.float32(0.0)), "mask"))
        else:
            parts.append(call.low.emit("mul", value, known(kept.astype(np.float32), "mask")))
    return call.low.emit("add", *parts)


def log_sigmoid(call: Call) -> Value:
    """aten.log_sigmoid: -softplus(-x)."""
    return call.low.emit("neg", call.low.emit("softplus", call.low.emit("neg", call.tensor("self"))))


def log1p(call: Call) -> Value:
    """aten.log1p."""
    return call.low.emit("log", call.low.emit("add", call.tensor("self"), number(1.0)))


def expm1(call: Call) -> Value:
    """aten.expm1."""
    return call.low.emit("sub", call.low.emit("exp", call.tensor("self")), number(1.0))


_UNARY = ["relu", "sigmoid", "tanh", "exp", "log", "sqrt", "rsqrt", "neg", "abs", "erf", "reciprocal", "silu"]
CONVERTERS: Mapping[str, Converter] = {
    **{f"aten.{kind}": unary(kind) for kind in _UNARY},
    **{f"aten.{kind}": binary(kind) for kind in ("add", "sub", "mul", "div", "maximum", "minimum")},
    "aten.hardswish": unary("hard_swish"),
    "aten.hardsigmoid": unary("hard_sigmoid"),
    "aten.rsub": reversed_subtraction,
    "aten.square": square,
    "aten.clamp": clamp,
    "aten.clamp_min": clamp,
    "aten.clamp_max": clamp,
    "aten.hardtanh": clamp,
    "aten.relu6": lambda call: call.low.emit("relu6", call.tensor("self")),
    "aten.leaky_relu": leaky_relu,
    "aten.elu": elu,
    "aten.gelu": gelu,
    "aten.softplus": softplus,
    "aten.log_sigmoid": log_sigmoid,
    "aten.log1p": log1p,
    "aten.expm1": expm1,
    "aten.mish": mish,
    "aten.prelu": prelu,
    "aten._prelu_kernel": prelu,
    "aten.pow": power,
    "aten.mean": reduction("reduce_mean"),
    "aten.sum": reduction("reduce_sum"),
    "aten.amax": reduction("reduce_max"),
    "aten.amin": reduction("reduce_min"),
    "aten.var": variance,
    "aten.std": deviation,
    "aten.var_mean": _moments,
    "aten.masked_fill": masked_fill,
    "aten.where": where,
}
