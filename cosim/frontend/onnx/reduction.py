"""Converters: axes folded into one value."""

from __future__ import annotations

from collections.abc import Mapping

from cosim.frontend.lowering import Value
from cosim.frontend.lowering.norm import number
from cosim.frontend.onnx.node import Converter, Node


def reduction(kind: str) -> Converter:
    """Converter of ReduceX; axes are an attribute in old operator sets and an input in new ones."""

    def convert(node: Node) -> Value:
        return reduced(node, kind, node[0])

    return convert


def reduced(node: Node, kind: str, x: Value) -> Value:
    """`x` reduced as `node` says."""
    axes = node.list(1, "axes", "axes")
    if not axes:
        if node.get("noop_with_empty_axes", 0):
            return x
        axes = tuple(range(x.rank))
    return node.low.emit(kind, x, axes=axes, keepdims=bool(node.get("keepdims", 1)))


def sum_of_squares(node: Node) -> Value:
    """ReduceSumSquare."""
    return reduced(node, "reduce_sum", node.low.emit("mul", node[0], node[0]))


def euclidean(node: Node) -> Value:
    """ReduceL2."""
    return node.low.emit("sqrt", sum_of_squares(node))


def absolute_sum(node: Node) -> Value:
    """ReduceL1."""
    return reduced(node, "reduce_sum", node.low.emit("abs", node[0]))


def lp_normalization(node: Node) -> Value:
    """LpNormalization: x over its 1-norm or 2-norm along one axis."""
    node.only("p", (1, 2), 2)
    x, low, axis = node[0], node.low, (int(node.get("axis", -1)),)
    if node.get("p", 2) == 1:
        return low.emit("div", x, low.emit("reduce_sum", low.emit("abs", x), axes=axis, keepdims=True))
    square = low.emit("pow", x, number(2.0))
    return low.emit("div", x, low.emit("sqrt", low.emit("reduce_sum", square, axes=axis, keepdims=True)))


CONVERTERS: Mapping[str, Converter] = {
    "ReduceMean": reduction("reduce_mean"),
    "ReduceSum": reduction("reduce_sum"),
    "ReduceMax": reduction("reduce_max"),
    "ReduceMin": reduction("reduce_min"),
    "ReduceSumSquare": sum_of_squares,
    "ReduceL1": absolute_sum,
    "ReduceL2": euclidean,
    "LpNormalization": lp_normalization,
}
