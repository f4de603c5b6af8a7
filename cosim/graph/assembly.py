"""`Assembly`: a graph under construction, one tensor or op at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import DescriptionError, nearest, unknown
from cosim.formats import FLOAT32, Encoding
from cosim.graph.constant import Constant, Seeded, Stored
from cosim.graph.graph import Graph, Tensor, check_graph
from cosim.graph.op import Op, OpKind, Shape
from cosim.graph.ops import KINDS

INT32 = Encoding("int32", 32)


class Assembly:
    """A graph under construction: every method returns the name of the tensor it added.

    Parameters
    ----------
    name
        Name of the graph.
    seed
        Seed of every weight; a weight's values depend on (its name, seed) alone.
    kinds
        Op kinds that `op` may use, by name.
    """

    def __init__(self, name: str, seed: int = 0, kinds: Mapping[str, OpKind] = KINDS) -> None:
        self.name = name
        self.seed = seed
        self._kinds = kinds
        self._tensors: dict[str, Tensor] = {}
        self._ops: list[Op] = []
        self._inputs: list[str] = []
        self._outputs: list[str] = []
        self._constants: dict[str, Constant] = {}
        self._states: dict[str, str] = {}
        self._counters: dict[str, int] = {}

    def shape(self, tensor: str) -> Shape:
        """Shape of a tensor that is already there."""
        if tensor not in self._tensors:
            raise DescriptionError(
                f"tensor {tensor!r} is not there{nearest(tensor, self._tensors)}",
                where=f"graph {self.name}",
                allowed="a name that this builder returned",
            )
        return self._tensors[tensor].shape

    def input(self, name: str, shape: Sequence[int], encoding: Encoding = FLOAT32) -> str:
        """Add an input of the graph."""
        self._add(Tensor(name, tuple(shape), encoding))
        self._inputs.append(name)
        return name

    def constant(self, name: str, values: ArrayLike) -> str:
        """Add a tensor of given values: fp32, or int32 where the values are integers."""
        array = np.asarray(values)
        integers = np.issubdtype(array.dtype, np.integer)
        stored = Stored(array.astype(np.int32 if integers else np.float32), is_table=True)
        self._add(Tensor(name, stored.shape, INT32 if integers else FLOAT32))
        self._constants[name] = stored
        return name

    def weight(self, name: str, shape: Sequence[int], mean: float = 0.0, deviation: float = 1.0) -> str:
        """Add a weight whose values are drawn, when somebody needs them, from a normal distribution.

        A name that is already a weight of this shape is used again: tied weights exist once.
        """
        seeded = Seeded(tuple(shape), name, self.seed, mean, deviation)
        if name in self._constants and self._constants[name] == seeded:
            return name
        self._add(Tensor(name, seeded.shape))
        self._constants[name] = seeded
        return name

    def op(self, kind: str, inputs: Sequence[str], name: str | None = None, **attributes: Any) -> str:
        """Add an op of any kind; its output tensor bears the op's name.

        Raises
        ------
        DescriptionError
            For an unknown kind, input or attribute, and for shapes that do not fit.
        """
        if kind not in self._kinds:
            raise unknown("op kind", kind, self._kinds, where=f"graph {self.name}")
        name = name or self._fresh(kind)
        where = f"op {name} ({kind}) of graph {self.name}"
        described = self._kinds[kind]
        for attribute in attributes:
            if attribute not in described.defaults:
                raise unknown("attribute", attribute, described.defaults, where=where)
        shapes = tuple(self.shape(tensor) for tensor in inputs)
        try:
            shape = described.infer({**described.defaults, **attributes}, shapes)
        except DescriptionError as error:
            raise DescriptionError(error.found, where=where, allowed=error.allowed, fix=error.fix) from error
        self._add(Tensor(name, shape))
        self._ops.append(Op(name, described, tuple(inputs), name, MappingProxyType(attributes)))
        return name

    def output(self, tensor: str) -> str:
        """Declare an output of the graph."""
        self.shape(tensor)
        self._outputs.append(tensor)
        return tensor

    def state(self, output: str, input: str) -> None:  # noqa: A002 - the graph's own word
        """Declare that `output` is what `input` holds at the next step; it becomes an output of the graph."""
        if input not in self._inputs:
            raise DescriptionError(
                f"state {input!r} is not an input", where=f"graph {self.name}", allowed=", ".join(self._inputs)
            )
        if self.shape(output) != self.shape(input):
            raise DescriptionError(
                f"state {output!r} has shape {self.shape(output)}, its input {input!r} {self.shape(input)}",
                where=f"graph {self.name}",
                allowed="equal shapes",
            )
        self._states[output] = input
        if output not in self._outputs:
            self._outputs.append(output)

    def build(self, provenance: Sequence[str] = ()) -> Graph:
        """Make the checked graph.

        Raises
        ------
        DescriptionError
            When there is no output, or the graph is not consistent.
        """
        if not self._outputs:
            raise DescriptionError("has no output", where=f"graph {self.name}", fix="call .output(tensor)")
        graph = Graph(
            name=self.name,
            tensors=dict(self._tensors),
            ops=tuple(self._ops),
            inputs=tuple(self._inputs),
            outputs=tuple(self._outputs),
            constants=dict(self._constants),
            states=dict(self._states),
            provenance=(*provenance, f"built with seed {self.seed}"),
        )
        check_graph(graph)
        return graph

    def _add(self, tensor: Tensor) -> None:
        where = f"graph {self.name}"
        if tensor.name in self._tensors:
            raise DescriptionError(f"tensor {tensor.name!r} is already there", where=where, fix="give another name")
        if any(extent < 1 for extent in tensor.shape):
            raise DescriptionError(
                f"tensor {tensor.name!r} has shape {tensor.shape}", where=where, allowed="extents of at least 1"
            )
        self._tensors[tensor.name] = tensor

    def _fresh(self, kind: str) -> str:
        while True:
            number = self._counters.get(kind, 0)
            self._counters[kind] = number + 1
            if (name := f"{kind}_{number}") not in self._tensors:
                return name


def he_deviation(fan_in: int, gain: float = 2.0) -> float:
    """Deviation sqrt(gain / fan_in) that keeps the variance of activations from layer to layer.

    Source: He et al., ICCV 2015, doi:10.1109/ICCV.2015.123, equation 10 (gain 2, for relu).
    """
    return math.sqrt(gain / fan_in)
