"""Converters: QuantizeLinear and DequantizeLinear, which say how tensors are stored, and operators on codes.

Scales become encodings of the Graph's tensors. uint8 codes are kept as int8, 128 less, with a zero point 128 less:
the same numbers, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from cosim.errors import DescriptionError, UnsupportedError
from cosim.formats import Encoding
from cosim.frontend.lowering import Array, Scale, Value, coded, encoded, is_same, signed, view
from cosim.frontend.lowering.product import matrix_product
from cosim.frontend.onnx import window
from cosim.frontend.onnx.node import Converter, Node
from cosim.frontend.onnx.norm import softmax as softmax_of

Real = Callable[[Node], Value]
PRESET = "onnxruntime"
COSIM = "cosim"
MIXED = "some activations are uint8 and some int8: all are executed by the rules of the type that is written first"
PENDING = {"int8": 0, "uint8": -128}
"""Types of codes that an input may arrive in -> our code of the file's code 0."""


def quantize(node: Node) -> Value:
    """QuantizeLinear: real numbers (or codes of another scale) to codes."""
    _unblocked(node)
    x = node[0]
    zero = node.optional(2)
    kind = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16"}.get(int(node.get("output_dtype", 0)), "uint8")
    if zero is not None:
        kind = str(node.array(2, "a zero point").dtype)
    encoding = _scale(node, 1, 2, kind).encoding(x.shape, node.low.place())
    if x.array is not None:
        return _codes_of(x.array, encoding, x.label)
    _take_rules(node, kind)
    return _encoded(node, x, encoding)


def dequantize(node: Node) -> Value:
    """DequantizeLinear: the tensor of codes itself, which the Graph knows to mean real numbers."""
    _unblocked(node)
    return _operand(node, 0, 1, 2)


def conv(node: Node) -> Value:
    """QLinearConv: x, its scale and zero point, w with its own, those of y, bias (int32)."""
    x, w = _operand(node, 0, 1, 2), _operand(node, 3, 4, 5, axis=0)
    operands = (x, w) if node.optional(8) is None else (x, w, _bias(node, 8, x, w))
    return _written(node, window.conv(replace(node, inputs=operands)), 6, 7)


def product(node: Node) -> Value:
    """QLinearMatMul: a and b, each with scale and zero point, and those of y."""
    a, b = _operand(node, 0, 1, 2), _operand(node, 3, 4, 5, axis=-1)
    return _written(node, matrix_product(node.low, a, b), 6, 7)


def gemm(node: Node) -> Value:
    """QGemm: a and b as in QLinearMatMul, bias (int32), scale and zero point of y; real numbers without them."""
    node.only("alpha", (1.0,), 1.0)
    low, is_swapped = node.low, bool(node.get("transB", 0))
    a, b = _operand(node, 0, 1, 2), _operand(node, 3, 4, 5, axis=0 if is_swapped else -1)
    a = view.swap_last(low, a) if node.get("transA", 0) else a
    weight = b if is_swapped else view.swap_last(low, b)
    bias = () if node.optional(6) is None else (_bias(node, 6, a, weight),)
    y = low.emit("linear", a, weight, *bias)
    return y if node.optional(7) is None else _written(node, y, 7, 8)


def binary(kind: str) -> Real:
    """Converter of QLinearAdd and QLinearMul."""

    def convert(node: Node) -> Value:
        return _written(node, node.low.emit(kind, _operand(node, 0, 1, 2), _operand(node, 3, 4, 5)), 6, 7)

    return convert


def unary(converter: Real) -> Real:
    """Converter of an operator on x, its scale and zero point, and those of y: `converter` does the real one."""

    def convert(node: Node) -> Value:
        return _written(node, converter(replace(node, inputs=(_operand(node, 0, 1, 2),))), 3, 4)

    return convert


def pool(converter: Real) -> Real:
    """Converter of a pooling operator, channels first."""

    def convert(node: Node) -> Value:
        node.only("channels_last", (0,), 0)
        return unary(converter)(node)

    return convert


