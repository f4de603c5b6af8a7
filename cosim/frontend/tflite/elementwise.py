"""Converters: arithmetic, functions of one element, softmax and reductions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosim.errors import DescriptionError
from cosim.frontend.lowering import Value, known, view
from cosim.frontend.lowering.norm import clip
from cosim.frontend.lowering.norm import leaky as leaky_slopes
from cosim.frontend.lowering.product import scaled
from cosim.frontend.tflite.convolution import activated
from cosim.frontend.tflite.node import IMAGE_AXIS, Converter, Laid, Node, as_file, as_image


def aligned(node: Node) -> tuple[tuple[Value, ...], bool]:
    """All operands in one order of axes: images where one of them is an image."""
    operands = [node[position] for position in range(len(node.inputs))]
    is_image = any(x.is_image for x in operands) and max(len(x.shape) for x in operands) == 4
    order = as_image if is_image else as_file
    return tuple(order(node.low, x) for x in operands), is_image


def axis_of(node: Node, axis: int, rank: int, *, is_image: bool) -> int:
    """Axis of the Graph that the file's `axis` of a tensor of `rank` axes is."""
    axis = view.positive_axis(node.low, axis, rank)
    return IMAGE_AXIS[axis] if is_image else axis


def binary(kind: str, *, fuses: bool) -> Converter:
    """Converter of a function of two operands, with a fused activation where the file has that option."""

    def convert(node: Node) -> Laid:
        (a, b), is_image = aligned(node)
        y = node.low.emit(kind, a, b)
        return Laid(activated(node, y, 0) if fuses else y, is_image)

    return convert


def squared_difference(node: Node) -> Laid:
    """SQUARED_DIFFERENCE: (a - b)^2."""
    (a, b), is_image = aligned(node)
    difference = node.low.emit("sub", a, b)
    return Laid(node.low.emit("mul", difference, difference), is_image)


def unary(kind: str, **attributes: Any) -> Converter:
    """Converter of a function of one element."""

    def convert(node: Node) -> Laid:
        return Laid(node.low.emit(kind, node[0].value, **attributes), node[0].is_image)

    return convert


def bounded(lowest: float, highest: float) -> Converter:
    """Converter of a clamp."""

    def convert(node: Node) -> Laid:
        return Laid(clip(node.low, node[0].value, lowest, highest), node[0].is_image)

    return convert


def square(node: Node) -> Laid:
    """SQUARE."""
    return Laid(node.low.emit("mul", node[0].value, node[0].value), node[0].is_image)


def leaky_relu(node: Node) -> Laid:
    """LEAKY_RELU."""
    return Laid(node.low.emit("leaky_relu", node[0].value, alpha=float(node.option(0, "f"))), node[0].is_image)


def prelu(node: Node) -> Laid:
    """PRELU with a slope per channel."""
    (x, slope), is_image = aligned(node)
    return Laid(leaky_slopes(node.low, x, slope), is_image)


def gelu(node: Node) -> Laid:
    """GELU."""
    form = "tanh" if node.option(0, "?", False) else "none"
    return Laid(node.low.emit("gelu", node[0].value, approximate=form), node[0].is_image)


def softmax(node: Node) -> Laid:
    """SOFTMAX of beta * x over the channels."""
    x, beta = node[0], float(node.option(0, "f"))
    if beta == 0.0:
        raise DescriptionError("SOFTMAX with beta 0", where=node.low.place(), allowed="a beta that is not 0")
    axis = axis_of(node, -1, len(x.shape), is_image=x.is_image)
    return Laid(node.low.emit("softmax", scaled(node.low, x.value, beta), axis=axis), x.is_image)


def log_softmax(node: Node) -> Laid:
    """LOG_SOFTMAX over the channels."""
    axis = axis_of(node, -1, len(node[0].shape), is_image=node[0].is_image)
    return Laid(node.low.emit("log_softmax", node[0].value, axis=axis), node[0].is_image)


def reduction(kind: str) -> Converter:
    """Converter of MEAN, SUM and the like; axes are a constant operand."""

    def convert(node: Node) -> Laid:
        x, keeps = node[0], bool(node.option(0, "?", False))
        rank = len(x.shape)
        gone = {view.positive_axis(node.low, axis, rank) for axis in node.integers(1, "axes")}
        left = [axis for axis in range(rank) if axis not in gone]
        is_image = x.is_image and (keeps or sorted(left, key=IMAGE_AXIS.__getitem__) == left)
        value = x.value if is_image else as_file(node.low, x)
        axes = tuple(sorted(IMAGE_AXIS[axis] if is_image else axis for axis in gone))
        y = node.low.emit(kind, value, axes=axes, keepdims=keeps) if axes else value
        return Laid(y, is_image and keeps)

    return convert


def quantize(node: Node) -> Laid:
    """QUANTIZE: what is written has the encoding of the output."""
    return node[0]


def dequantize(node: Node) -> Laid:
    """DEQUANTIZE; a constant (weights in half precision or codes) at once."""
    x = node[0].value
    if x.array is not None:
        return Laid(known(x.array.astype("float32"), x.label), node[0].is_image)
    return Laid(node.low.emit("dequantize", x), node[0].is_image)


CONVERTERS: Mapping[str, Converter] = {
    "ADD": binary("add", fuses=True),
    "SUB": binary("sub", fuses=True),
    "MUL": binary("mul", fuses=True),
    "DIV": binary("div", fuses=True),
    "MAXIMUM": binary("maximum", fuses=False),
    "MINIMUM": binary("minimum", fuses=False),
    "POW": binary("pow", fuses=False),
    "SQUARED_DIFFERENCE": squared_difference,
    "RELU": unary("relu"),
    "RELU6": unary("relu6"),
    "RELU_N1_TO_1": bounded(-1.0, 1.0),
    "RELU_0_TO_1": bounded(0.0, 1.0),
    "LEAKY_RELU": leaky_relu,
    "PRELU": prelu,
    "ELU": unary("elu", alpha=1.0),
    "GELU": gelu,
    "HARD_SWISH": unary("hard_swish"),
    "LOGISTIC": unary("sigmoid"),
    "TANH": unary("tanh"),
    "EXP": unary("exp"),
    "LOG": unary("log"),
    "SQRT": unary("sqrt"),
    "RSQRT": unary("rsqrt"),
    "NEG": unary("neg"),
    "ABS": unary("abs"),
    "SQUARE": square,
    "SOFTMAX": softmax,
    "LOG_SOFTMAX": log_softmax,
    "MEAN": reduction("reduce_mean"),
    "SUM": reduction("reduce_sum"),
    "REDUCE_MAX": reduction("reduce_max"),
    "REDUCE_MIN": reduction("reduce_min"),
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
}
