"""Which ops of the network as it was given are part of another op of the network as it runs."""

from __future__ import annotations

from cosim.graph.graph import Graph


def fused(original: Graph, graph: Graph) -> dict[str, str]:
    """Op of `original` that `graph` lacks -> op of `graph` that does its work.

    A folded batch norm or a fused activation is part of the op that makes its output, an identity of the op that made
    its input. An op of which neither is left is not listed.
    """
    kept = {op.name for op in graph.ops}
    into: dict[str, str] = {}
    for op in reversed(original.ops):  # what follows is known first
        if op.name in kept:
            continue
        readers = {reader.name for reader in original.consumers[op.output]}
        if op.output in graph.producer:
            into[op.name] = graph.producer[op.output].name
        elif len(readers) == 1 and next(iter(readers)) in into:
            into[op.name] = into[next(iter(readers))]
    for op in original.ops:  # what precedes is known first
        maker = original.producer.get(op.inputs[0]) if op.inputs else None
        if op.name not in kept and op.name not in into and maker is not None:
            place = maker.name if maker.name in kept else into.get(maker.name)
            if place is not None:
                into[op.name] = place
    return into
