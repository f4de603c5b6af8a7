"""Plans of groups: where their blocks lie, in which tiles they run, and what that is expected to cost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cosim.errors import InfeasibleError
from cosim.graph.op import Op
from cosim.mapping.cache import Shelf
from cosim.mapping.groups import Group, group_of
from cosim.mapping.layout import Layout, layout_of
from cosim.mapping.objective import Objective
from cosim.mapping.part import part_of
from cosim.mapping.placement import Span
from cosim.mapping.problem import Problem
from cosim.mapping.tiler import Tiler
from cosim.mapping.trial import Trial
from cosim.mapping.wiring import channel

Kept = Mapping[str, tuple[str, int]]


@dataclass(frozen=True)
class Fusion:
    """A group with its decisions.

    Attributes
    ----------
    start
        First byte of its area in each memory: behind the tensors that live while it runs [byte].
    latency_fs, traffic_bytes
        As estimated [fs], [byte].
    trials
        Tiling of the largest block of each op, by name of the op; empty until it is asked for.
    """

    group: Group
    layout: Layout
    start: Mapping[str, int]
    latency_fs: float
    traffic_bytes: float
    trials: Mapping[str, Trial]


class Fuser:
    """Plans groups of one graph on one device, for `seconds` at most."""

    def __init__(self, problem: Problem, shelf: Shelf | None = None, seconds: float = float("inf")) -> None:
        self.problem, self.shelf = problem, shelf
        self.deadline = time.monotonic() + seconds
        self.graph, self.hardware, self.kinds = problem.graph, problem.hardware, problem.kinds
        self.assignments, self.root = problem.by_op, problem.root
        self.groups: dict[object, Group | None] = {}
        self.tilers: dict[Group, Tiler] = {}

    def group(self, first: int, last: int, axis: int, bounds: tuple[int, ...]) -> Group | None:
        """`group_of` this graph, made once."""
        key = first, last, axis, bounds
        if key not in self.groups:
            self.groups[key] = group_of(self.graph, first, last, axis, bounds)
        return self.groups[key]

    def plan(self, group: Group, kept: Kept, live: Mapping[str, Span]) -> Fusion | None:
        """What `group` costs while the tensors in `kept` stay on chip; None where it does not fit."""
        ours = [self.assignments[op.name] for op in group.ops if not op.kind.is_view]
        memory = ours[0].chosen.operands
        if memory is None or memory == self.hardware.main_memory or any(a.chosen.operands != memory for a in ours):
            return None
        start = self._start(group, kept, live)
        room = {name: m.size_bytes - start.get(name, 0) for name, m in self.hardware.memories.items()}
        names = {name for a in ours for name in (*a.op.inputs, a.op.output)}
        staged = frozenset(n for n in names if self.root[n] not in kept and n not in group.inner)
        engines = {a.op.name: a.chosen for a in ours}
        layout = layout_of(self.graph, self.hardware, group, engines, staged, room)
        if layout is None:
            return None
        here = self._here(group, layout, kept, memory)
        begin = {name: start.get(name, 0) + layout.area.get(name, 0) for name in self.hardware.memories}
        tiler = self._tiler(group)
        busy: dict[str, float] = {}
        traffic = float(sum(self.graph.tensors[name].bytes for name in layout.pinned))
        for assignment in ours:
            try:
                latency, moved = tiler.expected([assignment], here, begin)
            except InfeasibleError:
                return None
            engine = assignment.chosen.name
            # Data of the other blocks arrive and leave while the engine computes.
            waits = min(self._waits_fs(assignment.op, memory, staged), latency)
            busy[engine] = busy.get(engine, 0.0) + latency * group.n_blocks - waits * (group.n_blocks - 1)
            traffic += moved * group.n_blocks
        longest = max(busy.values())
        # Engines work on different blocks at once: only the first block of the others is not hidden.
        combined = longest + (sum(busy.values()) - longest) / group.n_blocks
        port = traffic * channel(self.hardware, self.hardware.main_memory, memory).fs_per_byte
        return Fusion(group, layout, start, max(combined, port), traffic, {})

    def tile(self, fusion: Fusion, kept: Kept, objective: Objective) -> Fusion:
        """The same with its tilings."""
        group, layout = fusion.group, fusion.layout
        ours = [self.assignments[op.name] for op in group.ops if not op.kind.is_view]
        here = self._here(group, layout, kept, str(ours[0].chosen.operands))
        begin = {name: fusion.start.get(name, 0) + layout.area.get(name, 0) for name in self.hardware.memories}
        return replace(fusion, trials=self._tiler(group).tile(ours, here, begin, objective))

    def _waits_fs(self, op: Op, memory: str, staged: frozenset[str]) -> float:
        """Time until the first data of an op have arrived, and for its last to leave [fs]."""
        main = self.hardware.main_memory
        paths = []
        if any(name in staged for name in op.inputs):
            paths.append(channel(self.hardware, main, memory))
        if op.output in staged:
            paths.append(channel(self.hardware, memory, main))
        return float(sum(path.latency_fs + path.setup_fs for path in paths))

    def _here(self, group: Group, layout: Layout, kept: Kept, memory: str) -> dict[str, tuple[str, int]]:
        """Tensors that are computed in place: those that stay anyway, blocks, and what comes once."""
        return {**kept, **dict.fromkeys((*group.inner, *layout.pinned), (memory, 0))}

    def _tiler(self, group: Group) -> Tiler:
        if group not in self.tilers:
            part, left = part_of(self.graph, group), max(self.deadline - time.monotonic(), 0.0)
            self.tilers[group] = Tiler(part, self.hardware, self.kinds, shelf=self.shelf, seconds=left)
        return self.tilers[group]

    def _start(self, group: Group, kept: Kept, live: Mapping[str, Span]) -> dict[str, int]:
        """First byte behind the tensors that live while the group runs."""
        start: dict[str, int] = {}
        for name, (memory, address) in kept.items():
            span = live[name]
            if span.first_op <= group.last and group.first <= span.last_op:
                start[memory] = max(start.get(memory, 0), address + span.n_bytes)
        return start
