"""Compound functions that exporters spell out (SiLU, GELU, hard swish, layer norm) written as the one op they are.

A rule looks backwards from a new step; the steps that it makes superfluous are dropped when the Graph is
finished. No rule repeats a matrix product or convolution, so MACs never change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from cosim.frontend.lowering.lowering import Lowering
from cosim.frontend.lowering.value import Step, Value, known, scalar

Rule = Callable[[Lowering, Value], "Value | None"]
Gate = tuple[Value, float, str, dict[str, object]]
"""(x, factor, kind, attributes): x times this gate times factor is the function `kind` of x."""


def _near(value: float | None, target: float) -> bool:
    return value is not None and math.isclose(value, target, rel_tol=2e-4)


def _pairs(step: Step) -> tuple[tuple[Value, Value], tuple[Value, Value]]:
    a, b = step.inputs
    return (a, b), (b, a)


def _factors(value: Value, stop: Value | None = None, depth: int = 5) -> tuple[float, list[Value]]:
    """Coefficient and factors of a product, not looking inside `stop`."""
    step = value.step
    if value is stop or depth == 0 or step is None or step.kind not in ("mul", "div"):
        return 1.0, [value]
    a, b = step.inputs
    if step.kind == "div":
        divisor = scalar(b)
        if divisor is None or divisor == 0.0:
            return 1.0, [value]
        coefficient, factors = _factors(a, stop, depth - 1)
        return coefficient / divisor, factors
    total, everything = 1.0, []
    for side in (a, b):
        held = scalar(side)
        coefficient, factors = (held, []) if held is not None else _factors(side, stop, depth - 1)
        total *= coefficient
        everything += factors
    return total, everything


def _plus(value: Value, addend: float) -> Value | None:
    """X where `value` is x + addend."""
    step = value.source("add")
    if step is not None:
        for x, other in _pairs(step):
            if _near(scalar(other), addend):
                return x
    return None


def _same(a: Value, b: Value, depth: int = 3) -> bool:
    """Whether two values are computed alike; exporters write x - mean(x) once for each use."""
    if a is b:
        return True
    if depth == 0 or a.step is None or b.step is None or a.step.kind != b.step.kind:
        return False
    pairs = list(zip(a.step.inputs, b.step.inputs, strict=False))
    same_work = a.step.attributes == b.step.attributes and len(a.step.inputs) == len(b.step.inputs)
    return same_work and all(_same(x, y, depth - 1) for x, y in pairs)


def _times(value: Value, factor: float) -> Value | None:
    """X where `value` is x * factor or x / (1 / factor)."""
    step = value.step
    if step is not None and step.kind == "div" and _near(scalar(step.inputs[1]), 1.0 / factor):
        return step.inputs[0]
    if step is not None and step.kind == "mul":
        for x, other in _pairs(step):
            if _near(scalar(other), factor):
                return x
    return None


def _gate(value: Value) -> Gate | None:
    step = value.step
    if step is None:
        return None
    if step.kind == "sigmoid":
        return step.inputs[0], 1.0, "silu", {}
    if step.kind == "hard_sigmoid":
        return step.inputs[0], 1.0, "hard_swish", {}
    if step.kind == "relu6":
        x = _plus(step.inputs[0], 3.0)
        return None if x is None else (x, 1.0 / 6.0, "hard_swish", {})
    inner = _plus(value, 1.0)
    if inner is not None and (erf := inner.source("erf")) is not None:
        x = _times(erf.inputs[0], math.sqrt(0.5))
        return None if x is None else (x, 0.5, "gelu", {})
    if inner is not None and (tanh := inner.source("tanh")) is not None:
        x = _cubic(tanh.inputs[0])
        return None if x is None else (x, 0.5, "gelu", {"approximate": "tanh"})
    return None


def _cubic(value: Value) -> Value | None:
    """X where `value` is sqrt(2 / pi) * (x + 0.044715 * x^3)."""
    total = _times(value, math.sqrt(2.0 / math.pi))
    step = None if total is None else total.source("add")
    if step is None:
        return None
    for x, cube in _pairs(step):
        coefficient, factors = _factors(cube, x)
        is_product = len(factors) == 3 and all(factor is x for factor in factors)
        power = factors[0].source("pow") if len(factors) == 1 else None
        is_power = power is not None and power.inputs[0] is x and _near(scalar(power.inputs[1]), 3.0)
        if _near(coefficient, 0.044715) and (is_product or is_power):
            return x
    return None


def gated(low: Lowering, value: Value) -> Value | None:
    """X * gate(x) -> silu, gelu, hard_swish; relu6(x + 3) / 6 -> hard_sigmoid."""
    for gate_value in _factors(value)[1]:
        gate = _gate(gate_value)
        if gate is None:
            continue
        x, factor, kind, attributes = gate
        coefficient, factors = _factors(value, x)
        if len(factors) == 2 and any(one is x for one in factors) and any(one is gate_value for one in factors):
            if _near(coefficient, factor):
                return low.emit(kind, x, **attributes)
        elif factors == [gate_value] and gate_value.source("relu6") and _near(coefficient, factor):
            return low.emit("hard_sigmoid", x)
    return None


def _root_mean_square(value: Value) -> tuple[Value, float, tuple[int, ...]] | None:
    """(x, epsilon, axes) where `value` is sqrt(mean(x^2) + epsilon)."""
    root = value.source("sqrt")
    total = None if root is None else root.inputs[0].source("add")
    if total is None:
        return None
    for mean, other in _pairs(total):
        epsilon, step = scalar(other), mean.source("reduce_mean")
        if epsilon is None or step is None or not step.attributes.get("keepdims", True):
            continue
        square = step.inputs[0].step
        if square is None or square.kind not in ("pow", "mul"):
            continue
        x, exponent = square.inputs
        if (square.kind == "pow" and scalar(exponent) == 2.0) or (square.kind == "mul" and _same(exponent, x)):
            return x, epsilon, tuple(step.attributes["axes"])
    return None


def _inverse_root(value: Value) -> tuple[Value, float, tuple[int, ...]] | None:
    """(x, epsilon, axes) where `value` is 1 / sqrt(mean(x^2) + epsilon)."""
    step = value.step
    if step is not None and step.kind == "rsqrt":
        root = Value(value.shape, step=Step("sqrt", step.inputs, {}, ""))
        return _root_mean_square(root)
    return None


def _normalised(value: Value) -> tuple[Value, Value, float, tuple[int, ...]] | None:
    """(d, value, epsilon, axes) where `value` is d / sqrt(mean(d^2) + epsilon)."""
    step = value.step
    if step is None:
        return None
    if step.kind == "div":
        found = _root_mean_square(step.inputs[1])
        return (step.inputs[0], value, *found[1:]) if found and _same(found[0], step.inputs[0]) else None
    if step.kind == "mul":
        for d, inverse in _pairs(step):
            found = _inverse_root(inverse)
            if found and _same(found[0], d):
                return (d, value, *found[1:])
    return None


def inverse_root(low: Lowering, value: Value) -> Value | None:
    """1 / sqrt(x) -> rsqrt."""
    if value.step is None:
        return None
    *numerator, root = value.step.inputs
    step = root.source("sqrt")
    if step is None or any(scalar(one) != 1.0 for one in numerator):
        return None
    return low.emit("rsqrt", step.inputs[0])


def spelt_layer_norm(low: Lowering, value: Value) -> Value | None:
    """(x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) over the last axes -> layer_norm."""
    found = _normalised(value)
    if found is None:
        return None
    difference, _, epsilon, axes = found
    step = difference.source("sub")
    mean = None if step is None else step.inputs[1].source("reduce_mean")
    if step is None or mean is None or mean.inputs[0] is not step.inputs[0]:
        return None
    x = step.inputs[0]
    rows = sorted(axis % x.rank for axis in axes)
    same_axes = sorted(axis % x.rank for axis in mean.attributes["axes"]) == rows
    if not same_axes or rows != list(range(rows[0], x.rank)):
        return None
    return low.emit("layer_norm", x, axis=rows[0], epsilon=epsilon)


def scaled_norm(low: Lowering, value: Value) -> Value | None:
    """layer_norm(x) * gamma -> layer_norm(x, gamma); x / rms(x) * gamma -> rms_norm(x, gamma)."""
    if value.step is None:
        return None
    for y, gamma in _pairs(value.step):
        if gamma.array is None or y.shape != value.shape:
            continue
        step = y.source("layer_norm")
        if step is not None and len(step.inputs) == 1:
            vector = _as_rows(gamma, y.shape[step.attributes["axis"] % y.rank :])
            if vector is not None:
                return low.emit("layer_norm", step.inputs[0], vector, **step.attributes)
        found = _normalised(y)
        if found is not None and [axis % y.rank for axis in found[3]] == [y.rank - 1]:
            vector = _as_rows(gamma, y.shape[-1:])
            if vector is not None:
                return low.emit("rms_norm", found[0], vector, epsilon=found[2])
    return None


def shifted_norm(low: Lowering, value: Value) -> Value | None:
    """layer_norm(x, gamma) + beta -> layer_norm(x, gamma, beta)."""
    if value.step is None:
        return None
    for y, beta in _pairs(value.step):
        step = y.source("layer_norm")
        if beta.array is None or step is None or len(step.inputs) != 2 or y.shape != value.shape:
            continue
        vector = _as_rows(beta, step.inputs[1].shape)
        if vector is not None and np.isfinite(beta.array).all():
            return low.emit("layer_norm", *step.inputs, vector, **step.attributes)
    return None


def _as_rows(value: Value, rows: tuple[int, ...]) -> Value | None:
    """`value` under the shape `rows` when only leading axes of 1 differ."""
    if value.array is None or value.array.size != math.prod(rows) or value.shape[value.rank - len(rows) :] != rows:
        return None
    return known(value.array.reshape(rows), value.label)


RULES: Mapping[str, tuple[Rule, ...]] = {
    "mul": (gated, spelt_layer_norm, scaled_norm),
    "div": (gated, spelt_layer_norm, inverse_root),
    "reciprocal": (inverse_root,),
    "add": (shifted_norm,),
}
