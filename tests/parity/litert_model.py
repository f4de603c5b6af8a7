"""Graphs of int8 (or uint8, 128 higher) codes as .tflite files."""

from __future__ import annotations

from dataclasses import replace

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_TYPES = {"int8": 9, "int32": 2, "fp32": 0, "int16": 7}
_UINT8, _INT64 = 3, 4
_CODES = {
    "add": 0, "avg_pool2d": 1, "concat": 2, "conv2d": 3, "depthwise": 4, "dequantize": 6, "linear": 9, "sigmoid": 14,
    "max_pool2d": 17, "mul": 18, "relu": 19, "relu6": 21, "reshape": 22, "resize": 23, "softmax": 25, "tanh": 28,
    "pad": 34, "reduce_mean": 40, "sub": 41, "div": 42, "exp": 47, "log_softmax": 50, "maximum": 55, "minimum": 57,
    "conv_transpose2d": 67, "log": 73, "reduce_sum": 74, "sqrt": 75, "rsqrt": 76, "reduce_max": 82, "reduce_min": 89,
    "leaky_relu": 98, "abs": 101, "elu": 111, "quantize": 114, "requantize": 114, "hard_swish": 117, "matmul": 126,
    "neg": 59, "gelu": 150, "nearest": 97, "transpose": 39,
}  # fmt: skip
_OPTIONS = {
    "conv2d": "Conv2D", "depthwise": "DepthwiseConv2D", "linear": "FullyConnected", "add": "Add", "mul": "Mul",
    "avg_pool2d": "Pool2D", "max_pool2d": "Pool2D", "softmax": "Softmax", "reduce_mean": "Reducer",
    "reduce_sum": "Reducer", "reduce_max": "Reducer", "reduce_min": "Reducer", "requantize": "Quantize",
    "quantize": "Quantize", "sub": "Sub", "div": "Div", "leaky_relu": "LeakyRelu", "concat": "Concatenation",
    "resize": "ResizeBilinear", "nearest": "ResizeNearestNeighbor", "conv_transpose2d": "TransposeConv",
    "matmul": "BatchMatMul", "gelu": "Gelu", "maximum": "MaximumMinimum", "minimum": "MaximumMinimum",
    "pad": "Pad", "reshape": "Reshape",
}  # fmt: skip
_VERSIONS = {
    "leaky_relu": 2, "hard_swish": 1, "exp": 2, "log": 2, "gelu": 2, "elu": 1, "neg": 1, "sqrt": 1, "reduce_sum": 2, "div": 2,
    "log_softmax": 2,
}  # fmt: skip
_LATEST = 3  # of the other operators: what a converter of 2024 writes
_STRIDED = {"conv2d", "depthwise", "avg_pool2d", "max_pool2d", "conv_transpose2d"}


def model(graph, keep, *, unsigned=False):
    """Bytes of a file whose outputs are `keep`."""
    return _Writer(graph, unsigned).build(keep)


