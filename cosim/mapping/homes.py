"""Where whole tensors live, and which command wrote which of their elements last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping.joined import is_join, is_joined, parts_of, slice_offset
from cosim.mapping.pieces import whole_box
from cosim.mapping.placement import Span, aligned, first_fit, roots, smallest_fit
from cosim.program.draft import Draft
from cosim.program.plan import Placement
from cosim.program.program import Content

Ints = NDArray[np.int64]
RESIDENT = "resident"  # role of a constant that stays on chip between inferences


@dataclass(frozen=True)
class Home:
    """The buffer that holds a whole tensor.

    Attributes
    ----------
    memory, start, stop
        Memory name and bytes [start, stop) of its root.
    buffer
        Row of the buffer that shows the tensor's own shape.
    is_view
        The bytes are another tensor's.
    source
        Where the content of a resident constant comes from, before its first use.
    """

    memory: str
    start: int
    stop: int
    buffer: int
    is_view: bool
    source: Home | None = None


@dataclass(frozen=True)
class Writers:
    """Final writer of each cell of a tensor's tile grid.

    Attributes
    ----------
    starts
        First index of the cells along each axis, ascending.
    commands
        Command id per cell, made monotone along every axis: the last writer of any box is at its upper corner.
    """

    starts: tuple[Ints, ...]
    commands: Ints

    @staticmethod
    def of(boxes: Ints, commands: Ints) -> Writers:
        """Writers of `boxes` (writers, axes, 2), a grid."""
        starts = tuple(np.unique(boxes[:, axis, 0]) for axis in range(boxes.shape[1]))
        grid = np.full(tuple(len(start) for start in starts), -1, np.int64)
        where = tuple(np.searchsorted(start, boxes[:, axis, 0]) for axis, start in enumerate(starts))
        grid[where] = commands
        for axis in range(grid.ndim):
            grid = np.maximum.accumulate(grid, axis=axis)
        return Writers(starts, grid)

    def last(self, boxes: Ints) -> Ints:
        """Last writer of each box, shape (boxes,)."""
        corner = tuple(
            np.searchsorted(start, boxes[:, axis, 1] - 1, side="right") - 1 for axis, start in enumerate(self.starts)
        )
        return np.asarray(self.commands[corner], np.int64)

    @property
    def final(self) -> int:
        """The very last writer."""
        return int(self.commands.max())


@dataclass(frozen=True)
class Parts:
    """Writers of the blocks of a tensor, each a grid of its own.

    Attributes
    ----------
    boxes
        Box of each block, shape (blocks, axes, 2).
    writers
        Of each block. All are of one queue, so that the largest id of several is the last to complete.
    """

    boxes: Ints
    writers: tuple[Writers, ...]

    def last(self, boxes: Ints) -> Ints:
        """Last writer of each box, shape (boxes,)."""
        found = np.full(len(boxes), -1, np.int64)
        for block, writers in zip(self.boxes, self.writers, strict=True):
            low = np.maximum(boxes[..., 0], block[:, 0])
            high = np.minimum(boxes[..., 1], block[:, 1])
            some = np.flatnonzero((high > low).all(axis=1))
            found[some] = np.maximum(found[some], writers.last(np.stack([low, high], axis=2)[some]))
        return found

    @property
    def final(self) -> int:
        """The very last writer."""
        return max(writers.final for writers in self.writers)


def build_homes(
    graph: Graph, hardware: Hardware, residents: dict[str, tuple[str, int]], live: Mapping[str, Span], draft: Draft
) -> tuple[dict[str, Home], list[Placement]]:
    """Give every tensor its buffer: constants first, then inputs and activations by first fit, views last.

    `residents` maps a root tensor to its on-chip memory and address; all others of `live` go to main memory. A constant
    among them has a place in both. Constants come first in main memory, or are in a memory of their own.
    """
    main, constants = hardware.main_memory, hardware.constants_memory
    memories = list(hardware.memories)
    names = list(graph.tensors)
    end = max(len(graph.ops) - 1, 0)
    homes: dict[str, Home] = {}
    placements: list[Placement] = []
    used = {name for op in graph.ops for name in op.inputs} | set(graph.outputs)
    parts = parts_of(graph)

    def place(tensor: str, memory: str, address: int, role: str, first: int, last: int, *, preloaded: bool) -> None:
        before = homes.get(live[tensor].over) if tensor in live else None
        succeeds = before is not None and (before.memory, before.start) == (memory, address)
        described = graph.tensors[tensor]
        capacity = aligned(described.bytes)
        shape = np.array(described.shape, np.int64).reshape(1, -1)
        box = draft.add_boxes(np.stack([np.zeros_like(shape), shape], axis=2))
        row = draft.add_buffers(
            memory=memories.index(memory),
            address=address,
            capacity=capacity,
            tensor=names.index(tensor),
            box=box,
            bits=described.encoding.bits,
            content=int(Content.CODES),
            root=before.buffer if before is not None and succeeds else -1,
            preloaded=preloaded,
            resident=role == RESIDENT,
        )
        homes[tensor] = Home(memory, address, address + capacity, int(row[0]), False, homes.get(tensor))
        placements.append(Placement(tensor, role, memory, address, capacity, first, last))

    address = 0
    for name in graph.constants:
        if name in used:
            place(name, constants, address, "constant", 0, end, preloaded=True)
            address += aligned(graph.tensors[name].bytes)
    if constants != main:
        address = 0
    pending = sorted((s for s in live.values() if s.tensor not in residents), key=lambda s: (s.first_op, s.tensor))
    for name, offset in (smallest_fit(pending) if constants != main else first_fit(pending, None)).items():
        span = live[name]
        role = graph.part(name).value
        place(name, main, address + offset, role, span.first_op, span.last_op, preloaded=name in graph.inputs)
    for name, (memory, offset) in residents.items():
        if name in parts:
            continue
        if name not in graph.constants:
            span = live[name]
            place(name, memory, offset, "activation", span.first_op, span.last_op, preloaded=False)
        elif name in used:
            place(name, memory, offset, RESIDENT, 0, end, preloaded=False)
    for name, part in parts.items():
        if part.whole in homes:
            described, home = graph.tensors[name], homes[part.whole]
            start = home.start + part.offset
            buffer = _alias(draft, home, names.index(name), whole_box(described), start, described.bytes)
            homes[name] = Home(home.memory, start, start + described.bytes, buffer, is_view=False)
            span = live[part.whole]  # the bytes are those of the whole
            placements.append(Placement(name, "part", home.memory, start, 0, span.first_op, span.last_op))
    _show_views(graph, draft, homes, names)
    return homes, _without_overlap(placements, homes, live)


def _without_overlap(
    placements: list[Placement], homes: Mapping[str, Home], live: Mapping[str, Span]
) -> list[Placement]:
    """The placements, of which those whose place another takes end before it begins."""
    taken = {
        span.over: span.first_op
        for span in live.values()
        if span.over in homes
        and (homes[span.over].memory, homes[span.over].start) == (homes[span.tensor].memory, homes[span.tensor].start)
    }
    return [replace(one, last_op=taken[one.what] - 1) if one.what in taken else one for one in placements]


def _alias(draft: Draft, home: Home, tensor: int, box: Ints, address: int, capacity: int) -> int:
    """A buffer that shows bytes of the one of `home`."""
    columns = {name: np.concatenate(parts)[home.buffer] for name, parts in draft.buffer_columns.items()}
    columns |= {"tensor": tensor, "box": draft.add_boxes(box)[0], "root": home.buffer, "resident": False}
    return int(draft.add_buffers(**columns | {"address": address, "capacity": capacity})[0])


def _show_views(graph: Graph, draft: Draft, homes: dict[str, Home], names: list[str]) -> None:
    root = roots(graph)
    shown = {name: name for name in graph.tensors}  # the bytes that a reshape shows: a root's, or those of a slice
    for op in graph.ops:
        if not op.kind.is_view or is_join(op) or root[op.output] not in homes:
            continue
        source = shown[op.inputs[0]]
        if not is_joined(op):
            shown[op.output] = source
        home, described = homes[source], graph.tensors[op.output]
        start, stop = home.start, home.stop
        if is_joined(op):
            start += slice_offset(graph, op)
            stop = start + described.bytes
        buffer = _alias(draft, home, names.index(op.output), whole_box(described), start, stop - start)
        homes[op.output] = Home(home.memory, start, stop, buffer, is_view=True)
