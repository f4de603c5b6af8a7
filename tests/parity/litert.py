"""One-op graphs as LiteRT models, run on each of its three kernel paths."""

from __future__ import annotations

from dataclasses import replace

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

PATHS = {
    "tflite": OpResolverType.AUTO,
    "tflite-builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "tflite-reference": OpResolverType.BUILTIN_REF,
}
_TYPES = {"int8": 9, "int32": 2, "fp32": 0, "int16": 7}
_CODES = {
    "add": 0, "avg_pool2d": 1, "conv2d": 3, "depthwise": 4, "linear": 9, "max_pool2d": 17, "mul": 18, "softmax": 25,
    "reduce_mean": 40, "requantize": 114, "quantize": 114, "sigmoid": 14, "tanh": 28, "sub": 41,
}  # fmt: skip


def run(graph, codes, preset):
    """Codes of the output, NCHW."""
    return run_network(graph, codes, preset, ["y"])["y"]


def run_network(graph, codes, preset, keep):
    """Codes of the tensors in `keep`, NCHW."""
    interpreter = Interpreter(
        model_content=bytes(model(graph, keep)), experimental_op_resolver_type=PATHS[preset], num_threads=1
    )
    interpreter.allocate_tensors()
    details = {d["name"]: d["index"] for d in interpreter.get_input_details()}
    for name in graph.inputs:
        interpreter.set_tensor(details[name], last(codes[name]))
    interpreter.invoke()
    return {d["name"]: first(interpreter.get_tensor(d["index"])) for d in interpreter.get_output_details()}


def last(array):
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)) if array.ndim == 4 else array


def first(array):
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


def model(graph, keep):
    built = schema.ModelT()
    built.version = 3
    sub = schema.SubGraphT()
    built.buffers, built.operatorCodes, sub.tensors, sub.operators = [schema.BufferT()], [], [], []
    order = {}
    for name in graph.inputs:
        place(built, sub, order, graph, name, graph.ops[0])
    for op in graph.ops:
        add(built, sub, order, graph, op)
    sub.inputs, sub.outputs = [order[n] for n in graph.inputs], [order[n] for n in keep]
    built.subgraphs = [sub]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(built.Pack(builder), b"TFL3")
    return builder.Output()


def is_depthwise(op):
    return op.kind.name == "conv2d" and op["groups"] > 1


def place(built, sub, order, graph, name, op):
    """Index of a tensor, made when it is first named."""
    if name not in order:
        values, deep = None, is_depthwise(op)
        if name in graph.constants:
            values = graph.constants[name].array()
            if values.ndim == 4:
                values = values.transpose(1, 2, 3, 0) if deep else values.transpose(0, 2, 3, 1)
        order[name] = len(sub.tensors)
        wide = graph.tensors[op.inputs[0]].encoding.format == "int16"
        sub.tensors.append(tensor(built, graph.tensors[name], name, values, deep, wide))
    return order[name]


def node(built, sub, code, inputs, output, kind, made):
    entry = schema.OperatorCodeT()
    entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = code, min(code, 127), 3
    new = schema.OperatorT()
    new.opcodeIndex, new.inputs, new.outputs = len(built.operatorCodes), inputs, [output]
    new.builtinOptionsType, new.builtinOptions = kind, made
    built.operatorCodes.append(entry)
    sub.operators.append(new)