class _Writer:
    def __init__(self, graph, unsigned):
        self.graph, self.unsigned = graph, unsigned
        self.built, self.sub, self.order = schema.ModelT(), schema.SubGraphT(), {}
        self.built.version, self.built.buffers, self.built.operatorCodes = 3, [schema.BufferT()], []
        self.sub.tensors, self.sub.operators = [], []

    def build(self, keep):
        graph, sub = self.graph, self.sub
        for name in graph.inputs:
            self.place(name, graph.ops[0])
        for op in graph.ops:
            self.add(op)
        sub.inputs, sub.outputs = [self.order[n] for n in graph.inputs], [self.order[n] for n in keep]
        self.built.subgraphs = [sub]
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.built.Pack(builder), b"TFL3")
        return builder.Output()

    def place(self, name, op):
        """Index of a tensor, made when it is first named."""
        if name not in self.order:
            values, deep = None, is_depthwise(op)
            if name in self.graph.constants:
                values = np.asarray(self.graph.constants[name].array())
                if values.ndim == 4:
                    turned = {True: (1, 2, 3, 0), False: (0, 2, 3, 1)}[deep]
                    values = values.transpose((1, 2, 3, 0) if op.kind.name == "conv_transpose2d" else turned)
            wide = self.graph.tensors[op.inputs[0]].encoding.format == "int16"
            made = self.tensor(self.graph.tensors[name], name, values, deep, wide)
            self.order[name] = len(self.sub.tensors)
            self.sub.tensors.append(made)
        return self.order[name]

    def node(self, name, inputs, output, kind, made):
        entry, code = schema.OperatorCodeT(), _CODES[name]
        entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = (
            code,
            min(code, 127),
            _VERSIONS.get(name, _LATEST),
        )
        new = schema.OperatorT()
        new.opcodeIndex, new.inputs, new.outputs = len(self.built.operatorCodes), inputs, [output]
        new.builtinOptionsType, new.builtinOptions = kind, made
        self.built.operatorCodes.append(entry)
        self.sub.operators.append(new)

    def integers(self, name, values):
        out = schema.TensorT()
        out.name, out.type, out.shape = name, _TYPES["int32"], list(np.shape(values))
        self._fill(out, np.array(values, np.int32))
        self.sub.tensors.append(out)
        return len(self.sub.tensors) - 1

    def _fill(self, out, values):
        data = schema.BufferT()
        data.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        out.buffer = len(self.built.buffers)
        self.built.buffers.append(data)

    def add(self, op):
        kind = "depthwise" if is_depthwise(op) else op.kind.name
        inputs = [self.place(n, op) for n in op.inputs]
        valid = True
        if kind in {"conv2d", "depthwise", "max_pool2d", "avg_pool2d"} and any(op["pads"]):
            valid = not is_same(op, self.graph)
            if valid:  # an op of its own pads with the zero point
                assert kind in {"conv2d", "depthwise"}
                inputs[0] = self._padded(op, inputs[0])
        if kind.startswith("reduce"):
            axes = op["axes"]
            inputs.append(
                self.integers("axes", [{0: 0, 1: 3, 2: 1, 3: 2}[a] for a in axes] if self._image(op) else axes)
            )
        if kind == "resize":
            kind = "nearest" if op["mode"] == "nearest" else kind
            inputs.append(self.integers("sizes", list(op["sizes"])))
        if kind == "pad":
            inputs.append(self.integers("pads", self._turned(op, [list(p) for p in op["pads"]])))
        if kind == "transpose":
            inputs.append(self.integers("permutation", list(op["permutation"])))
        if kind == "reshape":
            inputs.append(self.integers("shape", list(op["shape"])))
        if kind == "conv_transpose2d":
            n, c, h, w = self.graph.tensors[op.output].shape
            inputs = [self.integers("shape", [n, h, w, c]), inputs[1], inputs[0], *inputs[2:]]
        self.node(kind, inputs, self.place(op.output, op), *self._made(kind, op, valid))

    def _image(self, op):
        return len(self.graph.tensors[op.inputs[0]].shape) == 4

    def _turned(self, op, values):
        return [values[axis] for axis in (0, 2, 3, 1)] if self._image(op) else values

    def _padded(self, op, position):
        top, left, bottom, right = op["pads"]
        source = self.graph.tensors[op.inputs[0]]
        n, c, h, w = source.shape
        wider = replace(source, shape=(n, c, h + top + bottom, w + left + right))
        wide = source.encoding.format == "int16"
        index = len(self.sub.tensors)
        self.sub.tensors.append(self.tensor(wider, f"{op.output}.padded", None, False, wide))
        pads = self.integers("pads", [[0, 0], [top, bottom], [left, right], [0, 0]])
        self.node("pad", [position, pads], index, schema.BuiltinOptions.PadOptions, schema.PadOptionsT())
        return index

    def tensor(self, source, name, values, depthwise, wide):
        out, code = schema.TensorT(), source.encoding
        shape, offset = source.shape, 0
        if len(shape) == 4:
            shape = tuple(shape[axis] for axis in (0, 2, 3, 1))
        out.name, out.type, out.buffer = name, _TYPES[code.format], 0
        if self.unsigned and code.format == "int8":
            out.type, offset = _UINT8, 128
            values = None if values is None else (values.astype(np.int16) + 128).astype(np.uint8)
        if wide and code.format == "int32":
            out.type, values = _INT64, values.astype(np.int64)
        if values is not None:
            shape = values.shape
            self._fill(out, values)
        out.shape = list(shape)
        if code.scale is not None:
            quant = schema.QuantizationParametersT()
            zeros = np.atleast_1d(0 * code.scale if code.zero_point is None else code.zero_point).astype(np.int64)
            quant.scale, quant.zeroPoint = np.atleast_1d(code.scale).astype(np.float32), zeros + offset
            if code.format == "int32" and np.ptp(quant.scale) == 0:  # LiteRT wants one where the weights have one
                quant.scale, quant.zeroPoint = quant.scale[:1], quant.zeroPoint[:1]
            if code.axis is not None:
                quant.quantizedDimension = 3 if depthwise and values is not None and values.ndim == 4 else 0
            out.quantization = quant
        return out

    def _made(self, kind, op, valid):
        if kind not in _OPTIONS:
            return 0, None
        made = getattr(schema, f"{_OPTIONS[kind]}OptionsT")()
        if kind in _STRIDED:
            made.padding = int(valid if kind != "conv_transpose2d" else not any(op["pads"]))
            made.strideH, made.strideW = op["strides"]
        if kind in {"conv2d", "depthwise"}:
            made.dilationHFactor, made.dilationWFactor = op["dilations"]
        if kind == "depthwise":
            outputs, inputs = (self.graph.tensors[op.inputs[i]].shape[1 - i] for i in (1, 0))
            made.depthMultiplier = outputs // inputs
        if kind in {"avg_pool2d", "max_pool2d"}:
            made.filterHeight, made.filterWidth = op["kernel"]
        if kind == "softmax":
            made.beta = 1.0
        if kind == "leaky_relu":
            made.alpha = float(op["alpha"])
        if kind == "gelu":
            made.approximate = op["approximate"] == "tanh"
        if kind == "concat":
            made.axis = {0: 0, 1: 3, 2: 1, 3: 2}[op["axis"]] if self._image(op) else op["axis"]
        if kind in {"resize", "nearest"}:
            corners = bool(op["align_corners"])
            made.alignCorners, made.halfPixelCenters = (False, False) if kind == "nearest" else (corners, not corners)
        if kind == "matmul":
            made.adjY = bool(op["transpose_b"])
        if kind.startswith("reduce"):
            made.keepDims = bool(op["keepdims"])
        if "activation" in op.kind.defaults:
            made.fusedActivationFunction = {"none": 0, "relu": 1, "relu6": 3}[op["activation"]]
        return getattr(schema.BuiltinOptions, f"{_OPTIONS[kind]}Options"), made


def is_depthwise(op):
    return op.kind.name == "conv2d" and op["groups"] > 1


def is_same(op, graph):
    """Whether pads are those of TensorFlow's SAME."""
    x = graph.tensors[op.inputs[0]].shape
    taps = op["kernel"] if "kernel" in op.kind.defaults else graph.tensors[op.inputs[1]].shape[2:]
    spread = op["dilations"] if "dilations" in op.kind.defaults else (1, 1)
    pads = []
    for size, n, stride, step in zip(x[2:], taps, op["strides"], spread, strict=True):
        total = max((-(-size // stride) - 1) * stride + (n - 1) * step + 1 - size, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(op["pads"]) == (pads[0][0], pads[1][0], pads[0][1], pads[1][1])
