"""Joins without a copy: a concat whose inputs are written straight into their parts of its result, slices as views.

Both need the axis to be the outermost that is longer than 1, where every slice is one run of bytes, and equal
encodings. Along any other axis a part would have gaps, and a copy is made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.program.joins import moves_bytes, outermost


@dataclass(frozen=True)
class Part:
    """Where a tensor lies in the whole that it is a part of.

    Attributes
    ----------
    first
        Index along the outermost axis of the whole.
    offset
        The same in bytes [byte].
    """

    whole: str
    first: int
    offset: int


def with_joins(graph: Graph, without: Collection[str] = ()) -> Graph:
    """The graph in which every concat and slice that needs no copy is a view, but for those called `without`.

    A graph in which some are views already stays as it is.
    """
    if any(is_joined(op) for op in graph.ops):
        return graph
    joins = _free_joins(graph, without)
    parts = _parts(graph, joins)
    slices = {op.name for op in graph.ops if op.name not in without and _is_free_slice(graph, op, parts)}
    free = {op.name for op in joins} | slices
    if not free:
        return graph
    ops = (replace(op, kind=replace(op.kind, is_view=True)) if op.name in free else op for op in graph.ops)
    return replace(graph, ops=tuple(ops))


def is_join(op: Op) -> bool:
    """Whether an op is a concat that needs no copy."""
    return op.kind.is_view and op.kind.name == "concat"


def is_joined(op: Op) -> bool:
    """Whether an op is a concat or a slice that needs no copy."""
    return op.kind.is_view and op.kind.name in {"concat", "slice"}


def parts_of(graph: Graph) -> dict[str, Part]:
    """Every tensor that is a part of a larger one, which has the place of all of them."""
    return _parts(graph, [op for op in reversed(graph.ops) if is_join(op)])


def leaves_of(graph: Graph) -> dict[str, tuple[tuple[str, int], ...]]:
    """Every joined tensor -> the tensors that ops write, and where each begins along the outermost axis."""
    found: dict[str, tuple[tuple[str, int], ...]] = {}
    for op in graph.ops:
        if is_join(op):
            leaves: list[tuple[str, int]] = []
            for name, first in zip(op.inputs, _firsts(graph, op), strict=True):
                leaves += [(leaf, first + start) for leaf, start in found.get(name, ((name, 0),))]
            found[op.output] = tuple(leaves)
    return found


def slice_offset(graph: Graph, op: Op) -> int:
    """Where the result of a free slice begins in its input [byte]."""
    shape = graph.tensors[op.inputs[0]].shape
    return int(op["starts"][outermost(shape)]) * _inner_bytes(graph, op.inputs[0])


def _free_joins(graph: Graph, without: Collection[str]) -> list[Op]:
    """Concats that need no copy, the last first: a tensor that several of them read lies in the last."""
    placed: dict[str, tuple[str, int]] = {}
    found: list[Op] = []
    for op in reversed(graph.ops):
        if op.kind.name != "concat" or op.name in without or moves_bytes(graph, op) is None:
            continue
        firsts = _firsts(graph, op)
        before = [placed.get(name) for name in op.inputs]
        if before[0] is None and _may_join(graph, op) and not any(before):
            placed |= {name: (op.output, first) for name, first in zip(op.inputs, firsts, strict=True)}
            found.append(op)
        elif before[0] is not None and op.output not in placed and _may_stay(graph, op):
            whole, start = before[0]
            if before == [(whole, start + first) for first in firsts]:
                placed[op.output] = before[0]
                found.append(op)
    return found


def _parts(graph: Graph, joins: list[Op]) -> dict[str, Part]:
    """Parts of the wholes that no other join takes in; `joins` come the last first."""
    found: dict[str, Part] = {}
    for op in joins:
        firsts = _firsts(graph, op)
        if op.inputs[0] in found and op.output not in found:
            found[op.output] = found[op.inputs[0]]  # all of it lies in a later one
            continue
        inside = found.get(op.output, Part(op.output, 0, 0))
        n_bytes = _inner_bytes(graph, op.output)
        for name, first in zip(op.inputs, firsts, strict=True):
            found.setdefault(name, Part(inside.whole, inside.first + first, inside.offset + first * n_bytes))
    return found


def _may_join(graph: Graph, op: Op) -> bool:
    """Whether every input is written by an op of its own and read under no other shape."""
    kept = {*graph.states, *graph.states.values()}
    if op.output in kept or len(set(op.inputs)) < len(op.inputs):
        return False
    return all(
        name in graph.producer
        and name not in kept
        and not graph.producer[name].kind.is_view
        and not any(reader.kind.is_view for reader in graph.consumers[name])
        for name in op.inputs
    )


def _may_stay(graph: Graph, op: Op) -> bool:
    """Whether the result of a join may be a part of a later one."""
    return op.output not in (*graph.states, *graph.states.values()) and not any(
        reader.kind.is_view for reader in graph.consumers[op.output]
    )


def _is_free_slice(graph: Graph, op: Op, parts: Mapping[str, Part]) -> bool:
    """Whether a slice may show the bytes of its input, which an op or a join writes."""
    if op.kind.name != "slice":
        return False
    source, kept = op.inputs[0], {*graph.outputs, *graph.states, *graph.states.values()}
    if moves_bytes(graph, op) is None or op.output in kept or op.output in parts or source not in graph.producer:
        return False
    if graph.producer[source].kind.is_view or graph.producer[source].kind.name == "slice" or source in kept:
        return False
    return source not in parts or not any(reader.kind.is_view for reader in graph.consumers[op.output])


def _firsts(graph: Graph, op: Op) -> list[int]:
    """Where each input of a concat begins."""
    axis = int(op["axis"]) % len(graph.tensors[op.output].shape)
    return list(accumulate((graph.tensors[name].shape[axis] for name in op.inputs[:-1]), initial=0))


def _inner_bytes(graph: Graph, name: str) -> int:
    """Bytes of one index along the outermost axis [byte]."""
    tensor = graph.tensors[name]
    return tensor.elements // tensor.shape[outermost(tensor.shape)] * tensor.encoding.bits // 8
