"""Joins: tensors whose bytes are those of others, side by side, so that a concat or a slice needs no copy.

Along the outermost axis that is longer than 1 every slice of a tensor is one run of bytes. There a concat is done when
its inputs have been written, each into its part of the whole, and a slice is a part of what it is taken from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op, Shape


@dataclass(frozen=True)
class Run:
    """Indices [low, high) of a tensor along an axis."""

    tensor: str
    low: int
    high: int


@dataclass
class Joins:
    """Where the elements of each tensor come from, through every concat and slice that only moves bytes."""

    graph: Graph
    _runs: dict[tuple[str, int], tuple[Run, ...]] = field(default_factory=dict)

    def runs(self, name: str, axis: int) -> tuple[Run, ...]:
        """What lies side by side along `axis`: runs of tensors that something computes."""
        key = name, axis
        if key not in self._runs:
            op = self.graph.producer.get(name)
            found: Sequence[Run] = [Run(name, 0, self.graph.tensors[name].shape[axis])]
            if op is not None and moves_bytes(self.graph, op) == axis:
                if op.kind.name == "concat":
                    found = [run for part in op.inputs for run in self.runs(part, axis)]
                else:
                    found = cut(self.runs(op.inputs[0], axis), op["starts"][axis], op["stops"][axis])
            self._runs[key] = _merged(found)
        return self._runs[key]

    def is_part(self, part: str, whole: str, first: int) -> bool:
        """Whether `part` is what lies in `whole` from index `first` of its outermost axis on."""
        one, other = self.graph.tensors[part].shape, self.graph.tensors[whole].shape
        axis = outermost(other)
        if len(one) != len(other) or not other or first < 0 or first + one[axis] > other[axis]:
            return False
        if any(a != b for i, (a, b) in enumerate(zip(one, other, strict=True)) if i != axis):
            return False
        if not _same_bytes(self.graph, part, whole):
            return False
        return cut(self.runs(whole, axis), first, first + one[axis]) == self.runs(part, axis)


def outermost(shape: Shape) -> int:
    """The first axis that is longer than 1; the last where there is none."""
    return next((axis for axis, extent in enumerate(shape) if extent > 1), len(shape) - 1)


def moves_bytes(graph: Graph, op: Op) -> int | None:
    """Axis along which a concat joins runs of bytes, or a slice takes one; None for every other op."""
    if op.kind.name not in {"concat", "slice"}:
        return None
    whole = graph.tensors[op.output if op.kind.name == "concat" else op.inputs[0]].shape
    axis = outermost(whole)
    if not whole or not all(_same_bytes(graph, name, op.output) for name in op.inputs):
        return None
    if op.kind.name == "concat":
        return axis if axis == int(op["axis"]) % len(whole) else None
    ranges = zip(op["starts"], op["stops"], whole, strict=True)
    is_run = all(i == axis or (start, stop) == (0, n) for i, (start, stop, n) in enumerate(ranges))
    return axis if is_run and all(step == 1 for step in op["steps"] or ()) else None


def cut(runs: Sequence[Run], low: int, high: int) -> tuple[Run, ...]:
    """Indices [low, high) of what the runs make together."""
    found, first = [], 0
    for run in runs:
        start, stop = max(low - first, 0), min(high - first, run.high - run.low)
        if start < stop:
            found.append(Run(run.tensor, run.low + start, run.low + stop))
        first += run.high - run.low
    return tuple(found)


def may_succeed(graph: Graph, before: str, after: str) -> bool:
    """Whether the op that computes `after` may write each element over that of `before`, which it reads with it.

    Every tile of it reads of `before` just what it writes, in elements of equal bits.
    """
    op = graph.producer.get(after)
    if op is None or before not in op.inputs:
        return False
    space, (a, b) = graph.space(op), (graph.tensors[before], graph.tensors[after])
    reads = [access for name, access in zip(op.inputs, space.inputs, strict=True) if name == before]
    plain = a.encoding.is_plain and b.encoding.is_plain and a.encoding.bits == b.encoding.bits
    is_same = a.shape == b.shape and all(access == space.output for access in reads)
    return plain and a.encoding.bits % 8 == 0 and is_same and not space.reductions()


def _merged(runs: Sequence[Run]) -> tuple[Run, ...]:
    found: list[Run] = list(runs[:1])
    for before, run in pairwise(runs):
        if (before.tensor, before.high) == (run.tensor, run.low):
            found[-1] = Run(run.tensor, found[-1].low, run.high)
        else:
            found.append(run)
    return tuple(found)


def _same_bytes(graph: Graph, one: str, other: str) -> bool:
    """Whether an element has the same bytes in both tensors, and none shares them with another.

    Without scales yet, integers have them if both tensors have one and the same encoding, as those have that will share
    a scale.
    """
    a, b = graph.tensors[one].encoding, graph.tensors[other].encoding
    if not (a.is_plain and b.is_plain and a.bits == b.bits and a.bits % 8 == 0 and a.format == b.format):
        return False
    if a is b or (a.is_float and b.is_float):
        return a.axis is None
    if a.scale is None or b.scale is None or a.axis is not None or b.axis is not None:
        return False
    return _equal(a.scale, b.scale) and _equal(a.zero_point, b.zero_point)


def _equal(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.array_equal(one, other))
