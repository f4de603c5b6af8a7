"""Lower bounds of every design's metrics, without a mapping: exact for area, provable for the rest.

Latency: every engine does the bound of each op that the tiled mapper gives it, one after the other; every weight, input and
output crosses main memory once. Energy: the fewest actions that any tiling takes (`cosim.plugin.protocols.Floor`) at their
price, the same compulsory bytes, and leakage and background over the latency bound. What is not known counts 0, so a bound
never exceeds what a simulation finds; the sweep checks that for every design that it simulates.

Only pieces are computed in Python, once per combination of the values that change them; designs are gathered from the pieces
as arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import CosimError
from cosim.explore.components import CLOCKS, LINKS, Components, owner, with_clocks
from cosim.explore.floor import (
    Compulsory,
    LinkFacts,
    MemoryFacts,
    Work,
    compulsory,
    engine_facts,
    link_facts,
    memory_facts,
    work_on,
)
from cosim.explore.metric import METRICS
from cosim.explore.running import Run, Worker, running
from cosim.explore.sample import Codes
from cosim.explore.space import Space, setup_of
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.hardware.technology import Technology
from cosim.plugin.registry import load_registry

Floats = NDArray[np.float64]
SLACK = 1e-6  # relative: sums of floats in another order than the cost reader's, transfers rounded to a femtosecond
Progress = Callable[[float], None]
MAPPER = "tiled"  # the mapper whose choice of engines is known


@dataclass(frozen=True)
class _Part:
    """What each of a few combinations of values gives, and which of them each design has, shape (designs,)."""

    found: list[object]
    of: NDArray[np.int64]


def bounds(space: Space, codes: Codes, progress: Progress | None = None) -> dict[str, Floats]:
    """Column of a metric -> lower bound for every design, shape (designs,); 0 where nothing is known."""
    total = {metric.column: np.zeros(len(codes)) for metric in METRICS.values()}
    common = [place for place, axis in enumerate(space.axes) if any(owner(key) == "" for key in axis.keys)]
    rows, of = distinct(codes[:, common])
    graphs = _Graphs()
    for number, row in enumerate(rows.tolist()):
        if progress is not None:
            progress(number / len(rows))
        mine = np.flatnonzero(of == number)
        keys = dict(space.base)
        for place, code in zip(common, row, strict=True):
            keys.update(space.axes[place].settings[code])
        try:
            found = _Group(space, common, codes[mine], keys, graphs).bounds()
        except CosimError:
            continue  # refused as a whole: the simulation says why
        for column, values in found.items():
            total[column][mine] = values
    return total


def distinct(codes: Codes) -> tuple[Codes, NDArray[np.int64]]:
    """Different rows, in order, and which of them each row is."""
    if not codes.shape[1]:
        return codes[:1], np.zeros(len(codes), np.int64)
    shape = tuple(int(most) + 1 for most in codes.max(axis=0))
    if math.prod(shape) < 2**62:
        flat = np.ravel_multi_index(tuple(codes.T), shape)
        places, of = np.unique(flat, return_inverse=True)
        return np.stack(np.unravel_index(places, shape), axis=1).astype(np.int32), of.astype(np.int64)
    rows, of = np.unique(codes, axis=0, return_inverse=True)
    return rows, of.reshape(-1).astype(np.int64)


class _Graphs:
    """Compressed graphs by network, batch and compression, with what is compulsory for each."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], tuple[Graph, Compulsory]] = {}
        self._work: dict[tuple[object, ...], Work] = {}

    def find(self, keys: Mapping[str, str]) -> tuple[Graph, Compulsory]:
        from cosim.compress import compress
        from cosim.library import load_graph

        setup = setup_of(keys)
        mark = (setup.network, setup.batch, setup.compress)
        if mark not in self._known:
            steps = load_registry()["compressions"]
            graph = load_graph(setup.network, batch=setup.batch)
            graph = compress(graph, setup.compress, None, calibrate=False, compressions=steps)
            self._known[mark] = graph, compulsory(graph)
        return self._known[mark]


