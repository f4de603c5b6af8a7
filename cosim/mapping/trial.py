"""A tiling tried out: its moves and tiles replayed in time, its bytes counted as the Program will hold them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.mapping.geometry import stored_bits_per_element
from cosim.mapping.grid import Grid
from cosim.mapping.play import play
from cosim.mapping.sets import loads_of
from cosim.mapping.wiring import share_a_port
from cosim.program.plan import Tiling

if TYPE_CHECKING:
    from cosim.graph.space import Access
    from cosim.mapping.search import Search

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trial:
    """What a tiling costs when its op runs alone.

    Attributes
    ----------
    latency_fs, traffic_bytes, commands
        Time [fs], bytes moved [byte] and commands.
    demand
        Bytes of each memory [byte].
    """

    tiling: Tiling
    latency_fs: float
    traffic_bytes: int
    commands: int
    demand: tuple[tuple[str, int], ...]

    def fits(self, room: Iterable[tuple[str, int]]) -> bool:
        """Whether every memory has the room."""
        free = dict(room)
        return all(n_bytes <= free[name] for name, n_bytes in self.demand)


class Trials:
    """Tries tilings of one op, each once."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.known: dict[Tiling, Trial] = {}
        self.times: dict[tuple[int, ...], float] = {}
        space = search.space
        self.sizes = np.array(space.sizes, np.int64)
        self.reduces = np.array([loop in space.reductions() for loop in range(len(space.sizes))])
        accesses = [*space.inputs, space.output]
        moves = [geometry.moves for geometry in search.operands]
        described = [_describe(access, moved) for access, moved in zip(accesses, moves, strict=True)]
        n_axes, n_terms = (max((len(part[k]) for part in described), default=1) for k in (0, 1))
        self.axes = np.zeros((len(accesses), max(n_axes, 1), 6), np.int64)
        self.terms = np.zeros((len(accesses), max(n_terms, 1), 3), np.int64)
        for row, (axes, terms) in enumerate(described):
            self.axes[row, : len(axes)] = np.array(axes, np.int64).reshape(-1, 6)
            self.terms[row, : len(terms)] = np.array(terms, np.int64).reshape(-1, 3)
        self.n_axes = np.array([len(access.axes) for access in accesses], np.int64)
        loops = range(len(space.sizes))
        self.moves = np.array([[loop in moved for loop in loops] for moved in moves])
        self.slides = np.array([[loop in geometry.slides for loop in loops] for geometry in search.operands])
        names = [*search.op.inputs, search.op.output]
        self.encodings = [search.graph.tensors[name].encoding for name in names]
        self.accesses = accesses
        self.bits = np.array(
            [stored_bits_per_element(e, access.shape) for e, access in zip(self.encodings, accesses, strict=True)]
        )
        # Loads that share a port run in one order, that of need; see `OpEmission`.
        shared = share_a_port(list(search.loads.values()))
        streams = [tuple(search.loads)] if shared else [(memory,) for memory in search.loads]
        self.streams = np.zeros(len(names), np.int64)
        for number, members in enumerate(streams):
            for operand, memory in enumerate(search.memories[:-1]):
                if memory in members:
                    self.streams[operand] = number
        self.streams[-1] = len(streams)
        latencies = [max(search.loads[memory].latency_fs for memory in members) for members in streams]
        paths = [search.loads.get(memory) for memory in search.memories[:-1]] + [search.stores]
        self.rates = np.array([[p.fs_per_byte, p.setup_fs] if p else [0.0, 0.0] for p in paths]).reshape(-1, 2)
        self.latencies = np.array(latencies + ([search.stores.latency_fs] if search.stores else []), np.float64)
        # A port of its own for every stream, but stores may share that of loads.
        self.ports = np.arange(len(self.latencies))
        if search.stores is not None:
            for number, members in enumerate(streams):
                if any(share_a_port([search.loads[memory], search.stores]) for memory in members):
                    self.ports[-1] = number

    def of(self, tiling: Tiling) -> Trial:
        """What `tiling` costs."""
        if tiling not in self.known:
            self.known[tiling] = self._try(tiling)
        return self.known[tiling]

    def _try(self, tiling: Tiling) -> Trial:
        search = self.search
        trips = np.array(tiling.trips, np.int64)
        cuts = np.zeros((len(trips), int(trips.max()) + 1), np.int64)
        cuts[:, 1] = self.sizes
        for loop, places in enumerate(tiling.cuts):
            if len(places) > 2:
                cuts[loop, : len(places)] = places
        classes, radix, table = self._tile_times(tiling)
        levels = np.array([-1 if hold is None else hold.level for hold in tiling.holds], np.int64)
        slots = np.array([0 if hold is None else hold.slots for hold in tiling.holds], np.int64)
        order = np.array(tiling.order, np.int64)
        latency, traffic, commands, used = play(
            order, trips, cuts, levels, slots, classes, radix, table, self.sizes, self.reduces, self.axes, self.n_axes,
            self.terms, self.moves, self.slides, self.bits, self.streams, self.rates, self.latencies,
            self.ports, float(search.pool.period),
        )  # fmt: skip
        if not all(encoding.is_plain for encoding in self.encodings):
            used = self._exact_demand(tiling, used)
        demand: dict[str, int] = {}
        for memory, n_bytes, hold in zip(search.memories, used[:-1].tolist(), tiling.holds, strict=True):
            if hold is not None:
                demand[memory] = demand.get(memory, 0) + n_bytes
        sums = search.engine.accumulators
        if sums is not None and search.space.reductions():
            demand[sums] = demand.get(sums, 0) + int(used[-1])
        tried = replace(tiling, estimate_fs=int(latency), traffic_bytes=int(traffic))
        return Trial(tried, float(latency), int(traffic), int(commands), tuple(sorted(demand.items())))

    def _exact_demand(self, tiling: Tiling, used: Ints) -> Ints:
        """Bytes of each operand where blocks share bits, so that no ratio will do; see `play`."""
        grid = Grid.of(self.search.space, tiling)
        exact = used.copy()
        for number, hold in enumerate(tiling.holds[:-1]):
            if hold is not None:
                loads = loads_of(self.accesses[number], grid, hold)
                most = int(self.encodings[number].box_bytes(loads.sets).max())
                exact[number] = -(-most // 64) * 64 * loads.slots
        if tiling.holds[-1] is not None:
            boxes = self.accesses[-1].boxes(grid.tiles[grid.is_final])
            most = int(self.encodings[-1].box_bytes(boxes).max())
            exact[-2] = -(-most // 64) * 64 * min(tiling.holds[-1].slots, len(boxes))
        return exact

    def writes_whole_blocks(self, tiling: Tiling) -> bool:
        """Whether no output tile cuts a block, which cannot be written in part."""
        encoding = self.encodings[-1]
        if encoding.is_plain:
            return True
        grid = Grid.of(self.search.space, tiling)
        boxes = self.accesses[-1].boxes(grid.tiles[grid.is_final])
        return bool(encoding.whole_blocks(boxes, self.accesses[-1].shape).all())

    def _tile_times(self, tiling: Tiling) -> tuple[Ints, Ints, Floats]:
        """Class of each tile's size along each loop, and the time of a tile by its classes [fs]."""
        search = self.search
        sides = [_sides(places) for places in tiling.cuts]
        found = [sizes for sizes, _ in sides]
        classes = np.zeros((len(sides), max(tiling.trips)), np.int64)
        for loop, (sizes, numbers) in enumerate(sides):
            if len(sizes) > 1:
                classes[loop, : len(numbers)] = numbers
        radix = np.ones(len(found), np.int64)
        for loop in range(len(found) - 2, -1, -1):
            radix[loop] = radix[loop + 1] * len(found[loop + 1])
        combinations = list(product(*found))
        missing = [sizes for sizes in combinations if sizes not in self.times]
        if missing:
            tiles = np.zeros((len(missing), len(found), 2), np.int64)
            tiles[:, :, 1] = missing
            cycles = search.kind.cycles(search.engine, search.op, search.graph, tiles) + search.engine.setup_cycles
            self.times |= dict(zip(missing, (cycles * float(search.pool.period)).tolist(), strict=True))
        return classes, radix, np.array([self.times[sizes] for sizes in combinations])


@lru_cache(4096)
def _sides(places: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Different lengths between neighbouring cuts, and which of them each tile has."""
    lengths = [stop - start for start, stop in pairwise(places)]
    sizes = sorted(set(lengths))
    return tuple(sizes), tuple(sizes.index(length) for length in lengths)


def _describe(access: Access, moves: frozenset[int]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Axes and terms of an operand as numbers, see `play`."""
    axes: list[tuple[int, ...]] = []
    terms: list[tuple[int, ...]] = []
    for axis in access.axes:
        first = len(terms)
        terms += [(loop, step, int(loop in moves)) for loop, step in axis.terms]
        axes.append((axis.size, axis.offset, axis.divisor, int(axis.full), first, len(terms)))
    return axes, terms
