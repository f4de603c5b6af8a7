"""`OnnxDraft`: an ONNX graph that is being written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from cosim.frontend.lowering import Array
from cosim.graph.graph import Graph
from cosim.graph.op import Op


class OnnxDraft:
    """Nodes and initializers of an ONNX graph; helper tensors get names that no tensor of the Graph has."""

    def __init__(self, graph: Graph, opset: int) -> None:
        self.graph = graph
        self.opset = opset
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._taken = set(graph.tensors)
        self._shared: dict[bytes, str] = {}

    def node(self, kind: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of what it writes; without `output` a new name."""
        output = output or self.fresh(kind)
        # Nodes are named after what they write: unique, because tensors are.
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=f"{kind}:{output}", **attributes))
        return output

    def fresh(self, wish: str) -> str:
        """A name that is not taken yet."""
        number = len(self._taken)
        while f"{wish}.{number}" in self._taken:
            number += 1
        self._taken.add(f"{wish}.{number}")
        return f"{wish}.{number}"

    def initializer(self, name: str, array: Array) -> str:
        """Add an initializer."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def constant(self, array: Array) -> str:
        """A small helper initializer; equal ones are stored once."""
        key = f"{array.dtype.str}{array.shape}".encode() + array.tobytes()
        if key not in self._shared:
            self._shared[key] = self.initializer(self.fresh("constant"), array)
        return self._shared[key]

    def integers(self, values: Sequence[int]) -> str:
        """A helper initializer of 64-bit integers (n,)."""
        return self.constant(np.array(values, np.int64))

    def number(self, value: float) -> str:
        """A helper initializer of one fp32 number ()."""
        return self.constant(np.array(value, np.float32))

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor of the Graph."""
        return self.graph.tensors[name].shape

    def activate(self, op: Op) -> tuple[str, str | None]:
        """Name under which the body of `op` writes, and the clamp that must follow (None for none)."""
        clamp = op["activation"]
        return (op.output, None) if clamp == "none" else (self.fresh(op.output), clamp)

    def clamp(self, kind: str | None, x: str, output: str) -> None:
        """The fused clamp of an op as a node of its own."""
        if kind == "relu":
            self.node("Relu", [x], output)
        elif kind == "relu6":
            self.node("Clip", [x, self.number(0.0), self.number(6.0)], output)
