"""The tiles worth a look for one op on one engine: what does not depend on where its tensors live."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.candidates import choices_of, orders, table
from cosim.mapping.geometry import Geometry
from cosim.mapping.wiring import operand_memory
from cosim.plugin.protocols import EngineKind

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MOST_ROWS = 900


class Pool:
    """Candidate tiles of one op with the bytes of its operands and the time of its computing.

    Attributes
    ----------
    rows, trips, n_tiles
        Tile sizes and numbers of tiles along each loop, shape (rows, loops), and in all, shape (rows,).
    operands
        Bytes of the inputs and, last, of the output.
    memories
        Memory that each of them is computed from.
    compute_fs
        Time of all tiles [fs], shape (rows,).
    """

    def __init__(self, op: Op, graph: Graph, hardware: Hardware, engine: Engine, kind: EngineKind) -> None:
        self.op, self.graph, self.hardware, self.engine, self.kind = op, graph, hardware, engine, kind
        self.space = graph.space(op)
        self.period = hardware.clocks[engine.clock].period_fs
        self.memory = engine.operands or hardware.main_memory
        inputs = [operand_memory(hardware, engine, graph, op, number) for number in range(len(op.inputs))]
        self.memories = [*inputs, self.memory]
        self.choices = choices_of(op, graph, engine, kind)
        self.rows = self._writable(table(self.space, self.choices, MOST_ROWS))
        self.trips = -(-np.array(self.space.sizes, np.int64) // self.rows)
        self.n_tiles = np.prod(self.trips, axis=1)
        self.accesses = [*self.space.inputs, self.space.output]
        self.encodings = [graph.tensors[name].encoding for name in (*op.inputs, op.output)]
        self.operands = [
            Geometry(access, self.space, self.rows, self.trips, encoding)
            for access, encoding in zip(self.accesses, self.encodings, strict=True)
        ]
        self.compute_fs = self._compute_fs()

    @cached_property
    def orders(self) -> list[tuple[int, ...]]:
        """Loop orders that differ."""
        return orders(self.space)

    def _writable(self, rows: Ints) -> Ints:
        """Rows whose output tiles cut no block."""
        encoding = self.graph.tensors[self.op.output].encoding
        if encoding.is_plain:
            return rows
        tiles = np.stack([np.zeros_like(rows), rows], axis=2)
        shape = self.space.output.shape
        return rows[encoding.whole_blocks(self.space.output.boxes(tiles), shape)]

    def _compute_fs(self) -> Floats:
        """The whole op's time, times what cutting each loop adds to it."""
        whole = float(self.kind.cycles(self.engine, self.op, self.graph, self.space.whole)[0])
        total = np.full(len(self.rows), whole)
        blocks: list[tuple[int, Ints]] = []
        for loop, extent in enumerate(self.space.sizes):
            found = np.unique(self.rows[:, loop])
            if len(found) > 1 or found[0] != extent:
                blocks.append((loop, found))
        if blocks:
            cycles = self._cycles_along(blocks)
            for (loop, found), (full, last) in zip(blocks, cycles, strict=True):
                extent = self.space.sizes[loop]
                factor = (full * (-(-extent // found) - 1) + last) / max(whole, 1.0)
                total *= factor[np.searchsorted(found, self.rows[:, loop])]
        return (total + self.n_tiles * float(self.engine.setup_cycles)) * float(self.period)

    def _cycles_along(self, blocks: list[tuple[int, Ints]]) -> list[tuple[Floats, Floats]]:
        """Cycles of a tile that is whole but for one loop: of each size in `blocks`, and of what that leaves over."""
        tiles: list[Ints] = []
        for loop, found in blocks:
            extent = self.space.sizes[loop]
            some = np.repeat(self.space.whole, 2 * len(found), axis=0)
            rest = extent - (-(-extent // found) - 1) * found
            some[:, loop, 1] = np.concatenate([found, rest])
            tiles.append(some)
        cycles = self.kind.cycles(self.engine, self.op, self.graph, np.concatenate(tiles)).astype(float)
        parts = np.split(cycles, np.cumsum([len(some) for some in tiles])[:-1])
        return [(part[: len(part) // 2], part[len(part) // 2 :]) for part in parts]
