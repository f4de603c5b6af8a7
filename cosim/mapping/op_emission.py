"""Commands of one op: loads into rings, computes tile by tile, stores; as whole arrays, no loop per tile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.graph.op import Op
from cosim.graph.space import Access, volume
from cosim.hardware.hardware import Engine
from cosim.mapping.homes import Home, Writers
from cosim.mapping.rows import Rows
from cosim.mapping.tiling import SLOTS
from cosim.plugin.protocols import EngineKind
from cosim.program.plan import Placement, Tiling
from cosim.program.program import Content, Flag

if TYPE_CHECKING:
    from cosim.mapping.emit import Emitter

Ints = NDArray[np.int64]
SUM_BITS = 32


class OpEmission:
    """The commands of one op while their final order is not yet known: rows are numbered block by block."""

    def __init__(
        self, emitter: Emitter, op: Op, engine: Engine, kind: EngineKind, tiling: Tiling, tiles: Ints, base: int
    ) -> None:
        self.emitter, self.op, self.engine, self.kind = emitter, op, engine, kind
        self.tiling, self.tiles, self.address = tiling, tiles, base
        self.graph, self.draft = emitter.graph, emitter.draft
        self.space = self.graph.space(op)
        self.position = emitter.ops[op.name]
        self.memory = engine.operands or emitter.hardware.main_memory
        self.sums_memory = engine.accumulators or self.memory  # the search cuts reductions only where sums have one
        self.n_tiles = len(tiles)
        trips = [tiling.trips[i] for i in self.space.reductions()]
        self.n_sums = int(np.prod(trips, dtype=np.int64)) if trips else 1
        self.rows = Rows(len(emitter.action_index))
        self.first_compute = 0
        self.touches: list[tuple[str, int, int, int, Ints]] = []

    def run(self) -> int:
        """Append the commands; return the first byte after the rings."""
        emitter, op = self.emitter, self.op
        loads = [
            self._loads(i, name, access)
            for i, (name, access) in enumerate(zip(op.inputs, self.space.inputs, strict=True))
        ]
        self.first_compute = len(self.rows)
        outputs = self.space.output.boxes(self.tiles)
        final = np.arange(self.n_sums - 1, self.n_tiles, self.n_sums)
        reads = np.stack([buffers for buffers, _ in loads], axis=1) if loads else np.empty((self.n_tiles, 0), np.int64)
        home = emitter.homes[op.output]
        is_staged = home.memory != self.memory
        targets, slots = self._output_buffers(outputs[final], is_staged)
        self._computes(reads, final, targets, outputs)
        for buffers_done in loads:
            buffers_done[1]()
        if is_staged:
            written_by = self._stores(outputs[final], final, targets, slots)
        else:
            written_by = self.first_compute + final
            self._claim(home.memory, home.start, home.stop, int(self.first_compute + final[0]))
            self._touch(home.memory, home.start, home.stop, self.engine, written_by[-1:])
        ids = self.rows.flush(self.draft, self.position)
        for memory, start, stop, queue, rows in self.touches:
            for row in rows:
                emitter.occupancy[memory].touch(start, stop, queue, int(ids[row]))
        emitter.writers[emitter.roots[op.output]] = Writers.of(outputs[final], ids[written_by])
        return self.address

    # --- operands -------------------------------------------------------------------------------------------------

    def _loads(self, number: int, name: str, access: Access) -> tuple[Ints, Callable[[], None]]:
        """Buffer that each tile reads for one operand, and what to do once the computes have row numbers."""
        home = self.emitter.homes[name]
        boxes = access.boxes(self.tiles)
        present = np.flatnonzero(volume(boxes) > 0)
        if home.memory == self.memory:
            return self._direct(name, home, boxes, present)
        changed = self._changes(access, present)
        first = present[changed]
        last = present[np.append(changed[1:], True)] if len(present) else present
        load_of_tile = np.cumsum(changed) - 1
        n_loads = len(first)
        slots = min(SLOTS, n_loads)
        slot = np.arange(n_loads) % max(slots, 1)
        dma = self.emitter.dma(home.memory, self.memory)
        n_bytes = self._bytes(name, boxes[first])
        addresses = self._ring(name, slots, n_bytes)
        buffers, box_rows = self._buffers(name, boxes[first], addresses[slot], int(n_bytes.max(initial=0)))
        # A ring slot is free when the tile that used it last is done; the first fills only wait for the bytes.
        key = np.where(np.arange(n_loads) < slots, -1, 4 * last[np.arange(n_loads) - slots] + 3)
        is_variable = name not in self.graph.constants
        rows = self.rows.moves(
            queue=self.emitter.hardware.queue_index(dma.name),
            tensor=self.emitter.names[name],
            box=box_rows,
            read=home.buffer,
            write=buffers,
            n_bytes=n_bytes,
            path=self.emitter.hardware.path_index(dma.name),
            cycles=dma.setup_cycles,
            actions=self.emitter.move_actions(dma, n_bytes),
            key=key,
            rank=(int(is_variable) * (key < 0) * self.n_tiles + first) * 64 + number,
        )
        writers = self.emitter.last_writers(name, boxes[first])
        if writers is not None:
            self.rows.after_commands(rows, writers)
        self._touch(home.memory, home.start, home.stop, dma, rows[-1:])

        def finish() -> None:
            computes = self.first_compute
            self.rows.after_rows(computes + first, rows)
            self.rows.after_rows(rows[slots:], computes + last[: n_loads - slots])
            for ring in range(slots):
                start = int(addresses[ring])
                stop = start + _capacity(n_bytes)
                self._claim(self.memory, start, stop, int(rows[ring]))
                newest = n_loads - 1 - (n_loads - 1 - ring) % slots
                self._touch(self.memory, start, stop, dma, rows[newest : newest + 1])
                self._touch(self.memory, start, stop, self.engine, computes + last[newest : newest + 1])

        read = np.full(self.n_tiles, -1, np.int64)
        read[present] = buffers[load_of_tile]
        return read, finish

    def _direct(self, name: str, home: Home, boxes: Ints, present: Ints) -> tuple[Ints, Callable[[], None]]:
        read = np.full(self.n_tiles, -1, np.int64)
        read[present] = home.buffer

        def finish() -> None:
            computes = self.first_compute + present
            writers = self.emitter.last_writers(name, boxes[present])
            if writers is not None:
                self.rows.after_commands(computes, writers)
            self._touch(home.memory, home.start, home.stop, self.engine, computes[-1:])

        return read, finish

    def _changes(self, access: Access, present: Ints) -> NDArray[np.bool_]:
        """Whether the operand's box differs from that of the tile before, over the tiles that have one."""
        moving = sorted(access.loops())
        boxes = self.tiles[present][:, moving, 0]
        changed = np.ones(len(present), np.bool_)
        changed[1:] = (boxes[1:] != boxes[:-1]).any(axis=1)
        return changed

    # --- computes and stores --------------------------------------------------------------------------------------

    def _output_buffers(self, boxes: Ints, is_staged: bool) -> tuple[Ints, Ints]:
        """Buffer that each finished output tile is written to, and addresses of the ring (empty if in place)."""
        if not is_staged:
            return np.full(len(boxes), self.emitter.homes[self.op.output].buffer, np.int64), np.empty(0, np.int64)
        n_bytes = self._bytes(self.op.output, boxes)
        slots = min(SLOTS, len(boxes))
        addresses = self._ring(self.op.output, slots, n_bytes)
        buffers, _ = self._buffers(self.op.output, boxes, addresses[np.arange(len(boxes)) % slots], int(n_bytes.max()))
        return buffers, addresses

    def _computes(self, reads: Ints, final: Ints, targets: Ints, outputs: Ints) -> None:
        emitter, engine = self.emitter, self.engine
        flags = np.zeros(self.n_tiles, np.int64)
        writes = np.empty(self.n_tiles, np.int64)
        writes[final] = targets
        if self.n_sums == 1 and self.space.reductions() and engine.accumulators:
            self._reserve_sums(outputs)  # used within one command: no buffer that another could see
        flat, counts = self._accumulate(reads, flags, writes, outputs[final])
        actions, n_bytes = self._services()
        cycles = self.kind.cycles(engine, self.op, self.graph, self.tiles) + engine.setup_cycles
        blocking = engine.overlap == "blocking"
        rows = self.rows.computes(
            queue=emitter.hardware.queue_index(engine.name),
            op=self.position,
            tensor=emitter.names[self.op.output],
            box=self.draft.add_boxes(self.tiles),
            flags=flags,
            write=writes,
            reads=flat,
            read_counts=counts,
            cycles=np.zeros_like(cycles) if blocking else cycles,
            serial_cycles=cycles if blocking else np.zeros_like(cycles),
            n_bytes=n_bytes,
            path=emitter.hardware.path_index(engine.name),
            actions=actions,
            key=4 * np.arange(self.n_tiles) + 2,
        )
        if self.n_sums > 1:
            # Partial sums pass from tile to tile through one buffer, and the next output reuses it.
            self.rows.after_rows(rows[1:], rows[:-1])
            start, stop = self.sums_span
            self._claim(self.sums_memory, start, stop, int(rows[0]))
            self._touch(self.sums_memory, start, stop, engine, rows[-1:])

    def _accumulate(self, reads: Ints, flags: Ints, writes: Ints, outputs: Ints) -> tuple[Ints, Ints]:
        """Buffers read by all tiles, flat, and how many by each; fills in flags and targets of partial sums."""
        counts = np.full(self.n_tiles, reads.shape[1])
        if self.n_sums == 1:
            return reads.reshape(-1), counts
        number = np.arange(self.n_tiles)
        step = number % self.n_sums
        goes_on, ends_later = step > 0, step < self.n_sums - 1
        flags[goes_on] |= int(Flag.ACCUMULATE)
        flags[ends_later] |= int(Flag.PARTIAL)
        sums = self._accumulators(outputs)[number // self.n_sums]
        writes[ends_later] = sums[ends_later]
        counts = counts + goes_on
        padded = np.concatenate([reads, sums[:, None]], axis=1)
        return padded[np.arange(padded.shape[1]) < counts[:, None]], counts

    def _services(self) -> tuple[Ints, Ints]:
        """Action counts of each tile, shape (tiles, actions), and the bytes that cross the engine's path."""
        emitter, engine = self.emitter, self.engine
        actions = np.zeros((self.n_tiles, len(emitter.action_index)), np.int64)
        table = self.kind.actions(engine, self.op, self.graph, self.tiles)
        for name, count in table.items():
            actions[:, emitter.action_index[name]] += count
        n_bytes = np.zeros(self.n_tiles, np.int64)
        if engine.via:
            n_bytes += table.get(f"{engine.operands}.read_bytes", 0) + table.get(f"{engine.operands}.write_bytes", 0)
        for step in engine.via:
            if step in emitter.hardware.links:
                actions[:, emitter.action_index[f"{step}.bytes"]] += n_bytes
        return actions, n_bytes

    def _accumulators(self, boxes: Ints) -> Ints:
        capacity = self._reserve_sums(boxes)
        self.sums_span = (0, capacity)
        rows = self.draft.add_boxes(boxes)
        return self.draft.add_buffers(
            memory=self.emitter.memories[self.sums_memory],
            address=0,
            capacity=capacity,
            tensor=self.emitter.names[self.op.output],
            box=rows,
            bits=SUM_BITS,
            content=int(Content.ACCUMULATORS),
            root=-1,
            preloaded=False,
        )

    def _reserve_sums(self, boxes: Ints) -> int:
        """Bytes of the largest tile's sums, noted in the plan [byte]."""
        capacity = int(-(-SUM_BITS // 8 * int(volume(boxes).max()) // 64) * 64)
        at = self.position
        self.emitter.placements.append(
            Placement(f"{self.op.output}/sums", "sums", self.sums_memory, 0, capacity, at, at)
        )
        return capacity

    def _stores(self, boxes: Ints, final: Ints, targets: Ints, addresses: Ints) -> Ints:
        emitter = self.emitter
        home = emitter.homes[self.op.output]
        dma = emitter.dma(self.memory, home.memory)
        n_bytes = self._bytes(self.op.output, boxes)
        rows = self.rows.moves(
            queue=emitter.hardware.queue_index(dma.name),
            tensor=emitter.names[self.op.output],
            box=self.draft.add_boxes(boxes),
            read=targets,
            write=home.buffer,
            n_bytes=n_bytes,
            path=emitter.hardware.path_index(dma.name),
            cycles=dma.setup_cycles,
            actions=emitter.move_actions(dma, n_bytes),
            key=4 * final + 3,
            rank=final * 64 + 63,
        )
        computes = self.first_compute + final
        slots = len(addresses)
        self.rows.after_rows(rows, computes)
        self.rows.after_rows(computes[slots:], rows[: len(rows) - slots])
        self._claim(home.memory, home.start, home.stop, int(rows[0]))
        self._touch(home.memory, home.start, home.stop, dma, rows[-1:])
        capacity = _capacity(n_bytes)
        for ring, start in enumerate(addresses.tolist()):
            self._claim(self.memory, start, start + capacity, int(computes[ring]))
            newest = len(rows) - 1 - (len(rows) - 1 - ring) % slots
            self._touch(self.memory, start, start + capacity, self.engine, computes[newest : newest + 1])
            self._touch(self.memory, start, start + capacity, dma, rows[newest : newest + 1])
        return rows

    # --- bytes ----------------------------------------------------------------------------------------------------

    def _bytes(self, tensor: str, boxes: Ints) -> Ints:
        return np.asarray(-(-volume(boxes) * self.graph.tensors[tensor].encoding.bits // 8), np.int64)

    def _ring(self, tensor: str, slots: int, n_bytes: Ints) -> Ints:
        """Addresses of the slots of a ring for `tensor`."""
        capacity = _capacity(n_bytes)
        addresses = self.address + capacity * np.arange(slots, dtype=np.int64)
        position = self.position
        self.emitter.placements.append(
            Placement(f"{tensor}/slots", "ring", self.memory, self.address, capacity * slots, position, position)
        )
        self.address += capacity * slots
        return addresses

    def _buffers(self, tensor: str, boxes: Ints, addresses: Ints, most_bytes: int) -> tuple[Ints, Ints]:
        box_rows = self.draft.add_boxes(boxes)
        buffers = self.draft.add_buffers(
            memory=self.emitter.memories[self.memory],
            address=addresses,
            capacity=-(-most_bytes // 64) * 64,
            tensor=self.emitter.names[tensor],
            box=box_rows,
            bits=self.graph.tensors[tensor].encoding.bits,
            content=int(Content.CODES),
            root=-1,
            preloaded=False,
        )
        return buffers, box_rows

    def _claim(self, memory: str, start: int, stop: int, row: int) -> None:
        """Make `row`, the first to write these bytes, wait for their last occupants."""
        before = self.emitter.occupancy[memory].claim(start, stop)
        if before:
            self.rows.after_commands(np.full(len(before), row), np.array(before))

    def _touch(self, memory: str, start: int, stop: int, engine: Engine, rows: Ints) -> None:
        self.touches.append((memory, start, stop, self.emitter.hardware.queue_index(engine.name), rows))


def _capacity(n_bytes: Ints) -> int:
    return int(-(-int(n_bytes.max(initial=0)) // 64) * 64)
