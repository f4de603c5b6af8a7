"""Groups worth a try: windows of ops around the tensors that do not stay on chip."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cosim.mapping.choose import Plan
from cosim.mapping.fusion import Cost, Estimate, Fuser
from cosim.mapping.groups import Group

MOST_OPS = 12
REACH = 2  # ops before the one that makes a tensor, and behind the last that reads it
BLOCKS = (1, 2, 4, 8, 16, 32, 64)
MOST_WINDOWS = 4  # of one tensor: those that can save most
MOST_CUTS = 2  # of one window
LOSS = 0.05  # of latency that an estimate may be worse: the timers decide

Window = tuple[int, int]  # positions of the first and the last op
_Rank = tuple[float, int, int, int]


@dataclass(frozen=True)
class Pattern:
    """The same group at every place where it occurs.

    Attributes
    ----------
    gain
        Latency [fs] and traffic [byte] that all of them together should add: below 0 where they save some.
    """

    groups: tuple[Group, ...]
    gain: Cost

    def overlaps(self, other: Pattern) -> bool:
        """Whether an op belongs to both."""
        return any(a.overlaps(b) for a in self.groups for b in other.groups)


@dataclass(frozen=True)
class _Hope:
    """A group that may save `n_bytes` at most, at all its `places` together [byte]."""

    n_bytes: float
    group: Group
    places: Sequence[Window]

    @property
    def rank(self) -> _Rank:
        """The best hope first."""
        return -self.n_bytes, self.group.n_blocks, self.group.first, -self.group.last


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
        and not graph.producer[name].kind.is_view
        and len(memories.get(name, ())) == 1
        and main not in memories[name]
    ]


def patterns(fuser: Fuser, plan: Plan, moved: Mapping[str, int]) -> list[Pattern]:
    """Groups that should move less than what runs now, the best first.

    `moved` says how many bytes of each tensor are moved now [byte].
    """
    alike: dict[object, list[Window]] = {}
    around: dict[str, list[list[Window]]] = {}
    for tensor in spilled(fuser, plan):
        for window in dict.fromkeys(_windows(fuser, plan, tensor)):
            key = _signature(fuser, plan, window)
            if key not in alike:
                alike[key] = []
                around.setdefault(tensor, []).append(alike[key])
            alike[key].append(window)
    found: list[Pattern] = []
    for places in around.values():
        if fuser.known.is_late:
            break
        found += _of_tensor(fuser, plan, moved, places)
    return sorted(found, key=lambda pattern: (pattern.gain[1], pattern.groups[0].first, pattern.groups[0].last))


def _windows(fuser: Fuser, plan: Plan, tensor: str) -> Iterator[Window]:
    """First and last op of each window: with the readers of the tensor, or up to the op that makes it."""
    graph, work = fuser.graph, fuser.work
    made = next((rank for rank, position in enumerate(work) if graph.ops[position].output == tensor), None)
    if made is None:
        return  # joined of parts that several ops make
    readers = [r for r, p in enumerate(work) if any(fuser.root[name] == tensor for name in graph.ops[p].inputs)]
    last = max(readers, default=made)
    ranks = [(made - before, last + after) for before in range(REACH + 1) for after in range(REACH + 1)]
    for low, high in (*ranks, (made - 1, made)):
        if 0 <= low < high < len(work):
            window = work[low], work[high]
            for group in plan.groups:
                if group.first <= window[1] and window[0] <= group.last:
                    window = min(window[0], group.first), max(window[1], group.last)
            if sum(window[0] <= position <= window[1] for position in work) <= MOST_OPS and _allowed(fuser, window):
                yield window


def _allowed(fuser: Fuser, window: Window) -> bool:
    """Whether the ops of a window may be fused: any, or one product followed by what works on its output."""
    if not fuser.problem.fuses_post_ops:
        return True
    products = [
        fuser.graph.space(fuser.graph.ops[p]).macs_per_point > 0 for p in fuser.work if window[0] <= p <= window[1]
    ]
    return products[0] and sum(products) == 1


def _signature(fuser: Fuser, plan: Plan, window: Window) -> object:
    """What two windows share that may be planned alike."""
    groups = tuple(estimate.group.first - window[0] for estimate in _inside(plan, window))
    return groups, fuser.likeness.window(*window), fuser.context(window, plan.residents)


def _of_tensor(fuser: Fuser, plan: Plan, moved: Mapping[str, int], around: Sequence[Sequence[Window]]) -> list[Pattern]:
    """The most promising groups around one tensor: few are searched, those that could save most come first.

    More blocks move no less, but take less room. So a line (a window cut along an axis into more and more blocks) goes
    on only where the blocks so far do not fit, leave too little room, or are good; it ends where they are too slow.
    """
    before = {places[0]: _before(fuser, plan, places[0]) for places in around}
    seen: set[object] = set()
    lines = [
        _line(fuser, plan, moved, places, axis, before[places[0]][1], seen)
        for places in around
        for axis in range(len(fuser.graph.tensors[fuser.graph.ops[places[0][1]].output].shape))
    ]
    hopes: list[tuple[_Rank, int, _Hope]] = []
    _advance(lines, range(len(lines)), hopes)
    found: dict[Window, list[Pattern]] = {}
    while hopes and len(found) <= MOST_WINDOWS and not fuser.known.is_late:
        _, line, hope = heapq.heappop(hopes)
        group = hope.group
        window = group.first, group.last
        if len(found.get(window, ())) == MOST_CUTS or (window not in found and len(found) == MOST_WINDOWS):
            continue
        estimate = fuser.expected(group, plan.residents, plan.live)
        if estimate is not None:
            latency, traffic = before[window]
            saved = traffic - estimate.traffic_bytes + _freed(fuser, plan, group, moved)
            if saved > 0 and estimate.latency_fs > latency * (1 + LOSS):
                continue
            if saved > 0:
                groups = _everywhere(fuser, hope.places, group)
                gain = (estimate.latency_fs - latency) * len(groups), -saved * len(groups)
                found.setdefault(window, []).append(Pattern(groups, gain))
        _advance(lines, [line], hopes)
    return [pattern for patterns in found.values() for pattern in patterns]


def _advance(lines: Sequence[Iterator[_Hope]], some: Iterable[int], hopes: list[tuple[_Rank, int, _Hope]]) -> None:
    """Put the next hope of some lines among the others."""
    for number in some:
        for hope in lines[number]:
            heapq.heappush(hopes, (hope.rank, number, hope))
            break


def _line(
    fuser: Fuser,
    plan: Plan,
    moved: Mapping[str, int],
    places: Sequence[Window],
    axis: int,
    traffic: float,
    seen: set[object],
) -> Iterator[_Hope]:
    """A window cut along an axis into more and more blocks, while that may save some of its `traffic` [byte]."""
    first, last = places[0]
    extent = fuser.graph.tensors[fuser.graph.ops[last].output].shape[axis]
    for blocks in BLOCKS if extent > 1 else ():
        bounds = tuple(extent * block // blocks for block in range(blocks + 1))
        group = fuser.group(first, last, axis, bounds) if blocks <= extent else None
        if group is None:
            if blocks == 1:
                return
            continue
        n_bytes = traffic - _least_bytes(fuser, plan, group) + _freed(fuser, plan, group, moved)
        alike = first, last, *(strips.elements.tobytes() for strips in group.strips.values())
        if n_bytes <= 0 or (alike in seen and blocks > 1):
            return  # rows and columns of a square image are the same: one of them will do
        if alike not in seen:  # one block is the same along every axis
            seen.add(alike)
            yield _Hope(n_bytes * len(places), group, places)


def _least_bytes(fuser: Fuser, plan: Plan, group: Group) -> float:
    """Bytes that the group moves at least: what its blocks touch, and the same for all of them once [byte]."""
    tensors, total = fuser.graph.tensors, 0.0
    once: dict[str, float] = {}
    for op in group.ops:
        if op.kind.is_view:
            continue
        strips = group.strips[op.name]
        for number, (name, moves) in enumerate(zip((*op.inputs, op.output), strips.moves, strict=True)):
            if name in group.inner or fuser.root[name] in plan.residents:
                continue
            byte = tensors[name].encoding.bits / 8
            if moves:
                total += float(strips.elements[:, number].sum()) * byte
            else:
                once[name] = max(once.get(name, 0.0), float(strips.elements[:, number].max()) * byte)
    return total + sum(once.values())


def _freed(fuser: Fuser, plan: Plan, group: Group, moved: Mapping[str, int]) -> float:
    """Bytes of its result that are moved now: it may stay where its operands no longer need the room [byte]."""
    result = group.ops[-1].output
    is_free = fuser.root[result] == result and result in plan.live and result not in plan.residents
    return float(moved.get(result, 0)) if is_free and result not in fuser.graph.outputs else 0.0


def _inside(plan: Plan, window: Window) -> list[Estimate]:
    return [f for f in plan.fusions if window[0] <= f.group.first and f.group.last <= window[1]]


def _before(fuser: Fuser, plan: Plan, window: Window) -> Cost:
    """Latency [fs] and traffic [byte] of the ops of a window as they run now."""
    groups = _inside(plan, window)
    fused = {op.name for estimate in groups for op in estimate.group.ops}
    ops = fuser.graph.ops[window[0] : window[1] + 1]
    alone = [fuser.assignments[op.name] for op in ops if op.name in fuser.assignments and op.name not in fused]
    latency, traffic = fuser.tiler.expected(alone, plan.residents, plan.staging_start)
    return latency + sum(f.latency_fs for f in groups), traffic + sum(f.traffic_bytes for f in groups)


def _everywhere(fuser: Fuser, windows: Iterable[Window], like: Group) -> tuple[Group, ...]:
    """The group at each of its places that do not overlap."""
    found: list[Group] = []
    for first, _ in windows:
        if not found or found[-1].last < first:
            found.append(like.at(fuser.graph, first))
    return tuple(found)
