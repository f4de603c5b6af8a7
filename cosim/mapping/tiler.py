"""`Tiler`: the searches of all ops of a graph, shared by ops that look the same and kept for the next run."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cosim.graph.graph import Graph, op_attributes
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.assignment import Assignment
from cosim.mapping.cache import Shelf, digest_of, read, sources_of, written
from cosim.mapping.objective import Objective
from cosim.mapping.placement import roots
from cosim.mapping.pool import Pool
from cosim.mapping.prices import prices_key
from cosim.mapping.search import Room, Search
from cosim.mapping.trial import Trial
from cosim.mapping.wiring import channel, home_memory, operand_memory, supplier
from cosim.plugin.protocols import EngineKind

Residents = Mapping[str, tuple[str, int]]
_LOG = logging.getLogger("cosim.mapping")
LOSS = 0.01  # of latency that half of the staging space may cost: the other half lets the next op begin early


@dataclass
class Entry:
    """One search: built when a question comes that no earlier run has answered.

    Attributes
    ----------
    answers
        By question, as JSON.
    is_new
        Something was answered here first.
    is_tried
        Only blocks of groups have asked: not worth keeping unless one is taken.
    """

    op: Op
    graph: Graph
    engine: Engine
    pool_key: str
    key: str
    staged: tuple[bool, ...]
    answers: dict[str, Any]
    is_new: bool = False
    is_tried: bool = True
    trials: dict[str, Trial] = field(default_factory=dict)
    expected: dict[tuple[Room, Room], tuple[float, float]] = field(default_factory=dict)


@dataclass
class Known:
    """What has been searched so far: shared by the tilers of a graph and of parts of it.

    Attributes
    ----------
    deadline
        Of `time.monotonic`: what remains then gets the best of its coarse candidates [s].
    is_cut_short
        It has passed before all was done.
    """

    deadline: float = float("inf")
    is_cut_short: bool = False
    pools: dict[str, Pool] = field(default_factory=dict)
    searches: dict[str, Search] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    rooms: dict[tuple[object, ...], tuple[Room, Room]] = field(default_factory=dict)

    @property
    def is_late(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.deadline

    def cut_short(self) -> None:
        """Note, and say once, that the time was not enough."""
        if not self.is_cut_short:
            _LOG.warning("the time for the search ran out: some ops have coarse tilings, some groups were not tried")
        self.is_cut_short = True


class Tiler:
    """Finds tilings for the ops of one graph on one device.

    `seconds` is how long the searches may take together: what remains then gets the best of its coarse candidates,
    and `known.is_cut_short` says so. `shelf` keeps answers between runs; None: none are kept.
    """

    def __init__(
        self,
        graph: Graph,
        hardware: Hardware,
        kinds: Mapping[str, EngineKind],
        *,
        shelf: Shelf | None = None,
        seconds: float = float("inf"),
        known: Known | None = None,
        is_trial: bool = False,
    ) -> None:
        self.graph, self.hardware, self.kinds, self.shelf = graph, hardware, kinds, shelf
        self.known = Known(time.monotonic() + seconds) if known is None else known
        self.root, self.is_trial = roots(graph), is_trial
        self.entries: dict[object, Entry] = {}
        self.pool_keys: dict[tuple[str, str], str] = {}
        self.operands: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def of(self, other: Graph, *, is_trial: bool = False) -> Tiler:
        """The tiler of another graph on the same device: what either searches, both know.

        A trial is kept for other runs only where it has been tiled to the end.
        """
        return Tiler(other, self.hardware, self.kinds, shelf=self.shelf, known=self.known, is_trial=is_trial)

    def expected(
        self, assignments: Iterable[Assignment], kept: Residents, start: Mapping[str, int]
    ) -> tuple[float, float]:
        """Latency [fs] and traffic [byte] of all ops one after another, as estimated.

        Raises `InfeasibleError` where an op fits nowhere.
        """
        latency, traffic = 0.0, 0.0
        for assignment in assignments:
            one = self._expected(assignment.op, assignment.chosen, kept, start)
            latency, traffic = latency + one[0], traffic + one[1]
        return latency, traffic

    def tile(
        self, assignments: Iterable[Assignment], kept: Residents, start: Mapping[str, int], objective: Objective
    ) -> dict[str, Trial]:
        """The tiling of every op, by name of the op."""
        found: dict[str, Trial] = {}
        for assignment in assignments:
            op, engine = assignment.op, assignment.chosen
            entry = self._entry(op, engine, kept)
            room, full = self._rooms(engine, start)
            if self._expect(entry, full)[0] < self._expect(entry, room)[0] * (1 - LOSS):
                room = full
            found[op.name] = self._best(entry, room, objective)
        return found

    def keep(self) -> None:
        """File what has been answered first here, for other runs."""
        if self.shelf is None:
            return
        for entry in self.known.entries.values():
            if entry.is_new and (entry.trials or not entry.is_tried):
                self.shelf.store(entry.key, {**self.shelf.load(entry.key), **entry.answers})
                entry.is_new = False

    def _prices(self, objective: Objective) -> str:
        """Digest of the prices that an answer depends on; "" for an objective that asks for none."""
        return f"{prices_key(self.hardware)} " if objective.is_priced else ""

    def _best(self, entry: Entry, room: Room, objective: Objective) -> Trial:
        question = f"best {objective.name} {self._prices(objective)}{room.bytes_of}"
        if question not in entry.trials and question in entry.answers:
            try:
                entry.trials[question] = read(entry.answers[question])
            except (KeyError, TypeError, ValueError):
                del entry.answers[question]
        if question not in entry.trials:
            search = self._search(entry)
            entry.trials[question] = search.best(room, objective, self.known.deadline)
            if self.known.is_late:
                self.known.cut_short()  # not kept: another run may have more time
            else:
                entry.answers[question] = written(entry.trials[question])
                entry.is_new = True
        return entry.trials[question]

    def _expected(self, op: Op, engine: Engine, kept: Residents, start: Mapping[str, int]) -> tuple[float, float]:
        entry = self._entry(op, engine, kept)
        rooms = self._rooms(engine, start)
        known = entry.expected.get(rooms)
        if known is None:
            half, full = (self._expect(entry, room) for room in rooms)
            known = entry.expected[rooms] = full if full[0] < half[0] * (1 - LOSS) else half
        if known[0] == float("inf"):
            self._search(entry).require(rooms[1])
        return known

    def _expect(self, entry: Entry, room: Room) -> tuple[float, float]:
        question = f"quick {room.bytes_of}"
        if question not in entry.answers:
            entry.answers[question] = self._search(entry).quick(room)
            entry.is_new = True
        latency, traffic = entry.answers[question]
        return float(latency), float(traffic)

    def _rooms(self, engine: Engine, start: Mapping[str, int]) -> tuple[Room, Room]:
        """Half of the staging space of every memory, and all of it; sums of their own memory always have all."""
        key = (engine.name, *(start.get(name, 0) for name in (engine.operands, engine.weights) if name is not None))
        rooms = self.known.rooms
        if key not in rooms:
            rooms[key] = self._rooms_of(engine, start)
        return rooms[key]

    def _rooms_of(self, engine: Engine, start: Mapping[str, int]) -> tuple[Room, Room]:
        half, full = {}, {}
        for name in (engine.operands or self.hardware.main_memory, engine.weights):
            if name is not None:
                free = self.hardware.memories[name].size_bytes - start.get(name, 0)
                full[name] = free
                half[name] = free if name == self.hardware.main_memory else free // 2 // 64 * 64
        sums = engine.accumulators
        if sums is not None and sums not in full:
            half[sums] = full[sums] = self.hardware.memories[sums].size_bytes
        return Room(tuple(sorted(half.items()))), Room(tuple(sorted(full.items())))

    def _entry(self, op: Op, engine: Engine, kept: Residents) -> Entry:
        """The search of an op, shared by all that look the same."""
        if (op.name, engine.name) not in self.operands:
            self.operands[op.name, engine.name] = self._operands(op, engine)
        operands = self.operands[op.name, engine.name]
        homes = [
            kept[root][0] if root in kept else home_memory(self.hardware, self.graph, root) for root, _ in operands
        ]
        staged = tuple(home != memory for home, (_, memory) in zip(homes, operands, strict=True))
        known = (op.name, engine.name, staged)
        if known not in self.entries:
            if (op.name, engine.name) not in self.pool_keys:
                self.pool_keys[op.name, engine.name] = self._pool_key(op, engine)
            pool_key = self.pool_keys[op.name, engine.name]
            key = digest_of(pool_key, staged)
            if key not in self.known.entries:
                answers = self.shelf.load(key) if self.shelf is not None else {}
                self.known.entries[key] = Entry(op, self.graph, engine, pool_key, key, staged, answers)
            self.entries[known] = self.known.entries[key]
            self.entries[known].is_tried &= self.is_trial
        return self.entries[known]

    def _operands(self, op: Op, engine: Engine) -> list[tuple[str, str]]:
        """Root of each input and, last, of the output, and the memory that it is computed from."""
        sources = [operand_memory(self.hardware, engine, self.graph, op, number) for number in range(len(op.inputs))]
        memories = (*sources, engine.operands or self.hardware.main_memory)
        return [(self.root[name], memory) for name, memory in zip((*op.inputs, op.output), memories, strict=True)]

    def _pool_key(self, op: Op, engine: Engine) -> str:
        """Digest of all that the search of an op depends on but for which tensors are staged."""
        graph, hardware = self.graph, self.hardware
        tensors = [graph.tensors[name] for name in (*op.inputs, op.output)]
        memories = {operand_memory(hardware, engine, graph, op, number) for number in range(len(op.inputs))}
        memories |= {name for name in (engine.operands, engine.accumulators) if name is not None}
        local = sorted(memories - {hardware.main_memory, hardware.constants_memory})
        inner = [name for name in local if name != engine.accumulators]
        paths = [channel(hardware, supplier(hardware, engine, name), name) for name in inner]
        if engine.operands not in (None, hardware.main_memory):
            paths.append(channel(hardware, str(engine.operands), hardware.main_memory))
        own = [hardware.port(step) for step in engine.via]
        described: list[tuple[object, ...]] = [(p.name, p.unit_bytes, p.unit_fs, p.latency_fs) for p in own]
        described += [(path.fs_per_byte, path.setup_fs, path.latency_fs, sorted(path.via)) for path in paths]
        return digest_of(
            op.kind.name,
            sorted(op_attributes(op).items()),
            [(t.shape, t.encoding.format, t.encoding.bits, t.encoding.key()) for t in tensors],
            [name in graph.constants for name in op.inputs],
            graph.space(op),
            [(name, value) for name, value in sorted(vars(engine).items()) if name not in {"source", "parameters"}],
            sorted((name, repr(value)) for name, value in engine.parameters.items()),
            hardware.clocks[engine.clock].period_fs,
            [(name, hardware.memories[name].size_bytes) for name in local],
            hardware.main_memory,
            hardware.constants,
            described,
            sources_of(type(self.kinds[engine.kind])),
        )

    def _search(self, entry: Entry) -> Search:
        known = self.known
        if entry.key not in known.searches:
            if entry.pool_key not in known.pools:
                op, engine = entry.op, entry.engine
                known.pools[entry.pool_key] = Pool(op, entry.graph, self.hardware, engine, self.kinds[engine.kind])
            known.searches[entry.key] = Search(known.pools[entry.pool_key], entry.staged)
        return known.searches[entry.key]
