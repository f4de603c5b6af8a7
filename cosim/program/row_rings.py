"""Rings of rows: buffers that hold the newest rows of a box, each in the place of a row that is no longer needed.

They keep what neighbouring blocks of a window share, so that nothing is computed twice. Seventh check: each write of
a row follows, under every legal timing, all accesses of the row whose place it takes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.jit import njit
from cosim.program.finding import Findings
from cosim.program.flow import Schedule
from cosim.program.listing import buffer_name, command_name
from cosim.program.operands import Touched
from cosim.program.program import Content, Int32, Int64, Program

WIDTHS = (8, 16, 32, 64)  # bits of elements that are bytes in memory and in arrays


class Ring(NamedTuple):
    """One buffer: its axis, the first row of its box, how many rows that has, and how many are held."""

    axis: int
    first: int
    extent: int
    held: int


def ring_of(program: Program, buffer: int) -> Ring:
    """The ring that a buffer is; it holds as many rows as its capacity has room for."""
    table = program.buffers
    box = program.boxes.box(int(table.box[buffer]))
    axis, extents = int(table.ring[buffer]), box[:, 1] - box[:, 0]
    bits = int(table.bits[buffer]) * int(np.prod(np.delete(extents, axis), dtype=np.int64))
    held = min(int(table.capacity[buffer]) * 8 // max(bits, 1), int(extents[axis]))
    return Ring(axis, int(box[axis, 0]), int(extents[axis]), held)


def check_ring_shapes(program: Program, graph: Graph, found: Findings) -> None:
    """Report rings along no axis, without room for a row, of elements that are not bytes, views, or filled before."""
    table = program.buffers
    for buffer in np.flatnonzero(table.ring != -1).tolist():
        encoding = graph.tensors[program.tensors[table.tensor[buffer]]].encoding
        rank = len(program.boxes.box(int(table.box[buffer])))
        name = f"{buffer_name(program, buffer)}: is a ring of rows"
        if not 0 <= table.ring[buffer] < rank:
            found.add(f"{name} along axis {table.ring[buffer]} of {rank}")
        elif not encoding.is_plain or table.bits[buffer] not in WIDTHS or table.content[buffer] != Content.CODES:
            found.add(f"{name}, but its elements are not bytes")
        elif table.root[buffer] >= 0 or (table.root == buffer).any():
            found.add(f"{name}, and a view")
        elif table.preloaded[buffer] or table.resident[buffer]:
            found.add(f"{name}, but is there before time starts")
        elif ring_of(program, buffer).held < 1:
            found.add(f"{name}, and holds none")


def check_rings(program: Program, run: Schedule, touched: Touched, found: Findings) -> NDArray[np.bool_]:
    """Report rows that are replaced too early, or never there together; return which buffers are rings."""
    table = program.buffers
    is_ring = np.asarray(table.ring >= 0)
    rows = np.flatnonzero(is_ring)
    if not len(rows):
        return is_ring
    rings = np.array([ring_of(program, buffer) for buffer in rows.tolist()], np.int64)
    number = np.full(len(table), -1, np.int64)
    number[rows] = np.arange(len(rows))
    base = np.concatenate([[0], np.cumsum(rings[:, 2])]).astype(np.int64)
    reached = np.zeros((int(base[-1]), run.clocks.shape[1]), np.int32)
    faults = np.empty((max(found.room, 1), 3), np.int64)
    boxes = (touched.reads, touched.writes)
    n_faults = _ring_pass(
        run, program.read_offset, program.read_buffer, program.write, *boxes, number, rings, base, reached, faults
    )
    for command, buffer, other in faults[:n_faults].tolist():
        text = f"{command_name(program, command)}: "
        if other < 0:
            text += f"needs more rows of {buffer_name(program, buffer)} than the {other + (1 << 31)} it holds"
        else:
            text += f"writes {buffer_name(program, buffer)} without waiting for {command_name(program, other)}"
            text += ", which needs a row in that place"
        found.add(text)
    return is_ring


@njit
def _ring_pass(
    run: Schedule,
    read_offset: Int64,
    read_buffer: Int32,
    write: Int32,
    reads: Int32,
    writes: Int32,
    number: Int64,
    rings: Int64,
    base: Int64,
    reached: Int32,
    faults: Int64,
) -> int:
    n = 0
    for command in range(write.size):
        for read in range(read_offset[command], read_offset[command + 1]):
            if read_buffer[read] >= 0 and number[read_buffer[read]] >= 0:
                n = _touch(run, command, read_buffer[read], reads[read], number, rings, base, reached, faults, n)
        if number[write[command]] >= 0:
            n = _touch(run, command, write[command], writes[command], number, rings, base, reached, faults, n)
    for command in range(write.size):
        if number[write[command]] >= 0:
            n = _replace(run, command, write[command], writes[command], number, rings, base, reached, faults, n)
    return n


@njit
def _touch(
    run: Schedule,
    command: int,
    buffer: int,
    box: Int32,
    number: Int64,
    rings: Int64,
    base: Int64,
    reached: Int32,
    faults: Int64,
    n: int,
) -> int:
    """Note when each row is last touched; a command whose rows are never there together is a fault."""
    ring = number[buffer]
    axis, first, held = rings[ring, 0], rings[ring, 1], rings[ring, 3]
    if box[axis, 1] - box[axis, 0] > held and n < faults.shape[0]:
        faults[n, 0], faults[n, 1], faults[n, 2] = command, buffer, held - (1 << 31)
        n += 1
    queue, position = run.queue[command], run.position[command]
    for row in range(box[axis, 0] - first, box[axis, 1] - first):
        reached[base[ring] + row, queue] = max(reached[base[ring] + row, queue], position + 1)
    return n


@njit
def _replace(
    run: Schedule,
    command: int,
    buffer: int,
    box: Int32,
    number: Int64,
    rings: Int64,
    base: Int64,
    reached: Int32,
    faults: Int64,
    n: int,
) -> int:
    """A write must know that all who needed the rows before are done."""
    ring = number[buffer]
    axis, first, held = rings[ring, 0], rings[ring, 1], rings[ring, 3]
    for row in range(max(box[axis, 0] - first - held, 0), max(box[axis, 1] - first - held, 0)):
        for queue in range(reached.shape[1]):
            before = reached[base[ring] + row, queue]
            if before > run.clocks[command, queue]:
                if n < faults.shape[0]:
                    other = run.queue_order[run.queue_offset[queue] + before - 1]
                    faults[n, 0], faults[n, 1], faults[n, 2] = command, buffer, other
                    return n + 1
                return n
    return n
