"""The tile search of one op: every candidate is estimated at once, the best are replayed move by move."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from cosim.errors import InfeasibleError
from cosim.mapping.bound import op_bound, touched_bytes
from cosim.mapping.candidates import MOST_TILES, allowed, cuts_of, nearby, uneven
from cosim.mapping.estimates import Estimates
from cosim.mapping.exhaustive import exact
from cosim.mapping.folds import len_of
from cosim.mapping.objective import SLACK, Objective
from cosim.mapping.pool import Pool
from cosim.mapping.trial import Trial, Trials
from cosim.mapping.wiring import channel, supplier
from cosim.program.plan import Hold, Tiling

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MOST_SLOTS = 8
NEAR = 0.002  # of the lowest latency beyond which a neighbour is not worth a full replay
MOST_EFFORT = 1_000_000  # things that the replays of one question do, see `Trials`; about 40 ns each
CERTIFIED = 0.001  # of the bound: what could still be gained where the search ends early


@dataclass(frozen=True, eq=False)
class Room:
    """Bytes that one op may use of each on-chip memory, partial sums included where they share one [byte]."""

    bytes_of: tuple[tuple[str, int], ...]

    def of(self, memory: str) -> int:
        """Bytes of `memory` [byte]."""
        return dict(self.bytes_of)[memory]


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
            memory: channel(self.hardware, supplier(self.hardware, self.engine, memory), memory)
            for memory, is_staged in zip(self.memories[:-1], staged[:-1], strict=True)
            if is_staged
        }
        self.stores = channel(self.hardware, self.memory, self.hardware.main_memory) if staged[-1] else None
        self.paths = [
            *(self.loads[m] if s else None for m, s in zip(self.memories, staged[:-1], strict=False)),
            self.stores,
        ]
        self.most = 0

    @cached_property
    def trials(self) -> Trials:
        """Its replays; made when the first is asked for: most searches only estimate."""
        return Trials(self)

    @cached_property
    def usual(self) -> Estimates:
        """Candidates with two slots per ring: the next set arrives while the last is used."""
        return Estimates(self, 2)

    @cached_property
    def lean(self) -> Estimates:
        """Candidates that need the least room."""
        return Estimates(self, 1)

    def quick(self, room: Room) -> tuple[float, float]:
        """Latency [fs] and traffic [byte] that the best tiling within `room` should have; inf: none fits."""
        for slots in (2, 1):
            estimates = self.usual if slots == 2 else self.lean
            fits = estimates.fits(room)
            if fits.any():
                latency = np.where(fits, estimates.latency, np.inf)
                lowest = float(latency.min())
                return lowest, float(estimates.traffic[latency <= lowest * 1.01].min())
        return float("inf"), float("inf")

    def require(self, room: Room) -> None:
        """Raise `InfeasibleError` with the demand of the smallest tile where nothing fits `room`."""
        if not self._within(room):
            self._raise_infeasible(room)

    def _within(self, room: Room) -> list[Estimates]:
        """The first estimates of which some fit `room`, if there are any."""
        if self.usual.fits(room).any():
            return [self.usual]
        return [self.lean] if self.lean.fits(room).any() else []

    def best(self, room: Room, objective: Objective, deadline: float = float("inf")) -> Trial:
        """The tiling within `room` that suits `objective`, found among replayed candidates.

        After `deadline` (of `time.monotonic`) no neighbours are tried any more [s]. Raises `InfeasibleError` with the demand of the smallest tile where nothing fits.
        """
        self.require(room)
        if objective.is_priced and self.trials.prices is None:
            self.trials = Trials(self, is_priced=True)
        (estimates,) = self._within(room)
        candidates = [estimates.tiling(*place) for place in self._survivors(estimates, room, objective)]
        self.most = self.trials.effort + MOST_EFFORT
        known = dict.fromkeys(self._fitting(candidates, room, objective, float("inf"), SLACK))
        best = objective.pick(list(known))
        expanded: set[Trial] = set()
        idle = 0
        for _ in range(objective.rounds):
            if idle > objective.patience or self._is_optimal(best, objective) or self._is_over(deadline):
                break
            beam = objective.best_of([trial for trial in known if trial not in expanded], objective.beam)
            for trial in beam:
                expanded.add(trial)
                neighbours = self._neighbours(trial, objective, deeper=estimates.slots == 1)
                lowest = min(trial.latency_fs for trial in known)
                known |= dict.fromkeys(self._fitting(neighbours, room, objective, lowest, NEAR))
            before, best = best, objective.pick(list(known))
            idle = idle + 1 if best is before else 0
        if objective.is_thorough and not self._is_optimal(best, objective) and not self._is_over(deadline):
            best = exact(self, room, objective, best) or best
        if not self.trials.is_sure(best.tiling):
            self.trials.doubt()
            return self.best(room, objective, deadline)
        return replace(best, tiling=replace(best.tiling, bound_fs=self.bound_fs))

    def _is_over(self, deadline: float) -> bool:
        """Whether enough has been done: by the clock, or by what is the same on every machine."""
        return self.trials.effort > self.most or time.monotonic() > deadline

    def _fitting(
        self, tilings: Iterable[Tiling], room: Room, objective: Objective, lowest: float, slack: float
    ) -> list[Trial]:
        """Those of `tilings` that fit `room` and are slower than the fastest by `slack` of its time at most.

        It took `lowest` so far [fs]. Where the objective has a tolerance, that counts if it is larger.
        """
        found: list[Trial] = []
        for tiling in self.trials.prepared(tilings):
            if lowest < float("inf") and self.trials.effort > self.most:
                break
            trial = self.trials.within(tiling, lowest * (1 + max(objective.tolerance, slack)))
            if trial is not None and trial.fits(room.bytes_of):
                found.append(trial)
                lowest = min(lowest, trial.latency_fs)
        return found

    def _is_optimal(self, trial: Trial, objective: Objective) -> bool:
        """Whether nothing better is left to find: as fast as it can be, and moving nothing twice."""
        if objective.is_priced or objective.name == "memory":
            return False
        is_fast = trial.latency_fs <= self.bound_fs * (1 + max(min(objective.tolerance, 1.0), CERTIFIED))
        return is_fast and trial.traffic_bytes <= self.least_bytes

    @cached_property
    def least_bytes(self) -> int:
        """Bytes that any tiling moves [byte]."""
        staged = [touched_bytes(self.op, self.graph, i) for i, is_staged in enumerate(self.staged[:-1]) if is_staged]
        return sum(staged) + (self.graph.tensors[self.op.output].bytes if self.staged[-1] else 0)

    @cached_property
    def bound_fs(self) -> int:
        """Time below which no tiling brings the op [fs]."""
        return op_bound(self)

    def _survivors(self, estimates: Estimates, room: Room, objective: Objective) -> list[tuple[int, int]]:
        """Places (shape, row) of the few candidates worth a replay: the fastest, and the cheapest that are as fast."""
        fits = estimates.fits(room)
        latency = np.where(fits, estimates.latency, np.inf)
        prices = self.trials.prices
        energy = estimates.energy(prices) if prices is not None and objective.is_priced else estimates.traffic
        traffic = np.where(fits, objective.cost(estimates.latency, estimates.traffic, energy), np.inf)
        reach = objective.reach(float(latency.min()))
        found: dict[tuple[int, int], None] = {}
        for shape in range(len(estimates.shapes)):
            near = np.flatnonzero(latency[shape] <= reach)
            if not len(near):
                continue
            fastest = near[np.lexsort((traffic[shape, near], latency[shape, near]))[: objective.survivors]]
            cheapest = near[np.lexsort((latency[shape, near], traffic[shape, near]))[: objective.survivors]]
            found |= dict.fromkeys((shape, int(row)) for row in (*fastest, *cheapest))
        return sorted(found, key=lambda place: float(latency[place]))

    def _neighbours(self, trial: Trial, objective: Objective, *, deeper: bool) -> list[Tiling]:
        """Tilings one step away, those of finer kinds only where the objective is worth the time."""
        found = self._resized(trial.tiling)
        if objective.is_thorough:
            found += self._uneven(trial.tiling) + self._deeper(trial.tiling) + self._reordered(trial.tiling)
        elif deeper:
            found += self._deeper(trial.tiling)
        most = max(MOST_TILES, len_of(trial.tiling))
        return [tiling for tiling in found if len_of(tiling) <= most and self._is_legal(tiling)]

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
        for shape in self.usual.shapes:
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
        estimates = self.lean
        for name in sorted(estimates.demand, key=lambda name: name != self.engine.accumulators):
            others = np.ones(estimates.latency.shape, np.bool_)
            for other, needed in estimates.demand.items():
                if other != name:
                    others &= needed <= room.of(other)
            if not others.any():
                others[:] = True
            needs = np.where(others, estimates.demand[name], np.iinfo(np.int64).max)
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
