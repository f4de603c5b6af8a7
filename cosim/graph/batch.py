"""The same network for another batch size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cosim.errors import DescriptionError
from cosim.graph.graph import Graph, check_graph, op_attributes
from cosim.graph.op import Attributes, Op


def rebatch(graph: Graph, n: int) -> Graph:
    """The same graph with `n` on the leading axis of every input; all shapes are inferred again.

    Attributes that spell out the batch (the target of a reshape, the end of a slice) follow where the op's input
    carries the batch; the target of a broadcast_to follows also where it repeats a constant for each sample.

    Raises
    ------
    DescriptionError
        When inputs disagree about the batch, or a shape cannot follow.
    """
    where = f"graph {graph.name}"
    if n < 1:
        raise DescriptionError(f"batch is {n}", where=where, allowed="an integer >= 1")
    found = {graph.tensors[name].shape[:1] for name in graph.inputs}
    if len(found) != 1 or found == {()}:
        named = {name: graph.tensors[name].shape for name in graph.inputs}
        raise DescriptionError(f"inputs {named} have no common leading axis", where=where, allowed="one batch size")
    old = found.pop()[0]
    tensors = dict(graph.tensors)
    for name in graph.inputs:
        tensors[name] = replace(tensors[name], shape=(n, *tensors[name].shape[1:]))
    ops = []
    for op in graph.ops:
        shapes = tuple(tensors[name].shape for name in op.inputs)
        batched = any(tensors[name].shape != graph.tensors[name].shape for name in op.inputs)
        follows = batched or op.kind.name == "broadcast_to"
        changed = replace(op, attributes=_with_batch(op, old, n)) if follows else op
        try:
            shape = op.kind.infer(op_attributes(changed), shapes)
        except DescriptionError as error:
            raise DescriptionError(
                error.found, where=f"op {op.name} ({op.kind.name}) at batch {n}", allowed=error.allowed
            ) from error
        tensors[op.output] = replace(tensors[op.output], shape=shape)
        ops.append(changed)
    line = f"batch {old} -> {n}"
    result = replace(graph, tensors=tensors, ops=tuple(ops), provenance=(*graph.provenance, line))
    check_graph(result)
    return result


def _with_batch(op: Op, old: int, n: int) -> Attributes:
    """Attributes of `op` with the leading extent `old` replaced where the kind spells out the batch."""
    attributes: dict[str, Any] = dict(op.attributes)
    spelled = {"reshape": "shape", "broadcast_to": "shape", "slice": "stops"}.get(op.kind.name)
    if spelled is not None and attributes[spelled][:1] == (old,):
        attributes[spelled] = (n, *attributes[spelled][1:])
    return attributes
