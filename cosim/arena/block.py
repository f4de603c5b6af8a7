"""`Block`: bytes that must stay somewhere for a while; a network's activations as blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Block:
    """One place of the arena and what is in it.

    Attributes
    ----------
    tensors
        Activations that are there one after the other: a tensor, its views, and what was computed in its place.
    first
        First step (position of an op) at which it must be there.
    sizes
        Bytes from its start that are taken at each step from `first` on, shape (steps,) [byte].
    """

    tensors: tuple[str, ...]
    first: int
    sizes: Int64

    @property
    def last(self) -> int:
        """Last step at which it must be there."""
        return self.first + len(self.sizes) - 1

    @property
    def size(self) -> int:
        """Most bytes that it takes at any step [byte]."""
        return int(self.sizes.max())

    def meets(self, other: Block) -> bool:
        """Whether both must be there at some step."""
        return self.first <= other.last and other.first <= self.last

    def common(self, other: Block) -> tuple[Int64, Int64]:
        """Sizes of both at the steps that they share."""
        low, high = max(self.first, other.first), min(self.last, other.last) + 1
        return self.sizes[low - self.first : high - self.first], other.sizes[low - other.first : high - other.first]


def steps(graph: Graph) -> tuple[Op, ...]:
    """Ops that compute, in order; views show bytes that are there."""
    return tuple(op for op in graph.ops if not op.kind.is_view)


def is_depthwise(op: Op, graph: Graph) -> bool:
    """Whether every channel of the output is computed from the same channel of the input alone."""
    if op.kind.name != "conv2d":
        return False
    channels = graph.tensors[op.inputs[0]].shape[1]
    return channels > 1 and int(op["groups"]) == channels == graph.tensors[op.output].shape[1]


def blocks(graph: Graph, *, in_place: bool) -> list[Block]:
    """The activations of `graph`, each alive from the step that makes it to the last that reads it.

    With `in_place` a depthwise convolution writes over its input where nothing else reads that later; if its output is
    smaller, the rest is free from the next step on.
    """
    order = steps(graph)
    position = {op.name: number for number, op in enumerate(order)}
    root = _roots(graph)
    first, last = dict.fromkeys(graph.inputs, 0), dict.fromkeys(graph.inputs, 0)
    for op in order:
        first[op.output] = last[op.output] = position[op.name]
    for op in order:
        for name in op.inputs:
            if name not in graph.constants:
                last[root[name]] = position[op.name]
    for name in graph.outputs:
        last[root[name]] = len(order) - 1
    heir = _heirs(graph, order, root, last, position) if in_place else {}
    found = []
    for name in first:
        if name in heir.values():
            continue
        chain = [name]
        while chain[-1] in heir:
            chain.append(heir[chain[-1]])
        sizes = np.zeros(last[chain[-1]] - first[name] + 1, np.int64)
        for member in chain:
            begin, end = first[member] - first[name], last[member] - first[name] + 1
            sizes[begin:end] = np.maximum(sizes[begin:end], graph.tensors[member].bytes)
        shown = tuple(view for view, of in root.items() if of in chain and view not in chain)
        found.append(Block((*chain, *shown), first[name], sizes))
    return found


def live_bytes(found: list[Block], n_steps: int) -> Int64:
    """Bytes that are alive at each step, whatever their places, shape (steps,) [byte]."""
    total = np.zeros(n_steps, np.int64)
    for block in found:
        total[block.first : block.last + 1] += block.sizes
    return total


def _roots(graph: Graph) -> dict[str, str]:
    """Each activation -> the one whose bytes it shows."""
    root = {name: name for name in graph.inputs}
    for op in graph.ops:
        root[op.output] = root[op.inputs[0]] if op.kind.is_view else op.output
    return root


def _heirs(
    graph: Graph, order: tuple[Op, ...], root: dict[str, str], last: dict[str, int], position: dict[str, int]
) -> dict[str, str]:
    """Activation -> what is computed in its place."""
    found = {}
    for op in order:
        source = root.get(op.inputs[0], "")
        dies = source and last[source] == position[op.name] and source not in {root[name] for name in graph.outputs}
        if dies and is_depthwise(op, graph) and graph.tensors[op.output].bytes <= graph.tensors[source].bytes:
            found[source] = op.output
    return found
