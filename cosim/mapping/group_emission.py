"""Commands of a group: block after block, each op on its part, what they hand to one another in on-chip slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.graph.op import Op
from cosim.hardware.hardware import Engine
from cosim.mapping.fusion import Fusion
from cosim.mapping.groups import Block, Cut
from cosim.mapping.homes import Home, Parts, Writers
from cosim.mapping.layout import Slots
from cosim.mapping.pieces import can_be_cut, pieces, whole_box
from cosim.mapping.rings import Rings
from cosim.mapping.rows import Rows
from cosim.plugin.protocols import EngineKind
from cosim.program.plan import Placement
from cosim.program.program import Content

if TYPE_CHECKING:
    from cosim.mapping.emit import Emitter

Ints = NDArray[np.int64]


class GroupEmission:
    """The commands of one group.

    Ops run block by block. An op whose operands another engine makes runs one block behind it, so that both work.
    """

    def __init__(
        self,
        emitter: Emitter,
        fusion: Fusion,
        engines: Mapping[str, Engine],
        kinds: Mapping[str, EngineKind],
        rings: Rings,
    ) -> None:
        self.emitter, self.fusion, self.engines, self.kinds, self.rings = emitter, fusion, engines, kinds, rings
        self.group, self.layout = fusion.group, fusion.layout
        self.graph, self.draft = emitter.graph, emitter.draft
        self.homes: dict[str, list[Home]] = {}
        self.writers: dict[tuple[str, int], Writers] = {}
        self.finished: list[Writers] = []
        self.brought: set[str] = set()

    def run(self) -> None:
        """Append the commands."""
        emitter, group, layout = self.emitter, self.group, self.layout
        homes, writers = dict(emitter.homes), dict(emitter.writers)
        n_placements = len(emitter.placements)
        for op in group.ops[:-1]:
            self._place(op)
        work = [op for op in group.ops if not op.kind.is_view]
        for step in range(group.n_blocks + max(layout.stage.values())):
            for op in work:
                block = step - layout.stage[op.name]
                if 0 <= block < group.n_blocks:
                    self._emit(op, block)
        output = group.ops[-1].output
        boxes = group.outer.boxes(self.graph.tensors[output].shape)
        # Outside of the group everything is where it was, and the result is whole.
        emitter.homes.clear()
        emitter.homes.update(homes)
        emitter.writers.clear()
        emitter.writers.update(writers)
        emitter.writers[emitter.roots[output]] = Parts(boxes, tuple(self.finished))
        self._note_placements(n_placements)

    def _emit(self, op: Op, block: int) -> None:
        """One op on one block."""
        emitter, group = self.emitter, self.group
        for name in op.inputs:
            if name in self.layout.pinned and name not in self.brought:
                self._bring(name, op)
        for name in (*op.inputs, op.output):
            if name in group.inner:
                emitter.homes[name] = self.homes[name][block]
                root = emitter.roots[name]
                if (root, block) in self.writers:
                    emitter.writers[root] = self._writers(root, block)
        engine, trial = self.engines[op.name], self.fusion.trials[op.name]
        cut = group.cuts[op.name]
        bases = self.rings.bases(engine, trial)
        # What stays inside lies in slots that other blocks have had; the result is claimed once.
        part = Block(_shared(cut, block), is_first=block == 0 or op.output in group.inner)
        kind = self.kinds[engine.kind]
        work = emitter.works.of(self.graph, op, engine, kind, trial.tiling, cut)[block]
        tiling = replace(work.grid.tiling, holds=trial.tiling.holds)
        emitter.emit_block(op, engine, tiling, bases, part, work)
        made = emitter.writers[emitter.roots[op.output]]
        if isinstance(made, Writers):
            if op.output in group.inner:
                self.writers[op.output, block] = made
            else:
                self.finished.append(made)

    def _writers(self, name: str, block: int) -> Writers | Parts:
        """Who writes what a block needs of a tensor: if rows are kept, blocks before it have written some."""
        if name not in self.group.kept:
            return self.writers[name, block]
        cut = self.group.inner[name]
        oldest = next(b for b, (_, high) in enumerate(cut.ranges) if high > cut.ranges[block][0])
        boxes = cut.fresh.boxes(self.graph.tensors[name].shape)
        return Parts(boxes[oldest : block + 1], tuple(self.writers[name, b] for b in range(oldest, block + 1)))

    # --- places ---------------------------------------------------------------------------------------------------

    def _place(self, op: Op) -> None:
        """Buffers of all blocks of what `op` makes; those of a view show the bytes of its root."""
        emitter, name = self.emitter, op.output
        root = emitter.roots[name]
        slots = self.layout.blocks[root]
        if name in self.group.kept:
            self._place_ring(name, slots)
            return
        boxes = self.group.inner[name].boxes(self.graph.tensors[name].shape)
        start = self._first(slots)
        places = start + slots.capacity * (np.arange(len(boxes)) % slots.count)
        shown = np.array([home.buffer for home in self.homes[root]], np.int64) if op.kind.is_view else -1
        buffers = self.draft.add_buffers(
            memory=emitter.memories[slots.memory],
            address=places,
            capacity=slots.capacity,
            tensor=emitter.names[name],
            box=self.draft.add_boxes(boxes),
            bits=self.graph.tensors[name].encoding.bits,
            content=int(Content.CODES),
            root=shown,
            preloaded=False,
        )
        self.homes[name] = [
            Home(slots.memory, place, place + slots.capacity, buffer, is_view=op.kind.is_view)
            for place, buffer in zip(places.tolist(), buffers.tolist(), strict=True)
        ]
        if not op.kind.is_view:
            self._note(f"{name}/blocks", slots)

    def _place_ring(self, name: str, slots: Slots) -> None:
        """One buffer for all blocks, of the rows that they still need."""
        tensor, start = self.graph.tensors[name], self._first(slots)
        buffer = self.draft.add_buffers(
            memory=self.emitter.memories[slots.memory],
            address=start,
            capacity=slots.capacity,
            tensor=self.emitter.names[name],
            box=self.draft.add_boxes(whole_box(tensor)),
            bits=tensor.encoding.bits,
            content=int(Content.CODES),
            root=-1,
            preloaded=False,
            ring=self.group.inner[name].along,
        )
        home = Home(slots.memory, start, start + slots.capacity, int(buffer[0]), is_view=False)
        self.homes[name] = [home] * self.group.n_blocks
        self._note(f"{name}/rows", slots)

    def _bring(self, name: str, op: Op) -> None:
        """Load a tensor once for all blocks, in pieces."""
        emitter, slots = self.emitter, self.layout.pinned[name]
        source = emitter.homes[name]
        start = self._first(slots)
        tensor = self.graph.tensors[name]
        whole = whole_box(tensor)
        buffer = self.draft.add_buffers(
            memory=emitter.memories[slots.memory],
            address=start,
            capacity=slots.capacity,
            tensor=emitter.names[name],
            box=self.draft.add_boxes(whole),
            bits=tensor.encoding.bits,
            content=int(Content.CODES),
            root=-1,
            preloaded=False,
        )
        boxes = pieces(whole, tensor.bytes) if can_be_cut(tensor) else whole
        n_bytes = tensor.encoding.box_bytes(boxes)
        dma = emitter.dma(source.memory, slots.memory)
        queue = emitter.hardware.queue_index(dma.name)
        rows = Rows(len(emitter.action_index))
        moves = rows.moves(
            queue=queue,
            tensor=emitter.names[name],
            box=self.draft.add_boxes(boxes),
            read=source.buffer,
            write=int(buffer[0]),
            n_bytes=n_bytes,
            path=emitter.hardware.path_index(dma.name),
            cycles=dma.setup_cycles,
            actions=emitter.move_actions(dma, n_bytes),
            key=np.arange(len(boxes)),
            rank=np.zeros(len(boxes), np.int64),
        )
        before = emitter.occupancy[slots.memory].claim(start, start + slots.capacity)
        if before:
            rows.after_commands(np.full(len(before), moves[0]), np.array(before))
        emitter.after_writers(rows, moves, name, boxes)
        ids = rows.flush(self.draft, emitter.ops[op.name])
        emitter.occupancy[slots.memory].touch(start, start + slots.capacity, queue, int(ids[-1]))
        emitter.occupancy[source.memory].touch(source.start, source.stop, queue, int(ids[-1]))
        emitter.homes[name] = Home(slots.memory, start, start + slots.capacity, int(buffer[0]), is_view=False)
        emitter.writers[emitter.roots[name]] = Writers.of(boxes, ids)
        self.brought.add(name)
        self._note(f"{name}/once", slots)

    def _first(self, slots: Slots) -> int:
        return self.rings.area[slots.memory] + slots.offset

    def _note(self, what: str, slots: Slots) -> None:
        size = slots.capacity * slots.count
        placement = Placement(what, "block", slots.memory, self._first(slots), size, self.group.first, self.group.last)
        self.emitter.placements.append(placement)

    def _note_placements(self, first: int) -> None:
        """Keep one line per ring: those of the other blocks take its place."""
        found: dict[str, Placement] = {}
        for placement in self.emitter.placements[first:]:
            before = found.get(placement.what)
            if before is None or before.n_bytes < placement.n_bytes:
                found[placement.what] = placement
        self.emitter.placements[first:] = found.values()


def _shared(cut: Cut, block: int) -> tuple[tuple[int, int, int], ...]:
    """Ranges of a block that other blocks compute too."""
    low, high = cut.ranges[block]
    others = [r for b, r in enumerate(cut.ranges) if b != block and r[0] < high and r[1] > low]
    return tuple((cut.along, max(low, a), min(high, b)) for a, b in others)
