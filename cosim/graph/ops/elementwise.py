"""Ops that work on each element: arithmetic of two operands, and functions of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cosim.graph.op import Attributes, OpKind, Shape
from cosim.graph.ops import check
from cosim.graph.ops.access import broadcast, direct, loops
from cosim.graph.space import Space


def _space(_attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    return Space(loops(out), tuple(broadcast(shape, out) for shape in shapes), direct(out))


def _binary(name: str, summary: str, fused: bool = False) -> OpKind:
    def infer(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
        check.count(name, shapes, 2)
        if fused:
            check.activation(name, attributes)
        return check.broadcast_shape(name, shapes)

    defaults = MappingProxyType({"activation": "none"} if fused else {})
    return OpKind(name, infer, _space, defaults, summary=summary)


def unary(
    name: str,
    summary: str,
    defaults: Mapping[str, object] | None = None,
    verify: Callable[[Attributes], None] | None = None,
) -> OpKind:
    """Op kind whose output has the shape of its only input; `verify` raises on attributes that cannot be meant."""

    def infer(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
        check.count(name, shapes, 1)
        if verify is not None:
            verify(attributes)
        return shapes[0]

    return OpKind(name, infer, _space, MappingProxyType(dict(defaults or {})), summary=summary)


def _verify_clip(attributes: Attributes) -> None:
    if not attributes["low"] <= attributes["high"]:
        raise check.error("clip", f"low is {attributes['low']}, high {attributes['high']}", "low <= high")


def _verify_gelu(attributes: Attributes) -> None:
    check.choice("gelu", "approximate", attributes["approximate"], ("none", "tanh"))


KINDS = (
    _binary("add", "a + b, then the activation.", fused=True),
    _binary("sub", "a - b, then the activation.", fused=True),
    _binary("mul", "a * b, then the activation.", fused=True),
    _binary("div", "a / b."),
    _binary("maximum", "The larger of a and b."),
    _binary("minimum", "The smaller of a and b."),
    _binary("pow", "a to the power b."),
    unary("relu", "max(x, 0)."),
    unary("relu6", "min(max(x, 0), 6)."),
    unary("hard_swish", "x * min(max(x + 3, 0), 6) / 6."),
    unary("hard_sigmoid", "min(max(x + 3, 0), 6) / 6."),
    unary("silu", "x * sigmoid(x)."),
    unary("sigmoid", "1 / (1 + exp(-x))."),
    unary("tanh", "Hyperbolic tangent."),
    unary("exp", "e to the power x."),
    unary("log", "Natural logarithm."),
    unary("sqrt", "Square root."),
    unary("rsqrt", "1 / square root."),
    unary("neg", "-x."),
    unary("abs", "Absolute value."),
    unary("erf", "Error function."),
    unary("reciprocal", "1 / x."),
    unary("identity", "x."),
    unary("clip", "min(max(x, low), high).", {"low": float("-inf"), "high": float("inf")}, _verify_clip),
    unary("leaky_relu", "x where x >= 0, else alpha * x.", {"alpha": 0.01}),
    unary(
        "gelu",
        "x * normal distribution function of x, or its tanh approximation.",
        {"approximate": "none"},
        _verify_gelu,
    ),
    unary("elu", "x where x >= 0, else alpha * (exp(x) - 1).", {"alpha": 1.0}),
    unary("softplus", "log(1 + exp(x))."),
)
