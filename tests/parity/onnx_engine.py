"""One-op graphs as ONNX models run by ONNX Runtime: its operators on codes, or QDQ around real operators.

int8 activations become uint8, 128 higher, unless `signed`.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"
ON_CODES = {
    "conv2d": ("QLinearConv", ""), "linear": ("QGemm", MICROSOFT), "add": ("QLinearAdd", MICROSOFT),
    "mul": ("QLinearMul", MICROSOFT), "reduce_mean": ("QLinearGlobalAveragePool", MICROSOFT),
    "softmax": ("QLinearSoftmax", MICROSOFT), "sigmoid": ("QLinearSigmoid", MICROSOFT),
    "leaky_relu": ("QLinearLeakyRelu", MICROSOFT), "concat": ("QLinearConcat", MICROSOFT),
    "max_pool2d": ("MaxPool", ""), "avg_pool2d": ("QLinearAveragePool", MICROSOFT), "matmul": ("QLinearMatMul", ""),
}  # fmt: skip
REAL = {
    "conv2d": "Conv", "linear": "Gemm", "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "softmax": "Softmax",
    "sigmoid": "Sigmoid", "leaky_relu": "LeakyRelu", "concat": "Concat", "max_pool2d": "MaxPool",
    "avg_pool2d": "AveragePool", "matmul": "MatMul", "tanh": "Tanh", "hard_swish": "HardSwish", "relu": "Relu",
    "reduce_mean": "GlobalAveragePool", "elu": "Elu", "hard_sigmoid": "HardSigmoid", "exp": "Exp", "abs": "Abs",
    "neg": "Neg", "sqrt": "Sqrt", "maximum": "Max", "minimum": "Min", "requantize": "Identity", "gelu": "Gelu",
    "log": "Log", "erf": "Erf", "resize": "Resize", "pow": "Pow", "reciprocal": "Reciprocal",
    "log_softmax": "LogSoftmax", "softplus": "Softplus", "reduce_sum": "ReduceSum",
}  # fmt: skip


def run(graph, codes, *, signed=False, qdq=False):
    """Codes of the output, from operators on codes or (`qdq`) from real operators between dequantised codes."""
    if graph.ops[0].kind.name == "quantize":
        return _quantised(graph, codes, signed)
    writer = _Writer(graph, signed)
    nodes = writer.around() if qdq else writer.on_codes()
    return writer.session(nodes, codes)


def _quantised(graph, codes, signed):
    writer = _Writer(graph, signed)
    node = helper.make_node("QuantizeLinear", ["x0", *writer.side("y")], ["y"])
    return writer.session([node], codes, entry=TensorProto.FLOAT)


class _Writer:
    def __init__(self, graph, signed):
        self.graph, self.constants = graph, []
        self.shift, self.dtype = (0, np.int8) if signed else (128, np.uint8)

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def side(self, name):
        """Scale and zero point of a tensor."""
        code, fixed = self.graph.tensors[name].encoding, name in self.graph.constants
        zero = np.asarray(code.zero_point + (0 if fixed else self.shift))
        kind = np.int32 if code.format == "int32" else np.int8 if fixed else self.dtype
        scale = np.asarray(code.scale, np.float32)
        return [self.constant(f"{name}_scale", scale), self.constant(f"{name}_zero", zero.astype(kind))]

    def held(self, name):
        if name in self.graph.constants:
            self.constant(name, np.asarray(self.graph.constants[name].array()))
        return name

    def on_codes(self):
        op = self.graph.ops[0]
        kind, (name, domain) = op.kind.name, ON_CODES[op.kind.name]
        coded = [n for n in op.inputs if self.graph.tensors[n].encoding.format == "int8"]
        full = [name for n in coded for name in (self.held(n), *self.side(n))]
        y, bias = self.side("y"), [self.held(n) for n in op.inputs[2:3]] if kind in {"conv2d", "linear"} else []
        inputs = [*full, *y]
        if kind == "conv2d":
            inputs += bias
        if kind == "linear":
            inputs = [*full, *(bias or [""]), *y]
        if kind == "concat":
            inputs = [*y, *full]
        if kind == "max_pool2d":
            inputs = ["x0"]
        attributes = self.attributes(op)
        if kind == "reduce_mean":
            attributes = {"channels_last": 0}
        if kind == "softmax":
            attributes["opset"] = 13
        return [helper.make_node(name, inputs, ["y"], domain=domain, **attributes)]

    def around(self):
        op = self.graph.ops[0]
        nodes, inputs = [], []
        for name in op.inputs:
            self.held(name)
            axis = self.graph.tensors[name].encoding.axis
            extra = {} if axis is None else {"axis": axis}
            nodes.append(helper.make_node("DequantizeLinear", [name, *self.side(name)], [f"{name}_real"], **extra))
            inputs.append(f"{name}_real")
        if op.kind.name == "resize":
            n, c, h, w = self.graph.tensors["y"].shape
            inputs += ["", "", self.constant("sizes", np.array([n, c, h, w], np.int64))]
        nodes += [
            helper.make_node(REAL[op.kind.name], inputs, ["y_real"], **self.attributes(op)),
            helper.make_node("QuantizeLinear", ["y_real", *self.side("y")], ["y"]),
        ]
        return nodes

    def attributes(self, op):
        kind = op.kind.name
        if kind in {"conv2d", "max_pool2d", "avg_pool2d"}:
            made = {"strides": list(op["strides"]), "pads": list(op["pads"])}
            if kind == "conv2d":
                return made | {"group": op["groups"], "dilations": list(op["dilations"])}
            made["kernel_shape"] = list(op["kernel"])
            return made | ({"count_include_pad": int(op["count_include_pad"])} if kind == "avg_pool2d" else {})
        if kind == "resize":
            corners = "align_corners" if op["align_corners"] else "half_pixel"
            nearest = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
            linear = {"coordinate_transformation_mode": corners}
            return {"mode": op["mode"], **(nearest if op["mode"] == "nearest" else linear)}
        names = {"softmax": ("axis",), "log_softmax": ("axis",), "concat": ("axis",), "leaky_relu": ("alpha",),
                 "elu": ("alpha",)}  # fmt: skip
        made = {name: op[name] for name in names.get(kind, ())}
        if kind == "gelu":
            made["approximate"] = op["approximate"]
        return made | ({"transB": 1} if kind == "linear" else {})

    def session(self, nodes, codes, entry=None):
        graph, kind = self.graph, TensorProto.INT8 if self.dtype == np.int8 else TensorProto.UINT8
        ends = [
            [helper.make_tensor_value_info(n, code, graph.tensors[n].shape) for n in names]
            for names, code in ((graph.inputs, entry or kind), (("y",), kind))
        ]
        made = helper.make_graph(nodes, "one", *ends, self.constants)
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(made, opset_imports=opsets, ir_version=9)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        # On x86 real convolutions between int8 codes are left real unless this allows the operators on codes.
        options.add_session_config_entry("session.qdqisint8allowed", "1")
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        given = (
            codes if entry else {n: (codes[n].astype(np.int16) + self.shift).astype(self.dtype) for n in graph.inputs}
        )
        return (session.run(None, given)[0].astype(np.int16) - self.shift).astype(np.int8)
