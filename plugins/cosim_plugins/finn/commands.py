"""Commands of a pipeline under construction: who writes and reads which rows, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.program.draft import Draft
from cosim_plugins.finn.streams import SLOTS, Stream

Ints = NDArray[np.int64]
ALL = np.iinfo(np.int32).max  # rows of an image, however many there are


@dataclass(frozen=True)
class Work:
    """What a unit does: tiles (n, loops, 2), cycles (n,), and counts (n,) by action."""

    tiles: Ints
    cycles: Ints
    counts: Mapping[str, Ints]


@dataclass(frozen=True)
class Touch:
    """Rows of a stream that each command of a block reads or writes: images (n,), rows (n, 2) of them."""

    tensor: str
    images: Ints
    rows: Ints


@dataclass(frozen=True)
class Block:
    """Commands of one engine in their order, the first of which has the number `first`.

    Attributes
    ----------
    boxes
        Tiles, or boxes of the tensor that is moved, shape (n, axes, 2).
    reads, write
        Buffers, shapes (n, inputs) and (n,).
    """

    first: int
    engine: str
    op: int
    tensor: int
    boxes: Ints
    reads: Ints
    write: Ints
    cycles: Ints
    n_bytes: Ints
    counts: Mapping[str, Ints]
    read: tuple[Touch, ...]
    written: Touch | None

    @property
    def numbers(self) -> Ints:
        """Of its commands."""
        return np.arange(self.first, self.first + len(self.boxes))


@dataclass
class Commands:
    """Buffers, blocks and dependences of one program."""

    graph: Graph
    hardware: Hardware
    draft: Draft
    buffers: dict[tuple[str, int | None, str], int] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    pairs: list[Ints] = field(default_factory=list)
    order: Ints = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        self._tensors = {name: row for row, name in enumerate(self.graph.tensors)}
        self._ops = {op.name: row for row, op in enumerate(self.graph.ops)}
        self._memories = {name: row for row, name in enumerate(self.hardware.memories)}
        self._places: dict[int, tuple[str, int, int]] = {}

    @classmethod
    def of(cls, graph: Graph, hardware: Hardware) -> Commands:
        """Nothing yet."""
        names = [op.name for op in graph.ops]
        return cls(graph, hardware, Draft(op_names=names, tensor_names=list(graph.tensors)))

    def place(
        self,
        name: str,
        image: int | None,
        memory: str,
        address: int,
        n_bytes: int,
        *,
        preloaded: bool = False,
        ring: int = -1,
        root: int = -1,
    ) -> None:
        """A buffer of a whole tensor, or of one image of it."""
        tensor = self.graph.tensors[name]
        box = np.array([[[0, n] for n in tensor.shape]], np.int64)
        if image is not None:
            box[0, 0] = image, image + 1
        (row,) = self.draft.add_buffers(
            memory=self._memories[memory],
            address=address,
            capacity=n_bytes,
            tensor=self._tensors[name],
            box=self.draft.add_boxes(box)[0],
            bits=tensor.encoding.bits,
            content=0,
            root=root,
            preloaded=preloaded,
            ring=ring,
        )
        self.buffers[name, image, "main" if image is None else "stream"] = int(row)
        self._places[int(row)] = memory, address, n_bytes

    def is_placed(self, name: str) -> bool:
        """Whether a whole tensor has a buffer."""
        return (name, None, "main") in self.buffers

    def show(self, view: str, source: str, images: int) -> None:
        """Let `view` be `source` under another shape."""
        self.shown[view] = self.shown.get(source, source)
        for image in range(images):
            root = self.buffers[source, image, "stream"]
            self.place(view, image, *self._places[root], root=root)

    def moves(self, name: str, engine: Engine, boxes: Ints, *, is_load: bool) -> None:
        """Commands that bring boxes of an input from main memory, or take boxes of an output there."""
        images = boxes[:, 0, 0]
        rows = boxes[:, 2] if self._has_rows(name, boxes) else np.tile([[0, ALL]], (len(boxes), 1))
        touch = Touch(self.shown.get(name, name), images, rows)
        main, stream = np.full(len(boxes), self.buffers[name, None, "main"]), self._of_images(name, images)
        n_bytes = np.asarray(self.graph.tensors[name].encoding.box_bytes(boxes), np.int64)
        links = [f"{step}.bytes" for step in engine.via if step in self.hardware.links]
        ends = [f"{engine.source_memory}.read_bytes", f"{engine.target_memory}.write_bytes"]
        self._add(
            Block(
                self._next(),
                engine.name,
                -1,
                self._tensors[name],
                boxes,
                (main if is_load else stream)[:, None],
                stream if is_load else main,
                np.full(len(boxes), engine.setup_cycles),
                n_bytes,
                dict.fromkeys([*ends, *links], n_bytes),
                () if is_load else (touch,),
                touch if is_load else None,
            )
        )

    def computes(self, op: Op, engine: Engine, work: Work) -> None:
        """Commands of the unit of one op."""
        space = self.graph.space(op)
        outputs = space.output.boxes(work.tiles)
        images = outputs[:, 0, 0]
        reads, touched = [], []
        for name, access in zip(op.inputs, space.inputs, strict=True):
            if name in self.graph.constants:
                reads.append(np.full(len(work.tiles), self.buffers[name, None, "main"]))
                continue
            boxes = access.boxes(work.tiles)
            there = np.asarray((boxes[..., 1] > boxes[..., 0]).all(axis=1))
            reads.append(np.where(there, self._of_images(name, images), -1))
            by_rows = len(self.graph.tensors[name].shape) == 4 and name not in self.shown
            rows = boxes[:, 2] if by_rows else np.tile([[0, ALL]], (len(boxes), 1))
            touched.append(Touch(self.shown.get(name, name), images, np.where(there[:, None], rows, 0)))
        written = outputs[:, 2] if outputs.shape[1] == 4 else np.tile([[0, ALL]], (len(outputs), 1))
        self._add(
            Block(
                self._next(),
                engine.name,
                self._ops[op.name],
                self._tensors[op.output],
                work.tiles,
                np.stack(reads, axis=1),
                self._of_images(op.output, images),
                work.cycles + engine.setup_cycles,
                np.zeros(len(work.tiles), np.int64),
                work.counts,
                tuple(touched),
                Touch(op.output, images, written),
            )
        )

    def connect(self, streams: Mapping[str, Stream], images: int) -> str:
        """State all dependences and find an order; returns what never begins, empty where everything does."""
        for block in self.blocks:
            if block.written is not None:
                stream = streams[block.written.tensor]
                readers = [(one, touch) for one in self.blocks for touch in one.read if touch.tensor == stream.tensor]
                self._after_rows(block, stream, readers)
                for one, touch in readers:
                    self._credits(block, stream, one, touch, images)
        return self._sort()

    def _after_rows(self, writer: Block, stream: Stream, readers: Sequence[tuple[Block, Touch]]) -> None:
        """A reader begins when the last row that it reads is there."""
        made = _numbers(writer, stream)
        for reader, touch in readers:
            rows = _rows(touch, stream)
            some = rows[:, 1] > rows[:, 0]
            self._wait(reader.numbers[some], made[rows[some, 1] - 1])

    def _credits(self, writer: Block, stream: Stream, reader: Block, touch: Touch, images: int) -> None:
        """A writer begins a row when the one whose place it takes was read for the last time."""
        rows = _rows(touch, stream)
        last = np.full(images * stream.rows, -1, np.int64)
        for number, (low, high) in zip(reader.numbers.tolist(), rows.tolist(), strict=True):
            last[low:high] = number
        last = np.maximum.accumulate(last)
        written = _rows(writer.written, stream)[:, 0]
        taken = written - stream.held
        begins = (written % stream.rows == 0) & (written >= SLOTS * stream.rows)  # all of an earlier image gives way
        taken = np.where(begins, np.maximum(taken, written - (SLOTS - 1) * stream.rows - 1), taken)
        some = np.flatnonzero(taken >= 0)
        before = last[taken[some]]
        self._wait(writer.numbers[some][before >= 0], before[before >= 0])

    def _wait(self, later: Ints, earlier: Ints) -> None:
        if len(later):
            self.pairs.append(np.stack([later, earlier], axis=1))

    def _sort(self) -> str:
        """An order in which every command comes after those that it waits for, by counting down (Kahn 1962)."""
        n = self._next()
        queues: dict[str, list[Ints]] = {}
        for block in self.blocks:
            queues.setdefault(block.engine, []).append(block.numbers)
        chains = [np.concatenate(numbers) for numbers in queues.values()]
        own = [np.stack([chain[1:], chain[:-1]], axis=1) for chain in chains]
        pairs = np.concatenate([*self.pairs, *own])
        pairs = pairs[np.argsort(pairs[:, 1], kind="stable")]
        starts = np.searchsorted(pairs[:, 1], np.arange(n + 1))
        left = np.bincount(pairs[:, 0], minlength=n)
        ready = np.flatnonzero(left == 0).tolist()
        order = np.full(n, n, np.int64)
        for place, number in enumerate(ready):  # grows while it is walked
            order[number] = place
            for later in pairs[starts[number] : starts[number + 1], 0].tolist():
                left[later] -= 1
                if left[later] == 0:
                    ready.append(later)
        self.order = order
        if len(ready) == n:
            return ""
        first = int(np.flatnonzero(order == n)[0])
        return next(block.engine for block in self.blocks if block.first <= first < block.first + len(block.boxes))

    def drafted(self) -> Draft:
        """The draft with all blocks in it."""
        names = list(dict.fromkeys(name for block in self.blocks for name in block.counts))
        self.draft.action_names = names
        for block in self.blocks:
            n = len(block.boxes)
            zero = np.zeros(n, np.int64)
            counts = [np.asarray(block.counts.get(name, zero), np.int64) for name in names]
            self.draft.add_commands(
                reads=block.reads.reshape(-1),
                read_counts=np.full(n, block.reads.shape[1]),
                actions=np.stack(counts, axis=1),
                queue=self.hardware.queue_index(block.engine),
                op=block.op,
                tensor=block.tensor,
                box=self.draft.add_boxes(block.boxes),
                flags=0,
                write=block.write,
                cycles=block.cycles,
                serial_cycles=0,
                n_bytes=block.n_bytes,
                path=self.hardware.path_index(block.engine) if block.op < 0 else -1,
            )
        for pairs in self.pairs:
            self.draft.add_dependences(pairs[:, 0], pairs[:, 1])
        return self.draft

    def _next(self) -> int:
        return sum(len(block.boxes) for block in self.blocks)

    def _add(self, block: Block) -> None:
        self.blocks.append(block)

    def _of_images(self, name: str, images: Ints) -> Ints:
        return np.array([self.buffers[name, image, "stream"] for image in images.tolist()], np.int64)

    def _has_rows(self, name: str, boxes: Ints) -> bool:
        return boxes.shape[1] == 4 and bool((boxes[:, 2, 1] - boxes[:, 2, 0] < self.graph.tensors[name].shape[2]).any())


def _rows(touch: Touch | None, stream: Stream) -> Ints:
    """Rows counted through all images, shape (n, 2); a stream without rows has one per image."""
    if touch is None:
        return np.empty((0, 2), np.int64)
    rows = np.minimum(touch.rows, stream.rows)
    if stream.rows == 1:
        rows = np.stack([np.zeros(len(rows), np.int64), (rows[:, 1] > rows[:, 0]).astype(np.int64)], axis=1)
    return np.asarray(rows + touch.images[:, None] * stream.rows, np.int64)


def _numbers(writer: Block, stream: Stream) -> Ints:
    """The command that completes each row, counted through all images, shape (images x rows,)."""
    rows = _rows(writer.written, stream)
    made = np.zeros(int(rows.max()), np.int64)
    for number, (low, high) in zip(writer.numbers.tolist(), rows.tolist(), strict=True):
        made[low:high] = number
    return made
