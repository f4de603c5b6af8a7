"""Partial sums: which tiles add to the same output, and how many outputs are open at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.graph.space import Space
from cosim.mapping.grid import Grid

Ints = NDArray[np.int64]
SUM_BITS = 32


@dataclass(frozen=True)
class Sums:
    """Partial sums of one op.

    Attributes
    ----------
    slots
        Output tiles whose sums are kept at once, 0 where every tile finishes its own.
    begins, ends
        Whether a tile begins and ends a sum, shape (tiles,).
    cell
        Output tile that each tile adds to, numbered in the order in which they end, shape (tiles,).
    slot
        Slot of each output tile, shape (outputs,).
    """

    slots: int
    begins: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    cell: Ints
    slot: Ints

    @staticmethod
    def of(grid: Grid) -> Sums:
        """Sums of the tiles in `grid`."""
        inner = open_loops(grid.space, grid.tiling.order, grid.tiling.trips)
        if inner is None:
            everything = np.ones(len(grid), np.bool_)
            number = np.arange(len(grid))
            return Sums(0, everything, everything, number, np.zeros_like(number))
        reductions = grid.space.reductions()
        outer = tuple(i for i in grid.tiling.order if i not in inner and i not in reductions)
        slots = grid.count(inner)
        cell = grid.number(outer) * slots + grid.number(inner)
        return Sums(slots, grid.is_first, grid.is_final, cell, np.arange(int(cell.max()) + 1) % slots)


def open_loops(space: Space, order: tuple[int, ...], trips: tuple[int, ...]) -> tuple[int, ...] | None:
    """Parallel loops inside the outermost cut reduction: one sum stays open for each of their tiles. None: none is cut."""
    reductions = space.reductions()
    cut = [place for place, loop in enumerate(order) if loop in reductions and trips[loop] > 1]
    if not cut:
        return None
    return tuple(loop for loop in order[cut[0] :] if loop not in reductions)
