"""The tiles of an op in the order in which they run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.graph.space import Space
from cosim.program.plan import Tiling

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """Every tile of a tiling.

    Attributes
    ----------
    tiles
        Boxes of the iteration space in the order of the loops, shape (tiles, loops, 2).
    index
        Number of each tile along each loop, shape (tiles, loops).
    """

    space: Space
    tiling: Tiling
    tiles: Ints
    index: Ints

    @staticmethod
    def of(space: Space, tiling: Tiling) -> Grid:
        """All tiles of `tiling`."""
        order = tiling.order
        trips = tiling.trips
        n_tiles = int(np.prod(trips, dtype=np.int64))
        index = np.zeros((n_tiles, len(trips)), np.int64)
        tiles = np.empty((n_tiles, len(trips), 2), np.int64)
        inner = n_tiles
        for loop in order:
            inner //= trips[loop]
            outer = n_tiles // (inner * trips[loop])
            index[:, loop] = np.tile(np.repeat(np.arange(trips[loop]), inner), outer)
        for loop, cuts in enumerate(tiling.cuts):
            bounds = np.array(cuts, np.int64)
            tiles[:, loop, 0] = bounds[index[:, loop]]
            tiles[:, loop, 1] = bounds[index[:, loop] + 1]
        return Grid(space, tiling, tiles, index)

    def __len__(self) -> int:
        return len(self.tiles)

    def number(self, loops: tuple[int, ...]) -> Ints:
        """Tiles numbered along `loops` (outermost first) alone, shape (tiles,)."""
        found = np.zeros(len(self), np.int64)
        for loop in loops:
            found = found * self.tiling.trips[loop] + self.index[:, loop]
        return found

    def count(self, loops: tuple[int, ...]) -> int:
        """Tiles along `loops` together."""
        return int(np.prod([self.tiling.trips[loop] for loop in loops], dtype=np.int64))

    @property
    def is_final(self) -> NDArray[np.bool_]:
        """Whether a tile ends its reduction, shape (tiles,)."""
        reductions = list(self.space.reductions())
        last = np.array([self.tiling.trips[loop] - 1 for loop in reductions], np.int64)
        return np.asarray((self.index[:, reductions] == last).all(axis=1))

    @property
    def is_first(self) -> NDArray[np.bool_]:
        """Whether a tile begins its reduction, shape (tiles,)."""
        return np.asarray((self.index[:, list(self.space.reductions())] == 0).all(axis=1))
