"""Quantised Graphs as .tflite files in which every activation is an output, so that LiteRT shows each layer."""

from __future__ import annotations

import numpy as np

from cosim.compress import compress
from cosim.graph import Graph
from cosim.library import load_graph
from tests.frontend.tflite_cases import NONE, RELU, RELU6, VALID
from tests.frontend.tflite_file import File

NETWORKS = ("ds_cnn", "mobilenet_v1_025_96", "mobilenet_v2_035", "resnet8")
ACTIVATIONS = {"none": NONE, "relu": RELU, "relu6": RELU6}
LAST = (0, 2, 3, 1)


def quantised_network(name: str) -> Graph:
    """A network of the zoo with seeded weights, quantised by the habits of TensorFlow Lite."""
    return compress(load_graph(name), "int8:preset=tflite")


def as_tflite(graph: Graph) -> bytes:
    """The file; outputs are what the ops write, in their order."""
    return _Writer(graph).build()


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.file = File()
        self.numbers: dict[str, int] = {}

    def build(self) -> bytes:
        inputs = [self.activation(name) for name in self.graph.inputs]
        for op in self.graph.ops:
            getattr(self, f"_{op.kind.name}")(op)
        return self.file.build(inputs, [self.numbers[op.output] for op in self.graph.ops])

    def activation(self, name: str) -> int:
        tensor = self.graph.tensors[name]
        self.numbers[name] = self._tensor(tensor.shape, tensor.encoding, name)
        return self.numbers[name]

    def _tensor(self, shape, encoding, name) -> int:
        shape = tuple(shape[axis] for axis in LAST) if len(shape) == 4 else shape
        return self.file.tensor(shape, "int8", float(encoding.scale), int(encoding.zero_point), name=name)

    def constant(self, name: str, order=None, axis: int = 0) -> int:
        codes, encoding = np.asarray(self.graph.constants[name].array()), self.graph.tensors[name].encoding
        codes = codes if order is None else codes.transpose(order)
        return self.file.constant(np.ascontiguousarray(codes), encoding.scale, encoding.zero_point, axis, name)

    def integers(self, *values) -> int:
        return self.file.constant(np.array(values, np.int32))

    def operator(self, kind, inputs, op, **options) -> None:
        self.file.operator(kind, inputs, [self.activation(op.output)], **options)

    def _conv2d(self, op) -> None:
        x = self.numbers[op.inputs[0]]
        tensor = self.graph.tensors[op.inputs[0]]
        top, left, bottom, right = op["pads"]
        if any(op["pads"]):
            n, c, h, w = tensor.shape
            wide = self._tensor((n, c, h + top + bottom, w + left + right), tensor.encoding, f"{op.name}:pad")
            amounts = self.file.constant(np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32))
            self.file.operator("PAD", [x, amounts], [wide])
            x = wide
        is_depthwise = op["groups"] > 1
        options = {"padding": VALID, "stride_h": op["strides"][0], "stride_w": op["strides"][1]}
        options["activation"] = ACTIVATIONS[op["activation"]]
        if is_depthwise:
            options["multiplier"] = 1
        weights = self.constant(op.inputs[1], (1, 2, 3, 0) if is_depthwise else LAST, 3 if is_depthwise else 0)
        kind = "DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D"
        self.operator(kind, [x, weights, *map(self.constant, op.inputs[2:])], op, **options)

    def _linear(self, op) -> None:
        operands = [self.numbers[op.inputs[0]], *map(self.constant, op.inputs[1:])]
        self.operator("FULLY_CONNECTED", operands, op, activation=ACTIVATIONS[op["activation"]])

    def _add(self, op) -> None:
        operands = [self.numbers[name] for name in op.inputs]
        self.operator("ADD", operands, op, activation=ACTIVATIONS[op["activation"]])

    def _reduce_mean(self, op) -> None:
        assert set(op["axes"]) == {2, 3}
        self.operator("MEAN", [self.numbers[op.inputs[0]], self.integers(1, 2)], op, keep=op["keepdims"])

    def _avg_pool2d(self, op) -> None:
        assert not any(op["pads"])
        (h, w), (sy, sx) = op["kernel"], op["strides"]
        options = {"padding": VALID, "stride_h": sy, "stride_w": sx, "height": h, "width": w}
        self.operator("AVERAGE_POOL_2D", [self.numbers[op.inputs[0]]], op, **options)

    def _reshape(self, op) -> None:
        shape = self.graph.tensors[op.inputs[0]].shape
        assert len(shape) != 4 or shape[2:] == (1, 1)
        held = self.integers(*self.graph.tensors[op.output].shape)
        self.operator("RESHAPE", [self.numbers[op.inputs[0]], held], op)

    def _softmax(self, op) -> None:
        self.operator("SOFTMAX", [self.numbers[op.inputs[0]]], op, beta=1.0)
