"""The tile search of one op: every candidate is estimated at once, the best are replayed move by move."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from cosim.errors import InfeasibleError
from cosim.mapping.bound import op_bound, touched_bytes
from cosim.mapping.candidates import MOST_TILES, allowed, cuts_of, groups, uneven
from cosim.mapping.geometry import Geometry
from cosim.mapping.pool import Pool
from cosim.mapping.objective import Objective
from cosim.mapping.trial import Trial, Trials
from cosim.mapping.wiring import channel
from cosim.program.plan import Hold, Tiling

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
SMALL = 128  # an operand of less than this part of its memory stays whole
MOST_SLOTS = 8


@dataclass(frozen=True)
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
        self.trials = Trials(self)
        self._estimate()

    # --- estimates ------------------------------------------------------------------------------------------------

    def _estimate(self) -> None:
        self.shapes: list[Shape] = []
        columns: list[tuple[Floats, Floats, Ints, dict[str, Ints]]] = []
        for order in self.pool.orders:
            for levels in self._levels(order):
                self.shapes.append(Shape(order, levels))
                columns.append(self._cost(order, levels))
        self.latency = np.stack([column[0] for column in columns])
        self.traffic = np.stack([column[1] for column in columns])
        self.commands = np.stack([column[2] for column in columns])
        memories = sorted({name for column in columns for name in column[3]})
        zero = np.zeros(len(self.rows), np.int64)
        self.demand = {name: np.stack([column[3].get(name, zero) for column in columns]) for name in memories}

    def _levels(self, order: tuple[int, ...]) -> list[tuple[int | None, ...]]:
        """Ways of holding the inputs: one piece, or all that the loops inside a loop that reuses them touch."""
        found: list[tuple[int | None, ...]] = [()]
        for geometry, is_staged, memory in zip(self.operands[:-1], self.staged[:-1], self.memories[:-1], strict=True):
            choices: list[int | None] = [None]
            if is_staged and geometry.whole_bytes * SMALL <= self.hardware.memories[memory].size_bytes:
                choices = [0]
            elif is_staged:
                choices = [len(order)]
                for place, loop in enumerate(order):
                    reuses = loop not in geometry.moves and self.space.dims[loop].size > 1
                    following = order[place + 1] if place + 1 < len(order) else None
                    if reuses and following in geometry.moves:
                        choices.append(place + 1)
            found = [(*head, choice) for head in found for choice in choices]
        return [(*levels, None) for levels in found]

    def _cost(
        self, order: tuple[int, ...], levels: tuple[int | None, ...]
    ) -> tuple[Floats, Floats, Ints, dict[str, Ints]]:
        """Latency [fs], traffic [byte], number of commands and demand of each memory [byte], shape (rows,) each."""
        n_rows = len(self.rows)
        demand: dict[str, Ints] = {}
        port = np.zeros(n_rows)
        ends = np.zeros(n_rows)
        traffic = np.zeros(n_rows)
        commands = self.n_tiles.copy()
        for geometry, level, memory in zip(self.operands[:-1], levels[:-1], self.memories[:-1], strict=True):
            if level is None:
                continue
            path = self.loads[memory]
            inner = frozenset(order[level:]) & geometry.moves
            n_sets, again = self._passes_over(order[:level], geometry)
            pieces = np.prod(self.trips[:, sorted(inner)], axis=1)
            moved = geometry.sweep_bytes(inner) * again
            demand[memory] = demand.get(memory, 0) + _aligned(geometry.set_bytes(inner)) * np.minimum(n_sets, 2)
            traffic += moved
            commands += n_sets * pieces
            port += moved * path.fs_per_byte + n_sets * pieces * float(path.setup_fs)
            ends += geometry.set_bytes(frozenset()) * path.fs_per_byte + path.setup_fs
        if self.loads:
            ends += max(path.latency_fs for path in self.loads.values())
        if self.stores is not None:
            output = self.operands[-1]
            piece = output.set_bytes(frozenset())
            stores = np.prod(self.trips[:, sorted(output.moves)], axis=1)
            moved = output.sweep_bytes(frozenset())
            demand[self.memory] = demand.get(self.memory, 0) + _aligned(piece) * np.minimum(stores, 2)
            traffic += moved
            commands += stores
            port += moved * self.stores.fs_per_byte + stores * float(self.stores.setup_fs)
            ends += piece * self.stores.fs_per_byte + self.stores.setup_fs + self.stores.latency_fs
        sums = self._sums_bytes(order)
        if self.engine.accumulators is not None:
            name = self.engine.accumulators
            demand[name] = demand.get(name, 0) + sums
        return np.maximum(self.pool.compute_fs + ends, port), traffic, commands, demand

    def _passes_over(self, outer: tuple[int, ...], geometry: Geometry) -> tuple[Ints, Ints]:
        """Number of sets, and how many times all data are moved: a loop outside a moving loop moves them again."""
        n_sets = np.ones(len(self.rows), np.int64)
        again = np.ones(len(self.rows), np.int64)
        inside = np.ones(len(self.rows), np.bool_)
        for loop in reversed(outer):
            trips = self.trips[:, loop]
            if loop in geometry.moves:
                inside &= trips == 1
                n_sets *= trips
            else:
                factor = np.where(inside, 1, trips)
                n_sets *= factor
                again *= factor
        return n_sets, again

    def _sums_bytes(self, order: tuple[int, ...]) -> Ints:
        reductions = self.space.reductions()
        if not reductions or self.engine.accumulators is None:
            return np.zeros(len(self.rows), np.int64)
        is_open = np.zeros(len(self.rows), np.bool_)
        slots = np.ones(len(self.rows), np.int64)
        for loop in order:
            trips = self.trips[:, loop]
            if loop in reductions:
                is_open |= trips > 1
            else:
                slots *= np.where(is_open, trips, 1)
        output = self.operands[-1]
        elements = output.set_elements(frozenset())
        return _aligned(4 * elements) * slots

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

    def best(self, room: Room, objective: Objective) -> Trial:
        """The tiling within `room` that suits `objective`, found among replayed candidates.

        Raises `InfeasibleError` with the demand of the smallest tile where nothing fits.
        """
        self.require(room)
        fits = self._fits(room)
        trials = [self.trials.of(self._tiling(*place)) for place in self._survivors(fits, objective)]
        trials = [trial for trial in trials if trial.fits(room.bytes_of)]
        beam = objective.best_of(trials, objective.beam)
        tried = set(beam)
        for _ in range(objective.rounds):
            if self._is_optimal(beam[0], objective):
                break
            near = [near for trial in beam for near in self._neighbours(trial, room) if near not in tried]
            tried |= set(near)
            before, beam = beam, objective.best_of([*beam, *near], objective.beam)
            if beam[0] is before[0]:
                break
        best = beam[0]
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
        return fits

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

    def _neighbours(self, trial: Trial, room: Room) -> list[Trial]:
        """Tilings one step away: another size along one loop, its first or last tile smaller, a slot more or less."""
        tiling = trial.tiling
        found: list[Tiling] = []
        extents = tiling.extents
        for loop, choices in enumerate(self.pool.choices):
            values = choices.sizes
            if len(values) == 1:
                continue
            place = min(range(len(values)), key=lambda i: abs(values[i] - extents[loop]))
            for step in (-2, -1, 1, 2):
                if 0 <= place + step < len(values):
                    found.append(self._with_cuts(tiling, loop, cuts_of(self.space.sizes[loop], values[place + step])))
            found += [self._with_cuts(tiling, loop, cuts) for cuts in uneven(tiling.cuts[loop], values)]
        for number, hold in enumerate(tiling.holds):
            if hold is None:
                continue
            for slots in (hold.slots - 1, hold.slots + 1, 2 * hold.slots):
                if 1 <= slots <= MOST_SLOTS:
                    found.append(self._with_hold(tiling, number, Hold(hold.level, slots)))
        deeper = tuple(hold and Hold(hold.level, min(2 * hold.slots, MOST_SLOTS)) for hold in tiling.holds)
        found.append(Tiling(tiling.cuts, tiling.order, deeper))
        reductions = self.space.reductions()
        for group in groups(self.space):
            # The inner loops of a group one by one: what a window needs may then arrive tap by tap.
            if group[0] in reductions:
                for first in range(1, len(group)):
                    cuts = list(tiling.cuts)
                    for loop in group[first:]:
                        cuts[loop] = cuts_of(self.space.sizes[loop], 1)
                    found += [Tiling(tuple(cuts), tiling.order, holds) for holds in (tiling.holds, deeper)]
        for shape in self.shapes:
            holds = tuple(
                None if level is None else Hold(level, hold.slots if hold else 2)
                for level, hold in zip(shape.levels[:-1], tiling.holds[:-1], strict=True)
            )
            last = tiling.holds[-1]
            kept = None if last is None else Hold(len(shape.order), last.slots)
            found.append(Tiling(tiling.cuts, shape.order, (*holds, kept)))
        most = max(MOST_TILES, len_of(tiling))
        legal = [t for t in dict.fromkeys(found) if len_of(t) <= most and self._is_legal(t)]
        return [trial for trial in map(self.trials.of, legal) if trial.fits(room.bytes_of)]

    def _is_legal(self, tiling: Tiling) -> bool:
        extents = np.array([tiling.extents], np.int64)
        return bool(allowed(self.space, extents)[0]) and self.trials.writes_whole_blocks(tiling)

    def _with_cuts(self, tiling: Tiling, loop: int, cuts: tuple[int, ...]) -> Tiling:
        return Tiling((*tiling.cuts[:loop], cuts, *tiling.cuts[loop + 1 :]), tiling.order, tiling.holds)

    def _with_hold(self, tiling: Tiling, number: int, hold: Hold) -> Tiling:
        return Tiling(tiling.cuts, tiling.order, (*tiling.holds[:number], hold, *tiling.holds[number + 1 :]))

    def _raise_infeasible(self, room: Room) -> NoReturn:
        where = f"op {self.op.name} ({self.op.kind.name}) on {self.engine.name}"
        for name in sorted(self.demand, key=lambda name: name != self.engine.accumulators):
            others = np.ones(self.latency.shape, np.bool_)
            for other, demand in self.demand.items():
                if other != name:
                    others &= demand <= room.of(other)
            if not others.any():
                others[:] = True
            demand = int(self.demand[name][others].min())
            there = room.of(name)
            if demand <= there:
                continue
            shape, row = divmod(
                int(np.where(others, self.demand[name], np.iinfo(np.int64).max).argmin()), len(self.rows)
            )
            sums = " for partial sums" if name == self.engine.accumulators and name != self.memory else ""
            size = self.hardware.memories[name].size_bytes
            loops = " ".join(
                f"{dim.name}={extent}" for dim, extent in zip(self.space.dims, self.rows[row], strict=True)
            )
            raise InfeasibleError(
                f"its smallest tile ({loops}) needs {demand} bytes of {name}{sums}, {there} are free: "
                f"{demand - there} bytes too many",
                where=where,
                allowed=f"at most {there} bytes",
                fix=f"raise memories.{name}.size by at least {demand - there} bytes (now {size})",
            )
        raise InfeasibleError("no tile fits its memories together", where=where, fix="raise the sizes of its memories")


def len_of(tiling: Tiling) -> int:
    """Number of tiles."""
    return prod(tiling.trips)


def _aligned(n_bytes: Ints) -> Ints:
    return -(-n_bytes // 64) * 64
