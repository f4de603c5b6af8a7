"""Where tensors live: views share bytes, short-lived tensors share addresses, small ones stay on chip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arena.block import Block
from cosim.arena.place import optimal
from cosim.graph.graph import Graph
from cosim.mapping.assignment import Assignment
from cosim.mapping.groups import Group
from cosim.mapping.inplace import predecessors
from cosim.mapping.joined import is_join, parts_of

ALIGNMENT = 64
NODES = 200  # of the search for a small arena: more hardly helps


@dataclass(frozen=True)
class Span:
    """A tensor's bytes and the ops between which they are needed.

    Attributes
    ----------
    tensor
        Root tensor: views of it are covered.
    first_op, last_op
        Positions in the graph's op order.
    over
        A tensor that dies where this one is made, element by element: it may take its place; "" for none.
    """

    tensor: str
    n_bytes: int
    first_op: int
    last_op: int
    over: str = ""


def roots(graph: Graph) -> dict[str, str]:
    """Each tensor -> the tensor whose bytes it shows (itself, unless it is the output of a view).

    Parts of a join are their own: ops write them.
    """
    found = {name: name for name in graph.tensors}
    for op in graph.ops:
        if op.kind.is_view and not is_join(op):
            found[op.output] = found[op.inputs[0]]
    return found


def spans(graph: Graph, groups: Sequence[Group] = ()) -> dict[str, Span]:
    """Span of every root tensor that is not a constant; graph outputs live to the end, and parts in their wholes.

    What a group reads or writes lives while the whole group runs; what only its ops hand to one another is left out.
    """
    root = roots(graph)
    end = len(graph.ops) - 1
    first: dict[str, int] = {root[name]: 0 for name in graph.inputs}
    last: dict[str, int] = dict(first)
    for position, op in enumerate(graph.ops):
        for name in op.inputs:
            if name not in graph.constants:
                last[root[name]] = position
        first.setdefault(root[op.output], position)
        last.setdefault(root[op.output], position)
    for name in graph.outputs:
        last[root[name]] = end
    for name, part in parts_of(graph).items():
        first[part.whole] = min(first[part.whole], first.pop(name))
        last[part.whole] = max(last[part.whole], last.pop(name))
    inner = {name for group in groups for name in group.inner}
    begin, stop = list(range(max(end, 0) + 1)), list(range(max(end, 0) + 1))
    for group in groups:
        for position in range(group.first, group.last + 1):
            begin[position], stop[position] = group.first, group.last
    alone = [position for position in range(end + 1) if begin[position] == stop[position]]
    over = predecessors(graph, alone)
    return {
        name: Span(
            name,
            aligned(graph.tensors[name].bytes),
            begin[first[name]],
            stop[max(last[name], first[name])],
            over.get(name, "") if over.get(name) not in inner else "",
        )
        for name in first
        if name not in graph.constants and name not in inner
    }


def aligned(n_bytes: int) -> int:
    """Bytes rounded up to the alignment of buffers [byte]."""
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT


def residents(
    graph: Graph, assignments: Iterable[Assignment], tensor_spans: Mapping[str, Span], memory: str
) -> list[Span]:
    """Tensors that may stay in `memory`, in the order of production.

    That is where the producer and all consumers compute from `memory`. Graph inputs and outputs stay in main memory.
    """
    root, parts = roots(graph), parts_of(graph)
    whole = {name: parts[own].whole if own in parts else own for name, own in root.items()}
    makers: dict[str, set[str | None]] = {name: set() for name in tensor_spans}
    users: dict[str, set[str | None]] = {name: set() for name in tensor_spans}
    for assignment in assignments:
        if assignment.engine is None:
            continue
        for name in assignment.op.inputs:
            if whole[name] in users:
                users[whole[name]].add(assignment.engine.operands)
        if whole[assignment.op.output] in makers:
            makers[whole[assignment.op.output]].add(assignment.engine.operands)
    pinned = {whole[name] for name in (*graph.inputs, *graph.outputs, *graph.states, *graph.states.values())}
    wanted = [
        span
        for name, span in tensor_spans.items()
        if name not in pinned and makers[name] == {memory} and users[name] == {memory}
    ]
    return sorted(wanted, key=lambda span: (span.first_op, span.tensor))


def first_fit(items: Iterable[Span], capacity: int | None, *, skip: bool = False) -> dict[str, int]:
    """Lowest address for each span so that spans alive together do not overlap, or the address of one that it may take.

    With `skip`, a span that does not fit below `capacity` is left out; otherwise there is no limit.
    """
    placed: list[tuple[int, Span]] = []
    addresses: dict[str, int] = {}
    for span in items:
        alive = [
            (start, other)
            for start, other in sorted(placed, key=lambda entry: entry[0])
            if other.first_op <= span.last_op and span.first_op <= other.last_op
        ]
        others = [(start, other) for start, other in alive if other.tensor != span.over]
        address = addresses.get(span.over, -1)
        if address < 0 or any(s < address + span.n_bytes and address < s + other.n_bytes for s, other in others):
            address = 0
            for start, other in alive:
                if start < address + span.n_bytes and address < start + other.n_bytes:
                    address = start + other.n_bytes
        if skip and capacity is not None and address + span.n_bytes > capacity:
            continue
        placed.append((address, span))
        addresses[span.tensor] = address
    return addresses


def smallest_fit(items: Sequence[Span]) -> dict[str, int]:
    """Addresses of the smallest arena that a short search finds for `items`, or those of first fit in the order given.

    A span that may take the place of another does.
    """
    known = {span.tensor: span for span in items}
    heirs = {span.over: span.tensor for span in items if span.over in known}
    chains: list[tuple[str, ...]] = []
    for span in items:
        if span.over not in known:
            chain = [span.tensor]
            while chain[-1] in heirs:
                chain.append(heirs[chain[-1]])
            chains.append(tuple(chain))
    blocks = [_block([known[name] for name in chain]) for chain in chains]
    plain, best = first_fit(items, None), optimal(blocks, ALIGNMENT, NODES)
    if max((plain[span.tensor] + span.n_bytes for span in items), default=0) <= best.peak:
        return plain
    found = {name: offset for chain, offset in zip(chains, best.offsets, strict=True) for name in chain}
    return {span.tensor: found[span.tensor] for span in items}


def _block(chain: Sequence[Span]) -> Block:
    """One place for tensors that follow one another in it."""
    first = chain[0].first_op
    sizes = np.zeros(chain[-1].last_op - first + 1, np.int64)
    for span in chain:
        here = slice(span.first_op - first, span.last_op - first + 1)
        sizes[here] = np.maximum(sizes[here], span.n_bytes)
    return Block(tuple(span.tensor for span in chain), first, sizes)
