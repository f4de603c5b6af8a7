"""Plans of groups: where their blocks lie, in which tiles they run, and what that is expected to cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from cosim.errors import InfeasibleError
from cosim.graph.op import Op
from cosim.mapping.assignment import Assignment
from cosim.mapping.groups import Group, group_of
from cosim.mapping.joined import is_joined
from cosim.mapping.layout import Layout, layout_of
from cosim.mapping.likeness import Likeness
from cosim.mapping.objective import Objective
from cosim.mapping.part import part_of
from cosim.mapping.placement import Span
from cosim.mapping.problem import Problem
from cosim.mapping.strips import Strips
from cosim.mapping.tiler import Tiler
from cosim.mapping.trial import Trial
from cosim.mapping.wiring import Channel, channel

Kept = Mapping[str, tuple[str, int]]
Cost = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A group and what it is expected to cost: latency [fs] and traffic [byte]."""

    group: Group
    latency_fs: float
    traffic_bytes: float


@dataclass(frozen=True)
class Fusion:
    """A group with its decisions.

    Attributes
    ----------
    start
        First byte of its area in each memory: behind the tensors that live while it runs [byte].
    trials
        Tiling of the largest block of each op, by name of the op.
    """

    group: Group
    layout: Layout
    start: Mapping[str, int]
    trials: Mapping[str, Trial]


@dataclass(frozen=True)
class _Place:
    """Where a group would run: its area, what is computed in place, and the first byte behind its area."""

    layout: Layout
    here: dict[str, tuple[str, int]]
    begin: dict[str, int]
    staged: frozenset[str]


