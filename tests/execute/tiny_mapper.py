"""The smallest mapper that uses everything: tiles with partial sums, moves, a ring of addresses, views."""

from __future__ import annotations

import numpy as np

from cosim.execute.tiles import accumulators_of
from cosim.formats.builtin import FORMATS
from cosim.graph import Role
from cosim.hardware.machine import Machine
from cosim.program import Content, Draft, Flag, assemble

DRAM, SRAM = 0, 1
DMA, MAC = 0, 1

MACHINE = Machine(
    engines=("dma", "mac"),
    engine_period_fs=(1000, 1000),
    engine_policy=("fixed", "fixed"),
    queues=("dma", "mac"),
    queue_engine=(0, 1),
    queue_priority=(0, 0),
    resources=("dram",),
    unit_bytes=(64,),
    unit_fs=(1000,),
    paths=((0,),),
    path_latency_fs=(0,),
    memories=("dram", "sram"),
    memory_bytes=(1 << 30, 1 << 30),
)


def split(space, rng, most=3):
    """Random tiles of a space, reductions innermost."""
    points = []
    for dim in space.dims:
        inner = [] if dim.role is Role.WHOLE else list(range(1, dim.size))
        chosen = rng.choice(inner, min(int(rng.integers(0, most)), len(inner)), replace=False) if inner else []
        points.append([0, *sorted(int(c) for c in chosen), dim.size])
    for first, second in space.exclusive:
        if len(points[second]) > 2:
            points[first] = list(range(space.dims[first].size + 1))
    order = [i for i, d in enumerate(space.dims) if d.role is not Role.REDUCTION] + list(space.reductions())
    grids = np.meshgrid(*[np.arange(len(points[i]) - 1) for i in order], indexing="ij")
    tiles = np.zeros((grids[0].size if grids else 1, len(points), 2), np.int64)
    for i, grid in zip(order, grids, strict=True):
        bounds = np.asarray(points[i])
        tiles[:, i, 0], tiles[:, i, 1] = bounds[grid.reshape(-1)], bounds[grid.reshape(-1) + 1]
    return tiles


