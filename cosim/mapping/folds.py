"""Tiles that need not be played: those of a loop that are like the ones before them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from cosim.mapping.faces import Faces
from cosim.program.plan import Tiling

LONG = 64  # tiles from which on it pays to leave some out
KEPT = 10  # tiles of a folded loop that are played, and as many more as there are slots
PERIODS = 12  # a multiple of all periods that `play` looks for
WORTH = 0.75  # share of the tiles that may be left at most


class Fold(NamedTuple):
    """Tiles of a loop that are left out behind tile `at`, because they are like it."""

    loop: int
    at: int
    more: int


NO_FOLD = Fold(0, -1, 0)


def len_of(tiling: Tiling) -> int:
    """Number of tiles."""
    return prod(tiling.trips)


def fold_of(tiling: Tiling, faces: Faces, moving: Sequence[frozenset[int]]) -> Fold:
    """The loop of which most tiles can be left out; `moving` is the loops that move each input.

    A loop along which a set is filled does not count: its pieces come one after another, and not round by round.
    """
    best, least = NO_FOLD, WORTH
    if len_of(tiling) < LONG:
        return best
    kept = KEPT + max((hold.slots for hold in tiling.holds if hold is not None), default=0)
    for loop, places in enumerate(tiling.cuts):
        n = len(places) - 1
        if n <= kept:
            continue
        place = tiling.order.index(loop)
        held = zip(tiling.holds[:-1], moving, strict=True)
        if any(hold is not None and hold.level <= place and loop in moves for hold, moves in held):
            continue
        start, stop = faces.regular(loop, places)
        more = (stop - start - kept) // PERIODS * PERIODS
        if more > 0 and (n - more) / n < least:
            best, least = Fold(loop, start + kept - 1, more), (n - more) / n
    return best
