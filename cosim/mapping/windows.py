"""Groups worth a try: windows of ops around the tensors that do not stay on chip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cosim.graph.graph import Graph, op_attributes
from cosim.graph.op import Op
from cosim.mapping.choose import Choice
from cosim.mapping.fusion import Fuser
from cosim.mapping.groups import Group, group_of
from cosim.mapping.placement import roots
from cosim.mapping.tiler import Tiler

MOST_OPS = 6
BLOCKS = (1, 2, 4, 8, 16, 32, 64)
LOSS = 0.02  # of latency that an estimate may be worse: the timers decide


@dataclass(frozen=True)
class Pattern:
    """The same group at every place where it occurs, and the bytes that it should save [byte]."""

    groups: tuple[Group, ...]
    saved_bytes: float


def patterns(graph: Graph, tiler: Tiler, fuser: Fuser, choice: Choice) -> list[Pattern]:
    """Groups that should move less than their ops one by one, the best first."""
    taken = [fusion.group for fusion in choice.fusions]
    places: dict[object, list[tuple[int, int]]] = {}
    for window in dict.fromkeys(_windows(graph, fuser, choice)):
        if not any(group.first <= window[1] and window[0] <= group.last for group in taken):
            places.setdefault(_signature(graph, fuser, choice, window), []).append(window)
    found: list[Pattern] = []
    for windows in places.values():
        found += _patterns_at(graph, tiler, fuser, choice, windows)
    return sorted(found, key=lambda pattern: (-pattern.saved_bytes, pattern.groups[0].first, pattern.groups[0].last))


def spilled(graph: Graph, fuser: Fuser, choice: Choice) -> list[str]:
    """Tensors between on-chip engines that go through main memory."""
    root = roots(graph)
    main = fuser.hardware.main_memory
    memories: dict[str, set[str | None]] = {}
    for assignment in fuser.assignments.values():
        for name in (*assignment.op.inputs, assignment.op.output):
            memories.setdefault(root[name], set()).add(assignment.chosen.operands)
    pinned = {root[name] for name in (*graph.inputs, *graph.outputs, *graph.states, *graph.states.values())}
    return [
        name
        for name in choice.live
        if name not in choice.residents
        and name not in pinned
        and len(memories.get(name, ())) == 1
        and main not in memories[name]
    ]


def _windows(graph: Graph, fuser: Fuser, choice: Choice) -> Iterator[tuple[int, int]]:
    """First and last op of each window."""
    root = roots(graph)
    work = [position for position, op in enumerate(graph.ops) if not op.kind.is_view]
    rank = {position: place for place, position in enumerate(work)}
    made = {op.output: position for position, op in enumerate(graph.ops)}
    for tensor in spilled(graph, fuser, choice):
        first = rank[made[tensor]]
        last = max(
            (rank[p] for p in work if any(root[name] == tensor for name in graph.ops[p].inputs)), default=first
        )
        for before in range(3):
            for after in range(3):
                low, high = first - before, last + after
                if low >= 0 and high < len(work) and 1 < high - low + 1 <= MOST_OPS:
                    yield work[low], work[high]
        if first > 0:
            yield work[first - 1], work[first]


def _signature(graph: Graph, fuser: Fuser, choice: Choice, window: tuple[int, int]) -> object:
    """What two windows share that may be planned alike."""
    root = roots(graph)
    ops = graph.ops[window[0] : window[1] + 1]
    inside = {op.output: number for number, op in enumerate(ops)}

    def described(name: str) -> object:
        tensor = graph.tensors[name]
        kept = choice.residents.get(root[name], ("",))[0]
        return tensor.shape, tensor.encoding.format, name in graph.constants, inside.get(name, -1), kept

    def line(op: Op) -> object:
        engine = fuser.assignments[op.name].chosen.name if op.name in fuser.assignments else ""
        attributes = repr(sorted(op_attributes(op).items()))
        return op.kind.name, attributes, engine, tuple(described(name) for name in (*op.inputs, op.output))

    return tuple(line(op) for op in ops)


def _patterns_at(
    graph: Graph, tiler: Tiler, fuser: Fuser, choice: Choice, windows: Sequence[tuple[int, int]]
) -> list[Pattern]:
    first, last = windows[0]
    ops = graph.ops[first : last + 1]
    result = graph.tensors[ops[-1].output]
    found: list[Pattern] = []
    before = _before(tiler, fuser, choice, ops)
    for axis, extent in enumerate(result.shape):
        if extent == 1 or group_of(graph, first, last, axis, (0, extent)) is None:
            continue
        tried = 0
        for blocks in BLOCKS:
            if blocks > extent or tried == 2:
                break
            bounds = [extent * block // blocks for block in range(blocks + 1)]
            group = group_of(graph, first, last, axis, bounds)
            plan = fuser.plan(group, choice.residents, choice.live) if group is not None else None
            if group is None or plan is None:
                continue
            tried += 1
            saved = before[1] - plan.traffic_bytes
            if ops[-1].output not in choice.residents and ops[-1].output not in graph.outputs:
                saved += 2 * result.bytes  # it may stay where its operand no longer needs room
            if saved > 0 and plan.latency_fs <= before[0] * (1 + LOSS):
                found.append(Pattern(_everywhere(graph, windows, axis, bounds), saved * len(windows)))
    return found


def _before(tiler: Tiler, fuser: Fuser, choice: Choice, ops: Sequence[Op]) -> tuple[float, float]:
    ours = [fuser.assignments[op.name] for op in ops if op.name in fuser.assignments]
    return tiler.expected(ours, choice.residents, choice.staging_start)


def _everywhere(
    graph: Graph, windows: Sequence[tuple[int, int]], axis: int, bounds: Sequence[int]
) -> tuple[Group, ...]:
    """The group at each of its places that do not overlap."""
    found: list[Group] = []
    for first, last in windows:
        group = group_of(graph, first, last, axis, bounds)
        if group is not None and (not found or found[-1].last < first):
            found.append(group)
    return tuple(found)