def softmax(node: Node) -> Value:
    """QLinearSoftmax; `opset` is that of the Softmax it stands for."""
    return unary(softmax_of("softmax"))(replace(node, opset=int(node.get("opset", 13))))


def leaky_relu(node: Node) -> Value:
    """LeakyRelu of real numbers."""
    return node.low.emit("leaky_relu", node[0], alpha=float(node.get("alpha", 0.01)))


def sigmoid(node: Node) -> Value:
    """Sigmoid of real numbers."""
    return node.low.emit("sigmoid", node[0])


def concat(node: Node) -> Value:
    """QLinearConcat: scale and zero point of y, then each part with its own."""
    if len(node.inputs) < 5 or (len(node.inputs) - 2) % 3:
        raise DescriptionError(
            f"QLinearConcat has {len(node.inputs)} inputs", where=node.low.place(), allowed="2 + 3 n"
        )
    parts = [_operand(node, at, at + 1, at + 2) for at in range(2, len(node.inputs), 3)]
    return _written(node, view.concat(node.low, parts, int(node.get("axis", 0))), 0, 1)


def dynamic(node: Node) -> Value:
    """Operators whose scales are found while the network runs: refused with the reason."""
    raise UnsupportedError(
        f"{node.kind}: scales that are found while the network runs",
        where=node.low.place(),
        allowed="constant scales (QDQ or QLinear operators)",
        fix="quantise with calibration data (onnxruntime.quantization.quantize_static), or add a frontend by the "
        "plugin hook cosim_frontends",
    )


def _operand(node: Node, at: int, scale: int, zero: int, axis: int = 1) -> Value:
    """The tensor of codes at input `at`, its scale and zero point being those at `scale` and `zero`."""
    x, where = node[at], node.low.place()
    if x.codes is not None:
        return x
    axis = int(node.get("axis", axis)) if node.kind == "DequantizeLinear" else axis
    if x.array is not None:
        side = _scale(node, scale, zero, str(x.array.dtype), axis)
        return coded(signed(x.array), side.encoding(x.shape, where), x.label)
    kinds = ("int8", "uint8") if node.optional(zero) is None else (str(node.array(zero, "a zero point").dtype),)
    asked = [_scale(node, scale, zero, kind, axis).encoding(x.shape, where) for kind in kinds]
    pending = x.encoding.zero_point
    if not x.is_coded and pending is not None:  # an input: its first reader says what its codes mean
        chosen = asked[0] if PENDING[kinds[0]] == int(pending) else asked[-1]
        if PENDING.get(kinds[-1 if chosen is asked[-1] else 0]) != int(pending):
            raise DescriptionError(f"zero point of type {kinds[0]} for an input of another", where=where)
        x.encoding = chosen
    if not any(is_same(x.encoding, encoding) for encoding in asked):
        found = "has no scale: it is computed from real numbers" if not x.is_coded else "was written with another scale"
        raise UnsupportedError(
            f"{node.kind} reads codes of {x.label or 'its input'!r}, which {found}",
            where=where,
            allowed="the scale and zero point that the tensor was quantised with",
            fix="requantise by a DequantizeLinear and a QuantizeLinear",
        )
    return x


def _codes_of(array: Array, encoding: Encoding, label: str) -> Value:
    """Codes of weights that the model keeps as real numbers before a QuantizeLinear: divided in single precision."""
    if encoding.scale is None or encoding.zero_point is None or not np.isfinite(array).all():
        raise DescriptionError(f"constant {label!r} holds NaN or infinity", allowed="finite numbers")
    scale, zero = (encoding.aligned(side, array.shape) for side in (encoding.scale, encoding.zero_point))
    steps = np.rint(np.asarray(array, np.float32) / scale.astype(np.float32)).astype(np.float64) + zero
    lowest, highest = -(1 << (encoding.bits - 1)), (1 << (encoding.bits - 1)) - 1
    return coded(np.clip(steps, lowest, highest).astype(f"int{encoding.bits}"), encoding, label)


