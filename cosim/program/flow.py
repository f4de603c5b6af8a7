"""Fifth check: each read follows the write of exactly those elements, and no incomplete sum is used.

The commands are run without time, in an order that respects all waits; every cell of every buffer remembers the
command that wrote it last. The vector clocks then say whether that order holds under every legal timing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosim.jit import njit
from cosim.program.aliases import Versions
from cosim.program.cells import Cells, cell_number, cell_span, cut_cells, is_empty
from cosim.program.clocks import Mask
from cosim.program.finding import Findings
from cosim.program.listing import box_text, buffer_name, command_name
from cosim.program.operands import Touched
from cosim.program.program import Content, Flag, Int8, Int16, Int32, Int64, Program
from cosim.program.structure import roots

UNWRITTEN, UNORDERED, UNEVEN, REWRITTEN, OVERTAKEN, READ_LATER, INCOMPLETE, STALE = range(1, 9)
# numba reads plain integers
_SUMS, _ACCUMULATE, _PARTIAL = int(Content.ACCUMULATORS), int(Flag.ACCUMULATE), int(Flag.PARTIAL)

_TEXT = {
    UNWRITTEN: "reads {box} of {buffer}, which is not written before",
    UNORDERED: "reads {box} of {buffer} without waiting for {other}, which writes it",
    UNEVEN: "reads {box} of {buffer}, in which the sums of different cells are not equally far",
    REWRITTEN: "writes {buffer} again, after {other}",
    OVERTAKEN: "writes {buffer} without waiting for {other}, which writes it before",
    READ_LATER: "writes {buffer} without waiting for {other}, which reads what was there",
    STALE: "reads {box} of {buffer}, where {other} has written another tensor",
    INCOMPLETE: "finishes a sum of {count} of {total} points",
}


class Schedule(NamedTuple):
    """Commands in an order in which they can run, and what is complete when each starts."""

    order: Int64
    queue: Int16
    position: Int64
    clocks: Int32
    queue_offset: Int64
    queue_order: Int64


class Accesses(NamedTuple):
    """Who touches what; parts and successors are their base, `root` is the buffer at the end of each chain of views.

    `filled` means preloaded; `renewed`, that a successor takes its place; versions are those of `Aliases`, per read and
    per command.
    """

    read_offset: Int64
    read_buffer: Int32
    read_box: Int32
    write: Int32
    write_box: Int32
    root: Int64
    filled: Int8
    renewed: Int8
    read_version: Int64
    write_version: Int64
    content: Int8
    compute: Int8
    flags: Int8
    points: Int64
    all_points: Int64


class State(NamedTuple):
    """What has happened so far.

    Attributes
    ----------
    writer
        Last writer of each cell, -1 for none.
    readers
        Position behind the last reader in each queue, shape (cells of accumulators, queues).
    written, writers
        Cells written of each buffer, and the position behind its last writer in each queue.
    summed
        Points of the reduction in the sum that each command wrote, -1 if that is not known.
    """

    writer: Int32
    readers: Int32
    written: Int64
    writers: Int32
    summed: Int64


def schedule(program: Program, order: Int64, clocks: Int32) -> Schedule:
    """Arrays of a program that the passes read."""
    return Schedule(order, program.queue, program.position, clocks, program.queue_offset, program.queue_order)


def check_flow(program: Program, touched: Touched, versions: Versions, run: Schedule, found: Findings) -> Mask:
    """Report reads and writes that a legal timing could put in another order; return which buffers end up full.

    `program` and `touched` speak of bases where there are parts and successors, see `cosim.program.aliases`.
    """
    table = program.buffers
    cells = cut_cells(program, touched, versions.renewed | (table.content == Content.ACCUMULATORS))
    root = roots(table.root)
    accesses = Accesses(
        read_offset=program.read_offset,
        read_buffer=program.read_buffer,
        read_box=touched.reads,
        write=program.write,
        write_box=touched.writes,
        root=root,
        filled=table.preloaded[root].astype(np.int8),
        renewed=versions.renewed.astype(np.int8),
        read_version=versions.reads,
        write_version=versions.writes,
        content=table.content,
        compute=(program.op >= 0).astype(np.int8),
        flags=program.flags,
        points=touched.points,
        all_points=touched.all_points,
    )
    state = State(
        writer=np.full(cells.base[-1], -1, np.int32),
        readers=np.zeros((cells.sum_base[-1], run.clocks.shape[1]), np.int32),
        written=np.zeros(len(table), np.int64),
        writers=np.zeros((len(table), run.clocks.shape[1]), np.int32),
        summed=np.zeros(len(program), np.int64),
    )
    faults = np.empty((max(found.room, 1), 4), np.int64)
    n_faults = _flow_pass(run, accesses, cells, state, faults)
    for code, command, read, other in faults[:n_faults].tolist():
        found.add(_fault_text(program, touched, state, code, command, read, other))
    n_cells, stale = np.diff(cells.base), np.zeros(len(table), np.bool_)
    full = (state.written == n_cells) & (n_cells > 0)
    for base in np.flatnonzero(versions.renewed & full).tolist():
        last = versions.writes[state.writer[cells.base[base] : cells.base[base + 1]]]
        ours = np.flatnonzero(root == base)
        full[base] = bool((last == last[0]).all())
        lost = np.zeros(len(table), np.bool_)
        lost[ours] = versions.buffers[ours] != last[0]
        stale |= lost
    return np.asarray((table.preloaded[root] | full[root]) & ~stale)


def _fault_text(
    program: Program, touched: Touched, state: State, code: int, command: int, read: int, other: int
) -> str:
    buffer = int(program.read_buffer[read] if read >= 0 else program.write[command])
    rank = len(program.boxes.box(int(program.buffers.box[buffer])))
    text = _TEXT[code].format(
        box=box_text(touched.reads[read, :rank]),
        buffer=buffer_name(program, buffer),
        other=command_name(program, other) if other >= 0 else "",
        count=state.summed[command],
        total=touched.all_points[command],
    )
    return f"{command_name(program, command)}: {text}"


@njit
def _flow_pass(run: Schedule, accesses: Accesses, cells: Cells, state: State, faults: Int64) -> int:
    rank = accesses.write_box.shape[1]
    low, extent = np.zeros(rank, np.int64), np.zeros(rank, np.int64)
    n = 0
    for command in run.order:
        summed = -1
        for read in range(accesses.read_offset[command], accesses.read_offset[command + 1]):
            code, other, summed = _check_read(run, accesses, cells, state, command, read, low, extent)
            n = _note(faults, n, code, command, read, other)
        code, other = _check_write(run, accesses, cells, state, command, low, extent)
        n = _note(faults, n, code, command, -1, other)
        for read in range(accesses.read_offset[command], accesses.read_offset[command + 1]):
            _note_readers(run, accesses, cells, state, command, read, low, extent)
        n = _note(faults, n, _add_points(accesses, state, command, summed), command, -1, -1)
    return n


@njit
def _note(faults: Int64, n: int, code: int, command: int, read: int, other: int) -> int:
    """Keep a fault if there is one, and room."""
    if code == 0 or n == faults.shape[0]:
        return n
    faults[n, 0], faults[n, 1], faults[n, 2], faults[n, 3] = code, command, read, other
    return n + 1


@njit
def _check_read(
    run: Schedule, accesses: Accesses, cells: Cells, state: State, command: int, read: int, low: Int64, extent: Int64
) -> tuple[int, int, int]:
    """Fault, the other command, and points summed in the accumulators read (-1 if that is not known)."""
    buffer = accesses.read_buffer[read]
    if buffer < 0 or accesses.filled[buffer]:
        return 0, -1, -1
    if accesses.root[buffer] != buffer:
        version = accesses.read_version[read]
        fault: tuple[int, int, int] = _check_view(run, accesses, accesses.root[buffer], version, cells, state, command)
        return fault
    if cells.base[buffer + 1] == cells.base[buffer] and not is_empty(accesses.read_box[read]):
        return UNWRITTEN, -1, -1
    carried, is_sum = -1, accesses.content[buffer] == _SUMS
    for index in range(cell_span(cells, buffer, accesses.read_box[read], low, extent)):
        writer = state.writer[cells.base[buffer] + cell_number(cells, buffer, low, extent, index)]
        if writer < 0:
            return UNWRITTEN, -1, -1
        if run.clocks[command, run.queue[writer]] <= run.position[writer]:
            return UNORDERED, writer, -1
        if accesses.renewed[buffer] and accesses.write_version[writer] != accesses.read_version[read]:
            return STALE, writer, -1
        if is_sum:
            if index > 0 and state.summed[writer] != carried:
                return UNEVEN, writer, -1
            carried = state.summed[writer]
    return 0, -1, carried


@njit
def _check_view(
    run: Schedule, accesses: Accesses, root: int, version: int, cells: Cells, state: State, command: int
) -> tuple[int, int, int]:
    """A view needs the whole of its root: the elements of one are not boxes of the other."""
    n_cells = cells.base[root + 1] - cells.base[root]
    if n_cells == 0 or state.written[root] < n_cells:
        return UNWRITTEN, -1, -1
    for queue in range(run.clocks.shape[1]):
        if state.writers[root, queue] > run.clocks[command, queue]:
            return UNORDERED, run.queue_order[run.queue_offset[queue] + state.writers[root, queue] - 1], -1
    if accesses.renewed[root]:
        for cell in range(cells.base[root], cells.base[root + 1]):
            if accesses.write_version[state.writer[cell]] != version:
                return STALE, state.writer[cell], -1
    return 0, -1, -1


@njit
def _check_write(
    run: Schedule, accesses: Accesses, cells: Cells, state: State, command: int, low: Int64, extent: Int64
) -> tuple[int, int]:
    """Fault and the other command; the cells then belong to `command`."""
    buffer = accesses.write[command]
    is_sum = accesses.content[buffer] == _SUMS
    code, other = 0, -1
    for index in range(cell_span(cells, buffer, accesses.write_box[command], low, extent)):
        cell = cell_number(cells, buffer, low, extent, index)
        writer = state.writer[cells.base[buffer] + cell]
        state.writer[cells.base[buffer] + cell] = command
        state.written[buffer] += writer < 0
        if writer >= 0 and not is_sum and accesses.write_version[writer] == accesses.write_version[command]:
            code, other = REWRITTEN, writer
        elif writer >= 0 and run.clocks[command, run.queue[writer]] <= run.position[writer]:
            code, other = OVERTAKEN, writer
        if is_sum or accesses.renewed[buffer]:
            readers = state.readers[cells.sum_base[buffer] + cell]
            for queue in range(readers.size):
                if readers[queue] > run.clocks[command, queue]:
                    code, other = READ_LATER, run.queue_order[run.queue_offset[queue] + readers[queue] - 1]
    state.writers[buffer, run.queue[command]] = run.position[command] + 1
    return code, other


@njit
def _note_readers(
    run: Schedule, accesses: Accesses, cells: Cells, state: State, command: int, read: int, low: Int64, extent: Int64
) -> None:
    buffer = accesses.read_buffer[read]
    if buffer < 0:
        return
    root = accesses.root[buffer]
    if not accesses.renewed[root] and accesses.content[buffer] != _SUMS:
        return
    if root != buffer:
        for cell in range(cells.sum_base[root], cells.sum_base[root + 1]):
            state.readers[cell, run.queue[command]] = run.position[command] + 1
        return
    if cells.base[buffer + 1] == cells.base[buffer]:
        return
    for index in range(cell_span(cells, buffer, accesses.read_box[read], low, extent)):
        cell = cells.sum_base[buffer] + cell_number(cells, buffer, low, extent, index)
        state.readers[cell, run.queue[command]] = run.position[command] + 1


@njit
def _add_points(accesses: Accesses, state: State, command: int, carried: int) -> int:
    """Count the points in the sum that `command` leaves; `INCOMPLETE` if it finishes a sum too early."""
    flags = accesses.flags[command]
    if not accesses.compute[command]:
        state.summed[command] = carried
        return 0
    if not flags & _ACCUMULATE:
        carried = 0
    state.summed[command] = -1 if carried < 0 else carried + accesses.points[command]
    finished = carried >= 0 and not flags & _PARTIAL
    return INCOMPLETE if finished and state.summed[command] != accesses.all_points[command] else 0
