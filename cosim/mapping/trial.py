"""A tiling tried out: its moves and tiles replayed in time, its bytes counted as the Program will hold them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.mapping.faces import Faces, Side, lengths_of
from cosim.mapping.folds import NO_FOLD, Fold, fold_of, len_of
from cosim.mapping.geometry import stored_bits_per_element
from cosim.mapping.grid import Grid
from cosim.mapping.lanes import Lanes
from cosim.mapping.play import IRREGULAR, play
from cosim.mapping.prices import Prices
from cosim.mapping.replay import NEVER
from cosim.mapping.sets import loads_of
from cosim.mapping.wiring import carried_bytes
from cosim.program.plan import Tiling

if TYPE_CHECKING:
    from cosim.graph.space import Access
    from cosim.mapping.search import Search

Ints = NDArray[np.int64]
TRIAL = 600  # things that a replay does in the time that it takes to ask for one
PRICED = 4000  # the same where energy is asked for too
Tile = tuple[Side, ...]


@dataclass(frozen=True, eq=False)
class Trial:
    """What a tiling costs when its op runs alone.

    Attributes
    ----------
    latency_fs, traffic_bytes, commands
        Time [fs], bytes moved [byte] and commands.
    demand
        Bytes of each memory [byte].
    energy_pj
        Energy [pJ], where prices were asked for.
    """

    tiling: Tiling
    latency_fs: float
    traffic_bytes: int
    commands: int
    demand: tuple[tuple[str, int], ...]
    energy_pj: float = 0.0

    def fits(self, room: Iterable[tuple[str, int]]) -> bool:
        """Whether every memory has the room."""
        free = dict(room)
        return all(n_bytes <= free[name] for name, n_bytes in self.demand)


class Row(NamedTuple):
    """The tiles along one loop: their ends, one of each kind, and the kind of each."""

    lows: Ints
    highs: Ints
    kinds: list[Side]
    numbers: Ints


class Trials:
    """Tries tilings of one op, each once.

    `effort` is what all replays together have done; it is the same on every machine, unlike their time. `is_fed` says that the engine's own path never makes a tile wait: then what crosses it is left out of the replay.
    """

    def __init__(self, search: Search, *, is_priced: bool = False) -> None:
        self.search = search
        self.known: dict[object, Trial | None] = {}
        self.effort = 0
        self.services: dict[Tile, tuple[int, int, float]] = {}
        self.rows: dict[tuple[int, tuple[int, ...]], Row] = {}
        self.prices: Prices | None = None
        space, engine = search.space, search.engine
        self.sizes = np.array(space.sizes, np.int64)
        self.n_loops = len(space.sizes)
        self.wholes = [[(0, size)] for size in space.sizes]
        names = [*search.op.inputs, search.op.output]
        self.encodings = [search.graph.tensors[name].encoding for name in names]
        self.accesses = [*space.inputs, space.output]
        self.is_plain = all(encoding.is_plain for encoding in self.encodings)
        self.lanes = Lanes.of(search.hardware, engine, list(search.loads.values()), search.stores)
        self.faces = Faces.of(space, is_plain=self.is_plain)
        self.is_serial = engine.overlap == "blocking"
        self.fixed = self._fixed()
        self.is_fed = True
        self.is_fed = not engine.via or self._is_fed()
        if is_priced:
            self.prices = Prices(search.hardware, engine, self.lanes, self.fixed[8])

    def of(self, tiling: Tiling) -> Trial:
        """What `tiling` costs, to the femtosecond."""
        if not self.is_sure(tiling):
            self.doubt()
        found = self.within(tiling, NEVER)
        if found is None:
            raise SimulationError("a replay without limit was given up", where=f"op {self.search.op.name}")
        return found

    def is_sure(self, tiling: Tiling) -> bool:
        """Whether the engine's own path makes no tile of `tiling` wait where that was taken for granted."""
        if not self.is_fed or not self.search.engine.via:
            return True
        sides = [self.faces.sides(loop, places)[0] for loop, places in enumerate(tiling.cuts)]
        return self._feeds(list(product(*sides)))

    def doubt(self) -> None:
        """Forget all trials: from now on the engine's own path is in the replay."""
        self.is_fed = False
        for table in (self.known, self.services, self.rows):
            table.clear()

    def within(self, tiling: Tiling, limit_fs: float) -> Trial | None:
        """What `tiling` costs, or None where it takes longer than `limit_fs`, which may only sink from call to call."""
        key = _key(tiling)
        found = self.known.get(key, self)
        if found is self or (found is None and limit_fs >= NEVER):
            found = self.known[key] = self._try(tiling, NEVER if limit_fs >= NEVER else int(limit_fs))
        return found  # type: ignore[return-value]

    def prepared(self, tilings: Iterable[Tiling]) -> list[Tiling]:
        """The different ones of `tilings`, their tiles asked for all at once."""
        different = {_key(tiling): tiling for tiling in tilings}
        missing: dict[Tile, None] = {}
        for key, tiling in different.items():
            if key not in self.known:
                tiles = self._tiles(self._rows(tiling))
                missing |= dict.fromkeys([tile for tile in tiles if tile not in self.services])
        if missing:
            self._serve(list(missing))
        return list(different.values())

    @property
    def tried(self) -> list[Trial]:
        """All that were not given up."""
        return [trial for trial in self.known.values() if trial is not None]

    def _try(self, tiling: Tiling, limit: int) -> Trial | None:
        holds = np.array([(-1, 0) if hold is None else (hold.level, hold.slots) for hold in tiling.holds], np.int64)
        order = np.array(tiling.order, np.int64)
        rows = self._rows(tiling)
        radix, table = self._services(rows)
        fold = self._fold(tiling)
        while True:
            trips, grid = self._grid(rows, fold)
            latency, commands, used, moved, played, busy, effort = play(
                order, trips, grid, fold.loop, fold.at, fold.more, holds, radix, table, limit, *self.fixed
            )
            self.effort += effort + (TRIAL if self.prices is None else PRICED)
            if latency != IRREGULAR:
                break
            fold = NO_FOLD
        if latency < 0:
            return None
        traffic = int(moved.sum())
        demand = self._demand(tiling, used if self.is_plain else self._exact_demand(tiling, used))
        tried = Tiling(tiling.cuts, tiling.order, tiling.holds, latency, traffic)
        energy = 0.0
        if self.prices is not None:
            energy = self._energy(
                self.prices, rows, tiling, latency, moved, busy * moved_share(moved, played, self.fixed[8], busy)
            )
        return Trial(tried, float(latency), traffic, commands, demand, energy)

    def _demand(self, tiling: Tiling, used: Ints) -> tuple[tuple[str, int], ...]:
        search, demand = self.search, dict[str, int]()
        for memory, n_bytes, hold in zip(search.memories, used.tolist(), tiling.holds, strict=False):
            if hold is not None:
                demand[memory] = demand.get(memory, 0) + n_bytes
        sums = search.engine.accumulators
        if sums is not None and search.space.reductions():
            demand[sums] = demand.get(sums, 0) + int(used[-1])
        return tuple(sorted(demand.items()))

    # --- tiles along the loops ------------------------------------------------------------------------------------

    def _rows(self, tiling: Tiling) -> list[Row | None]:
        """The tiles along each loop; None where it is not cut."""
        return [self._row(loop, places) if len(places) > 2 else None for loop, places in enumerate(tiling.cuts)]

    def _tiles(self, rows: list[Row | None]) -> list[Tile]:
        """One tile of each kind."""
        return list(
            product(*[whole if row is None else row.kinds for row, whole in zip(rows, self.wholes, strict=True)])
        )

    def _row(self, loop: int, places: tuple[int, ...]) -> Row:
        key = loop, places
        if key not in self.rows:
            is_rough = self.is_fed and self.prices is None
            kinds, numbers = lengths_of(places) if is_rough else self.faces.sides(loop, places)
            ends = np.array(places, np.int64)
            self.rows[key] = Row(ends[:-1], ends[1:], kinds, np.array(numbers, np.int64))
        return self.rows[key]

    def _grid(self, rows: list[Row | None], fold: Fold) -> tuple[Ints, Ints]:
        """Trips of the loops; low and high ends and kinds of their tiles, shape (3, loops, tiles)."""
        trips = np.array([1 if row is None else len(row.lows) for row in rows], np.int64)
        if fold.more:
            trips[fold.loop] -= fold.more
        grid = np.zeros((3, self.n_loops, int(trips.max())), np.int64)
        grid[1, :, 0] = self.sizes
        for loop, row in enumerate(rows):
            if row is None:
                continue
            if fold.more and loop == fold.loop:
                stop = fold.at + 1
                for part, column in enumerate((row.lows, row.highs, row.numbers)):
                    grid[part, loop, :stop] = column[:stop]
                    grid[part, loop, stop : trips[loop]] = column[stop + fold.more :]
            else:
                n = len(row.lows)
                grid[0, loop, :n], grid[1, loop, :n], grid[2, loop, :n] = (row.lows, row.highs, row.numbers)
        return trips, grid

    def _fold(self, tiling: Tiling) -> Fold:
        """Tiles that need not be played."""
        return fold_of(tiling, self.faces, [operand.moves for operand in self.search.operands[:-1]])

    def _services(self, rows: list[Row | None]) -> tuple[Ints, Ints]:
        """Weight of each loop's kinds, and by kinds the time of a tile [fs] and bytes over its engine's path [byte]."""
        combinations = self._tiles(rows)
        missing = [tile for tile in combinations if tile not in self.services]
        if missing:
            self._serve(missing)
        radix = [1] * self.n_loops
        for loop in range(self.n_loops - 2, -1, -1):
            after = rows[loop + 1]
            radix[loop] = radix[loop + 1] * (1 if after is None else len(after.kinds))
        return np.array(radix, np.int64), np.array([self.services[tile][:2] for tile in combinations], np.int64)

    def _serve(self, missing: list[Tile]) -> None:
        """Note what tiles cost: time [fs], bytes over the engine's path [byte], energy of what the engine does [pJ]."""
        search, engine = self.search, self.search.engine
        tiles = np.array(missing, np.int64)
        cycles = search.kind.cycles(engine, search.op, search.graph, tiles) + engine.setup_cycles
        n_bytes, energy = np.zeros(len(tiles), np.int64), np.zeros(len(tiles))
        if not self.is_fed or self.prices is not None:
            counts = search.kind.actions(engine, search.op, search.graph, tiles)
            n_bytes = n_bytes + carried_bytes(engine, counts)
            if self.prices is not None:
                energy = self.prices.of_tiles(counts, n_bytes)
            if self.is_fed:
                n_bytes = np.zeros(len(tiles), np.int64)
        times = (cycles * search.pool.period).tolist()
        self.services |= dict(zip(missing, zip(times, n_bytes.tolist(), energy.tolist(), strict=True), strict=True))

    def _is_fed(self) -> bool:
        """Whether tiles of many shapes and places are fed by a path of their own; `is_sure` looks at those of a tiling."""
        space = self.search.space
        if self.lanes.queues[-1]["shared"] or self.is_serial:
            return False
        choices = self.search.pool.choices
        smallest = [each.sizes[-1] for each in choices]
        tiles: dict[Tile, None] = {}
        for base in (list(space.sizes), smallest, [each.sizes[len(each.sizes) // 2] for each in choices]):
            for loop in range(-1, len(base)):
                shape = [
                    small if at == loop else size for at, (size, small) in enumerate(zip(base, smallest, strict=True))
                ]
                for share in (0, 1, 2):
                    starts = [share * (size - side) // 2 for size, side in zip(space.sizes, shape, strict=True)]
                    tiles[tuple((start, start + side) for start, side in zip(starts, shape, strict=True))] = None
        return self._feeds(list(tiles))

    def _feeds(self, tiles: list[Tile]) -> bool:
        """Whether each of these tiles moves its bytes, alone on its path, while it computes."""
        lane, known, fed = self.lanes.queues[-1], self.services, self.is_fed
        self.services, self.is_fed = {}, False
        self._serve(tiles)
        busy, n_bytes, _ = np.array(list(self.services.values())).T
        self.services, self.is_fed = known, fed
        return bool((-(-n_bytes // lane["unit"]) * lane["full"] + lane["latency"] <= busy).all())

    # --- energy ---------------------------------------------------------------------------------------------------

    def _energy(
        self, prices: Prices, rows: list[Row | None], tiling: Tiling, latency: int, moved: Ints, busy: Ints
    ) -> float:
        """Energy of the op alone [pJ]."""
        kinds = [
            [((0, size), 1)]
            if row is None
            else list(zip(row.kinds, np.bincount(row.numbers, minlength=len(row.kinds)).tolist(), strict=True))
            for row, size in zip(rows, self.search.space.sizes, strict=True)
        ]
        work, spent = 0, 0.0
        for combination in product(*kinds):
            count = prod(n for _, n in combination)
            time, _, energy = self.services[tuple(tile for tile, _ in combination)]
            work, spent = work + count * time, spent + count * energy
        work -= len_of(tiling) * self.search.engine.setup_cycles * self.search.pool.period
        return spent + prices.of_moves(moved) + prices.of_time(latency, work, busy)

    # --- encodings ------------------------------------------------------------------------------------------------

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

    # --- what all tilings share -----------------------------------------------------------------------------------

    def _fixed(self) -> tuple[Any, ...]:
        """The arguments of `play` that are the same for all tilings."""
        search, space = self.search, self.search.space
        moved = [geometry.moves for geometry in search.operands]
        described = [_describe(access, moves) for access, moves in zip(self.accesses, moved, strict=True)]
        n_axes, n_terms = (max(1, *(len(part[k]) for part in described)) for k in (0, 1))
        axes, terms = (np.zeros((len(moved), n_axes, 6), np.int64), np.zeros((len(moved), n_terms, 3), np.int64))
        for row, (some_axes, some_terms) in enumerate(described):
            axes[row, : len(some_axes)] = np.array(some_axes, np.int64).reshape(-1, 6)
            terms[row, : len(some_terms)] = np.array(some_terms, np.int64).reshape(-1, 3)
        loops = range(self.n_loops)
        bits = [
            stored_bits_per_element(e, access.shape) for e, access in zip(self.encodings, self.accesses, strict=True)
        ]
        memories = list(search.loads)
        queue_of = [memories.index(memory) if memory in search.loads else 0 for memory in search.memories[:-1]]
        lanes = self.lanes
        return (
            self.sizes,
            np.array([loop in space.reductions() for loop in loops]),
            axes,
            np.array([len(access.axes) for access in self.accesses], np.int64),
            terms,
            np.array([[loop in moves for loop in loops] for moves in moved]),
            np.array([[loop in geometry.slides for loop in loops] for geometry in search.operands]),
            np.array(bits),
            np.array([*queue_of, len(memories)], np.int64),
            lanes.queues,
            lanes.on_path,
            lanes.rates,
            lanes.is_paced,
            self.is_serial,
        )


def moved_share(moved: Ints, played: Ints, queue_of: Ints, busy: Ints) -> NDArray[np.float64]:
    """How much more each queue moves than was played, where tiles were left out."""
    total, part = (np.bincount(queue_of, moved, len(busy)), np.bincount(queue_of, played, len(busy)))
    return np.where(part > 0, total / np.maximum(part, 1), 1.0)


def _key(tiling: Tiling) -> object:
    """What tells tilings apart, quick to hash."""
    return (
        tiling.cuts,
        tiling.order,
        tuple([None if hold is None else (hold.level, hold.slots) for hold in tiling.holds]),
    )


def _describe(access: Access, moves: frozenset[int]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Axes and terms of an operand as numbers, see `play`."""
    axes: list[tuple[int, ...]] = []
    terms: list[tuple[int, ...]] = []
    for axis in access.axes:
        first = len(terms)
        terms += [(loop, step, int(loop in moves)) for loop, step in axis.terms]
        axes.append((axis.size, axis.offset, axis.divisor, int(axis.full), first, len(terms)))
    return axes, terms
