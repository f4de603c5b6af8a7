"""Converters: softmax and normalisations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from cosim.errors import UnsupportedError
from cosim.frontend.lowering import Value, view
from cosim.frontend.lowering.norm import group_norm, layer_norm, number
from cosim.frontend.onnx.node import Converter, Node


def softmax(kind: str) -> Callable[[Node], Value]:
    """Converter of Softmax and LogSoftmax; before opset 13 all axes from `axis` on are one row."""

    def convert(node: Node) -> Value:
        x, low = node[0], node.low
        axis = view.positive_axis(low, int(node.get("axis", -1 if node.opset >= 13 else 1)), x.rank)
        if node.opset >= 13 or axis == x.rank - 1:
            return low.emit(kind, x, axis=axis)
        rows = view.reshape(low, x, (math.prod(x.shape[:axis]), -1))
        return view.reshape(low, low.emit(kind, rows, axis=1), x.shape)

    return convert


def layer_normalization(node: Node) -> Value:
    """LayerNormalization; a node that reads its statistics finds no input and is refused."""
    return layer_norm(
        node.low, node[0], int(node.get("axis", -1)), node[1], node.optional(2), float(node.get("epsilon", 1e-5))
    )


def rms_normalization(node: Node) -> Value:
    """RMSNormalization (opset 23) over the last axis."""
    node.only("axis", (-1, node[0].rank - 1), -1)
    return node.low.emit("rms_norm", node[0], node[1], epsilon=float(node.get("epsilon", 1e-5)))


def batch_normalization(node: Node) -> Value:
    """BatchNormalization with fixed statistics."""
    if node.get("training_mode", 0):
        raise UnsupportedError(
            "BatchNormalization in training mode",
            where=node.low.place(),
            allowed="inference",
            fix="export after model.eval()",
        )
    node.only("spatial", (1,), 1)
    operands = (node[position] for position in range(5))
    return node.low.emit("batch_norm", *operands, epsilon=float(node.get("epsilon", 1e-5)))


def instance_normalization(node: Node) -> Value:
    """InstanceNormalization: every channel is a group of its own."""
    return _without_affine_of_ones(node, node[0].shape[1])


def group_normalization(node: Node) -> Value:
    """GroupNormalization; before opset 21 scale and bias are per group."""
    groups = int(node.get("num_groups", 1))
    scale, bias = node[1], node[2]
    if scale.shape != (node[0].shape[1],):
        repeat = node[0].shape[1] // groups
        scale, bias = (
            view.reshape(
                node.low, view.broadcast(node.low, view.reshape(node.low, value, (groups, 1)), (groups, repeat)), (-1,)
            )
            for value in (scale, bias)
        )
    return group_norm(node.low, node[0], groups, scale, bias, float(node.get("epsilon", 1e-5)))


def _without_affine_of_ones(node: Node, groups: int) -> Value:
    """Exporters write a group norm as an instance norm with scale 1 and bias 0: nothing to multiply or add."""
    scale, bias = node[1], node[2]
    is_one = scale.array is not None and bool((scale.array == 1).all())
    is_zero = bias.array is not None and bool((bias.array == 0).all())
    return group_norm(
        node.low,
        node[0],
        groups,
        None if is_one else scale,
        None if is_zero else bias,
        float(node.get("epsilon", 1e-5)),
    )


def local_response(node: Node) -> Value:
    """LRN: x / (bias + alpha * mean of x^2 over `size` neighbouring channels)^beta."""
    x, low, size = node[0], node.low, int(node.get("size", 1))
    if x.rank < 2:
        raise UnsupportedError(f"LRN of {x.shape}", where=low.place(), allowed="(N, C, ...)")
    channels_as_rows = view.reshape(low, low.emit("mul", x, x), (x.shape[0], 1, x.shape[1], -1))
    before = (size - 1) // 2
    mean = low.emit("avg_pool2d", channels_as_rows, kernel=(size, 1), pads=(before, 0, size - 1 - before, 0))
    total = low.emit("mul", view.reshape(low, mean, x.shape), number(float(node.get("alpha", 1e-4))))
    base = low.emit("add", total, number(float(node.get("bias", 1.0))))
    return low.emit("div", x, low.emit("pow", base, number(float(node.get("beta", 0.75)))))


CONVERTERS: Mapping[str, Converter] = {
    "Softmax": softmax("softmax"),
    "LogSoftmax": softmax("log_softmax"),
    "LRN": local_response,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": rms_normalization,
    "BatchNormalization": batch_normalization,
    "InstanceNormalization": instance_normalization,
    "GroupNormalization": group_normalization,
}
