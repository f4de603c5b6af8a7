"""Which ops, and which runs of ops, look the same: what is found for one holds for all."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property

from cosim.graph.graph import op_attributes
from cosim.graph.op import Op
from cosim.mapping.groups import is_inner
from cosim.mapping.problem import Problem
from cosim.mapping.strips import Cut, Strips, strips_of


class Likeness:
    """Numbers for everything in a graph that looks different, equal for what looks alike.

    Two ops look alike if kind, attributes, engine, shapes and encodings agree; two windows (ops from one position to
    another) if their ops do and hand their results to one another alike.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, self.graph = problem, problem.graph
        self._numbers: dict[Hashable, int] = {}
        self._windows: dict[tuple[int, int], int] = {}
        self._outside: dict[tuple[int, int], tuple[str, ...]] = {}
        self._strips: dict[tuple[int, Cut], Strips | None] = {}

    @cached_property
    def op(self) -> dict[str, int]:
        """Number of each op, by its name."""
        return {op.name: self._number(self.described(op)) for op in self.graph.ops}

    def described(self, op: Op) -> Hashable:
        """All that ops which look alike have in common."""
        engine = self.problem.engines[op.name].name if op.name in self.problem.engines else ""
        tensors = tuple((self._forms[name], name in self.graph.constants) for name in (*op.inputs, op.output))
        return op.kind.name, op.kind.is_view, repr(sorted(op_attributes(op).items())), engine, tensors

    def window(self, first: int, last: int) -> int:
        """Number of the ops at positions first..last."""
        if (first, last) not in self._windows:
            self._windows[first, last] = self._number(self._described(first, last))
        return self._windows[first, last]

    def outside(self, first: int, last: int) -> tuple[str, ...]:
        """What the window reads of others, in the order in which it does, and last its result."""
        self.window(first, last)
        return self._outside[first, last]

    def strips(self, op: Op, cut: Cut) -> Strips | None:
        """`strips_of` an op, found once for all that look alike."""
        key = self.op[op.name], cut
        if key not in self._strips:
            self._strips[key] = strips_of(self.graph.space(op), cut)
        return self._strips[key]

    @cached_property
    def _forms(self) -> dict[str, Hashable]:
        """Shape and encoding of each tensor."""
        return {
            name: (tensor.shape, tensor.encoding.format, tensor.encoding.bits, tensor.encoding.key())
            for name, tensor in self.graph.tensors.items()
        }

    def _described(self, first: int, last: int) -> Hashable:
        ops = self.graph.ops[first : last + 1]
        inside: dict[str, int] = {}
        outside: dict[str, int] = {}
        lines: list[Hashable] = []
        for number, op in enumerate(ops):
            places = tuple(inside[n] if n in inside else -1 - outside.setdefault(n, len(outside)) for n in op.inputs)
            lines.append((self.op[op.name], places, is_inner(self.graph, op.output, ops)))
            inside[op.output] = number
        self._outside[first, last] = (*outside, ops[-1].output)
        return tuple(lines)

    def _number(self, described: Hashable) -> int:
        return self._numbers.setdefault(described, len(self._numbers))
