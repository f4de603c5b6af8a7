"""Commands of one op: loads of pieces, computes tile by tile, stores; as whole arrays, no loop per tile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.graph.op import Op
from cosim.graph.space import Access, volume
from cosim.hardware.hardware import Engine
from cosim.mapping.fills import bring
from cosim.mapping.groups import Block
from cosim.mapping.homes import Home, Writers
from cosim.mapping.rows import Rows
from cosim.mapping.sets import Loads
from cosim.mapping.sums import SUM_BITS, Sums
from cosim.mapping.wiring import carried_bytes, channel, operand_memory, share_a_port
from cosim.mapping.work import Work
from cosim.program.plan import Hold, Placement, Tiling
from cosim.program.program import Content, Flag

if TYPE_CHECKING:
    from cosim.mapping.emit import Emitter

Ints = NDArray[np.int64]
LAG = 2  # a load waits for the one this many places before it, where another engine moves that


class OpEmission:
    """The commands of one op while their final order is not yet known: rows are numbered block by block.

    `bases` is the first free byte of each on-chip memory; it moves on as rings are reserved.
    """

    def __init__(
        self,
        emitter: Emitter,
        op: Op,
        engine: Engine,
        tiling: Tiling,
        bases: dict[str, int],
        block: Block,
        work: Work,
    ) -> None:
        self.emitter, self.op, self.engine = emitter, op, engine
        self.tiling, self.bases, self.block = tiling, bases, block
        self.graph, self.draft = emitter.graph, emitter.draft
        self.space = self.graph.space(op)
        self.work, self.grid = work, work.grid
        self.tiles = self.grid.tiles
        self.n_tiles = len(self.tiles)
        self.position = emitter.ops[op.name]
        self.memory = engine.operands or emitter.hardware.main_memory
        self.sums_memory = engine.accumulators or self.memory  # the search cuts reductions only where sums have one
        self.sums = Sums.of(self.grid)
        self.rows = Rows(len(emitter.action_index))
        self.first_compute = 0
        self.touches: list[tuple[str, int, int, int, Ints]] = []
        self.queued: list[tuple[str, Ints, Ints, Ints]] = []
        self.fills: list[tuple[str, Ints, Ints]] = []

    def run(self) -> None:
        """Append the commands."""
        emitter, op = self.emitter, self.op
        operands = [
            self._operand(i, name, access)
            for i, (name, access) in enumerate(zip(op.inputs, self.space.inputs, strict=True))
        ]
        self.first_compute = len(self.rows)
        outputs = self.work.outputs
        final = np.flatnonzero(self.sums.ends)
        reads = (
            np.stack([buffers for buffers, _ in operands], axis=1)
            if operands
            else np.empty((self.n_tiles, 0), np.int64)
        )
        home = emitter.homes[op.output]
        hold = self.tiling.holds[-1]
        targets, slots = self._output_buffers(outputs[final], hold)
        self._computes(reads, final, targets, outputs)
        for _, finish in operands:
            finish()
        self._pace_loads()
        if hold is not None:
            written_by = self._stores(outputs[final], final, targets, slots)
        else:
            written_by = self.first_compute + final
            self._claim_home(home, int(self.first_compute + final[0]))
            self._touch(home.memory, home.start, home.stop, self.engine, written_by[-1:])
        ids = self.rows.flush(self.draft, self.position)
        for memory, start, stop, queue, rows in self.touches:
            for row in rows:
                emitter.occupancy[memory].touch(start, stop, queue, int(ids[row]))
        for name, boxes, rows in self.fills:
            emitter.filled[name] = Writers.of(boxes, ids[rows])
        emitter.writers[emitter.roots[op.output]] = Writers.of(outputs[final], ids[written_by])

    # --- operands -------------------------------------------------------------------------------------------------

    def _operand(self, number: int, name: str, access: Access) -> tuple[Ints, Callable[[], None]]:
        """Buffer that each tile reads for one operand, and what to do once the computes have row numbers."""
        hold = self.tiling.holds[number]
        if hold is None:
            bring(self, number, name, access)
            return self._in_place(name, access)
        home = self.emitter.homes[name]
        memory = operand_memory(self.emitter.hardware, self.engine, self.graph, self.op, number)
        loads = self.work.loads(number, hold)
        dma = self.emitter.dma(home.memory, memory)
        sizes = self.bytes_of(name, loads.sets)
        addresses = self._ring(name, memory, loads.slots, _capacity(sizes))
        real = np.flatnonzero(sizes)  # a set that lies in the padding has no bytes
        if not len(real):
            return np.full(self.n_tiles, -1, np.int64), lambda: None
        buffers = np.full(len(loads.sets), -1, np.int64)
        places = addresses[real % max(loads.slots, 1)]
        buffers[real], _ = self._buffers(name, memory, loads.sets[real], places, _capacity(sizes))
        n_bytes = self.bytes_of(name, loads.boxes)
        keys = self._load_keys(name, loads)
        rows = self.rows.moves(
            queue=self.emitter.hardware.queue_index(dma.name),
            tensor=self.emitter.names[name],
            box=self.draft.add_boxes(loads.boxes),
            read=home.buffer,
            write=buffers[loads.owner],
            n_bytes=n_bytes,
            path=self.emitter.hardware.path_index(dma.name),
            cycles=dma.setup_cycles,
            actions=self.emitter.move_actions(dma, n_bytes),
            key=keys,
            rank=loads.first * 64 + number,
        )
        self.queued.append((dma.name, keys, loads.first * 64 + number, rows))
        self.emitter.after_writers(self.rows, rows, name, loads.boxes)
        self._touch(home.memory, home.start, home.stop, dma, rows[-1:])
        read = np.where(loads.set_of >= 0, buffers[loads.set_of], -1)

        def finish() -> None:
            computes = self.first_compute
            self.rows.after_rows(computes + loads.first, rows)
            again = loads.credit >= 0
            self.rows.after_rows(rows[again], computes + loads.credit[again])
            self._guard_slots(memory, addresses, _capacity(sizes), loads, rows, dma)

        return read, finish

    def _load_keys(self, name: str, loads: Loads) -> Ints:
        """Each load is queued just before the tile that first needs it.

        Constants of the first sets go to the front where the op waits for another op's output: they arrive meanwhile.
        """
        keys = 4 * loads.first + 1
        if name in self.graph.constants and self.emitter.waits_for_outputs(self.op):
            keys = np.where(loads.credit < 0, -1, keys)
        return keys

    def _pace_loads(self) -> None:
        """Keep loads of several DMA engines that share a port in the order of need.

        Left to themselves they would share the port evenly, and what is needed last could arrive first. Each load
        waits for the last but one before it, so that the port is not idle while one hands over to the other.
        """
        engines = sorted({name for name, _, _, _ in self.queued})
        hardware = self.emitter.hardware
        dmas = [hardware.engines[name] for name in engines]
        if not share_a_port([channel(hardware, str(d.source_memory), str(d.target_memory)) for d in dmas]):
            return
        keys, ranks, rows = (np.concatenate([queued[k] for queued in self.queued]) for k in (1, 2, 3))
        owner = np.concatenate([np.full(len(queued[3]), engines.index(queued[0])) for queued in self.queued])
        order = np.lexsort((ranks, keys))
        owner, rows = owner[order], rows[order]
        place = np.arange(len(rows))
        for engine in range(len(engines)):
            others = np.flatnonzero(owner != engine)
            mine = place[owner == engine]
            before = np.searchsorted(others, mine - LAG, side="right") - 1
            has = before >= 0
            self.rows.after_rows(rows[mine[has]], rows[others[before[has]]])

    def _guard_slots(self, memory: str, addresses: Ints, capacity: int, loads: Loads, rows: Ints, dma: Engine) -> None:
        """Claim each slot for its first load; tell who uses it last."""
        slot_of = loads.owner % loads.slots
        n_sets = len(loads.sets)
        for slot, start in enumerate(addresses.tolist()):
            mine = np.flatnonzero(slot_of == slot)
            if not len(mine):
                continue
            self._claim(memory, start, start + capacity, int(rows[mine[0]]))
            newest = n_sets - 1 - (n_sets - 1 - slot) % loads.slots
            self._touch(memory, start, start + capacity, dma, rows[mine[-1:]])
            user = np.array([self.first_compute + int(loads.closed[newest])])
            self._touch(memory, start, start + capacity, self.engine, user)

    def _in_place(self, name: str, access: Access) -> tuple[Ints, Callable[[], None]]:
        home = self.emitter.homes[name]
        boxes = access.boxes(self.tiles)
        present = np.flatnonzero(volume(boxes) > 0)
        read = np.full(self.n_tiles, -1, np.int64)
        read[present] = home.buffer

        def finish() -> None:
            computes = self.first_compute + present
            for _, filled, rows in (fill for fill in self.fills if fill[0] == name):
                self.rows.after_rows(computes, Writers.of(filled, rows).last(boxes[present]))
            self.emitter.after_writers(self.rows, computes, name, boxes[present])
            self._touch(home.memory, home.start, home.stop, self.engine, computes[-1:])

        return read, finish

    # --- computes and stores --------------------------------------------------------------------------------------

    def _output_buffers(self, boxes: Ints, hold: Hold | None) -> tuple[Ints, Ints]:
        """Buffer that each finished output tile is written to, and addresses of the ring (empty if in place)."""
        if hold is None:
            return np.full(len(boxes), self.emitter.homes[self.op.output].buffer, np.int64), np.empty(0, np.int64)
        capacity = _capacity(self.bytes_of(self.op.output, boxes))
        slots = min(hold.slots, len(boxes))
        addresses = self._ring(self.op.output, self.memory, slots, capacity)
        placed = addresses[np.arange(len(boxes)) % slots]
        buffers, _ = self._buffers(self.op.output, self.memory, boxes, placed, capacity)
        return buffers, addresses

    def _computes(self, reads: Ints, final: Ints, targets: Ints, outputs: Ints) -> None:
        emitter, engine = self.emitter, self.engine
        flags = np.zeros(self.n_tiles, np.int64)
        for loop, low, high in self.block.shared:
            is_in = (self.tiles[:, loop, 0] < high) & (self.tiles[:, loop, 1] > low)
            flags[is_in] |= int(Flag.SHARED)
        writes = np.empty(self.n_tiles, np.int64)
        writes[final] = targets
        if self.sums.slots == 0 and self.space.reductions() and engine.accumulators:
            self._reserve_sums(outputs, 1)  # used within one command: no buffer that another could see
        flat, counts = self._accumulate(reads, flags, writes, outputs)
        actions, n_bytes = self._services()
        cycles = self.work.cycles + engine.setup_cycles
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
        if self.sums.slots:
            # Partial sums pass from tile to tile, and the next output reuses their slot.
            self.rows.after_rows(rows[1:], rows[:-1])
            start, stop = self.sums_span
            self._claim(self.sums_memory, start, stop, int(rows[0]))
            self._touch(self.sums_memory, start, stop, engine, rows[-1:])

    def _accumulate(self, reads: Ints, flags: Ints, writes: Ints, outputs: Ints) -> tuple[Ints, Ints]:
        """Buffers read by all tiles, flat, and how many by each; fills in flags and targets of partial sums."""
        counts = np.full(self.n_tiles, reads.shape[1])
        if not self.sums.slots:
            return reads.reshape(-1), counts
        goes_on, ends_later = ~self.sums.begins, ~self.sums.ends
        flags[goes_on] |= int(Flag.ACCUMULATE)
        flags[ends_later] |= int(Flag.PARTIAL)
        sums = self._accumulators(outputs[self.sums.ends])[self.sums.cell]
        writes[ends_later] = sums[ends_later]
        counts = counts + goes_on
        padded = np.concatenate([reads, sums[:, None]], axis=1)
        return padded[np.arange(padded.shape[1]) < counts[:, None]], counts

    def _services(self) -> tuple[Ints, Ints]:
        """Action counts of each tile, shape (tiles, actions), and the bytes that cross the engine's path."""
        emitter, engine = self.emitter, self.engine
        actions = np.zeros((self.n_tiles, len(emitter.action_index)), np.int64)
        table = self.work.counts
        for name, count in table.items():
            actions[:, emitter.action_index[name]] += count
        n_bytes = np.zeros(self.n_tiles, np.int64)
        n_bytes += carried_bytes(engine, table)
        for step in engine.via:
            if step in emitter.hardware.links:
                actions[:, emitter.action_index[f"{step}.bytes"]] += n_bytes
        return actions, n_bytes

    def _accumulators(self, boxes: Ints) -> Ints:
        """Buffers of the partial sums of each output tile, in the order in which they end."""
        capacity = self._reserve_sums(boxes, self.sums.slots)
        start, _ = self.sums_span
        return self.draft.add_buffers(
            memory=self.emitter.memories[self.sums_memory],
            address=start + capacity * self.sums.slot,
            capacity=capacity,
            tensor=self.emitter.names[self.op.output],
            box=self.draft.add_boxes(boxes),
            bits=SUM_BITS,
            content=int(Content.ACCUMULATORS),
            root=-1,
            preloaded=False,
        )

    def _reserve_sums(self, boxes: Ints, slots: int) -> int:
        """Bytes of the largest tile's sums, noted in the plan [byte]."""
        capacity = int(-(-SUM_BITS // 8 * int(volume(boxes).max()) // 64) * 64)
        shared = self.sums_memory in self.bases
        start = self.bases[self.sums_memory] if shared else 0
        if shared:
            self.bases[self.sums_memory] += capacity * slots
        self.sums_span = (start, start + capacity * slots)
        at = self.position
        self.emitter.placements.append(
            Placement(f"{self.op.output}/sums", "sums", self.sums_memory, start, capacity * slots, at, at)
        )
        return capacity

    def _stores(self, boxes: Ints, final: Ints, targets: Ints, addresses: Ints) -> Ints:
        emitter = self.emitter
        home = emitter.homes[self.op.output]
        dma = emitter.dma(self.memory, home.memory)
        n_bytes = self.bytes_of(self.op.output, boxes)
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
        self._claim_home(home, int(rows[0]))
        self._touch(home.memory, home.start, home.stop, dma, rows[-1:])
        capacity = _capacity(n_bytes)
        for ring, start in enumerate(addresses.tolist()):
            self._claim(self.memory, start, start + capacity, int(computes[ring]))
            newest = len(rows) - 1 - (len(rows) - 1 - ring) % slots
            self._touch(self.memory, start, start + capacity, self.engine, computes[newest : newest + 1])
            self._touch(self.memory, start, start + capacity, dma, rows[newest : newest + 1])
        return rows

    def bytes_of(self, tensor: str, boxes: Ints) -> Ints:
        """Bytes of each box of a tensor, shape (boxes,) [byte]."""
        return self.graph.tensors[tensor].encoding.box_bytes(boxes)

    def _ring(self, tensor: str, memory: str, slots: int, capacity: int) -> Ints:
        """Addresses of the slots of a ring for `tensor`."""
        start = self.bases[memory]
        position = self.position
        self.emitter.placements.append(
            Placement(f"{tensor}/slots", "ring", memory, start, capacity * slots, position, position)
        )
        self.bases[memory] += capacity * slots
        return start + capacity * np.arange(slots, dtype=np.int64)

    def _buffers(self, tensor: str, memory: str, boxes: Ints, addresses: Ints, capacity: int) -> tuple[Ints, Ints]:
        box_rows = self.draft.add_boxes(boxes)
        buffers = self.draft.add_buffers(
            memory=self.emitter.memories[memory],
            address=addresses,
            capacity=capacity,
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

    def _claim_home(self, home: Home, row: int) -> None:
        """Claim the bytes of the result, once: other blocks of it stay."""
        if self.block.is_first:
            self._claim(home.memory, home.start, home.stop, row)

    def _touch(self, memory: str, start: int, stop: int, engine: Engine, rows: Ints) -> None:
        self.touches.append((memory, start, stop, self.emitter.hardware.queue_index(engine.name), rows))


def _capacity(n_bytes: Ints) -> int:
    return int(-(-int(n_bytes.max(initial=0)) // 64) * 64)
