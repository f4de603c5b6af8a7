"""Fourth check: a view shows bytes of its root that really are its own elements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.program.finding import Findings
from cosim.program.listing import buffer_name
from cosim.program.program import Content, Program
from cosim.program.structure import roots

Bounds = NDArray[np.int64]


def check_views(program: Program, graph: Graph, found: Findings) -> None:
    """Report views of another tensor's bytes, or at another address; and preloaded or resident buffers of computed tensors."""
    table = program.buffers
    known: dict[tuple[int, ...], str | None] = {}
    for view in np.flatnonzero(table.root >= 0).tolist():
        fault = _view_fault(program, graph, view, known)
        if fault:
            found.add(f"{buffer_name(program, view)}: {fault} {buffer_name(program, int(table.root[view]))}")
    given = np.array([_is_given(graph, name) for name in program.tensors], np.bool_)
    loaded = table.preloaded[roots(table.root)]
    wrong = (table.preloaded | loaded) & ~(given[table.tensor] & (table.content == Content.CODES))
    found.each(wrong, lambda b: f"{buffer_name(program, b)}: is preloaded, but its tensor is computed")
    constant = np.array([name in graph.constants for name in program.tensors], np.bool_)
    wrong = table.resident & ~(constant[table.tensor] & (table.content == Content.CODES) & (table.root < 0))
    found.each(wrong, lambda b: f"{buffer_name(program, b)}: is resident, but does not hold a constant")


def _is_given(graph: Graph, name: str) -> bool:
    """Whether a tensor is a constant, an input, or a view of one."""
    return any(part in graph.constants or part in graph.inputs for part in _ancestry(graph, name))


def _ancestry(graph: Graph, name: str) -> list[str]:
    """The tensor, the one it is a view of, and so on."""
    chain = [name]
    while chain[-1] in graph.producer and graph.producer[chain[-1]].kind.is_view:
        chain.append(graph.producer[chain[-1]].inputs[0])
    return chain


def _view_fault(program: Program, graph: Graph, view: int, known: dict[tuple[int, ...], str | None]) -> str | None:
    table = program.buffers
    root = int(table.root[view])
    if table.memory[view] != table.memory[root] or table.bits[view] != table.bits[root]:
        return "has not the memory or the bits of its root"
    if table.content[view] != Content.CODES or table.content[root] != Content.CODES:
        return "shows partial sums, or is a view of them:"
    shift = int(table.address[view] - table.address[root])
    if shift < 0 or shift + table.capacity[view] > table.capacity[root]:
        return "lies outside its root"
    key = (int(table.tensor[view]), int(table.box[view]), int(table.tensor[root]), int(table.box[root]), shift)
    if key not in known:
        known[key] = _shape_fault(program, graph, view, shift * 8)
    return known[key]


def _shape_fault(program: Program, graph: Graph, view: int, shift_bits: int) -> str | None:
    table = program.buffers
    root = int(table.root[view])
    name, shown = program.tensors[table.tensor[view]], program.tensors[table.tensor[root]]
    if shown not in _ancestry(graph, name):
        return f"no chain of view ops leads from {shown} to {name}; it cannot show"
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
