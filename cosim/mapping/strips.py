"""Blocks of one op: along which loop, what they touch, and what each needs of its operands.

All blocks differ in one loop alone, so a few sums per axis say everything; no box is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cosim.graph.space import Access, Axis, Role, Space

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """Blocks of a tensor along one of its axes, or of an op along one of its loops.

    Attributes
    ----------
    along
        Axis or loop.
    ranges
        First and last but one index of each block, shape (blocks, 2); they ascend, cover everything and may overlap.
    """

    along: int
    ranges: tuple[tuple[int, int], ...]

    @property
    def overlaps(self) -> bool:
        """Whether blocks share something."""
        return any(one[1] > two[0] for one, two in pairwise(self.ranges))

    @property
    def fresh(self) -> Cut:
        """Of each block what no block before it has: nothing twice."""
        stops = [high for _, high in self.ranges]
        return Cut(self.along, tuple(zip([self.ranges[0][0], *stops[:-1]], stops, strict=True)))

    def spanning(self, behind: int) -> Cut:
        """From the first that is needed `behind` blocks ago to the last of each block: what must be there together."""
        lows = [low for low, _ in self.ranges]
        return Cut(self.along, tuple((lows[max(b - behind, 0)], high) for b, (_, high) in enumerate(self.ranges)))

    def boxes(self, shape: Sequence[int]) -> Ints:
        """Boxes of all blocks of something of this `shape`, shape (blocks, axes, 2)."""
        whole = np.array([(0, extent) for extent in shape], np.int64).reshape(len(shape), 2)
        boxes = np.repeat(whole[None], len(self.ranges), axis=0)
        boxes[:, self.along] = np.array(self.ranges, np.int64)
        return boxes


@dataclass(frozen=True, eq=False)
class Strips:
    """Blocks of one op.

    Attributes
    ----------
    cut
        Along one of its loops.
    largest
        The longest block; of equals, one that touches most.
    elements
        What each block touches of every input and, last, of the output, shape (blocks, operands).
    moves
        Whether blocks touch different parts of an operand.
    needs
        Blocks of each input; None where one needs all of it.
    """

    cut: Cut
    largest: int
    elements: Ints
    moves: tuple[bool, ...]
    needs: tuple[Cut | None, ...]

    @property
    def equals(self) -> float:
        """Blocks as large as the largest that would make the same work: those at an edge may be smaller."""
        lengths = [high - low for low, high in self.cut.ranges]
        return sum(lengths) / max(lengths)


def strips_of(space: Space, cut: Cut) -> Strips | None:
    """The blocks of an op that make these blocks of its result.

    None where no loop does, or where the tiles of one block would not do for all: another touches more of an input
    (as blocks of a concat do).
    """
    loop = _loop_of(space, cut)
    if loop is None:
        return None
    places = np.array(loop.ranges, np.int64)
    accesses = (*space.inputs, space.output)
    elements = np.stack([_elements(access, space, loop.along, places) for access in accesses], axis=1)
    inputs = elements[:, :-1]
    lengths = places[:, 1] - places[:, 0]
    largest = int(np.lexsort((-inputs.sum(axis=1), -lengths))[0])
    if (inputs > inputs[largest]).any():
        return None
    moves = tuple(loop.along in access.loops() for access in accesses)
    needs = tuple(_needed(access, space, loop.along, places) for access in space.inputs)
    return Strips(loop, largest, elements, moves, needs)


def _loop_of(space: Space, cut: Cut) -> Cut | None:
    """Blocks of an op that make these blocks of its result; None where no loop does."""
    axis = space.output.axes[cut.along]
    terms = [(loop, step) for loop, step in axis.terms if space.dims[loop].size > 1]
    if axis.full or axis.divisor != 1 or axis.offset or not terms:
        return None
    loop, step = max(terms, key=lambda term: term[1])  # of groups and channels of a group: the groups
    if space.dims[loop].role is not Role.PARALLEL:
        return None
    if any(place % step for bounds in cut.ranges for place in bounds) or step * space.dims[loop].size != axis.size:
        return None
    if any(loop == other for axis_ in space.output.axes if axis_ is not axis for other, _ in axis_.terms):
        return None
    return Cut(loop, tuple((low // step, high // step) for low, high in cut.ranges))


def _elements(access: Access, space: Space, loop: int, places: Ints) -> Ints:
    """Elements of an operand that each block touches, shape (blocks,)."""
    whole = np.array([[0, space.dims[loop].size]])
    total, same = np.ones(len(places), np.int64), 1
    for axis in access.axes:
        if axis.full:
            same *= axis.size
            continue
        moves = any(loop == other for other, _ in axis.terms)
        low, high = _span(axis, space, loop, places if moves else whole)
        if moves:
            total *= np.maximum(high - low, 0)
        else:
            same *= max(int(high[0] - low[0]), 0)
    return total * same


def _span(axis: Axis, space: Space, loop: int, places: Ints) -> tuple[Ints, Ints]:
    """First and last but one index along an axis that each block touches, shape (blocks,) each."""
    rest = sum(step * (space.dims[other].size - 1) for other, step in axis.terms if other != loop)
    step = sum(step for other, step in axis.terms if other == loop)
    low = axis.offset + step * places[:, 0]
    high = axis.offset + step * (places[:, 1] - 1) + rest
    if axis.divisor != 1:
        low, high = -(-low // axis.divisor), high // axis.divisor
    # A window in the padding touches nothing: both ends are then clipped to the same one.
    return np.minimum(np.maximum(low, 0), axis.size), np.minimum(np.maximum(high + 1, 0), axis.size)


def _needed(access: Access, space: Space, loop: int, places: Ints) -> Cut | None:
    """Blocks of an operand that the blocks of an op need; None where one needs all of it."""
    moved = [number for number, axis in enumerate(access.axes) if any(loop == other for other, _ in axis.terms)]
    if len(moved) != 1:
        return None
    lows, highs = _span(access.axes[moved[0]], space, loop, places)
    if (highs <= lows).any():
        return None
    lows[0], highs[-1] = 0, access.axes[moved[0]].size
    highs[:-1] = np.maximum(highs[:-1], lows[1:])  # what strides skip is computed all the same
    if (np.diff(lows) <= 0).any() or (np.diff(highs) <= 0).any():
        return None
    return Cut(moved[0], tuple(zip(lows.tolist(), highs.tolist(), strict=True)))
