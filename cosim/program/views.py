"""Fourth check: a buffer that names a root shows bytes of it that really are its own elements."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.program.aliases import Alias, Aliases, aliases_of
from cosim.program.finding import Findings
from cosim.program.joins import Joins, may_succeed, outermost
from cosim.program.listing import buffer_name
from cosim.program.program import Content, Program
from cosim.program.structure import roots

Bounds = NDArray[np.int64]


def check_views(program: Program, graph: Graph, found: Findings) -> Aliases:
    """Report aliases that show other bytes than their own; and preloaded or resident buffers of computed tensors.

    Returns what the others are.
    """
    table = program.buffers
    rank = max((len(tensor.shape) for tensor in graph.tensors.values()), default=0)
    kind = np.zeros(len(table), np.int8)
    first = np.zeros((len(table), rank), np.int64)
    shapes = _Shapes(program, graph, Joins(graph))
    for alias in np.flatnonzero(table.root >= 0).tolist():
        fault = _place_fault(program, alias)
        kind[alias], start, fault = shapes.alias(alias) if fault is None else (Alias.VIEW, 0, fault)
        if fault:
            found.add(f"{buffer_name(program, alias)}: {fault} {buffer_name(program, int(table.root[alias]))}")
        elif kind[alias] == Alias.PART:
            first[alias, outermost(graph.tensors[program.tensors[table.tensor[table.root[alias]]]].shape)] = start
    given = np.array([_is_given(graph, name) for name in program.tensors], np.bool_)
    loaded = table.preloaded[roots(table.root)]
    wrong = (table.preloaded | loaded) & ~(given[table.tensor] & (table.content == Content.CODES))
    found.each(wrong, lambda b: f"{buffer_name(program, b)}: is preloaded, but its tensor is computed")
    constant = np.array([name in graph.constants for name in program.tensors], np.bool_)
    wrong = table.resident & ~(constant[table.tensor] & (table.content == Content.CODES) & (table.root < 0))
    found.each(wrong, lambda b: f"{buffer_name(program, b)}: is resident, but does not hold a constant")
    return aliases_of(kind, table.root, first)


def _is_given(graph: Graph, name: str) -> bool:
    """Whether a tensor is a constant, an input, or a view of one."""
    return any(part in graph.constants or part in graph.inputs for part in _ancestry(graph, name))


def _ancestry(graph: Graph, name: str) -> list[str]:
    """The tensor, the one it is a view of, and so on."""
    chain = [name]
    while chain[-1] in graph.producer and graph.producer[chain[-1]].kind.is_view:
        chain.append(graph.producer[chain[-1]].inputs[0])
    return chain


def _place_fault(program: Program, alias: int) -> str | None:
    table = program.buffers
    root = int(table.root[alias])
    if table.memory[alias] != table.memory[root] or table.bits[alias] != table.bits[root]:
        return "has not the memory or the bits of its root"
    if table.content[alias] != Content.CODES or table.content[root] != Content.CODES:
        return "shows partial sums, or is a view of them:"
    shift = int(table.address[alias] - table.address[root])
    if shift < 0 or shift + table.capacity[alias] > table.capacity[root]:
        return "lies outside its root"
    return None


Found = tuple[Alias, int, str | None]


@dataclass
class _Shapes:
    """What aliases show, by their tensors and boxes: found once for all that are alike."""

    program: Program
    graph: Graph
    joins: Joins
    known: dict[tuple[int, ...], Found] = field(default_factory=dict)

    def alias(self, buffer: int) -> Found:
        """What a buffer is to its root, where a part begins, and what is wrong."""
        table, root = self.program.buffers, int(self.program.buffers.root[buffer])
        shift = int(table.address[buffer] - table.address[root])
        key = (int(table.tensor[buffer]), int(table.box[buffer]), int(table.tensor[root]), int(table.box[root]), shift)
        if key not in self.known:
            self.known[key] = self._find(buffer, root, shift * 8)
        return self.known[key]

    def _find(self, buffer: int, root: int, shift_bits: int) -> Found:
        program, table = self.program, self.program.buffers
        name, shown = program.tensors[table.tensor[buffer]], program.tensors[table.tensor[root]]
        if shown in _ancestry(self.graph, name):
            return Alias.VIEW, 0, _shape_fault(program, self.graph, buffer, shift_bits)
        if self._is_whole(buffer) and self._is_whole(root):
            first = self._part(name, shown, shift_bits)
            if first is not None:
                return Alias.PART, first, None
            if shift_bits == 0 and may_succeed(self.graph, shown, name):
                return Alias.SUCCESSOR, 0, None
        return (
            Alias.VIEW,
            0,
            f"no chain of view ops leads from {shown} to {name}, and no join or op in place; it cannot show",
        )

    def _part(self, name: str, shown: str, shift_bits: int) -> int | None:
        """Where `name` begins in `shown`, if that is what lies there."""
        whole = self.graph.tensors[shown]
        inner = int(np.prod(whole.shape[outermost(whole.shape) + 1 :], dtype=np.int64)) * whole.encoding.bits
        first = shift_bits // inner
        return first if shift_bits % inner == 0 and self.joins.is_part(name, shown, first) else None

    def _is_whole(self, buffer: int) -> bool:
        table = self.program.buffers
        box = self.program.boxes.box(int(table.box[buffer]))
        shape = np.array(self.graph.tensors[self.program.tensors[table.tensor[buffer]]].shape, np.int64)
        return bool((box[:, 0] == 0).all() and (box[:, 1] == shape).all())


def _shape_fault(program: Program, graph: Graph, view: int, shift_bits: int) -> str | None:
    table = program.buffers
    root = int(table.root[view])
    name, shown = program.tensors[table.tensor[view]], program.tensors[table.tensor[root]]
    start, loops = _walk(program.boxes.box(int(table.box[view])), graph.tensors[name].shape)
    root_start, root_loops = _walk(program.boxes.box(int(table.box[root])), graph.tensors[shown].shape)
    if (start, loops) == (root_start, root_loops):
        return None if shift_bits == 0 else "is not at the address of its elements in"
    count, root_count = _run(loops), _run(root_loops)
    if count is None or root_count is None or start < root_start or start + count > root_start + root_count:
        return "its elements are not one run of those in"
    if (start - root_start) * int(table.bits[view]) != shift_bits:
        return "is not at the address of its elements in"
    return None


def _walk(box: Bounds, shape: tuple[int, ...]) -> tuple[int, list[tuple[int, int]]]:
    """First element and loops (extent, stride) of a box in its tensor's row-major order, loops joined if they can be."""
    loops: list[tuple[int, int]] = []
    start, stride = 0, 1
    for axis in range(len(shape) - 1, -1, -1):
        low, high = int(box[axis, 0]), int(box[axis, 1])
        start += low * stride
        if high - low > 1:
            if loops and loops[-1][0] * loops[-1][1] == stride:
                loops[-1] = (loops[-1][0] * (high - low), loops[-1][1])
            else:
                loops.append((high - low, stride))
        stride *= shape[axis]
    return start, loops


def _run(loops: list[tuple[int, int]]) -> int | None:
    """Number of elements if they are consecutive, else None."""
    if not loops:
        return 1
    return loops[0][0] if len(loops) == 1 and loops[0][1] == 1 else None
