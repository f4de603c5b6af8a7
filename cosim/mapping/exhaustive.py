"""Every tiling of a small op: cuts of any uniform size, any order, any level, any number of slots.

What is left out can be no better, or is the same Program under another name; see docs/explanation/search.md:

* Loops that are not cut, and the place of one in the order, change nothing. Only loops that are cut are permuted.
* A level matters by the loops before it that move the operand, so levels between two of those are one.
* Another slot never delays anything, so only slot counts are tried of which none can be raised within the room. (Where
  loads and stores share a port, a move that starts earlier can delay another: there this holds but for that anomaly.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from math import factorial, prod
from typing import TYPE_CHECKING

import numpy as np

from cosim.mapping.candidates import allowed, cuts_of
from cosim.mapping.sets import moving
from cosim.program.plan import Hold, Tiling

if TYPE_CHECKING:
    from cosim.mapping.objective import Objective
    from cosim.mapping.search import Room, Search
    from cosim.mapping.trial import Trial

MOST_SLOTS = 8
MOST_SCHEMES = 1000  # cuts, orders and levels; each is replayed at least twice


@dataclass(frozen=True)
class Scheme:
    """A tiling but for its slots.

    Attributes
    ----------
    sets
        How many sets each input has, 0 where it is computed in place; last, how many pieces the output has.
    """

    cuts: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
    levels: tuple[int | None, ...]
    sets: tuple[int, ...]

    def with_slots(self, slots: tuple[int, ...]) -> Tiling:
        """The tiling with so many slots for each input and the output."""
        holds = [None if at is None else Hold(at, n) for at, n in zip(self.levels, slots, strict=True)]
        return Tiling(self.cuts, self.order, tuple(holds))


class Exhaustive:
    """The whole space of tilings of one op."""

    def __init__(self, search: Search) -> None:
        self.search = search
        space = search.space
        self.moves = [moving(access, space) for access in (*space.inputs, space.output)]
        self.sizes = [
            range(1, dim.size + 1) if len(choices.sizes) > 1 else [dim.size]
            for dim, choices in zip(space.dims, search.pool.choices, strict=True)
        ]

    def count_at_most(self, most: int) -> int:
        """How many schemes there are, or `most` + 1 where there are more."""
        loops = [number for number, sizes in enumerate(self.sizes) if len(sizes) > 1]
        free = [len(self.sizes[loop]) - 1 for loop in loops]
        total = 0
        for cut in product(*((True, False),) * len(free)):  # the most first, so that large spaces cost nothing
            chosen = [loop for loop, is_cut in zip(loops, cut, strict=True) if is_cut]
            levels = prod(
                len(moves & set(chosen)) + 1
                for moves, staged in zip(self.moves[:-1], self.search.staged[:-1], strict=True)
                if staged
            )
            total += prod(n for n, is_cut in zip(free, cut, strict=True) if is_cut) * factorial(len(chosen)) * levels
            if total > most:
                return most + 1
        return total

    def schemes(self) -> Iterator[Scheme]:
        """All cuts, orders and levels."""
        space = self.search.space
        loops = range(len(space.sizes))
        for extents in product(*self.sizes):
            if not allowed(space, np.array([extents], np.int64))[0]:
                continue
            cuts = tuple(cuts_of(n, size) for n, size in zip(space.sizes, extents, strict=True))
            if not self.search.trials.writes_whole_blocks(Tiling(cuts, tuple(loops), (None,) * len(self.moves))):
                continue
            trips = [len(places) - 1 for places in cuts]
            cut = [loop for loop in loops if trips[loop] > 1]
            rest = tuple(loop for loop in loops if trips[loop] == 1)
            for chosen in permutations(cut):
                order = (*rest, *chosen)
                yield from self._levels(cuts, order, trips)

    def _levels(self, cuts: tuple[tuple[int, ...], ...], order: tuple[int, ...], trips: list[int]) -> Iterator[Scheme]:
        choices: list[list[int | None]] = []
        for moves, staged in zip(self.moves[:-1], self.search.staged[:-1], strict=True):
            after = [place + 1 for place, loop in enumerate(order) if loop in moves and trips[loop] > 1]
            choices.append([0, *after] if staged else [None])
        pieces = prod(trips[loop] for loop in order if loop in self.moves[-1])
        for levels in product(*choices):
            sets = [0 if level is None else prod(trips[loop] for loop in order[:level]) for level in levels]
            last = len(order) if self.search.staged[-1] else None
            yield Scheme(cuts, order, (*levels, last), (*sets, pieces if self.search.staged[-1] else 0))

    def _try(self, tiling: Tiling) -> Trial:
        found = self.search.trials.within(tiling, float("inf"))
        return self.search.trials.of(tiling) if found is None else found

    def trials(self, room: Room, limit_fs: float = float("inf"), *, least_slots: bool = False) -> Iterator[Trial]:
        """Every scheme that fits `room`, with every number of slots of which none can be raised, or with one slot each.

        Schemes that take more than `limit_fs` even with room for everything are left out.
        """
        try_out = self._try
        for scheme in self.schemes():
            single = (1,) * len(scheme.sets)
            if least_slots:
                yield from (trial for trial in [try_out(scheme.with_slots(single))] if trial.fits(room.bytes_of))
                continue
            most = tuple(max(1, min(n, MOST_SLOTS)) for n in scheme.sets)
            best = self.search.trials.within(scheme.with_slots(most), limit_fs)
            if best is None:
                continue
            if best.fits(room.bytes_of):
                yield best
            elif try_out(scheme.with_slots(single)).fits(room.bytes_of):
                yield from (try_out(scheme.with_slots(slots)) for slots in self._slots(scheme, most, room))

    def _slots(self, scheme: Scheme, most: tuple[int, ...], room: Room) -> list[tuple[int, ...]]:
        """Numbers of slots within `room` of which none can be raised."""
        try_out = self._try
        single = (1,) * len(most)
        base = dict(try_out(scheme.with_slots(single)).demand)
        adds = []  # bytes of each memory that another slot takes, for each operand
        for at, n in enumerate(most):
            one_more = dict(try_out(scheme.with_slots(_raised(single, at))).demand) if n > 1 else base
            adds.append({name: one_more[name] - n_bytes for name, n_bytes in base.items()})
        free = dict(room.bytes_of)

        def fits(slots: tuple[int, ...]) -> bool:
            return all(
                n_bytes + sum((n - 1) * add[name] for n, add in zip(slots, adds, strict=True)) <= free[name]
                for name, n_bytes in base.items()
            )

        every = product(*(range(1, n + 1) for n in most))
        return [
            slots
            for slots in every
            if fits(slots) and not any(n < most[at] and fits(_raised(slots, at)) for at, n in enumerate(slots))
        ]


def _raised(slots: tuple[int, ...], at: int) -> tuple[int, ...]:
    return (*slots[:at], slots[at] + 1, *slots[at + 1 :])


def exact(search: Search, room: Room, objective: Objective, found: Trial | None = None) -> Trial | None:
    """The best of all tilings, or None where there are more than `MOST_SCHEMES` schemes.

    `found` is a tiling that is known to fit; it spares the look at many others.
    """
    space = Exhaustive(search)
    if space.count_at_most(MOST_SCHEMES) > MOST_SCHEMES:
        return None
    limit = float("inf") if found is None else found.latency_fs * (1 + objective.tolerance)
    trials = list(space.trials(room, limit, least_slots=objective.name == "memory"))
    if found is not None:
        trials.append(found)
    return objective.pick(trials) if trials else None
