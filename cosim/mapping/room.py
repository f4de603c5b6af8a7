"""Whether a network fits a device at all: asked before anything is searched."""

from __future__ import annotations

from itertools import accumulate

from cosim.errors import InfeasibleError
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping.placement import Span, aligned, spans


def require_room(graph: Graph, hardware: Hardware) -> None:
    """Raise `InfeasibleError` where main memory cannot hold the weights and, at some op, its inputs and output.

    Where constants have a memory of their own, each of the two is asked for its part.
    """
    read = {name for op in graph.ops for name in op.inputs}
    weights = {name: aligned(graph.tensors[name].bytes) for name in graph.constants if name in read}
    live = spans(graph)
    if hardware.constants_memory != hardware.main_memory:
        _require_constants(graph, hardware, weights)
        _require_activations(graph, hardware, live)
        return
    size = hardware.memories[hardware.main_memory].size_bytes
    on_chip = sum(memory.size_bytes for memory in hardware.memories.values()) - size
    total = sum(graph.tensors[name].bytes for name in weights)
    most = max(_alive(live), default=0)
    demand = total + most - on_chip
    if demand > size:
        raise InfeasibleError(
            f"{graph.name} needs {demand} bytes of {hardware.main_memory} ({total} for weights, {most} for tensors that "
            f"are alive together, of which at most {on_chip} on chip), {size} are there: {demand - size} bytes too many",
            where=f"hardware {hardware.name}",
            allowed=f"at most {size} bytes",
            fix=f"raise memories.{hardware.main_memory}.size, or lower the batch",
        )


def _require_constants(graph: Graph, hardware: Hardware, weights: dict[str, int]) -> None:
    memory = hardware.memories[hardware.constants_memory]
    demand, size = sum(weights.values()), memory.size_bytes
    if demand > size:
        largest = max(weights, key=lambda name: weights[name])
        raise InfeasibleError(
            f"weights of {graph.name} need {demand} bytes of {memory.name} (the largest, {largest}, {weights[largest]}), "
            f"{size} are there: {demand - size} bytes too many",
            where=f"hardware {hardware.name}",
            allowed=f"at most {size} bytes",
            fix=f"raise memories.{memory.name}.size by {demand - size} bytes, or compress the weights to "
            f"{size / demand:.0%} of their bits",
        )


def _require_activations(graph: Graph, hardware: Hardware, live: dict[str, Span]) -> None:
    """The tensors alive at the worst op, views and results in place counted once, against main memory."""
    size = hardware.memories[hardware.main_memory].size_bytes
    alive = _alive(live)
    demand = max(alive, default=0)
    if demand > size:
        at = alive.index(demand)
        here = sorted((s for s in live.values() if s.first_op <= at <= s.last_op), key=lambda s: (-s.n_bytes, s.tensor))
        named = ", ".join(f"{span.tensor} {span.n_bytes}" for span in here[:3])
        raise InfeasibleError(
            f"{graph.name} needs {demand} bytes of {hardware.main_memory} at op {graph.ops[at].name} (alive together: "
            f"{named}), {size} are there: {demand - size} bytes too many",
            where=f"hardware {hardware.name}",
            allowed=f"at most {size} bytes",
            fix=f"raise memories.{hardware.main_memory}.size by {demand - size} bytes, or lower the image or the batch; "
            f"`cosim memory {graph.name}` says what else lowers the peak",
        )


def _alive(live: dict[str, Span]) -> list[int]:
    """Bytes alive at each op [byte]; what takes the place of another counts once."""
    taken = {span.over for span in live.values()}
    steps: dict[int, int] = {}
    for span in live.values():
        end = span.last_op if span.tensor in taken else span.last_op + 1
        steps[span.first_op] = steps.get(span.first_op, 0) + span.n_bytes
        steps[end] = steps.get(end, 0) - span.n_bytes
    last = max(steps, default=-1)
    return list(accumulate(steps.get(position, 0) for position in range(last + 1)))