class TinyMapper:
    """Graph -> Program; `slots` address regions of SRAM are reused in turn."""

    def __init__(self, graph, seed=0, slots=5, formats=FORMATS):
        self.formats = formats
        self.graph, self.rng, self.slots = graph, np.random.default_rng(seed), slots
        self.draft = Draft(op_names=[op.name for op in graph.ops], tensor_names=list(graph.tensors))
        self.index = {name: i for i, name in enumerate(graph.tensors)}
        self.home, self.written, self.addresses, self.sizes = {}, {}, {}, {}
        self.dram = 0
        self.slot_bytes = 64 * max(8, *(t.elements for t in graph.tensors.values()))
        self.slot_users = [[] for _ in range(slots)]
        self.next_slot = 0

    def program(self):
        for name, tensor in self.graph.tensors.items():
            producer = self.graph.producer.get(name)
            if producer is None:
                self.home[name] = self.place(name, self.whole(tensor), DRAM, preloaded=1)
                self.written[name] = []
        for number, op in enumerate(self.graph.ops):
            if op.kind.is_view:
                source = self.home[op.inputs[0]]
                self.home[op.output] = self.place(
                    op.output, self.whole(self.graph.tensors[op.output]), DRAM, root=source
                )
                self.written[op.output] = self.written[op.inputs[0]]
            else:
                self.home[op.output] = self.place(op.output, self.whole(self.graph.tensors[op.output]), DRAM)
                self.written[op.output] = self.compute(number, op)
        return assemble(self.draft, MACHINE)

    def whole(self, tensor):
        return np.array([[0, size] for size in tensor.shape], np.int64).reshape(-1, 2)

    def place(self, name, box, memory, content=Content.CODES, preloaded=0, root=-1, slot=None):
        encoding = self.graph.tensors[name].encoding
        bits, n_bytes = encoding.bits, int(encoding.box_bytes(box[None])[0])
        if content is Content.ACCUMULATORS:
            bits = 8 * accumulators_of(self.graph, self.graph.producer[name], self.formats).itemsize
            n_bytes = int(np.prod(box[:, 1] - box[:, 0])) * bits // 8
        if root >= 0:
            address, (bits, n_bytes) = self.addresses[root], self.sizes[root]
        elif memory == DRAM:
            address, self.dram = self.dram, self.dram + -(-n_bytes // 64) * 64
        else:
            address = slot * self.slot_bytes
        row = int(
            self.draft.add_buffers(
                memory=memory,
                address=address,
                capacity=n_bytes,
                tensor=self.index[name],
                box=self.draft.add_boxes(box[None]),
                bits=bits,
                content=int(content),
                root=root,
                preloaded=preloaded,
            )[0]
        )
        self.addresses[row], self.sizes[row] = address, (bits, n_bytes)
        return row

    def take_slot(self, keep):
        """The next address region, and the commands that must be done before it is written."""
        while self.next_slot in keep:
            self.next_slot = (self.next_slot + 1) % self.slots
        slot, self.next_slot = self.next_slot, (self.next_slot + 1) % self.slots
        users, self.slot_users[slot] = self.slot_users[slot], []
        return slot, users

    def command(self, queue, op, tensor, box, flags, write, reads, after):
        number = int(
            self.draft.add_commands(
                reads=np.array(reads),
                read_counts=np.array([len(reads)]),
                actions=np.zeros((1, 0), np.int64),
                queue=queue,
                op=op,
                tensor=self.index[tensor],
                box=self.draft.add_boxes(box[None]),
                flags=flags,
                write=write,
                cycles=int(self.rng.integers(1, 9)),
                serial_cycles=0,
                n_bytes=0,
                path=-1,
            )[0]
        )
        if after:
            self.draft.add_dependences(np.array(number), np.array(sorted(set(after))))
        return number

    def move(self, name, box, source, target, after):
        return self.command(DMA, -1, name, box, 0, target, [source], after)

    def compute(self, number, op):
        space = self.graph.space(op)
        tiles = split(space, self.rng)
        result = self.graph.tensors[op.output]
        while not result.encoding.whole_blocks(space.output.boxes(tiles), result.shape).all():
            tiles = split(space, self.rng)  # blocks stay in one tile
        inputs = [access.boxes(tiles) for access in space.inputs]
        outputs = space.output.boxes(tiles)
        per_output = int(np.prod([len({tuple(t[i]) for t in tiles.tolist()}) for i in space.reductions()], initial=1))
        finals, sums, sums_slot, last = [], -1, None, None
        for t in range(len(tiles)):
            held = {sums_slot} if sums_slot is not None else set()
            reads, waits, slots = [], [], []
            for name, boxes in zip(op.inputs, inputs, strict=True):
                if np.any(boxes[t][:, 1] <= boxes[t][:, 0]):
                    reads.append(-1)
                    continue
                slot, users = self.take_slot(held)
                held.add(slot)
                slots.append(slot)
                target = self.place(name, boxes[t], SRAM, slot=slot)
                waits.append(self.move(name, boxes[t], self.home[name], target, self.written[name] + users))
                reads.append(target)
            first, final = t % per_output == 0, t % per_output == per_output - 1
            flags = (0 if first else Flag.ACCUMULATE) | (0 if final else Flag.PARTIAL)
            after = list(waits)
            if not first:
                reads.append(sums)
                after.append(last)
            # A partial sum is written where the last one was: read at the start, written at the end.
            if first or final:
                slot, users = self.take_slot(held)
                after += users
            else:
                slot = sums_slot
            content = Content.CODES if final else Content.ACCUMULATORS
            target = self.place(op.output, outputs[t], SRAM, content, slot=slot)
            last = self.command(MAC, number, op.output, tiles[t], int(flags), target, reads, after)
            for used in slots:
                self.slot_users[used].append(last)
            if final and sums_slot is not None:
                self.slot_users[sums_slot].append(last)
            sums, sums_slot = (-1, None) if final else (target, slot)
            if final:
                stored = self.move(op.output, outputs[t], target, self.home[op.output], [last])
                self.slot_users[slot].append(stored)
                finals.append(stored)
        return finals


def one_by_one(program):
    """Times of a run without overlap."""
    start = np.arange(len(program), dtype=np.int64) * 10
    return start, start + 7


def as_soon_as_possible(program, seed=0):
    """Legal times with overlap: a command starts when its waits and its queue allow; some take no time at all."""
    rng = np.random.default_rng(seed)
    start, end = np.zeros(len(program), np.int64), np.zeros(len(program), np.int64)
    done = [[] for _ in program.machine.queues]
    for command in range(len(program)):
        queue = int(program.queue[command])
        ready = [done[q][n - 1] for q, n in program.waits(command)]
        start[command] = max([0, *ready, *done[queue][-1:]])
        end[command] = start[command] + int(rng.integers(0, 4))
        done[queue].append(int(end[command]))
    return start, end