class _Group:
    """Designs that differ only in clocks, links, memories and engines."""

    def __init__(
        self, space: Space, common: Sequence[int], codes: Codes, keys: Mapping[str, str], graphs: _Graphs
    ) -> None:
        from cosim.binding import is_value_bound
        from cosim.library import load_technology
        from cosim.mapping.assignment import has_several_sites

        self.space, self.codes = space, codes
        self.free = [place for place in range(len(space.axes)) if place not in common]
        self.parts = Components(keys)
        setup = setup_of(keys)
        base = self.parts.hardware({}) or self._first(keys)
        self.base: Hardware = base
        self.technology: Technology = base.own_technology or load_technology(base.technology)
        self.graph, self.compulsory = graphs.find(keys)
        self.kinds = load_registry()["engine_kinds"]
        # Where ops have a choice of memories, the mapper may not take the preferred engine.
        is_plain = setup.mapper == MAPPER and not has_several_sites(base)
        self.is_plain = is_plain and not is_value_bound(self.graph, base)
        self.work: dict[object, Work] = {}

    def _first(self, keys: Mapping[str, str]) -> Hardware:
        """The first design, where the description without any axis is refused."""
        from cosim.library import load_hardware

        setup = setup_of({**keys, **self._keys(self.free, self.codes[0, self.free].tolist())})
        return load_hardware(setup.hardware, setup.overrides)

    def bounds(self) -> dict[str, Floats]:
        """Column -> lower bound, shape (designs,)."""
        engines, memories = list(self.base.engines), list(self.base.memories)
        memory_parts = {name: self._part(self._memory(name), CLOCKS, f"memories.{name}") for name in memories}
        engine_parts = {name: self._part(self._engine(name), CLOCKS, f"engines.{name}") for name in engines}
        links = self._part(self._links, CLOCKS, LINKS)
        run = self._running(engine_parts)
        main = self.base.main_memory
        needed, main_has = self.compulsory, not self.base.constants
        read = needed.read - (0 if main_has else needed.read_constants)
        read, write = (read, needed.written) if self.is_plain else (0, 0)
        latency_fs = np.floor(self._busy(run, [*memory_parts.values(), links], read + write) * (1 - SLACK))
        power, energy = _each(run, lambda one: one.standing_mw), _each(run, lambda one: one.own_pj)
        traffic = np.full(len(self.codes), float(read + write))
        for name, part in memory_parts.items():
            power = power + _each(part, lambda one: one.standing_mw)
            least = (read, write) if name == main else (0, 0)
            reads = np.maximum(_moved(run, f"{name}.read_bytes"), least[0])
            writes = np.maximum(_moved(run, f"{name}.write_bytes"), least[1])
            energy = energy + reads * _each(part, lambda one: one.read_pj)
            energy = energy + writes * _each(part, lambda one: one.write_pj)
            traffic = np.maximum(traffic, reads + writes) if name == main else traffic
        for name in self.base.links:
            energy = energy + _moved(run, f"{name}.bytes") * _crossing(links, name)
        energy = (energy + power * latency_fs / 1e6) * (1 - SLACK)  # 1 mW x 1 fs = 1e-6 pJ
        return {
            "latency_ms": latency_fs / 1e12,
            "energy_uj": energy / 1e6,
            "area_um2": self._areas([*memory_parts.values(), *engine_parts.values()]),
            "moved_bytes": traffic,
        }

    def _busy(self, run: _Part, ports: Sequence[_Part], main_bytes: int) -> Floats:
        """Time of the busiest engine, port or link [fs], for each design."""
        own = [f"{port.name}" for port in self.base.memories[self.base.main_memory].ports]
        tables, columns = [], [run.of]
        for part in ports:
            rates = [None if one is None else one.fs_per_byte for one in part.found]  # type: ignore[attr-defined]
            known = list(dict.fromkeys(rates))
            tables.append(known)
            columns.append(np.array([known.index(one) for one in rates])[part.of])
        rows, of = distinct(np.stack(columns, axis=1).astype(np.int32))
        found = []
        for row in rows.tolist():
            one = run.found[row[0]]
            if not isinstance(one, Run):
                found.append(0.0)
                continue
            rate = dict(pair for table, code in zip(tables, row[1:], strict=True) for pair in table[code] or ())
            parallel = sum(1 / rate[name] for name in own if rate.get(name))
            found.append(max(one.busy_fs(rate), main_bytes / parallel if parallel else 0.0))
        return np.array(found)[of]

    def _columns(self, *owners: str) -> list[int]:
        return [place for place in self.free if any(owner(key) in owners for key in self.space.axes[place].keys)]

    def _keys(self, columns: Sequence[int], row: Sequence[int]) -> dict[str, str]:
        found: dict[str, str] = {}
        for place, code in zip(columns, row, strict=True):
            found.update(self.space.axes[place].settings[code])
        return found

    def _part(self, make: Callable[[Mapping[str, str], Mapping[str, str]], object], *owners: str) -> _Part:
        """What `make` gives for each combination of the keys of these owners, told those of clocks as well."""
        columns = self._columns(*owners)
        clocks = set(self._columns(CLOCKS))
        rows, of = distinct(self.codes[:, columns])
        found = []
        for row in rows.tolist():
            of_clocks = [(place, code) for place, code in zip(columns, row, strict=True) if place in clocks]
            timing = self._keys([place for place, _ in of_clocks], [code for _, code in of_clocks])
            try:
                found.append(make(self._keys(columns, row), timing))
            except CosimError:
                found.append(None)
        return _Part(found, of)

    def _memory(self, name: str) -> Callable[[Mapping[str, str], Mapping[str, str]], MemoryFacts | None]:
        def make(keys: Mapping[str, str], _: Mapping[str, str]) -> MemoryFacts | None:
            device = self.parts.hardware(keys)
            if device is None:
                return None
            return memory_facts(device.memories[name], device, self.technology, self.kinds)

        return make

    def _links(self, keys: Mapping[str, str], _: Mapping[str, str]) -> LinkFacts | None:
        device = self.parts.hardware(keys)
        return None if device is None else link_facts(device, self.technology)

    def _engine(self, name: str) -> Callable[[Mapping[str, str], Mapping[str, str]], Worker | None]:
        def make(keys: Mapping[str, str], timing: Mapping[str, str]) -> Worker | None:
            own = {key: text for key, text in keys.items() if key not in timing}
            device, clocks = self.parts.hardware(own), self.parts.clocks(timing)
            if device is None or clocks is None:
                return None
            engine = device.engines[name]
            mark = (name, tuple(sorted(own.items())))
            if mark not in self.work:
                self.work[mark] = work_on(engine, self.kinds[engine.kind], self.graph)
            work = self.work[mark]
            device = with_clocks(device, clocks)
            facts = engine_facts(engine, work, device, self.technology, self.kinds)
            return Worker(engine, work, facts, clocks[engine.clock].period_fs)

        return make

    def _running(self, engines: Mapping[str, _Part]) -> _Part:
        """What the engines do together, for each combination of all their values."""
        places = np.stack([part.of for part in engines.values()], axis=1).astype(np.int32)
        rows, of = distinct(places)
        other_mw = self._other_mw()
        found: list[object] = []
        for row in rows.tolist():
            those = [part.found[code] for part, code in zip(engines.values(), row, strict=True)]
            known = [one for one in those if isinstance(one, Worker)]
            is_whole = len(known) == len(those)
            found.append(
                running(known, self.base, self.compulsory, other_mw, counts=self.is_plain) if is_whole else None
            )
        return _Part(found, of)

    def _other_mw(self) -> float:
        """Power of what is neither a memory nor an engine."""
        from cosim.cost.static import standing_mw

        named = {*self.base.memories, *self.base.engines}
        found = standing_mw(self.base, self.technology, self.kinds)
        return sum(power for name, power in found.items() if name not in named)

    def _areas(self, parts: Sequence[_Part]) -> Floats:
        """Exactly what the area report adds up to: a correctly rounded sum does not depend on the order of its rows."""
        tables, columns = [], []
        for part in parts:
            areas = [None if one is None else one.areas_um2 for one in part.found]  # type: ignore[attr-defined]
            known = list(dict.fromkeys(areas))
            tables.append(known)
            columns.append(np.array([known.index(one) for one in areas])[part.of])
        rows, of = distinct(np.stack(columns, axis=1).astype(np.int32))
        totals = []
        for row in rows.tolist():
            picked = [table[code] for table, code in zip(tables, row, strict=True)]
            totals.append(0.0 if None in picked else math.fsum(value for one in picked if one for value in one))
        return np.array(totals)[of]


def _each(part: _Part, take: Callable[[Any], float]) -> Floats:
    """A number of the part that each design has; 0 where nothing is known."""
    return np.array([0.0 if one is None else take(one) for one in part.found])[part.of]


def _moved(run: _Part, action: str) -> Floats:
    return _each(run, lambda one: one.moved.get(action, 0))


def _crossing(links: _Part, name: str) -> Floats:
    """Price of a byte on a link [pJ]."""
    return _each(links, lambda one: dict(one.pj_per_byte).get(name, 0.0))
