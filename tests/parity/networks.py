"""Whole int8 networks as QLinear ONNX models and as PyTorch quantised modules: every op with cosim's own codes."""

from __future__ import annotations

import warnings

import numpy as np
from onnx import TensorProto, helper, numpy_helper


class QLinear:
    """A graph compressed with the preset onnxruntime, for ONNX Runtime on one thread.

    `run(codes, keep)` gives int8 codes of the outputs, and of every tensor in `keep`.
    """

    def __init__(self, graph, keep=()):
        self.graph = graph
        self.constants, self.nodes = [], []
        for op in graph.ops:
            self.add(op)
        self.names = [*graph.outputs, *(n for n in keep if n not in graph.outputs)]
        ends = [
            [helper.make_tensor_value_info(n, TensorProto.UINT8, graph.tensors[n].shape) for n in names]
            for names in (graph.inputs, self.names)
        ]
        made = helper.make_graph(self.nodes, "net", *ends, self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def constant(self, name, values):
        if all(c.name != name for c in self.constants):
            self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def encoding(self, name):
        code = self.graph.tensors[name].encoding
        shift, dtype = (0, np.int8) if name in self.graph.constants else (128, np.uint8)
        zero = np.asarray(code.zero_point + shift).astype(dtype)
        return [
            self.constant(f"{name}.scale", np.asarray(code.scale, np.float32)),
            self.constant(f"{name}.zero", zero),
        ]

    def full(self, name):
        if name in self.graph.constants:
            self.constant(name, self.graph.constants[name].array())
        return [name, *self.encoding(name)]

    def add(self, op):
        kind, x = op.kind.name, op.inputs[0]
        if "activation" in op.kind.defaults and op["activation"] != "none":
            # The clamp of the output's codes is the activation.
            code = self.graph.tensors[op.output].encoding
            assert int(code.zero_point) == -128
            assert op["activation"] == "relu" or np.rint(6 / float(code.scale)) >= 255
        rest, attributes, domain, name = [], {}, "com.microsoft", ""
        if kind == "conv2d":
            name, domain = "QLinearConv", ""
            rest = [*self.full(op.inputs[1]), *self.encoding(op.output)]
            if len(op.inputs) > 2:
                rest.append(self.constant(op.inputs[2], self.graph.constants[op.inputs[2]].array()))
            attributes = {
                k: list(op[v]) for k, v in (("strides", "strides"), ("pads", "pads"), ("dilations", "dilations"))
            }
            attributes["group"] = op["groups"]
        elif kind == "linear":
            name = "QGemm"
            bias = self.constant(op.inputs[2], self.graph.constants[op.inputs[2]].array())
            rest, attributes = [*self.full(op.inputs[1]), bias, *self.encoding(op.output)], {"transB": 1}
        elif kind == "add":
            name, rest = "QLinearAdd", [*self.full(op.inputs[1]), *self.encoding(op.output)]
        elif kind == "reduce_mean":
            rank4 = f"{op.output}.kept"
            node = helper.make_node(
                "QLinearGlobalAveragePool",
                [*self.full(x), *self.encoding(op.output)],
                [rank4],
                domain="com.microsoft",
                channels_last=0,
            )
            shape = self.constant(f"{op.output}.shape", np.array(self.graph.tensors[op.output].shape, np.int64))
            self.nodes += [node, helper.make_node("Reshape", [rank4, shape], [op.output])]
            return
        elif kind == "softmax":
            name, rest, attributes = "QLinearSoftmax", self.encoding(op.output), {"axis": op["axis"], "opset": 13}
        elif kind == "max_pool2d":
            attributes = {"kernel_shape": list(op["kernel"]), "strides": list(op["strides"]), "pads": list(op["pads"])}
            self.nodes.append(helper.make_node("MaxPool", [x], [op.output], **attributes))
            return
        elif kind == "reshape":
            shape = self.constant(f"{op.output}.shape", np.array(self.graph.tensors[op.output].shape, np.int64))
            self.nodes.append(helper.make_node("Reshape", [x, shape], [op.output]))
            return
        else:
            raise NotImplementedError(kind)
        self.nodes.append(helper.make_node(name, [*self.full(x), *rest], [op.output], domain=domain, **attributes))

    def given(self, codes):
        return {n: (np.asarray(codes[n], np.int16) + 128).astype(np.uint8) for n in self.graph.inputs}

    def run(self, codes):
        made = self.session.run(self.names, self.given(codes))
        return {n: (v.astype(np.int16) - 128).astype(np.int8) for n, v in zip(self.names, made, strict=True)}


class Qdq:
    """A graph compressed with the preset onnxruntime as real operators between dequantised codes.

    `model` is the file; `run(codes)` gives int8 codes of every tensor in `keep`, by ONNX Runtime on one thread with all
    of its optimisations, which put operators on codes in the place of real ones.
    """

    def __init__(self, graph, keep, *, signed=False):
        self.graph, self.names = graph, list(keep)
        self.shift, self.dtype = (0, np.int8) if signed else (128, np.uint8)
        self.constants, self.nodes, self.real = {}, [], {}
        for op in graph.ops:
            self.add(op)
        kind = TensorProto.INT8 if signed else TensorProto.UINT8
        ends = [
            [helper.make_tensor_value_info(n, kind, graph.tensors[n].shape) for n in names]
            for names in (graph.inputs, self.names)
        ]
        held = [numpy_helper.from_array(values, name) for name, values in self.constants.items()]
        made = helper.make_graph(self.nodes, "net", *ends, held)
        self.model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def constant(self, name, values):
        self.constants[name] = np.asarray(values)
        return name

    def side(self, name):
        code, fixed = self.graph.tensors[name].encoding, name in self.graph.constants
        shift, kind = (0, np.int32 if code.format == "int32" else np.int8) if fixed else (self.shift, self.dtype)
        scale = self.constant(f"{name}.scale", np.asarray(code.scale, np.float32))
        return [scale, self.constant(f"{name}.zero", np.asarray(code.zero_point + shift).astype(kind))]

    def value(self, name):
        """Real values of a tensor, dequantised where they are first read."""
        if name not in self.real:
            code = self.graph.tensors[name].encoding
            if name in self.graph.constants:
                self.constant(name, self.graph.constants[name].array())
            extra = {} if code.axis is None else {"axis": code.axis}
            self.real[name] = f"{name}.real"
            self.nodes.append(
                helper.make_node("DequantizeLinear", [name, *self.side(name)], [self.real[name]], **extra)
            )
        return self.real[name]

    def add(self, op):
        kind = op.kind.name
        if "activation" in op.kind.defaults and op["activation"] != "none":
            code = self.graph.tensors[op.output].encoding  # the clamp of the output's codes is the activation
            assert int(code.zero_point) == -128
            assert op["activation"] == "relu" or np.rint(6 / float(code.scale)) >= 255
        inputs, attributes = [self.value(n) for n in op.inputs], {}
        names = {"conv2d": "Conv", "linear": "Gemm", "add": "Add", "mul": "Mul", "softmax": "Softmax", "sigmoid": "Sigmoid",
                 "max_pool2d": "MaxPool", "reshape": "Reshape", "reduce_mean": "GlobalAveragePool",
                 "avg_pool2d": "AveragePool", "hard_swish": "HardSwish"}  # fmt: skip
        if kind == "conv2d":
            attributes = {n: list(op[n]) for n in ("strides", "pads", "dilations")} | {"group": op["groups"]}
        if kind in {"max_pool2d", "avg_pool2d"}:
            attributes = {"kernel_shape": list(op["kernel"]), "strides": list(op["strides"]), "pads": list(op["pads"])}
        if kind == "linear":
            attributes = {"transB": 1}
        if kind == "softmax":
            attributes = {"axis": op["axis"]}
        if kind == "reshape":
            inputs.append(self.constant(f"{op.output}.shape", np.array(op["shape"], np.int64)))
        self.quantised(helper.make_node(names[kind], inputs, [f"{op.output}.wide"], **attributes), op)

    def quantised(self, node, op):
        """The node and what makes codes of its output, in the shape of the graph's tensor."""
        self.nodes.append(node)
        dropped = op.kind.name == "reduce_mean" and not op["keepdims"]
        codes = f"{op.output}.kept" if dropped else op.output
        self.nodes.append(helper.make_node("QuantizeLinear", [f"{op.output}.wide", *self.side(op.output)], [codes]))
        if dropped:
            shape = self.constant(f"{op.output}.shape", np.array(self.graph.tensors[op.output].shape, np.int64))
            self.nodes.append(helper.make_node("Reshape", [codes, shape], [op.output]))

    def run(self, codes):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.qdqisint8allowed", "1")
        data = self.model.SerializeToString()
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        given = {n: (np.asarray(codes[n], np.int16) + self.shift).astype(self.dtype) for n in self.graph.inputs}
        made = session.run(self.names, given)
        return {n: (v.astype(np.int16) - self.shift).astype(np.int8) for n, v in zip(self.names, made, strict=True)}


class TorchQuantised:
    """A graph compressed with a PyTorch preset, run op by op with PyTorch's quantised kernels, channels last."""

    def __init__(self, graph, engine):
        import torch

        self.graph, self.torch, self.engine = graph, torch, engine
        torch.backends.quantized.engine = engine
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the quantised tensors of eager mode are deprecated
            self.packed = {op.name: self.pack(op) for op in graph.ops if op.kind.name in {"conv2d", "linear"}}

    def pack(self, op):
        torch, graph = self.torch, self.graph
        code, values = graph.tensors[op.inputs[1]].encoding, torch.from_numpy(graph.constants[op.inputs[1]].array())
        bias = (
            torch.from_numpy(graph.constants[op.inputs[2]].array().astype(np.float32)) if len(op.inputs) > 2 else None
        )
        if code.axis is None:
            w = torch._make_per_tensor_quantized_tensor(values, float(code.scale), 0)
        else:
            zeros = torch.zeros(len(code.scale), dtype=torch.int64)
            w = torch._make_per_channel_quantized_tensor(values, torch.from_numpy(np.array(code.scale)), zeros, 0)
        if op.kind.name == "linear":
            return torch.ops.quantized.linear_prepack(w, bias)
        pads = list(op["pads"][:2])
        assert op["pads"][:2] == op["pads"][2:]
        return torch.ops.quantized.conv2d_prepack(
            w, bias, list(op["strides"]), pads, list(op["dilations"]), op["groups"]
        )

    def run(self, codes):
        """Codes of every tensor that an op writes."""
        torch, q = self.torch, self.torch.ops.quantized
        torch.backends.quantized.engine = self.engine
        live = {}
        for name in self.graph.inputs:
            code = self.graph.tensors[name].encoding
            values = torch.from_numpy((codes[name].astype(np.int16) + 128).astype(np.uint8))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = torch._make_per_tensor_quantized_tensor(values, float(code.scale), int(code.zero_point) + 128)
            live[name] = made.contiguous(memory_format=torch.channels_last)
        for op in self.graph.ops:
            x, code = live[op.inputs[0]], self.graph.tensors[op.output].encoding
            end = (float(code.scale), int(code.zero_point) + 128)
            kind = op.kind.name
            if kind == "conv2d":
                # the clamp of the output's codes is the activation
                out = q.conv2d(x, self.packed[op.name], *end)
                if op["activation"] == "relu6" and np.rint(6 / end[0]) + end[1] < 255:
                    out = q.clamp(out, 0.0, 6.0)
            elif kind == "linear":
                out = q.linear(x, self.packed[op.name], *end)
            elif kind == "add":
                out = q.add(x, live[op.inputs[1]], *end)
            elif kind == "max_pool2d":
                out = torch.nn.functional.max_pool2d(x, op["kernel"], op["strides"], list(op["pads"][:2]))
            elif kind == "reduce_mean":
                out = torch.nn.functional.adaptive_avg_pool2d(x, 1)
                out = out.reshape(self.graph.tensors[op.output].shape)
            elif kind == "reshape":
                out = x.reshape(self.graph.tensors[op.output].shape)
            else:
                raise NotImplementedError(kind)
            live[op.output] = out
        return live

    def codes(self, live, name):
        return (live[name].int_repr().contiguous().numpy().astype(np.int16) - 128).astype(np.int8)
