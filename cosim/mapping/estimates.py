"""What every candidate should cost: all of them at once, before any is replayed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.mapping.candidates import MOST_TILES, cuts_of
from cosim.program.plan import Hold, Tiling

if TYPE_CHECKING:
    from cosim.mapping.prices import Prices
    from cosim.mapping.search import Room, Search

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
COARSE = 2  # times the fewest tiles that fit, where even these are many


@dataclass(frozen=True)
class Shape:
    """What all candidates of one order and one way of holding share."""

    order: tuple[int, ...]
    levels: tuple[int | None, ...]


class Estimates:
    """Latency [fs], traffic [byte] and demand of each memory [byte] of every candidate, shape (shapes, rows) each.

    With `slots` of 1 no ring holds more than one set, and operands may come piece by piece even where they are small:
    then nothing needs less room.
    """

    def __init__(self, search: Search, slots: int) -> None:
        self.search, self.pool, self.slots = search, search.pool, slots
        self.staged = [number for number, path in enumerate(search.paths[:-1]) if path is not None]
        self.shapes: list[Shape] = []
        columns = [self._cost(order) for order in self.pool.orders]
        self.latency = np.concatenate([column[0] for column in columns])
        self.traffic = np.concatenate([column[1] for column in columns])
        self.moved = np.concatenate([column[3] for column in columns], axis=1)
        self.demand = {name: np.concatenate([column[2][name] for column in columns]) for name in columns[0][2]}

    def fits(self, room: Room) -> NDArray[np.bool_]:
        """Which candidates fit `room` and are not cut much finer than they must be."""
        fits = np.ones(self.latency.shape, np.bool_)
        for name, demand in self.demand.items():
            fits &= demand <= room.of(name)
        if not fits.any():
            return fits
        n_tiles = np.broadcast_to(self.pool.n_tiles, fits.shape)
        return fits & (n_tiles <= max(MOST_TILES, COARSE * int(n_tiles[fits].min())))

    def energy(self, prices: Prices) -> Floats:
        """Energy of every candidate, shape (shapes, rows) [pJ]."""
        moved = np.tensordot(prices.moves, self.moved, 1)
        return np.asarray(moved + self.pool.spent_pj(prices) + self.latency * prices.power)

    def tiling(self, shape: int, row: int) -> Tiling:
        """One candidate."""
        chosen, sizes = self.shapes[shape], self.pool.space.sizes
        holds = [None if level is None else Hold(level, self.slots) for level in chosen.levels]
        if self.search.staged[-1]:
            holds[-1] = Hold(len(chosen.order), self.slots)
        cuts = tuple(cuts_of(n, int(extent)) for n, extent in zip(sizes, self.pool.rows[row], strict=True))
        return Tiling(cuts, chosen.order, tuple(holds))

    def _cost(self, order: tuple[int, ...]) -> tuple[Floats, Floats, dict[str, Ints], Floats]:
        """The same under one loop order, for every way of holding the inputs."""
        search, pool = self.search, self.pool
        every = pool.levels(order, finest=self.slots == 1)
        ways = list(product(*(every[number] for number in self.staged)))
        for way in ways:
            levels: list[int | None] = [None] * len(search.paths)
            for number, level in zip(self.staged, way, strict=True):
                levels[number] = level
            self.shapes.append(Shape(order, tuple(levels)))
        moved = np.zeros((len(search.paths), len(ways), len(pool.rows)))
        port = np.zeros(moved.shape[1:])
        used = {memory for memory, path in zip(search.memories, search.paths, strict=True) if path is not None}
        names = sorted(used | {search.engine.accumulators or search.memory})
        demand = {name: np.zeros(port.shape, np.int64) for name in names}
        for place, number in enumerate(self.staged):
            shares = [pool.share(number, order, level, self.slots) for level in every[number]]
            pick = np.array([every[number].index(way[place]) for way in ways])
            path = search.loads[search.memories[number]]
            moved[number] = np.array([share.moved for share in shares])[pick]
            port += np.array([share.time(path) for share in shares])[pick]
            demand[search.memories[number]] += np.array([share.room for share in shares])[pick]
        if search.stores is not None:
            output = pool.output(self.slots)
            moved[-1] = output.moved
            port += output.time(search.stores)
            demand[search.memory] += output.room
        if search.engine.accumulators is not None:
            demand[search.engine.accumulators] += pool.sums_room(order)
        busy = pool.compute_fs + self._ends_fs(order)
        return (np.maximum(busy, port) if self.slots > 1 else busy + port), moved.sum(axis=0), demand, moved

    def _ends_fs(self, order: tuple[int, ...]) -> Floats:
        """Time that the engine must wait at the start and at the end, shape (rows,) [fs].

        The first round of the loops ``order[place:]`` cannot end before all that it touches has arrived, and what the
        last round writes cannot leave before it begins; the engine's work on that round hides some of it.
        """
        search, pool = self.search, self.pool
        loads = [path for path in search.paths[:-1] if path is not None]
        first, last = np.zeros((2, len(pool.rows)))
        work = pool.compute_fs.copy()
        for place in range(len(order) + 1):
            if place:
                if pool.space.dims[order[place - 1]].size == 1:
                    continue
                work = work / pool.trips[:, order[place - 1]]
            inner = frozenset(order[place:])
            hidden = work if place < len(order) else 0.0
            arrives = np.zeros(len(pool.rows))
            for geometry, path in zip(pool.operands[:-1], search.paths[:-1], strict=True):
                if path is not None:
                    arrives += geometry.set_bytes(inner & geometry.moves) * (geometry.density * path.fs_per_byte)
            first = np.maximum(first, arrives - hidden)
            if search.stores is not None:
                output = pool.operands[-1]
                leaves = output.set_bytes(inner & output.moves) * search.stores.fs_per_byte
                last = np.maximum(last, leaves - hidden)
        first += max((path.latency_fs + path.setup_fs for path in loads), default=0)
        if search.stores is not None:
            last += search.stores.latency_fs + search.stores.setup_fs
        return first + last
