"""One-op graphs as ONNX models of real operators between dequantised codes, run by OpenVINO on the processor."""

from __future__ import annotations

import numpy as np
import openvino
from onnx import TensorProto, helper, numpy_helper

_NAMES = {"conv2d": "Conv", "linear": "Gemm"}


def run(graph, codes):
    """Codes of the output; int8 activations become uint8, 128 higher."""
    core = openvino.Core()
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(_model(graph).SerializeToString()), "CPU", options)
    given = (codes["x0"].astype(np.int16) + 128).astype(np.uint8)
    return (compiled([given])[0].astype(np.int16) - 128).astype(np.int8)


def _model(graph):
    op, constants, nodes, inputs = graph.ops[0], [], [], []

    def constant(name, values):
        constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def side(name):
        code, fixed = graph.tensors[name].encoding, name in graph.constants
        zero = np.asarray(code.zero_point + (0 if fixed else 128)).astype(np.int8 if fixed else np.uint8)
        return [constant(f"{name}_scale", np.asarray(code.scale, np.float32)), constant(f"{name}_zero", zero)]

    for name in op.inputs:
        code = graph.tensors[name].encoding
        if name in graph.constants:
            constant(name, np.asarray(graph.constants[name].array()))
        if code.format == "fp32":
            inputs.append(name)
            continue
        extra = {} if code.axis is None else {"axis": code.axis}
        nodes.append(helper.make_node("DequantizeLinear", [name, *side(name)], [f"{name}_real"], **extra))
        inputs.append(f"{name}_real")
    attributes = {"transB": 1}
    if op.kind.name == "conv2d":
        attributes = {name: list(op[name]) for name in ("strides", "pads", "dilations")} | {"group": op["groups"]}
    nodes.append(helper.make_node(_NAMES[op.kind.name], inputs, ["y_real"], **attributes))
    nodes.append(helper.make_node("QuantizeLinear", ["y_real", *side("y")], ["y"]))
    ends = [[helper.make_tensor_value_info(n, TensorProto.UINT8, graph.tensors[n].shape)] for n in ("x0", "y")]
    made = helper.make_graph(nodes, "one", *ends, constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
