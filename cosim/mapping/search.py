"""The tile search of one op: every candidate is estimated at once, the best are replayed move by move."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from cosim.errors import InfeasibleError
from cosim.mapping.bound import op_bound, touched_bytes
from cosim.mapping.candidates import MOST_TILES, allowed, cuts_of, nearby, uneven
from cosim.mapping.exhaustive import exact
from cosim.mapping.objective import Objective
from cosim.mapping.pool import Pool, Share
from cosim.mapping.trial import Trial, Trials
from cosim.mapping.wiring import Channel, channel
from cosim.program.plan import Hold, Tiling

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MOST_SLOTS = 8


@dataclass(frozen=True, eq=False)
class Room:
    """Bytes that one op may use of each on-chip memory, partial sums included where they share one [byte]."""

    bytes_of: tuple[tuple[str, int], ...]

    def of(self, memory: str) -> int:
        """Bytes of `memory` [byte]."""
        return dict(self.bytes_of)[memory]


@dataclass(frozen=True)
class Shape:
    """What all candidates of one order and one way of holding share."""

    order: tuple[int, ...]
    levels: tuple[int | None, ...]


class Search:
    """Every candidate tiling of one op with its cost, so that any room is answered by a look-up.

    `staged` says which inputs, and last the output, pass through rings.
    """

    def __init__(self, pool: Pool, staged: tuple[bool, ...]) -> None:
        self.pool, self.staged = pool, staged
        self.op, self.graph, self.hardware, self.engine = pool.op, pool.graph, pool.hardware, pool.engine
        self.kind, self.space, self.memory, self.memories = pool.kind, pool.space, pool.memory, pool.memories
        self.rows, self.trips, self.n_tiles, self.operands = pool.rows, pool.trips, pool.n_tiles, pool.operands
        self.loads = {
            memory: channel(self.hardware, self.hardware.main_memory, memory)
            for memory, is_staged in zip(self.memories[:-1], staged[:-1], strict=True)
            if is_staged
        }
        self.stores = channel(self.hardware, self.memory, self.hardware.main_memory) if staged[-1] else None
        self.paths = [
            *(self.loads[m] if s else None for m, s in zip(self.memories, staged[:-1], strict=False)),
            self.stores,
        ]
        self._ends: dict[tuple[int, ...], Floats] = {}
        self.trials = Trials(self)
        self._estimate()

    # --- estimates ------------------------------------------------------------------------------------------------

    def _estimate(self) -> None:
        """Latency [fs], traffic [byte] and demand of each memory [byte] of every candidate, shape (shapes, rows) each."""
        self.shapes: list[Shape] = []
        columns = [self._cost(order) for order in self.pool.orders]
        self.latency = np.concatenate([column[0] for column in columns])
        self.traffic = np.concatenate([column[1] for column in columns])
        self.demand = {name: np.concatenate([column[2][name] for column in columns]) for name in columns[0][2]}

    def _cost(self, order: tuple[int, ...]) -> tuple[Floats, Floats, dict[str, Ints]]:
        """The same under one loop order, for every way of holding the inputs."""
        staged = [number for number, path in enumerate(self.paths[:-1]) if path is not None]
        every = self.pool.levels(order)
        ways = list(product(*(every[number] for number in staged)))
        for way in ways:
            levels: list[int | None] = [None] * len(self.paths)
            for number, level in zip(staged, way, strict=True):
                levels[number] = level
            self.shapes.append(Shape(order, tuple(levels)))
        traffic = np.zeros((len(ways), len(self.rows)))
        port = np.zeros((len(ways), len(self.rows)))
        used = {memory for memory, path in zip(self.memories, self.paths, strict=True) if path is not None}
        demand = {
            name: np.zeros(port.shape, np.int64) for name in sorted(used | {self.engine.accumulators or self.memory})
        }
        for place, number in enumerate(staged):
            shares = [self.pool.share(number, order, level) for level in every[number]]
            pick = np.array([every[number].index(way[place]) for way in ways])
            self._add(shares, pick, self.memories[number], self.loads[self.memories[number]], (traffic, port, demand))
        if self.stores is not None:
            self._add([self.pool.output], np.zeros(1, np.int64), self.memory, self.stores, (traffic, port, demand))
        if self.engine.accumulators is not None:
            demand[self.engine.accumulators] += self.pool.sums_room(order)
        return np.maximum(self.pool.compute_fs + self._ends_fs(order), port), traffic, demand

    def _add(
        self,
        shares: list[Share],
        pick: Ints,
        memory: str,
        path: Channel,
        totals: tuple[Floats, Floats, dict[str, Ints]],
    ) -> None:
        """Add what one operand costs, held in the way that `pick` says, to `totals`."""
        traffic, port, demand = totals
        traffic += np.array([share.moved for share in shares])[pick]
        times = [share.moved * path.fs_per_byte + share.moves * float(path.setup_fs) for share in shares]
        port += np.array(times)[pick]
        demand[memory] += np.array([share.room for share in shares])[pick]

    def _ends_fs(self, order: tuple[int, ...]) -> Floats:
        """Time that the engine must wait at the start and at the end, shape (rows,) [fs].

        The first round of the loops ``order[place:]`` cannot end before all that it touches has arrived, and what the
        last round writes cannot leave before it begins; the engine's work on that round hides some of it.
        """
        if order not in self._ends:
            loads = [path for path in self.paths[:-1] if path is not None]
            first, last = np.zeros(len(self.rows)), np.zeros(len(self.rows))
            work = self.pool.compute_fs.copy()
            for place in range(len(order) + 1):
                if place:
                    if self.space.dims[order[place - 1]].size == 1:
                        continue
                    work = work / self.trips[:, order[place - 1]]
                inner = frozenset(order[place:])
                hidden = work if place < len(order) else 0.0
                arrives = np.zeros(len(self.rows))
                for geometry, path in zip(self.operands[:-1], self.paths[:-1], strict=True):
                    if path is not None:
                        arrives += geometry.set_bytes(inner & geometry.moves) * path.fs_per_byte
                first = np.maximum(first, arrives - hidden)
                if self.stores is not None:
                    output = self.operands[-1]
                    leaves = output.set_bytes(inner & output.moves) * self.stores.fs_per_byte
                    last = np.maximum(last, leaves - hidden)
            first += max((path.latency_fs + path.setup_fs for path in loads), default=0)
            if self.stores is not None:
                last += self.stores.latency_fs + self.stores.setup_fs
            self._ends[order] = first + last
        return self._ends[order]

    # --- answers --------------------------------------------------------------------------------------------------

    def quick(self, room: Room) -> tuple[float, float]:
        """Latency [fs] and traffic [byte] that the best tiling within `room` should have; inf: none fits."""
        fits = self._fits(room)
        if not fits.any():
            return float("inf"), float("inf")
        latency = np.where(fits, self.latency, np.inf)
        lowest = float(latency.min())
        good = latency <= lowest * 1.01
        return lowest, float(self.traffic[good].min())

    def require(self, room: Room) -> None:
        """Raise `InfeasibleError` with the demand of the smallest tile where nothing fits `room`."""
        if not self._fits(room).any():
            self._raise_infeasible(room)

    def best(self, room: Room, objective: Objective, deadline: float = float("inf")) -> Trial:
        """The tiling within `room` that suits `objective`, found among replayed candidates.

        After `deadline` (of `time.monotonic`) no neighbours are tried any more [s]. Raises `InfeasibleError` with the demand of the smallest tile where nothing fits.
        """
        self.require(room)
        fits = self._fits(room)
        trials = [self.trials.of(self._tiling(*place)) for place in self._survivors(fits, objective)]
        trials = [trial for trial in trials if trial.fits(room.bytes_of)]
        best = objective.pick(trials)
        known = dict.fromkeys(trials)
        expanded: set[Trial] = set()
        idle = 0
        for _ in range(objective.rounds):
            if idle > objective.patience or self._is_optimal(best, objective) or time.monotonic() > deadline:
                break
            beam = objective.best_of([trial for trial in known if trial not in expanded], objective.beam)
            for trial in beam:
                expanded.add(trial)
                known |= dict.fromkeys(self._neighbours(trial, room, objective))
            before, best = best, objective.pick(list(known))
            idle = idle + 1 if best is before else 0
        if objective.is_thorough and not self._is_optimal(best, objective) and time.monotonic() <= deadline:
            best = exact(self, room, objective, best) or best
        return replace(best, tiling=replace(best.tiling, bound_fs=self.bound_fs))

    def _is_optimal(self, trial: Trial, objective: Objective) -> bool:
        """Whether nothing better is left to find: as fast as it can be, and moving nothing twice."""
        is_fast = trial.latency_fs <= self.bound_fs * (1 + min(objective.tolerance, 1.0))
        return is_fast and trial.traffic_bytes <= self.least_bytes and objective.name != "memory"

    @cached_property
    def least_bytes(self) -> int:
        """Bytes that any tiling moves [byte]."""
        staged = [touched_bytes(self.op, self.graph, i) for i, is_staged in enumerate(self.staged[:-1]) if is_staged]
        return sum(staged) + (self.graph.tensors[self.op.output].bytes if self.staged[-1] else 0)

    @cached_property
    def bound_fs(self) -> int:
        """Time below which no tiling brings the op [fs]."""
        return op_bound(self)

    def _fits(self, room: Room) -> NDArray[np.bool_]:
        fits = np.ones(self.latency.shape, np.bool_)
        for name, demand in self.demand.items():
            fits &= demand <= room.of(name)
        few = fits & (self.n_tiles <= MOST_TILES)
        return few if few.any() else fits

    def _survivors(self, fits: NDArray[np.bool_], objective: Objective) -> list[tuple[int, int]]:
        """Places (shape, row) of the few candidates worth a replay: the fastest, and the cheapest that are as fast."""
        latency = np.where(fits, self.latency, np.inf)
        traffic = np.where(fits, self.traffic, np.inf)
        reach = objective.reach(float(latency.min()))
        found: dict[tuple[int, int], None] = {}
        for shape in range(len(self.shapes)):
            near = np.flatnonzero(latency[shape] <= reach)
            if not len(near):
                continue
            fastest = near[np.lexsort((traffic[shape, near], latency[shape, near]))[: objective.survivors]]
            cheapest = near[np.lexsort((latency[shape, near], traffic[shape, near]))[: objective.survivors]]
            found |= dict.fromkeys((shape, int(row)) for row in (*fastest, *cheapest))
        return list(found)

    def _tiling(self, shape: int, row: int) -> Tiling:
        chosen = self.shapes[shape]
        holds = [None if level is None else Hold(level, 2) for level in chosen.levels]
        if self.staged[-1]:
            holds[-1] = Hold(len(chosen.order), 2)
        cuts = tuple(cuts_of(n, int(e)) for n, e in zip(self.space.sizes, self.rows[row], strict=True))
        return Tiling(cuts, chosen.order, tuple(holds))

    def _neighbours(self, trial: Trial, room: Room, objective: Objective) -> list[Trial]:
        """Tilings one step away, those of finer kinds only where the objective is worth the time."""
        found = self._resized(trial.tiling)
        if objective.is_thorough:
            found += self._uneven(trial.tiling) + self._deeper(trial.tiling) + self._reordered(trial.tiling)
        most = max(MOST_TILES, len_of(trial.tiling))
        legal = [t for t in dict.fromkeys(found) if len_of(t) <= most and self._is_legal(t)]
        return [trial for trial in map(self.trials.of, legal) if trial.fits(room.bytes_of)]

    def _resized(self, tiling: Tiling) -> list[Tiling]:
        """Another size along one loop."""
        found: list[Tiling] = []
        for loop, choices in enumerate(self.pool.choices):
            if len(choices.sizes) > 1:
                extent = self.space.sizes[loop]
                sizes = nearby(choices.sizes, tiling.extents[loop])
                found += [self._with_cuts(tiling, loop, cuts_of(extent, size)) for size in sizes]
        return found

    def _uneven(self, tiling: Tiling) -> list[Tiling]:
        """The first or last tile along one loop smaller: work begins earlier, and the last results leave earlier."""
        return [
            self._with_cuts(tiling, loop, cuts)
            for loop, choices in enumerate(self.pool.choices)
            if len(choices.sizes) > 1
            for cuts in uneven(tiling.cuts[loop], choices.sizes)
        ]

    def _deeper(self, tiling: Tiling) -> list[Tiling]:
        """A slot more or less, or twice the slots; what a window needs tap by tap."""
        found: list[Tiling] = []
        for number, hold in enumerate(tiling.holds):
            if hold is None:
                continue
            depths = [n for n in (hold.slots - 1, hold.slots + 1, 2 * hold.slots) if 1 <= n <= MOST_SLOTS]
            found += [self._with_hold(tiling, number, Hold(hold.level, n)) for n in depths]
        deeper = tuple(hold and Hold(hold.level, min(2 * hold.slots, MOST_SLOTS)) for hold in tiling.holds)
        found.append(Tiling(tiling.cuts, tiling.order, deeper))
        reductions = self.space.reductions()
        for group in self.pool.groups:
            if group[0] in reductions:
                for first in range(1, len(group)):
                    cuts = list(tiling.cuts)
                    for loop in group[first:]:
                        cuts[loop] = cuts_of(self.space.sizes[loop], 1)
                    found += [Tiling(tuple(cuts), tiling.order, holds) for holds in (tiling.holds, deeper)]
        return found

    def _reordered(self, tiling: Tiling) -> list[Tiling]:
        """Every other order and way of holding."""
        found: list[Tiling] = []
        for shape in self.shapes:
            holds = tuple(
                None if level is None else Hold(level, hold.slots if hold else 2)
                for level, hold in zip(shape.levels[:-1], tiling.holds[:-1], strict=True)
            )
            last = tiling.holds[-1]
            kept = None if last is None else Hold(len(shape.order), last.slots)
            found.append(Tiling(tiling.cuts, shape.order, (*holds, kept)))
        return found

    def _is_legal(self, tiling: Tiling) -> bool:
        if self.space.exclusive and not allowed(self.space, np.array([tiling.extents], np.int64))[0]:
            return False
        return self.trials.writes_whole_blocks(tiling)

    def _with_cuts(self, tiling: Tiling, loop: int, cuts: tuple[int, ...]) -> Tiling:
        return Tiling((*tiling.cuts[:loop], cuts, *tiling.cuts[loop + 1 :]), tiling.order, tiling.holds)

    def _with_hold(self, tiling: Tiling, number: int, hold: Hold) -> Tiling:
        return Tiling(tiling.cuts, tiling.order, (*tiling.holds[:number], hold, *tiling.holds[number + 1 :]))

    def _raise_infeasible(self, room: Room) -> NoReturn:
        where = f"op {self.op.name} ({self.op.kind.name}) on {self.engine.name}"
        for name in sorted(self.demand, key=lambda name: name != self.engine.accumulators):
            others = np.ones(self.latency.shape, np.bool_)
            for other, needed in self.demand.items():
                if other != name:
                    others &= needed <= room.of(other)
            if not others.any():
                others[:] = True
            needs = np.where(others, self.demand[name], np.iinfo(np.int64).max)
            least, there = int(needs.min()), room.of(name)
            if least <= there:
                continue
            smallest = self.rows[int(needs.argmin()) % len(self.rows)]
            sums = " for partial sums" if name == self.engine.accumulators and name != self.memory else ""
            size = self.hardware.memories[name].size_bytes
            loops = " ".join(f"{dim.name}={extent}" for dim, extent in zip(self.space.dims, smallest, strict=True))
            raise InfeasibleError(
                f"its smallest tile ({loops}) needs {least} bytes of {name}{sums}, {there} are free: "
                f"{least - there} bytes too many",
                where=where,
                allowed=f"at most {there} bytes",
                fix=f"raise memories.{name}.size by at least {least - there} bytes (now {size})",
            )
        raise InfeasibleError("no tile fits its memories together", where=where, fix="raise the sizes of its memories")


def len_of(tiling: Tiling) -> int:
    """Number of tiles."""
    return prod(tiling.trips)
