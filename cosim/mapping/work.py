"""Tiles of an op and what its engine does in them: found once for all blocks of it, and for all Programs of a network."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine
from cosim.mapping.grid import Grid
from cosim.mapping.sets import Loads, loads_of
from cosim.mapping.strips import Cut
from cosim.plugin.protocols import EngineKind
from cosim.program.plan import Hold, Tiling

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Work:
    """One op, or one block of it.

    Attributes
    ----------
    outputs
        Box of the result that each tile adds to, shape (tiles, axes, 2).
    cycles
        Of each tile, shape (tiles,).
    counts
        Actions of each tile by name, shape (tiles,) each.
    """

    grid: Grid
    outputs: Ints
    cycles: Ints
    counts: Mapping[str, Ints]
    shared: dict[Hashable, Loads]
    cut: Cut | None
    own: dict[Hashable, Loads] = field(default_factory=dict)

    def loads(self, number: int, hold: Hold) -> Loads:
        """`loads_of` an input; blocks with as many tiles share it where all of them read the same."""
        access = self.grid.space.inputs[number]
        is_same = self.cut is not None and self.cut.along not in access.loops()
        known = self.shared if is_same else self.own
        key = number, hold, self.grid.tiling.trips
        if key not in known:
            known[key] = loads_of(access, self.grid, hold)
        return known[key]


class Works:
    """The work of all ops of one network, each asked for once."""

    def __init__(self) -> None:
        self._found: dict[Hashable, tuple[Work, ...]] = {}

    def of(
        self, graph: Graph, op: Op, engine: Engine, kind: EngineKind, tiling: Tiling, cut: Cut | None = None
    ) -> tuple[Work, ...]:
        """The work of each block of `cut`, tiled as `tiling` does the largest; without one, of the whole op."""
        key = op.name, tiling.order, tiling.cuts, cut
        if key not in self._found:
            tilings = (
                [tiling] if cut is None else [block_tiling(tiling, cut, block) for block in range(len(cut.ranges))]
            )
            self._found[key] = _works(graph, op, engine, kind, tilings, cut)
        return self._found[key]


def _works(
    graph: Graph, op: Op, engine: Engine, kind: EngineKind, tilings: Sequence[Tiling], cut: Cut | None
) -> tuple[Work, ...]:
    space = graph.space(op)
    grids = [Grid.of(space, tiling) for tiling in tilings]
    tiles = np.concatenate([grid.tiles for grid in grids])
    ends = np.cumsum([len(grid) for grid in grids])[:-1]
    outputs = np.split(space.output.boxes(tiles), ends)
    cycles = np.split(kind.cycles(engine, op, graph, tiles), ends)
    table = kind.actions(engine, op, graph, tiles)
    counts = {name: np.split(np.broadcast_to(count, len(tiles)), ends) for name, count in table.items()}
    shared: dict[Hashable, Loads] = {}
    return tuple(
        Work(grid, outputs[b], cycles[b], {name: parts[b] for name, parts in counts.items()}, shared, cut)
        for b, grid in enumerate(grids)
    )


def block_tiling(tiling: Tiling, cut: Cut, block: int) -> Tiling:
    """The tiling of the largest block moved to another block, and shortened where that is smaller."""
    low, high = cut.ranges[block]
    inside = tuple(low + place for place in tiling.cuts[cut.along] if low + place < high)
    return replace(tiling, cuts=(*tiling.cuts[: cut.along], (*inside, high), *tiling.cuts[cut.along + 1 :]))
