"""Groups worth a try: windows of ops around the tensors that do not stay on chip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.graph.graph import op_attributes
from cosim.graph.op import Op
from cosim.graph.space import volume
from cosim.mapping.choose import Plan
from cosim.mapping.fusion import Fuser, Fusion
from cosim.mapping.groups import Group
from cosim.mapping.tiler import Tiler

MOST_OPS = 12
REACH = 2  # ops before the one that makes a tensor, and behind the last that reads it
BLOCKS = (1, 2, 4, 8, 16, 32, 64)
MOST_PLANS = 3  # of one tensor: those that can save most
LOSS = 0.05  # of latency that an estimate may be worse: the timers decide


@dataclass(frozen=True)
class Pattern:
    """The same group at every place where it occurs, and the bytes that it should save [byte]."""

    groups: tuple[Group, ...]
    saved_bytes: float

    def overlaps(self, other: Pattern) -> bool:
        """Whether an op belongs to both."""
        return any(a.overlaps(b) for a in self.groups for b in other.groups)


@dataclass(frozen=True)
class _Window:
    """Ops from the first to the last, cut along an axis of the result at `bounds`."""

    first: int
    last: int
    axis: int
    bounds: tuple[int, ...]


def spilled(fuser: Fuser, plan: Plan) -> list[str]:
    """Tensors between on-chip engines that go through main memory."""
    graph, root, main = fuser.graph, fuser.root, fuser.hardware.main_memory
    memories: dict[str, set[str | None]] = {}
    for assignment in fuser.assignments.values():
        for name in (*assignment.op.inputs, assignment.op.output):
            memories.setdefault(root[name], set()).add(assignment.chosen.operands)
    pinned = {root[name] for name in (*graph.inputs, *graph.outputs, *graph.states, *graph.states.values())}
    return [
        name
        for name in plan.live
        if name not in plan.residents
        and name not in pinned
        and len(memories.get(name, ())) == 1
        and main not in memories[name]
    ]


def patterns(tiler: Tiler, fuser: Fuser, plan: Plan, moved: Mapping[str, int]) -> list[Pattern]:
    """Groups that should move less than what runs now, the best first.

    `moved` says how many bytes of each tensor are moved now [byte].
    """
    found: list[Pattern] = []
    seen: dict[object, list[tuple[int, int]]] = {}
    places: list[tuple[str, list[tuple[int, int]]]] = []
    for tensor in spilled(fuser, plan):
        for window in dict.fromkeys(_windows(fuser, plan, tensor)):
            key = _signature(fuser, plan, window)
            if key in seen:
                seen[key].append(window)
            else:
                seen[key] = [window]
                places.append((tensor, seen[key]))
    tensors = dict.fromkeys(tensor for tensor, _ in places)
    for tensor in tensors:
        found += _of_tensor(tiler, fuser, plan, moved, [where for name, where in places if name == tensor])
    return sorted(found, key=lambda pattern: (-pattern.saved_bytes, pattern.groups[0].first, pattern.groups[0].last))


def _windows(fuser: Fuser, plan: Plan, tensor: str) -> Iterator[tuple[int, int]]:
    """First and last op of each window: with the readers of the tensor, or up to the op that makes it."""
    graph = fuser.graph
    work = [position for position, op in enumerate(graph.ops) if not op.kind.is_view]
    made = next(rank for rank, position in enumerate(work) if graph.ops[position].output == tensor)
    readers = [r for r, p in enumerate(work) if any(fuser.root[name] == tensor for name in graph.ops[p].inputs)]
    last = max(readers, default=made)
    ranks = [(made - before, last + after) for before in range(REACH + 1) for after in range(REACH + 1)]
    for low, high in (*ranks, (made - 1, made)):
        if 0 <= low < high < len(work):
            window = work[low], work[high]
            for group in (fusion.group for fusion in plan.fusions):
                if group.first <= window[1] and window[0] <= group.last:
                    window = min(window[0], group.first), max(window[1], group.last)
            if sum(window[0] <= position <= window[1] for position in work) <= MOST_OPS:
                yield window


def _signature(fuser: Fuser, plan: Plan, window: tuple[int, int]) -> object:
    """What two windows share that may be planned alike."""
    graph = fuser.graph
    ops = graph.ops[window[0] : window[1] + 1]
    inside = {op.output: number for number, op in enumerate(ops)}
    groups = tuple(fusion.group.first - window[0] for fusion in _inside(plan, window))

    def described(name: str) -> object:
        tensor = graph.tensors[name]
        kept = plan.residents.get(fuser.root[name], ("",))[0]
        return tensor.shape, tensor.encoding.format, name in graph.constants, inside.get(name, -1), kept

    def line(op: Op) -> object:
        engine = fuser.assignments[op.name].chosen.name if op.name in fuser.assignments else ""
        attributes = repr(sorted(op_attributes(op).items()))
        return op.kind.name, attributes, engine, tuple(described(name) for name in (*op.inputs, op.output))

    return groups, tuple(line(op) for op in ops)


def _of_tensor(
    tiler: Tiler,
    fuser: Fuser,
    plan: Plan,
    moved: Mapping[str, int],
    places: Sequence[Sequence[tuple[int, int]]],
) -> list[Pattern]:
    """The most promising groups around one tensor: few are searched, those that could save most come first."""
    hopes: list[tuple[float, _Window, Sequence[tuple[int, int]]]] = []
    before: dict[tuple[int, int], tuple[float, float]] = {}
    for windows in places:
        first, last = windows[0]
        before[first, last] = _before(tiler, fuser, plan, (first, last))
        for window, cut in _cuts(fuser, first, last):
            hope = before[first, last][1] - _least_bytes(fuser, plan, cut) + _freed(fuser, plan, cut, moved)
            if hope > 0:
                hopes.append((hope * len(windows), window, windows))
    hopes.sort(key=lambda entry: (-entry[0], len(entry[1].bounds), entry[1].first, -entry[1].last))
    found: list[Pattern] = []
    for _, window, windows in hopes:
        group = fuser.group(window.first, window.last, window.axis, window.bounds)
        fusion = fuser.plan(group, plan.residents, plan.live) if group is not None else None
        if group is None or fusion is None:
            continue
        latency, traffic = before[window.first, window.last]
        saved = traffic - fusion.traffic_bytes + _freed(fuser, plan, group, moved)
        if saved > 0 and fusion.latency_fs <= latency * (1 + LOSS):
            found.append(Pattern(_everywhere(fuser, windows, window), saved * len(windows)))
            if len(found) == MOST_PLANS:
                break
    return found


def _cuts(fuser: Fuser, first: int, last: int) -> Iterator[tuple[_Window, Group]]:
    """Ways to cut a window into blocks."""
    shape = fuser.graph.tensors[fuser.graph.ops[last].output].shape
    for axis, extent in enumerate(shape):
        if extent == 1 or fuser.group(first, last, axis, (0, extent)) is None:
            continue
        for blocks in BLOCKS:
            bounds = tuple(extent * block // blocks for block in range(blocks + 1))
            group = fuser.group(first, last, axis, bounds) if blocks <= extent else None
            if group is not None:
                yield _Window(first, last, axis, bounds), group


def _least_bytes(fuser: Fuser, plan: Plan, group: Group) -> float:
    """Bytes that the group moves at least: what its blocks touch, and the same for all of them once [byte]."""
    graph, total = fuser.graph, 0.0
    once: dict[str, float] = {}
    for op in group.ops:
        if op.kind.is_view:
            continue
        space, cut = graph.space(op), group.cuts[op.name]
        boxes = cut.boxes(space.sizes)
        for name, access in zip((*op.inputs, op.output), (*space.inputs, space.output), strict=True):
            if name in group.inner or fuser.root[name] in plan.residents:
                continue
            bits = graph.tensors[name].encoding.bits
            n_bytes = volume(access.boxes(boxes)) * bits / 8
            if cut.along in access.loops():
                total += float(n_bytes.sum())
            else:
                once[name] = max(once.get(name, 0.0), float(np.max(n_bytes)))
    return total + sum(once.values())


def _freed(fuser: Fuser, plan: Plan, group: Group, moved: Mapping[str, int]) -> float:
    """Bytes of its result that are moved now: it may stay where its operands no longer need the room [byte]."""
    result = group.ops[-1].output
    is_free = fuser.root[result] == result and result in plan.live and result not in plan.residents
    return float(moved.get(result, 0)) if is_free and result not in fuser.graph.outputs else 0.0


def _inside(plan: Plan, window: tuple[int, int]) -> list[Fusion]:
    return [f for f in plan.fusions if window[0] <= f.group.first and f.group.last <= window[1]]


def _before(tiler: Tiler, fuser: Fuser, plan: Plan, window: tuple[int, int]) -> tuple[float, float]:
    """Latency [fs] and traffic [byte] of the ops of a window as they run now."""
    groups = _inside(plan, window)
    fused = {op.name for fusion in groups for op in fusion.group.ops}
    ops = fuser.graph.ops[window[0] : window[1] + 1]
    alone = [fuser.assignments[op.name] for op in ops if op.name in fuser.assignments and op.name not in fused]
    latency, traffic = tiler.expected(alone, plan.residents, plan.staging_start)
    return latency + sum(f.latency_fs for f in groups), traffic + sum(f.traffic_bytes for f in groups)


def _everywhere(fuser: Fuser, windows: Iterable[tuple[int, int]], like: _Window) -> tuple[Group, ...]:
    """The group at each of its places that do not overlap."""
    found: list[Group] = []
    for first, last in windows:
        group = fuser.group(first, last, like.axis, like.bounds)
        if group is not None and (not found or found[-1].last < first):
            found.append(group)
    return tuple(found)
