"""Ops in place: a result that takes the place of an operand which is read there for the last time."""

from __future__ import annotations

from collections.abc import Collection

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.mapping.joined import is_joined
from cosim.program.joins import may_succeed


def predecessors(graph: Graph, alone: Collection[int]) -> dict[str, str]:
    """Tensor -> the operand of its op whose place it may take, for the ops at positions `alone`.

    The operand is an op's own result, whole and in its own shape, and every other op that reads it comes before for
    other reasons: nothing has to wait.
    """
    readers = _readers(graph)
    joined = {name for op in graph.ops if is_joined(op) for name in (*op.inputs, op.output)}
    fixed = {*graph.inputs, *graph.outputs, *graph.states, *graph.states.values(), *graph.constants, *joined}
    found: dict[str, str] = {}
    for position in alone:
        op = graph.ops[position]
        if op.kind.is_view or op.output in joined or op.output in graph.states:
            continue
        for name in dict.fromkeys(op.inputs):
            if name in fixed or graph.producer[name].kind.is_view or readers[name][-1] != position:
                continue
            shown = [other for other in op.inputs if other != name and _root(graph, other) == name]
            if not shown and may_succeed(graph, name, op.output) and _all_before(graph, readers[name], op):
                found[op.output] = name
                break
    return found


def _readers(graph: Graph) -> dict[str, list[int]]:
    """Positions of the ops that read each tensor or a view of it, ascending; views read nothing."""
    found: dict[str, list[int]] = {name: [] for name in graph.tensors}
    for position, op in enumerate(graph.ops):
        for name in dict.fromkeys(_root(graph, name) for name in op.inputs):
            if not op.kind.is_view:
                found[name].append(position)
    return found


def _root(graph: Graph, name: str) -> str:
    while name in graph.producer and graph.producer[name].kind.is_view:
        name = graph.producer[name].inputs[0]
    return name


def _all_before(graph: Graph, readers: list[int], op: Op) -> bool:
    """Whether `op` needs what the other readers make."""
    left = {graph.ops[position].output for position in readers[:-1]}
    seen: set[str] = set()
    pending = list(op.inputs)
    while left and pending:
        name = pending.pop()
        if name in seen or name not in graph.producer:
            continue
        seen.add(name)
        left.discard(name)
        if len(seen) > 64:
            return False  # far away: rather keep both
        pending += graph.producer[name].inputs
    return not left
