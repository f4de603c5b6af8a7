"""Op kind -> ONNX nodes: the one table of what `write_onnx` can say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from cosim.frontend.onnx.draft import OnnxDraft
from cosim.graph.op import Op

Emitter = Callable[[OnnxDraft, Op], None]


def _direct(kind: str) -> Emitter:
    def emit(draft: OnnxDraft, op: Op) -> None:
        draft.node(kind, op.inputs, op.output)

    return emit


def _binary(kind: str) -> Emitter:
    def emit(draft: OnnxDraft, op: Op) -> None:
        body, clamp = draft.activate(op)
        draft.node(kind, op.inputs, body)
        draft.clamp(clamp, body, op.output)

    return emit


def _conv(draft: OnnxDraft, op: Op) -> None:
    body, clamp = draft.activate(op)
    kind = "Conv" if op.kind.name == "conv2d" else "ConvTranspose"
    extra = {} if kind == "Conv" else {"output_padding": list(op["output_padding"])}
    draft.node(
        kind,
        op.inputs,
        body,
        kernel_shape=list(draft.shape(op.inputs[1])[2:]),
        strides=list(op["strides"]),
        pads=list(op["pads"]),
        dilations=list(op["dilations"]),
        group=op["groups"],
        **extra,
    )
    draft.clamp(clamp, body, op.output)


def _linear(draft: OnnxDraft, op: Op) -> None:
    body, clamp = draft.activate(op)
    x, weight, *bias = op.inputs
    if len(draft.shape(x)) == 2:
        draft.node("Gemm", op.inputs, body, transB=1)
    elif bias:
        product = draft.node("MatMul", [x, draft.node("Transpose", [weight], perm=[1, 0])])
        draft.node("Add", [product, bias[0]], body)
    else:
        draft.node("MatMul", [x, draft.node("Transpose", [weight], perm=[1, 0])], body)
    draft.clamp(clamp, body, op.output)


def _matmul(draft: OnnxDraft, op: Op) -> None:
    a, b = op.inputs
    if op["transpose_b"]:
        rank = len(draft.shape(b))
        b = draft.node("Transpose", [b], perm=[*range(rank - 2), rank - 1, rank - 2])
    draft.node("MatMul", [a, b], op.output)


def _relu6(draft: OnnxDraft, op: Op) -> None:
    draft.clamp("relu6", op.inputs[0], op.output)


def _silu(draft: OnnxDraft, op: Op) -> None:
    draft.node("Mul", [op.inputs[0], draft.node("Sigmoid", op.inputs)], op.output)


def _hard_sigmoid(draft: OnnxDraft, op: Op) -> None:
    draft.node("HardSigmoid", op.inputs, op.output, alpha=1.0 / 6.0, beta=0.5)


def _rsqrt(draft: OnnxDraft, op: Op) -> None:
    draft.node("Reciprocal", [draft.node("Sqrt", op.inputs)], op.output)


def _clip(draft: OnnxDraft, op: Op) -> None:
    low, high = (draft.number(op[name]) if math.isfinite(op[name]) else "" for name in ("low", "high"))
    draft.node("Clip", [op.inputs[0], low, high], op.output)


def _with_alpha(kind: str) -> Emitter:
    def emit(draft: OnnxDraft, op: Op) -> None:
        draft.node(kind, op.inputs, op.output, alpha=float(op["alpha"]))

    return emit


def _gelu(draft: OnnxDraft, op: Op) -> None:
    x = op.inputs[0]
    if draft.opset >= 20:
        draft.node("Gelu", [x], op.output, approximate=op["approximate"])
        return
    if op["approximate"] == "tanh":
        cube = draft.node("Mul", [draft.node("Mul", [draft.node("Mul", [x, x]), x]), draft.number(0.044715)])
        inner = draft.node("Mul", [draft.node("Add", [x, cube]), draft.number(math.sqrt(2.0 / math.pi))])
        gate = draft.node("Tanh", [inner])
    else:
        gate = draft.node("Erf", [draft.node("Div", [x, draft.number(math.sqrt(2.0))])])
    product = draft.node("Mul", [x, draft.node("Add", [gate, draft.number(1.0)])])
    draft.node("Mul", [product, draft.number(0.5)], op.output)


def _pool(draft: OnnxDraft, op: Op) -> None:
    common: dict[str, Any] = {
        "kernel_shape": list(op["kernel"]),
        "strides": list(op["strides"]),
        "pads": list(op["pads"]),
    }
    common["ceil_mode"] = int(op["ceil_mode"])
    if op.kind.name == "max_pool2d":
        draft.node("MaxPool", op.inputs, op.output, dilations=list(op["dilations"]), **common)
    else:
        draft.node("AveragePool", op.inputs, op.output, count_include_pad=int(op["count_include_pad"]), **common)


def _reduce(kind: str) -> Emitter:
    def emit(draft: OnnxDraft, op: Op) -> None:
        axes, keepdims = [int(axis) for axis in op["axes"]], int(op["keepdims"])
        if kind == "ReduceSum" or draft.opset >= 18:
            draft.node(kind, [*op.inputs, draft.integers(axes)], op.output, keepdims=keepdims)
        else:
            draft.node(kind, op.inputs, op.output, axes=axes, keepdims=keepdims)

    return emit


def _softmax(kind: str) -> Emitter:
    def emit(draft: OnnxDraft, op: Op) -> None:
        draft.node(kind, op.inputs, op.output, axis=int(op["axis"]))

    return emit


def _layer_norm(draft: OnnxDraft, op: Op) -> None:
    shape = draft.shape(op.inputs[0])
    inputs = list(op.inputs)
    if len(inputs) == 1:
        inputs.append(draft.constant(np.ones(shape[op["axis"] % len(shape) :], np.float32)))
    draft.node("LayerNormalization", inputs, op.output, axis=int(op["axis"]), epsilon=float(op["epsilon"]))


def _rms_norm(draft: OnnxDraft, op: Op) -> None:
    x, gamma = op.inputs
    square = draft.node("Mul", [x, x])
    last = len(draft.shape(x)) - 1
    if draft.opset >= 18:
        mean = draft.node("ReduceMean", [square, draft.integers([last])], keepdims=1)
    else:
        mean = draft.node("ReduceMean", [square], axes=[last], keepdims=1)
    root = draft.node("Sqrt", [draft.node("Add", [mean, draft.number(op["epsilon"])])])
    draft.node("Mul", [draft.node("Div", [x, root]), gamma], op.output)


def _batch_norm(draft: OnnxDraft, op: Op) -> None:
    draft.node("BatchNormalization", op.inputs, op.output, epsilon=float(op["epsilon"]))


def _concat(draft: OnnxDraft, op: Op) -> None:
    draft.node("Concat", op.inputs, op.output, axis=int(op["axis"]))


def _slice(draft: OnnxDraft, op: Op) -> None:
    rank = len(draft.shape(op.inputs[0]))
    bounds = [draft.integers(values) for values in (op["starts"], op["stops"], range(rank), op["steps"])]
    draft.node("Slice", [op.inputs[0], *bounds], op.output)


def _pad(draft: OnnxDraft, op: Op) -> None:
    amounts = [before for before, _ in op["pads"]] + [after for _, after in op["pads"]]
    draft.node("Pad", [op.inputs[0], draft.integers(amounts), draft.number(op["value"])], op.output)


def _transpose(draft: OnnxDraft, op: Op) -> None:
    draft.node("Transpose", op.inputs, op.output, perm=list(op["permutation"]))


def _reshape(draft: OnnxDraft, op: Op) -> None:
    draft.node("Reshape", [op.inputs[0], draft.integers(op["shape"])], op.output)


def _broadcast(draft: OnnxDraft, op: Op) -> None:
    draft.node("Expand", [op.inputs[0], draft.integers(op["shape"])], op.output)


def _resize(draft: OnnxDraft, op: Op) -> None:
    n, c, *_ = draft.shape(op.inputs[0])
    linear = "align_corners" if op["align_corners"] else "pytorch_half_pixel"
    nearest = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    attributes = nearest if op["mode"] == "nearest" else {"coordinate_transformation_mode": linear}
    sizes = draft.integers([n, c, *op["sizes"]])
    draft.node("Resize", [op.inputs[0], "", "", sizes], op.output, mode=op["mode"], **attributes)


def _gather(draft: OnnxDraft, op: Op) -> None:
    draft.node("Gather", op.inputs, op.output, axis=int(op["axis"]))


_SAME_WORK = {
    "div": "Div",
    "maximum": "Max",
    "minimum": "Min",
    "pow": "Pow",
    "relu": "Relu",
    "hard_swish": "HardSwish",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "neg": "Neg",
    "abs": "Abs",
    "erf": "Erf",
    "reciprocal": "Reciprocal",
    "identity": "Identity",
    "softplus": "Softplus",
}
EMITTERS: Mapping[str, Emitter] = MappingProxyType(
    {
        **{name: _direct(kind) for name, kind in _SAME_WORK.items()},
        **{name: _binary(kind) for name, kind in (("add", "Add"), ("sub", "Sub"), ("mul", "Mul"))},
        **{f"reduce_{word}": _reduce(f"Reduce{word.title()}") for word in ("mean", "sum", "max", "min")},
        "conv2d": _conv,
        "conv_transpose2d": _conv,
        "linear": _linear,
        "matmul": _matmul,
        "relu6": _relu6,
        "silu": _silu,
        "hard_sigmoid": _hard_sigmoid,
        "rsqrt": _rsqrt,
        "clip": _clip,
        "leaky_relu": _with_alpha("LeakyRelu"),
        "elu": _with_alpha("Elu"),
        "gelu": _gelu,
        "max_pool2d": _pool,
        "avg_pool2d": _pool,
        "softmax": _softmax("Softmax"),
        "log_softmax": _softmax("LogSoftmax"),
        "layer_norm": _layer_norm,
        "rms_norm": _rms_norm,
        "batch_norm": _batch_norm,
        "concat": _concat,
        "slice": _slice,
        "pad": _pad,
        "transpose": _transpose,
        "reshape": _reshape,
        "broadcast_to": _broadcast,
        "resize": _resize,
        "gather": _gather,
    }
)
