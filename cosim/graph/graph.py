"""`Graph`: tensors and ops in an order that can be executed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property

import numpy as np

from cosim.errors import DescriptionError
from cosim.formats import FLOAT32, Encoding
from cosim.graph.constant import Constant
from cosim.graph.op import Op, Shape
from cosim.graph.space import Space


@dataclass(frozen=True, eq=False)
class Tensor:
    """An array that flows between ops, batch first, channels second (NCHW) where it is an image."""

    name: str
    shape: Shape
    encoding: Encoding = FLOAT32

    @property
    def elements(self) -> int:
        """Number of elements."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    @cached_property
    def bytes(self) -> int:
        """Bytes of the codes and of what their blocks share, without scales of tensors and channels [byte]."""
        box = np.array([[(0, extent) for extent in self.shape]], np.int64).reshape(1, len(self.shape), 2)
        return int(self.encoding.box_bytes(box)[0])


class Part(Enum):
    """What a tensor is to its graph."""

    INPUT = "input"
    OUTPUT = "output"
    CONSTANT = "constant"
    ACTIVATION = "activation"


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: frozen; every change makes a new one.

    Attributes
    ----------
    name
        Name of the network.
    tensors
        Every tensor by name.
    ops
        In executable order.
    inputs, outputs
        Names of tensors.
    constants
        Values of the tensors that do not change.
    states
        Output tensor -> input tensor that holds its value at the next step (recurrent state, KV cache).
    provenance
        Where it came from and what was done to it, one line each.
    values
        Where the weights come from: ``"trained"``, ``"user"`` or ``"synthetic"``.
    arithmetic
        Whose rounding the executor reproduces: a preset, with deviations (`cosim.execute.numerics`).
    """

    name: str
    tensors: Mapping[str, Tensor] = field(repr=False)
    ops: tuple[Op, ...] = field(repr=False)
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Constant] = field(default_factory=dict, repr=False)
    states: Mapping[str, str] = field(default_factory=dict, repr=False)
    provenance: tuple[str, ...] = field(default=(), repr=False)
    values: str = "synthetic"
    arithmetic: str = "cosim"

    def shapes(self, op: Op) -> tuple[Shape, ...]:
        """Shapes of the inputs of `op`."""
        return tuple(self.tensors[name].shape for name in op.inputs)

    def space(self, op: Op) -> Space:
        """Iteration space of `op`."""
        return self._spaces[op.name]

    @cached_property
    def _spaces(self) -> dict[str, Space]:
        return {
            op.name: op.kind.space(op_attributes(op), self.shapes(op), self.tensors[op.output].shape) for op in self.ops
        }

    @cached_property
    def producer(self) -> dict[str, Op]:
        """The op that writes each activation."""
        return {op.output: op for op in self.ops}

    @cached_property
    def consumers(self) -> dict[str, tuple[Op, ...]]:
        """The ops that read each tensor, in order."""
        table: dict[str, list[Op]] = {name: [] for name in self.tensors}
        for op in self.ops:
            for name in dict.fromkeys(op.inputs):
                table[name].append(op)
        return {name: tuple(ops) for name, ops in table.items()}

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference: convolutions and matrix products, attention included."""
        return sum(self.space(op).macs for op in self.ops)

    @property
    def parameters(self) -> int:
        """Elements of all constants."""
        return sum(self.tensors[name].elements for name in self.constants)

    def part(self, name: str) -> Part:
        """What the tensor is to the graph."""
        if name in self.constants:
            return Part.CONSTANT
        if name in self.inputs:
            return Part.INPUT
        return Part.OUTPUT if name in self.outputs else Part.ACTIVATION

    def with_tensors(self, changed: Iterable[Tensor]) -> Graph:
        """The same graph with some tensors replaced (same names)."""
        return replace(self, tensors={**self.tensors, **{tensor.name: tensor for tensor in changed}})

    @cached_property
    def digest(self) -> str:
        """Hash of structure, encodings and constants."""
        state = hashlib.blake2b(digest_size=16)
        for tensor in self.tensors.values():
            code = tensor.encoding
            scale = b"" if code.scale is None else code.scale.tobytes()
            zero = b"" if code.zero_point is None else code.zero_point.tobytes()
            state.update(f"{tensor.name}{tensor.shape}{code.format}{code.bits}{code.axis}".encode() + scale + zero)
            state.update(code.key())
        for op in self.ops:
            state.update(f"{op.name}{op.kind.name}{op.inputs}{op.output}{sorted(op.attributes.items())}".encode())
        for name, constant in self.constants.items():
            state.update(f"{name}{constant.digest()}".encode())
        state.update(f"{self.inputs}{self.outputs}{sorted(self.states.items())}".encode())
        if self.arithmetic != "cosim":
            state.update(self.arithmetic.encode())
        return state.hexdigest()


def op_attributes(op: Op) -> dict[str, object]:
    """Attributes of `op` with the defaults filled in."""
    return {**op.kind.defaults, **op.attributes}


def check_graph(graph: Graph) -> None:
    """Raise `DescriptionError` unless names resolve, order is executable and shapes agree with inference."""
    ready = set(graph.inputs) | set(graph.constants)
    for name in (*graph.inputs, *graph.constants, *graph.outputs):
        if name not in graph.tensors:
            raise DescriptionError(f"tensor {name!r} is named but not described", where=f"graph {graph.name}")
    for name, constant in graph.constants.items():
        if tuple(constant.shape) != graph.tensors[name].shape:
            raise DescriptionError(
                f"constant {name!r} has shape {tuple(constant.shape)}, its tensor {graph.tensors[name].shape}",
                where=f"graph {graph.name}",
            )
    for op in graph.ops:
        where = f"op {op.name} ({op.kind.name})"
        for name in op.inputs:
            if name not in ready:
                raise DescriptionError(f"input {name!r} is not computed before it is used", where=where)
        if op.output in ready:
            raise DescriptionError(f"output {op.output!r} is already written by another op", where=where)
        for attribute in op.attributes:
            if attribute not in op.kind.defaults:
                raise DescriptionError(
                    f"unknown attribute {attribute!r}", where=where, allowed=", ".join(sorted(op.kind.defaults))
                )
        shape = op.kind.infer(op_attributes(op), graph.shapes(op))
        if shape != graph.tensors[op.output].shape:
            raise DescriptionError(
                f"output has shape {graph.tensors[op.output].shape}, inference gives {shape}", where=where
            )
        ready.add(op.output)
    for name in graph.outputs:
        if name not in ready:
            raise DescriptionError(f"graph output {name!r} is never computed", where=f"graph {graph.name}")
