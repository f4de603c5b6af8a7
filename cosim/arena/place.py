"""Where blocks go: first fit by size, as microcontroller stacks do, and the smallest arena there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.arena.block import Block, live_bytes

NODES = 200_000

Rule = Callable[[Block], tuple[int, ...]]

ORDERS: Mapping[str, Rule] = {
    "size": lambda block: (-block.size, block.first),
    "lifetime": lambda block: (-len(block.sizes), -block.size, block.first),
    "start": lambda block: (block.first, -block.size),
}
"""Orders in which first fit may take blocks; ties go to the block that is made first."""


@dataclass(frozen=True)
class Placed:
    """Places of blocks.

    Attributes
    ----------
    offsets
        First byte of each block [byte].
    peak
        Bytes of the arena [byte].
    is_optimal
        Whether no placement needs fewer bytes, as proved.
    """

    offsets: tuple[int, ...]
    peak: int
    is_optimal: bool


def first_fit(found: Sequence[Block], order: str = "size", align: int = 1) -> Placed:
    """Each block in turn at the lowest offset that is free while it lives.

    >>> import numpy as np
    >>> a, b = Block(("a",), 0, np.array([4, 4])), Block(("b",), 1, np.array([6, 6]))
    >>> first_fit([a, b]).offsets
    (6, 0)
    """
    turns = sorted(range(len(found)), key=lambda number: (ORDERS[order](found[number]), number))
    return _placed(found, turns, align)


def optimal(found: Sequence[Block], align: int = 1, nodes: int = NODES) -> Placed:
    """The smallest arena, by first fit in every order that may matter; the best one seen where `nodes` run out.

    Some order of first fit reaches the optimum: take the blocks of an optimal placement from the lowest up. Branches are
    cut where the peak so far is no better than the best, and the search ends where the best equals the bytes that are alive
    together.
    """
    n_steps = max((block.last for block in found), default=-1) + 1
    least = int(live_bytes(list(found), n_steps).max()) if found else 0
    best = min((first_fit(found, order, align) for order in ORDERS), key=lambda one: one.peak)
    search = _Search(tuple(found), align, least, best.offsets, best.peak, nodes)
    search.go({})
    return Placed(search.offsets, search.peak, search.peak == least or search.nodes > 0)


@dataclass
class _Search:
    """Depth first over the blocks in ascending order of their offsets."""

    found: tuple[Block, ...]
    align: int
    least: int
    offsets: tuple[int, ...]
    peak: int
    nodes: int

    def go(self, placed: dict[int, int]) -> None:
        """Place the remaining blocks, each no lower than the last one placed."""
        if self.peak <= self.least or self.nodes <= 0:
            return
        self.nodes -= 1
        if len(placed) == len(self.found):
            self.peak = _peak(self.found, placed)
            self.offsets = tuple(placed[number] for number in range(len(self.found)))
            return
        floor = max(placed.values(), default=0)
        options = []
        for number, block in enumerate(self.found):
            if number not in placed:
                offset = _lowest(self.found, placed, block, self.align)
                if offset + block.size < self.peak:
                    options.append((offset, -block.size, number))
                else:
                    return  # it only goes higher from here
        for offset, _, number in sorted(options):
            if offset >= floor:
                self.go({**placed, number: offset})


def _placed(found: Sequence[Block], turns: Sequence[int], align: int) -> Placed:
    placed: dict[int, int] = {}
    for number in turns:
        placed[number] = _lowest(found, placed, found[number], align)
    n_steps = max((block.last for block in found), default=-1) + 1
    least = int(live_bytes(list(found), n_steps).max()) if found else 0
    peak = _peak(found, placed)
    return Placed(tuple(placed[number] for number in range(len(found))), peak, peak == least)


def _peak(found: Sequence[Block], placed: Mapping[int, int]) -> int:
    return max((offset + found[number].size for number, offset in placed.items()), default=0)


def _lowest(found: Sequence[Block], placed: Mapping[int, int], block: Block, align: int) -> int:
    """Lowest offset at which `block` is in nobody's way at any step."""
    taken = []
    for number, offset in placed.items():
        if found[number].meets(block):
            theirs, ours = found[number].common(block)
            taken.append((offset, theirs, ours))
    candidates = {0}
    for offset, theirs, _ in taken:
        candidates |= {-(-int(offset + size) // align) * align for size in np.unique(theirs)}
    for candidate in sorted(candidates):
        if all(np.all((candidate + ours <= offset) | (offset + theirs <= candidate)) for offset, theirs, ours in taken):
            return candidate
    raise AssertionError