def _written(node: Node, y: Value, scale: int, zero: int) -> Value:
    kind = "uint8" if node.optional(zero) is None else str(node.array(zero, "a zero point").dtype)
    _take_rules(node, kind)
    return _encoded(node, y, _scale(node, scale, zero, kind).encoding(y.shape, node.low.place()))


def _encoded(node: Node, y: Value, encoding: Encoding) -> Value:
    if encoding.axis is not None:
        raise UnsupportedError(
            f"{node.kind} of an activation with one scale per channel",
            where=node.low.place(),
            allowed="one scale per activation; one per channel for weights",
        )
    return encoded(node.low, y, encoding)


def _take_rules(node: Node, kind: str) -> None:
    """Execute as ONNX Runtime does with codes of type `kind`; what is written first decides."""
    low, line = node.low, f"{PRESET}:codes=int8" if kind == "int8" else PRESET
    if low.arithmetic == COSIM:
        low.arithmetic = line
    elif low.arithmetic != line and MIXED not in low.notes:
        low.note(MIXED)


def _bias(node: Node, at: int, x: Value, w: Value) -> Value:
    """Bias codes; their scale is that of x times that of w."""
    codes = node.array(at, "a bias")
    if codes.dtype != np.int32 or x.encoding.scale is None or w.encoding.scale is None:
        raise DescriptionError(f"a bias of type {codes.dtype}", where=node.low.place(), allowed="int32")
    scale = x.encoding.scale.astype(np.float32) * w.encoding.scale.astype(np.float32)
    side = Scale("int32", scale.astype(np.float64), axis=0)
    return coded(codes.reshape(-1), side.encoding((codes.size,), node.low.place()), node[at].label)


def _scale(node: Node, scale: int, zero: int, kind: str, axis: int = 1) -> Scale:
    steps = node.array(scale, "a scale").astype(np.float64)
    point = None
    if node.optional(zero) is not None:
        held = node.array(zero, "a zero point")
        if str(held.dtype) != kind:
            raise DescriptionError(f"zero point of type {held.dtype} for codes of {kind}", where=node.low.place())
        point = held.astype(np.int64)
    return Scale(kind, steps, point, int(node.get("axis", axis)) if node.kind in QDQ else axis)


def _unblocked(node: Node) -> None:
    if node.get("block_size", 0):
        raise UnsupportedError(
            f"{node.kind} with one scale per {node.get('block_size')} elements",
            where=node.low.place(),
            allowed="one scale per tensor or per channel",
            fix="quantise without blocks",
        )


QDQ: Mapping[str, Converter] = {"QuantizeLinear": quantize, "DequantizeLinear": dequantize}
ON_CODES: Mapping[str, Converter] = {
    "QLinearConv": conv,
    "QLinearMatMul": product,
    "QGemm": gemm,
    "QLinearAdd": binary("add"),
    "QLinearMul": binary("mul"),
    "QLinearAveragePool": pool(window.mean_pool),
    "QLinearGlobalAveragePool": pool(window.global_mean),
    "QLinearConcat": concat,
    "QLinearSigmoid": unary(sigmoid),
    "QLinearLeakyRelu": unary(leaky_relu),
    "QLinearSoftmax": softmax,
}
MOVES_CODES = frozenset(
    {
        "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Slice", "Split", "Gather", "Concat",
        "Pad", "Expand", "Tile", "MaxPool", "GlobalMaxPool", "DepthToSpace", "SpaceToDepth", "Shape", "Size", "Resize",
        "Dropout",
    }
)  # fmt: skip
"""Operators that may read codes as they are: every element they write is one of them."""

VIEWS = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity"})
"""Operators that leave known codes what they are."""

CONVERTERS: Mapping[str, Converter] = {
    **QDQ,
    **ON_CODES,
    **dict.fromkeys(("DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"), dynamic),
}
