"""Which tiles along a loop are alike: those of one length, and (where that counts) equally far from the edges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from cosim.graph.space import Access, Space

Side = tuple[int, int]


@dataclass(frozen=True)
class Faces:
    """Tells tiles apart by where they lie.

    Attributes
    ----------
    inner
        Per loop the steps between which no operand is clipped, whatever the other loops do.
    ends
        Loops whose first and last tiles differ from the others: reductions.
    alone
        Loops of which every tile is a kind of its own.
    """

    inner: tuple[Side, ...]
    ends: frozenset[int]
    alone: frozenset[int]

    @staticmethod
    def of(space: Space, *, is_plain: bool) -> Faces:
        """The faces of an op; of blocks that share bits (not `is_plain`) no two tiles are alike."""
        inner: list[Side] = []
        alone = set() if is_plain else set(range(len(space.sizes)))
        for loop, size in enumerate(space.sizes):
            low, high = 0, size
            for access in (*space.inputs, space.output):
                low, high = _clipped(access, space, loop, low, high)
                if any(axis.divisor != 1 and loop in dict(axis.terms) for axis in access.axes):
                    alone.add(loop)
            inner.append((low, high))
        return Faces(tuple(inner), frozenset(space.reductions()), frozenset(alone))

    def sides(self, loop: int, places: tuple[int, ...]) -> tuple[list[Side], list[int]]:
        """One tile of each kind along a loop, and the kind of each tile."""
        low, high = self.inner[loop]
        kinds: dict[object, int] = {}
        found: list[Side] = []
        numbers: list[int] = []
        last = len(places) - 2
        for at, (start, stop) in enumerate(pairwise(places)):
            is_edge = start < low or stop > high or loop in self.alone or (loop in self.ends and at in (0, last))
            key: object = (start, stop) if is_edge else stop - start
            if key not in kinds:
                kinds[key] = len(found)
                found.append((start, stop))
            numbers.append(kinds[key])
        return found, numbers

    def regular(self, loop: int, places: tuple[int, ...]) -> tuple[int, int]:
        """First of the longest row of tiles that are alike, and the one after its last; never the very first tile."""
        if loop in self.alone:
            return 0, 0
        return _regular(self.inner[loop], len(places) - 1 - (loop in self.ends), places)


@lru_cache(4096)
def _regular(inner: Side, stop: int, places: tuple[int, ...]) -> tuple[int, int]:
    best, start = (0, 0), -1
    for at in range(1, stop):
        if places[at] < inner[0] or places[at + 1] > inner[1]:
            start = -1
            continue
        if start < 0 or places[at + 1] - places[at] != places[start + 1] - places[start]:
            start = at
        if at + 1 - start > best[1] - best[0]:
            best = start, at + 1
    return best


def _clipped(access: Access, space: Space, loop: int, low: int, high: int) -> Side:
    """The steps of `loop` from `low` to `high` at which `access` lies inside its operand."""
    for axis in access.axes:
        steps = dict(axis.terms)
        if loop not in steps or axis.full or axis.divisor != 1 or not steps[loop]:
            continue
        others = sum(step * (space.sizes[other] - 1) for other, step in axis.terms if other != loop)
        low = max(low, -(axis.offset // steps[loop]))
        high = min(high, (axis.size - 1 - axis.offset - others) // steps[loop] + 1)
    return low, high


@lru_cache(4096)
def lengths_of(places: tuple[int, ...]) -> tuple[list[Side], list[int]]:
    """One tile of each length along a loop, moved to its start, and which of them each tile is."""
    lengths = [stop - start for start, stop in pairwise(places)]
    sizes = sorted(set(lengths))
    return [(0, size) for size in sizes], [sizes.index(length) for length in lengths]