def is_same(op, graph):
    """Whether pads are those of TensorFlow's SAME."""
    x, w = graph.tensors[op.inputs[0]].shape, graph.tensors[op.inputs[1]].shape
    pads = []
    for size, taps, stride in zip(x[2:], w[2:], op["strides"], strict=True):
        total = max((-(-size // stride) - 1) * stride + taps - size, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(op["pads"]) == (pads[0][0], pads[1][0], pads[0][1], pads[1][1])


def add(built, sub, order, graph, op):
    kind = "depthwise" if is_depthwise(op) else op.kind.name
    inputs = [place(built, sub, order, graph, n, op) for n in op.inputs]
    valid = True
    if kind in {"conv2d", "depthwise"} and any(op["pads"]):
        valid = not is_same(op, graph)
        if valid:  # an op of its own pads with the zero point
            top, left, bottom, right = op["pads"]
            source = graph.tensors[op.inputs[0]]
            n, c, h, w = source.shape
            wider = replace(source, shape=(n, c, h + top + bottom, w + left + right))
            sub.tensors.append(tensor(built, wider, f"{op.output}.padded", None, False))
            index = len(sub.tensors) - 1
            sub.tensors.append(integers(built, "pads", [[0, 0], [top, bottom], [left, right], [0, 0]]))
            made = schema.PadOptionsT()
            node(built, sub, 34, [inputs[0], index + 1], index, schema.BuiltinOptions.PadOptions, made)
            inputs[0] = index
    if op.kind.name == "reduce_mean":
        inputs.append(len(sub.tensors))
        sub.tensors.append(integers(built, "axes", [1, 2]))
    output = place(built, sub, order, graph, op.output, op)
    node(built, sub, _CODES[kind], inputs, output, *options(kind, op, valid))


def integers(built, name, values):
    out = schema.TensorT()
    out.name, out.type, out.shape = name, 2, list(np.shape(values))
    data = schema.BufferT()
    data.data = np.frombuffer(np.array(values, np.int32).tobytes(), np.uint8)
    out.buffer = len(built.buffers)
    built.buffers.append(data)
    return out


def tensor(built, source, name, values, depthwise, wide=False):
    out = schema.TensorT()
    shape = source.shape
    if len(shape) == 4:
        shape = tuple(np.empty(shape, np.int8).transpose(0, 2, 3, 1).shape)
    out.name, out.type, out.buffer = name, _TYPES[source.encoding.format], 0
    if wide and source.encoding.format == "int32":
        out.type, values = 4, values.astype(np.int64)
    if values is not None:
        shape = values.shape
        data = schema.BufferT()
        data.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        out.buffer = len(built.buffers)
        built.buffers.append(data)
    out.shape = list(shape)
    code = source.encoding
    if code.scale is not None:
        quant = schema.QuantizationParametersT()
        quant.scale = np.atleast_1d(code.scale).astype(np.float32)
        quant.zeroPoint = np.atleast_1d(0 * code.scale if code.zero_point is None else code.zero_point).astype(np.int64)
        if code.axis is not None:
            quant.quantizedDimension = 3 if depthwise and values is not None and values.ndim == 4 else 0
        out.quantization = quant
    return out


def options(kind, op, valid):
    names = {
        "conv2d": "Conv2D", "depthwise": "DepthwiseConv2D", "linear": "FullyConnected", "add": "Add", "mul": "Mul",
        "avg_pool2d": "Pool2D", "max_pool2d": "Pool2D", "softmax": "Softmax", "reduce_mean": "Reducer",
        "requantize": "Quantize", "quantize": "Quantize", "sub": "Sub",
    }  # fmt: skip
    if kind not in names:
        return 0, None
    made = getattr(schema, f"{names[kind]}OptionsT")()
    if kind in {"conv2d", "depthwise", "avg_pool2d", "max_pool2d"}:
        made.padding = int(valid)
        made.strideH, made.strideW = op["strides"]
    if kind in {"conv2d", "depthwise"}:
        made.dilationHFactor, made.dilationWFactor = op["dilations"]
    if kind == "depthwise":
        made.depthMultiplier = 1
    if kind in {"avg_pool2d", "max_pool2d"}:
        made.filterHeight, made.filterWidth = op["kernel"]
    if kind == "softmax":
        made.beta = 1.0
    if kind == "reduce_mean":
        made.keepDims = bool(op["keepdims"])
    if "activation" in op.kind.defaults:
        made.fusedActivationFunction = {"none": 0, "relu": 1, "relu6": 3}[op["activation"]]
    return getattr(schema.BuiltinOptions, f"{names[kind]}Options"), made