class Fuser:
    """Plans groups of one graph on one device; groups that look alike are planned once."""

    def __init__(self, problem: Problem, tiler: Tiler) -> None:
        self.problem, self.tiler, self.known = problem, tiler, tiler.known
        self.graph, self.hardware = problem.graph, problem.hardware
        self.assignments, self.root = problem.by_op, problem.root
        self.likeness = Likeness(problem)
        self._groups: dict[object, Group | None] = {}
        self._costs: dict[object, Cost | None] = {}
        self._tilers: dict[object, Tiler] = {}
        self._channels: dict[tuple[str, str], Channel] = {}

    def of(self, problem: Problem) -> Fuser:
        """The fuser of the same graph with other resident constants."""
        return Fuser(problem, self.tiler)

    @cached_property
    def work(self) -> list[int]:
        """Positions of the ops that are no views."""
        return [position for position, op in enumerate(self.graph.ops) if not op.kind.is_view]

    def group(self, first: int, last: int, axis: int, bounds: tuple[int, ...], *, keep: bool = True) -> Group | None:
        """`group_of` this graph, made once for all places that look alike; none where a join needs no copy."""
        if any(is_joined(op) for op in self.graph.ops[first : last + 1]):
            return None
        key = self.likeness.window(first, last), axis, bounds, keep
        if key not in self._groups:
            find = self.likeness.strips
            self._groups[key] = group_of(self.graph, first, last, axis, bounds, keep=keep, find=find)
        found = self._groups[key]
        return None if found is None else found.at(self.graph, first)

    def context(self, window: tuple[int, int], kept: Kept) -> tuple[str, ...]:
        """Memory of each tensor between a window and other ops, empty for those that do not stay on chip."""
        names = self.likeness.outside(*window)
        return tuple(kept[self.root[name]][0] if self.root[name] in kept else "" for name in names)

    def expected(self, group: Group, kept: Kept, live: Mapping[str, Span]) -> Estimate | None:
        """What `group` costs while the tensors in `kept` stay on chip; None where it does not fit."""
        start = self._start(group, kept, live)
        context = self.context((group.first, group.last), kept)
        key = self._key(group), context, tuple(sorted(start.items()))
        if key not in self._costs:
            self._costs[key] = self._cost(group, kept, start)
        cost = self._costs[key]
        return None if cost is None else Estimate(group, *cost)

    def tile(self, group: Group, kept: Kept, live: Mapping[str, Span], objective: Objective) -> Fusion:
        """The decisions on `group`; raises `InfeasibleError` where it does not fit."""
        start = self._start(group, kept, live)
        place = self._place(group, kept, start)
        if place is None:
            raise InfeasibleError("the group does not fit", where=f"ops {group.name}", fix="map it with fuse=none")
        trials = self._tiler(group).tile(self._ours(group), place.here, place.begin, objective)
        return Fusion(group, place.layout, start, trials)

    def _cost(self, group: Group, kept: Kept, start: Mapping[str, int]) -> Cost | None:
        place = self._place(group, kept, start)
        if place is None:
            return None
        tiler, memory = self._tiler(group), str(self._ours(group)[0].chosen.operands)
        busy: dict[str, float] = {}
        traffic = float(sum(self.graph.tensors[name].bytes for name in place.layout.pinned))
        for assignment in self._ours(group):
            try:
                latency, moved = tiler.expected([assignment], place.here, place.begin)
            except InfeasibleError:
                return None
            engine = assignment.chosen.name
            # Data of the other blocks arrive and leave while the engine computes.
            waits = min(self._waits_fs(assignment.op, memory, place.staged), latency)
            strips = group.strips[assignment.op.name]
            busy[engine] = busy.get(engine, 0.0) + latency * strips.equals - waits * (strips.equals - 1)
            traffic += moved * group.n_blocks - self._missing_bytes(assignment.op, strips, place.staged)
        longest = max(busy.values())
        # Engines work on different blocks at once: only the first block of the others is not hidden.
        combined = longest + (sum(busy.values()) - longest) / group.n_blocks
        port = traffic * self._channel(self.hardware.main_memory, memory).fs_per_byte
        return max(combined, port), traffic

    def _place(self, group: Group, kept: Kept, start: Mapping[str, int]) -> _Place | None:
        """Where `group` runs; None where it does not fit."""
        ours = self._ours(group)
        memory = ours[0].chosen.operands
        if memory is None or memory == self.hardware.main_memory or any(a.chosen.operands != memory for a in ours):
            return None
        room = {name: m.size_bytes - start.get(name, 0) for name, m in self.hardware.memories.items()}
        names = {name for a in ours for name in (*a.op.inputs, a.op.output)}
        staged = frozenset(n for n in names if self.root[n] not in kept and n not in group.inner)
        engines = {a.op.name: a.chosen for a in ours}
        layout = layout_of(self.graph, self.hardware, group, engines, staged, room)
        if layout is None:
            return None
        inside = dict.fromkeys(group.inner, (memory, 0))
        here = {**kept, **inside, **{name: (slots.memory, 0) for name, slots in layout.pinned.items()}}
        begin = {name: start.get(name, 0) + layout.area.get(name, 0) for name in self.hardware.memories}
        return _Place(layout, here, begin, staged)

    def _ours(self, group: Group) -> list[Assignment]:
        return [self.assignments[op.name] for op in group.ops if not op.kind.is_view]

    def _waits_fs(self, op: Op, memory: str, staged: frozenset[str]) -> float:
        """Time until the first data of an op have arrived, and for its last to leave [fs]."""
        main = self.hardware.main_memory
        paths = []
        if any(name in staged for name in op.inputs):
            paths.append(self._channel(main, memory))
        if op.output in staged:
            paths.append(self._channel(memory, main))
        return float(sum(path.latency_fs + path.setup_fs for path in paths))

    def _missing_bytes(self, op: Op, strips: Strips, staged: frozenset[str]) -> float:
        """What all blocks together move less than if each were as large as the largest [byte]."""
        missing = strips.elements[strips.largest] * len(strips.elements) - strips.elements.sum(axis=0)
        total = 0.0
        for name, elements, moves in zip((*op.inputs, op.output), missing.tolist(), strips.moves, strict=True):
            if moves and name in staged:
                total += elements * self.graph.tensors[name].encoding.bits / 8
        return total

    def _channel(self, source: str, target: str) -> Channel:
        if (source, target) not in self._channels:
            self._channels[source, target] = channel(self.hardware, source, target)
        return self._channels[source, target]

    def _key(self, group: Group) -> object:
        """What groups that look alike have in common."""
        return self.likeness.window(group.first, group.last), group.outer, bool(group.kept)

    def _tiler(self, group: Group) -> Tiler:
        key = self._key(group), group.first
        if key not in self._tilers:
            self._tilers[key] = self.tiler.of(part_of(self.graph, group), is_trial=True)
        return self._tilers[key]

    def _start(self, group: Group, kept: Kept, live: Mapping[str, Span]) -> dict[str, int]:
        """First byte behind the tensors that live while the group runs."""
        start: dict[str, int] = dict(self.problem.base)
        for name, (memory, address) in kept.items():
            span = live.get(name)
            if span is not None and span.first_op <= group.last and group.first <= span.last_op:
                start[memory] = max(start.get(memory, 0), address + span.n_bytes)
        return start
