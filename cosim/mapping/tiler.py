"""`Tiler`: the searches of all ops of a graph, shared by ops that look the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cosim.errors import InfeasibleError
from cosim.graph.graph import Graph, op_attributes
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.assignment import Assignment
from cosim.mapping.objective import Objective
from cosim.mapping.placement import roots
from cosim.mapping.pool import Pool
from cosim.mapping.search import Room, Search
from cosim.mapping.trial import Trial
from cosim.plugin.protocols import EngineKind

Residents = Mapping[str, tuple[str, int]]
LOSS = 0.01  # of latency that half of the staging space may cost: the other half lets the next op begin early


class Tiler:
    """Finds tilings for the ops of one graph on one device."""

    def __init__(self, graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind]) -> None:
        self.graph, self.hardware, self.kinds = graph, hardware, kinds
        self.root = roots(graph)
        self.pools: dict[object, Pool] = {}
        self.searches: dict[object, Search] = {}
        self.trials: dict[object, Trial] = {}
        self.quick: dict[object, tuple[float, float]] = {}

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
            search = self._search(op, engine, kept)
            rooms = self._rooms(engine, start)
            room = rooms[0]
            if self._expect(search, rooms[1])[0] < self._expect(search, rooms[0])[0] * (1 - LOSS):
                room = rooms[1]
            key = (id(search), room, objective.name)
            if key not in self.trials:
                self.trials[key] = search.best(room, objective)
            found[op.name] = self.trials[key]
        return found

    def _expected(self, op: Op, engine: Engine, kept: Residents, start: Mapping[str, int]) -> tuple[float, float]:
        search = self._search(op, engine, kept)
        half, full = (self._expect(search, room) for room in self._rooms(engine, start))
        chosen = full if full[0] < half[0] * (1 - LOSS) else half
        if chosen[0] == float("inf"):
            search.require(self._rooms(engine, start)[1])
        return chosen

    def _expect(self, search: Search, room: Room) -> tuple[float, float]:
        key = (id(search), room)
        if key not in self.quick:
            self.quick[key] = search.quick(room)
        return self.quick[key]

    def _rooms(self, engine: Engine, start: Mapping[str, int]) -> tuple[Room, Room]:
        """Half of the staging space of every memory, and all of it; sums of their own memory always have all."""
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

    def _search(self, op: Op, engine: Engine, kept: Residents) -> Search:
        """The search of an op, shared by all that look the same."""
        graph, main = self.graph, self.hardware.main_memory
        memory = engine.operands or main

        def is_staged(name: str) -> bool:
            home = kept[self.root[name]][0] if self.root[name] in kept else main
            return home != memory

        staged = (*(is_staged(name) for name in op.inputs), is_staged(op.output))
        tensors = [graph.tensors[name] for name in (*op.inputs, op.output)]
        described = tuple((tensor.shape, tensor.encoding.format) for tensor in tensors)
        constant = tuple(name in graph.constants for name in op.inputs)
        key = (op.kind.name, repr(sorted(op_attributes(op).items())), described, constant, engine.name)
        if (key, staged) not in self.searches:
            if key not in self.pools:
                self.pools[key] = Pool(op, graph, self.hardware, engine, self.kinds[engine.kind])
            self.searches[key, staged] = Search(self.pools[key], staged)
        return self.searches[key, staged]
