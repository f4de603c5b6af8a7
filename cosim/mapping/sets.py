"""Sets and pieces: which boxes of an operand are moved on chip, when a tile first needs them and when they may go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.graph.space import Access, Role, Space, volume
from cosim.mapping.grid import Grid
from cosim.program.plan import Hold

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Loads:
    """All moves of one operand, in the order in which tiles need them.

    Attributes
    ----------
    boxes
        Box of the operand that each moves, shape (loads, axes, 2); boxes of one set do not overlap.
    first
        Tile that needs it first, ascending, shape (loads,).
    credit
        Tile after which its bytes may be overwritten: -1 where nothing was there, shape (loads,).
    owner
        Set that it belongs to, shape (loads,).
    sets
        Box of each set, shape (sets, axes, 2).
    opened, closed
        First and last tile that uses each set, shape (sets,).
    set_of
        Set that each tile reads, -1 where its box is empty, shape (tiles,).
    slots
        Sets that there is room for.
    """

    boxes: Ints
    first: Ints
    credit: Ints
    owner: Ints
    sets: Ints
    opened: Ints
    closed: Ints
    set_of: Ints
    slots: int


def sliding(access: Access, space: Space) -> frozenset[int]:
    """Loops that shift a window along an axis: the taps of a convolution or a pool.

    Boxes are hulls: two taps of several windows overlap even where the windows themselves do not. Channels are no taps:
    they are cut only where a tile has one group.
    """
    found: set[int] = set()
    for axis in access.axes:
        windows = {
            loop for loop, _ in axis.terms if space.dims[loop].role is Role.PARALLEL and space.dims[loop].size > 1
        }
        for tap, _ in axis.terms:
            if space.dims[tap].role is not Role.PARALLEL and any((w, tap) not in space.exclusive for w in windows):
                found.add(tap)
    return frozenset(found)


def moving(access: Access, space: Space) -> frozenset[int]:
    """Loops that change which data an operand needs: taps are left out, a piece holds the data of all of them."""
    return access.loops() - sliding(access, space)


def split(access: Access, space: Space, order: tuple[int, ...], hold: Hold) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Moving loops outside of a set and inside of it, outermost first."""
    moves = moving(access, space)
    outer = tuple(loop for loop in order[: hold.level] if loop in moves)
    inner = tuple(loop for loop in order[hold.level :] if loop in moves)
    return outer, inner


def loads_of(access: Access, grid: Grid, hold: Hold) -> Loads:
    """Moves of the operand with this `access` under `hold`."""
    space, tiling = grid.space, grid.tiling
    outer, inner = split(access, space, tiling.order, hold)
    windows = _whole_windows(grid.tiles, access, space)
    set_of = _set_numbers(grid, outer)
    pieces = grid.count(inner)
    key = set_of * pieces + grid.number(inner)
    n_sets = int(set_of[-1]) + 1
    first = np.empty(n_sets * pieces, np.int64)
    first[key[::-1]] = np.arange(len(grid))[::-1]  # the last assignment, so the earliest tile, stays
    last = np.empty_like(first)
    last[key] = np.arange(len(grid))
    boxes = _pieces(access, grid, windows[first], grid.index[first], inner)
    spans = windows[first[::pieces]].copy()
    for loop in inner:
        spans[:, loop] = tiling.cuts[loop][0], tiling.cuts[loop][-1]
    sets = access.boxes(spans)
    closed = last.reshape(n_sets, pieces).max(axis=1)
    owner = np.repeat(np.arange(n_sets), pieces)
    slots = min(hold.slots, n_sets)
    credit = np.where(owner >= slots, closed[owner - slots], -1)
    exists = volume(boxes) > 0
    present = volume(access.boxes(grid.tiles)) > 0
    return Loads(
        boxes=boxes[exists],
        first=first[exists],
        credit=credit[exists],
        owner=owner[exists],
        sets=sets,
        opened=first[::pieces],
        closed=closed,
        set_of=np.where(present, set_of, -1),
        slots=slots,
    )


def _whole_windows(tiles: Ints, access: Access, space: Space) -> Ints:
    slides = sliding(access, space)
    if not slides:
        return tiles
    widened = tiles.copy()
    for loop in slides:
        widened[:, loop] = 0, space.sizes[loop]
    return widened


def _set_numbers(grid: Grid, outer: tuple[int, ...]) -> Ints:
    """Number of the set of each tile: a new one whenever an outer moving loop goes on."""
    place = grid.number(outer)
    return np.concatenate([[0], np.cumsum(place[1:] != place[:-1])]).astype(np.int64)


def _pieces(access: Access, grid: Grid, tiles: Ints, index: Ints, inner: tuple[int, ...]) -> Ints:
    """What each piece adds to its set."""
    reach = access.reach(tiles)
    moves = moving(access, grid.space)
    for number, axis in enumerate(access.axes):
        loops = [loop for loop, _ in axis.terms if loop in moves]
        if len(loops) != 1 or loops[0] not in inner:
            continue  # several loops along one axis move disjoint pieces
        loop = loops[0]
        cuts = np.array(grid.tiling.cuts[loop], np.int64)
        before = tiles.copy()
        previous = np.maximum(index[:, loop] - 1, 0)
        before[:, loop, 0], before[:, loop, 1] = cuts[previous], cuts[previous + 1]
        covered = np.where(index[:, loop] > 0, access.reach(before)[:, number, 1], reach[:, number, 0])
        reach[:, number, 0] = np.maximum(reach[:, number, 0], covered)
    sizes = np.array(access.shape, np.int64).reshape(-1, 1)
    return np.clip(reach, 0, sizes)
