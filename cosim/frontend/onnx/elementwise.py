"""Converters: arithmetic and functions of one element."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from cosim.errors import UnsupportedError
from cosim.frontend.lowering import Array, Value, known
from cosim.frontend.lowering.norm import clip as clipped
from cosim.frontend.lowering.norm import hard_sigmoid, leaky, number
from cosim.frontend.lowering.product import scaled
from cosim.frontend.onnx.node import Converter, Node


def unary(kind: str) -> Converter:
    """Converter of an operator that is an op kind without attributes."""

    def convert(node: Node) -> Value:
        return node.low.emit(kind, node[0])

    return convert


def variadic(kind: str) -> Converter:
    """Converter of an operator on any number of operands: a chain of op kind `kind`."""

    def convert(node: Node) -> Value:
        return chained(node, kind)

    return convert


def chained(node: Node, kind: str) -> Value:
    """All operands of `node` joined by op kind `kind`."""
    result, *others = node.present()
    for other in others:
        result = node.low.emit(kind, result, other)
    return result


def mean(node: Node) -> Value:
    """Mean of any number of operands."""
    return node.low.emit("mul", chained(node, "add"), number(1.0 / len(node.present())))


def clip(node: Node) -> Value:
    """Clip with bounds as attributes (opset < 11) or inputs."""
    lowest = float(node.get("min", node.number(1, "a lower bound", -math.inf)))
    highest = float(node.get("max", node.number(2, "an upper bound", math.inf)))
    limit = float(np.finfo(np.float32).max)  # exporters write "no bound" as the largest number
    return clipped(
        node.low, node[0], -math.inf if lowest <= -limit else lowest, math.inf if highest >= limit else highest
    )


def leaky_relu(node: Node) -> Value:
    """LeakyRelu."""
    return node.low.emit("leaky_relu", node[0], alpha=float(node.get("alpha", 0.01)))


def elu(node: Node) -> Value:
    """Elu."""
    return node.low.emit("elu", node[0], alpha=float(node.get("alpha", 1.0)))


def selu(node: Node) -> Value:
    """Selu: gamma * elu(x)."""
    alpha, gamma = float(node.get("alpha", 1.6732632)), float(node.get("gamma", 1.050701))
    return scaled(node.low, node.low.emit("elu", node[0], alpha=alpha), gamma)


def celu(node: Node) -> Value:
    """Celu: x where x >= 0, else alpha * (exp(x / alpha) - 1)."""
    alpha = float(node.get("alpha", 1.0))
    return scaled(node.low, node.low.emit("elu", scaled(node.low, node[0], 1.0 / alpha), alpha=1.0), alpha)


def gelu(node: Node) -> Value:
    """Gelu (opset 20)."""
    return node.low.emit("gelu", node[0], approximate=node.get("approximate", "none"))


def hard_sigmoid_of(node: Node) -> Value:
    """HardSigmoid with any slope and offset."""
    return hard_sigmoid(node.low, node[0], float(node.get("alpha", 0.2)), float(node.get("beta", 0.5)))


def prelu(node: Node) -> Value:
    """PRelu: slope per channel."""
    return leaky(node.low, node[0], node[1])


def mish(node: Node) -> Value:
    """Mish: x * tanh(softplus(x))."""
    return node.low.emit("mul", node[0], node.low.emit("tanh", node.low.emit("softplus", node[0])))


def swish(node: Node) -> Value:
    """Swish (opset 24): x * sigmoid(alpha * x)."""
    alpha = float(node.get("alpha", 1.0))
    x = node[0]
    inner = x if alpha == 1.0 else node.low.emit("mul", x, number(alpha))
    return node.low.emit("mul", x, node.low.emit("sigmoid", inner))


def softsign(node: Node) -> Value:
    """Softsign: x / (1 + |x|)."""
    return node.low.emit("div", node[0], node.low.emit("add", node.low.emit("abs", node[0]), number(1.0)))


def where(node: Node) -> Value:
    """Where with a constant condition: additive mask for -inf, otherwise a blend by 0 and 1."""
    condition = node.array(0, "a condition").astype(np.bool_)
    chosen, other = node[1], node[2]
    if condition.all() or not condition.any():
        from cosim.frontend.lowering import view

        kept = chosen if condition.all() else other
        return view.broadcast(node.low, kept, np.broadcast_shapes(condition.shape, chosen.shape, other.shape))
    if chosen.array is not None and other.array is None:
        condition, chosen, other = ~condition, other, chosen
    if other.array is not None and bool(np.all(np.isneginf(other.array))):
        mask = np.where(condition, np.float32(0.0), np.float32(-np.inf))
        return node.low.emit("add", chosen, known(mask, "mask"))
    return node.low.emit("add", _kept(node, chosen, condition), _kept(node, other, ~condition))


def _kept(node: Node, value: Value, condition: Array) -> Value:
    mask = condition.astype(np.float32)
    if value.array is not None:
        return known(np.where(condition, np.asarray(value.array, np.float32), np.float32(0.0)), value.label)
    return node.low.emit("mul", value, known(mask, "mask"))


def cast(node: Node) -> Value:
    """Cast between floating-point types: nothing to do in fp32."""
    from cosim.frontend.onnx.inputs import FLOATS

    to_float = int(node.get("to", 1)) in FLOATS
    if to_float != node[0].is_integer:
        return node[0]
    what = "integers" if node[0].is_integer else "real numbers"
    raise UnsupportedError(
        f"Cast of {what} that are only known at run time ({node[0].label or 'unnamed'})",
        where=node.low.place(),
        allowed="casts between floating-point types, or between integer types",
        fix="compute the cast before the network and pass the result as an input",
    )


def identity(node: Node) -> Value:
    """Identity, Dropout at inference: the operand itself."""
    return node[0]


def dropout(node: Node) -> Value:
    """Dropout at inference."""
    if node.optional(2) is not None and bool(node.array(2, "training_mode").reshape(-1)[0]):
        raise UnsupportedError(
            "Dropout in training mode", where=node.low.place(), allowed="inference", fix="export after model.eval()"
        )
    return node[0]


_UNARY: Mapping[str, str] = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "HardSwish": "hard_swish",
    "Exp": "exp",
    "Log": "log",
    "Sqrt": "sqrt",
    "Neg": "neg",
    "Abs": "abs",
    "Erf": "erf",
    "Reciprocal": "reciprocal",
    "Softplus": "softplus",
}
_VARIADIC: Mapping[str, str] = {
    "Add": "add",
    "Sub": "sub",
    "Mul": "mul",
    "Div": "div",
    "Pow": "pow",
    "Max": "maximum",
    "Min": "minimum",
    "Sum": "add",
}
_OTHERS: Mapping[str, Callable[[Node], Value]] = {
    "Mean": mean,
    "Clip": clip,
    "LeakyRelu": leaky_relu,
    "Elu": elu,
    "Selu": selu,
    "Celu": celu,
    "Gelu": gelu,
    "HardSigmoid": hard_sigmoid_of,
    "PRelu": prelu,
    "Mish": mish,
    "Swish": swish,
    "Softsign": softsign,
    "Where": where,
    "Cast": cast,
    "Identity": identity,
    "Dropout": dropout,
}
CONVERTERS: Mapping[str, Converter] = {
    **{name: unary(kind) for name, kind in _UNARY.items()},
    **{name: variadic(kind) for name, kind in _VARIADIC.items()},
    **_OTHERS,
}
