"""The tiles worth a look for one op on one engine: what does not depend on where its tensors live."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.candidates import choices_of, groups, orders, table
from cosim.mapping.geometry import Geometry
from cosim.mapping.wiring import Channel, carried_bytes, operand_memory
from cosim.plugin.protocols import EngineKind

if TYPE_CHECKING:
    from cosim.mapping.prices import Prices

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MOST_ROWS = 700
SMALL = 128  # an operand of less than this part of its memory stays whole


@dataclass(frozen=True)
class Share:
    """What one operand adds to the cost of every candidate, shape (rows,) each.

    Attributes
    ----------
    room
        Bytes of its slots [byte].
    moved, moves
        Bytes moved [byte], and how many moves that takes.
    piece
        Bytes of a piece [byte].
    """

    room: Ints
    moved: Ints
    moves: Ints
    piece: Ints

    def time(self, path: Channel) -> Floats:
        """Time of all moves over `path` [fs]."""
        return np.asarray(self.moved * path.fs_per_byte + self.moves * float(path.setup_fs), np.float64)


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
        self.groups = groups(self.space)
        self.rows = self._writable(table(self.space, self.groups, self.choices, MOST_ROWS))
        self.trips = -(-np.array(self.space.sizes, np.int64) // self.rows)
        self.n_tiles = np.prod(self.trips, axis=1)
        self.accesses = [*self.space.inputs, self.space.output]
        self.encodings = [graph.tensors[name].encoding for name in (*op.inputs, op.output)]
        self.operands = [
            Geometry(access, self.space, self.rows, self.trips, encoding)
            for access, encoding in zip(self.accesses, self.encodings, strict=True)
        ]
        self.compute_fs = self._compute_fs()
        self._shares: dict[tuple[int, tuple[int, ...], int, int], Share] = {}
        self._sums: dict[tuple[int, ...], Ints] = {}

    @cached_property
    def orders(self) -> list[tuple[int, ...]]:
        """Loop orders that differ."""
        return orders(self.space, self.groups)

    def levels(self, order: tuple[int, ...], *, finest: bool = False) -> list[list[int]]:
        """Ways of holding each input: one piece, or all that the loops inside a loop that reuses it touch.

        One that is small against its memory stays whole, but may come in pieces where `finest`.
        """
        found: list[list[int]] = []
        for geometry, memory in zip(self.operands[:-1], self.memories[:-1], strict=True):
            if geometry.whole_bytes * SMALL <= self.hardware.memories[memory].size_bytes:
                found.append([0, len(order)] if finest else [0])
                continue
            levels = [len(order)]
            for place, loop in enumerate(order[:-1]):
                reuses = loop not in geometry.moves and self.space.dims[loop].size > 1
                if reuses and order[place + 1] in geometry.moves:
                    levels.append(place + 1)
            found.append(levels)
        return found

    def share(self, number: int, order: tuple[int, ...], level: int, slots: int = 2) -> Share:
        """What input `number` costs when the loops ``order[level:]`` run inside its sets, in so many slots."""
        key = (number, order, level, slots)
        if key not in self._shares:
            geometry = self.operands[number]
            inner = frozenset(order[level:]) & geometry.moves
            n_sets, again = self._passes_over(order[:level], geometry)
            moves = n_sets * np.prod(self.trips[:, sorted(inner)], axis=1)
            room = _aligned(geometry.set_bytes(inner)) * np.minimum(n_sets, slots)
            piece = geometry.set_bytes(frozenset())
            self._shares[key] = Share(room, geometry.sweep_bytes(inner) * again, moves, piece)
        return self._shares[key]

    def output(self, slots: int = 2) -> Share:
        """What storing the output costs, in so many slots."""
        geometry = self.operands[-1]
        piece = geometry.set_bytes(frozenset())
        moves = np.prod(self.trips[:, sorted(geometry.moves)], axis=1)
        return Share(_aligned(piece) * np.minimum(moves, slots), geometry.sweep_bytes(frozenset()), moves, piece)

    def sums_room(self, order: tuple[int, ...]) -> Ints:
        """Bytes of partial sums under a loop order, shape (rows,) [byte]."""
        if order not in self._sums:
            self._sums[order] = self._sums_room(order)
        return self._sums[order]

    def _sums_room(self, order: tuple[int, ...]) -> Ints:
        reductions = self.space.reductions()
        if not reductions:
            return np.zeros(len(self.rows), np.int64)
        is_open = np.zeros(len(self.rows), np.bool_)
        slots = np.ones(len(self.rows), np.int64)
        for loop in order:
            trips = self.trips[:, loop]
            if loop in reductions:
                is_open |= trips > 1
            else:
                slots *= np.where(is_open, trips, 1)
        return _aligned(4 * self.operands[-1].set_elements(frozenset())) * slots

    def _passes_over(self, outer: tuple[int, ...], geometry: Geometry) -> tuple[Ints, Ints]:
        """Number of sets, and how many times all data are moved: a loop outside a moving loop moves them again."""
        n_sets = np.ones(len(self.rows), np.int64)
        again = np.ones(len(self.rows), np.int64)
        inside = np.ones(len(self.rows), np.bool_)
        for loop in reversed(outer):
            trips = self.trips[:, loop]
            if loop in geometry.moves:
                inside &= trips == 1
                n_sets *= trips
            else:
                factor = np.where(inside, 1, trips)
                n_sets *= factor
                again *= factor
        return n_sets, again

    def _writable(self, rows: Ints) -> Ints:
        """Rows whose output tiles cut no block."""
        encoding = self.graph.tensors[self.op.output].encoding
        if encoding.is_plain:
            return rows
        tiles = np.stack([np.zeros_like(rows), rows], axis=2)
        shape = self.space.output.shape
        return rows[encoding.whole_blocks(self.space.output.boxes(tiles), shape)]

    def spent_pj(self, prices: Prices) -> Floats:
        """Energy of what the engine does in all tiles, as if they were all of one size, shape (rows,) [pJ]."""
        sizes, reduces = np.array(self.space.sizes), np.zeros(len(self.space.sizes), np.bool_)
        reduces[list(self.space.reductions())] = True
        parts, end = [], sizes - (self.trips - 1) * self.rows
        for start in (np.zeros_like(self.rows), np.minimum(self.rows, sizes - end), sizes - end):
            low = np.where(reduces, start, 0)
            high = low + np.where(reduces & (low == sizes - end), end, self.rows)
            tiles = np.stack([low, high], axis=2)
            counts = self.kind.actions(self.engine, self.op, self.graph, tiles)
            n_bytes = np.zeros(len(tiles), np.int64) + carried_bytes(self.engine, counts)
            parts.append(prices.of_tiles(counts, n_bytes))
        rounds = np.prod(np.where(reduces, self.trips, 1), axis=1)
        places = np.prod(np.where(reduces, 1.0, sizes / self.rows), axis=1)
        inner = np.maximum(rounds - 2, 0) * parts[1]
        return np.asarray(places * (np.where(rounds > 1, parts[0], 0.0) + inner + parts[2]), np.float64)

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
        fixed = self.n_tiles * float(self.engine.setup_cycles)
        return np.asarray((total + fixed) * float(self.period), np.float64)

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


def _aligned(n_bytes: Ints) -> Ints:
    return -(-n_bytes // 64) * 64
