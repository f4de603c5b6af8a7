"""One-op graphs as QLinear ONNX models, run with ONNX Runtime. int8 activations become uint8, 128 higher."""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

_OURS = {
    "conv2d": "QLinearConv", "linear": "QLinearMatMul", "add": "QLinearAdd", "mul": "QLinearMul",
    "reduce_mean": "QLinearGlobalAveragePool", "softmax": "QLinearSoftmax", "sigmoid": "QLinearSigmoid",
    "max_pool2d": "MaxPool", "avg_pool2d": "QLinearAveragePool",
}  # fmt: skip


def run(graph, codes, *, signed=False):
    """Codes of the output."""
    if graph.ops[0].kind.name == "linear":
        return run_linear(graph, codes, signed=signed)
    if graph.ops[0].kind.name == "quantize":
        return run_quantise(graph, codes)
    shift, dtype = (0, np.int8) if signed else (128, np.uint8)
    op = graph.ops[0]
    kind = op.kind.name
    constants = []

    def constant(name, values):
        constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def quantisation(name):
        code = graph.tensors[name].encoding
        unshifted = name in graph.constants
        zero = np.asarray(code.zero_point + (0 if unshifted else shift)).astype(np.int8 if unshifted else dtype)
        scale = np.asarray(code.scale, np.float32)
        return [constant(f"{name}_scale", scale), constant(f"{name}_zero", zero)]

    attributes, inputs, domain = {}, [], "com.microsoft"
    if kind == "conv2d":
        domain = ""
        constant("x1", graph.constants["x1"].array())
        constant("x2", graph.constants["x2"].array())
        inputs = ["x0", *quantisation("x0"), "x1", *quantisation("x1"), *quantisation("y"), "x2"]
        attributes = {
            "strides": list(op["strides"]), "pads": list(op["pads"]), "group": op["groups"],
            "dilations": list(op["dilations"]),
        }  # fmt: skip
    elif kind in {"add", "mul"}:
        inputs = ["x0", *quantisation("x0"), "x1", *quantisation("x1"), *quantisation("y")]
    elif kind == "max_pool2d":
        inputs, domain = ["x0"], ""
        attributes = {"kernel_shape": list(op["kernel"]), "strides": list(op["strides"])}
    else:
        inputs = ["x0", *quantisation("x0"), *quantisation("y")]
        if kind == "avg_pool2d":
            attributes = {"kernel_shape": list(op["kernel"]), "strides": list(op["strides"]), "count_include_pad": 0}
        if kind == "reduce_mean":
            attributes = {"channels_last": 0}
        if kind == "softmax":
            attributes = {"axis": -1, "opset": 13}
    node = helper.make_node(_OURS[kind], inputs, ["y"], domain=domain, **attributes)
    return _session([node], graph, constants, shift, dtype, codes)


def run_linear(graph, codes, *, signed=False):
    """A fully connected layer as QGemm, the operator that carries a bias."""
    shift, dtype = (0, np.int8) if signed else (128, np.uint8)
    x, w, y = (graph.tensors[name].encoding for name in ("x0", "x1", "y"))
    constants = [
        numpy_helper.from_array(np.asarray(v), n)
        for n, v in (
            ("xs", np.asarray(x.scale, np.float32)),
            ("xz", np.asarray(x.zero_point + shift).astype(dtype)),
            ("w", graph.constants["x1"].array()),
            ("ws", np.asarray(w.scale, np.float32)),
            ("wz", np.asarray(w.zero_point).astype(np.int8)),
            ("b", graph.constants["x2"].array()),
            ("ys", np.asarray(y.scale, np.float32)),
            ("yz", np.asarray(y.zero_point + shift).astype(dtype)),
        )
    ]
    inputs = ["x0", "xs", "xz", "w", "ws", "wz", "b", "ys", "yz"]
    node = helper.make_node("QGemm", inputs, ["y"], domain="com.microsoft", transB=1)
    return _session([node], graph, constants, shift, dtype, codes)


def run_quantise(graph, codes):
    y = graph.tensors["y"].encoding
    constants = [
        numpy_helper.from_array(np.asarray(y.scale, np.float32), "ys"),
        numpy_helper.from_array(np.asarray(y.zero_point + 128).astype(np.uint8), "yz"),
    ]
    node = helper.make_node("QuantizeLinear", ["x0", "ys", "yz"], ["y"])
    return _session([node], graph, constants, 128, np.uint8, codes, entry=TensorProto.FLOAT)


def _session(nodes, graph, constants, shift, dtype, codes, entry=None):
    kind = TensorProto.INT8 if dtype == np.int8 else TensorProto.UINT8
    ends = [
        [helper.make_tensor_value_info(n, code, graph.tensors[n].shape) for n in names]
        for names, code in ((graph.inputs, entry or kind), (("y",), kind))
    ]
    made = helper.make_graph(nodes, "one", *ends, constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    given = codes if entry else {n: (codes[n].astype(np.int16) + shift).astype(dtype) for n in graph.inputs}
    return (session.run(None, given)[0].astype(np.int16) - shift).astype(np.int8)
