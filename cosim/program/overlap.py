"""Sixth check: what shares an address never lives at the same time.

Of two buffers that share bytes, every access of the first must happen before every write of the second. Only
neighbours in time need to be compared: the order of the others follows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosim.jit import njit
from cosim.program.aliases import Alias, Aliases
from cosim.program.clocks import Mask
from cosim.program.finding import Findings
from cosim.program.flow import Schedule
from cosim.program.listing import buffer_name, command_name
from cosim.program.program import Int32, Int64, Program
from cosim.program.structure import roots

NEVER = np.iinfo(np.int32).max


class Units(NamedTuple):
    """What is placed: root buffers, or their parts where each is written by itself.

    Those that buffer b shows are ``members[offset[b]:offset[b + 1]]``.
    """

    offset: Int64
    members: Int64


class Lives(NamedTuple):
    """When each unit is used.

    Attributes
    ----------
    first
        Step of the first access, shape (buffers,); -1 for preloaded and resident ones, which are there when an inference
        begins, `NEVER` for unused ones.
    reached
        Position behind the last access in each queue, shape (buffers, queues).
    known
        Commands of each queue that are complete before any write starts, shape (buffers, queues).
    """

    first: Int64
    reached: Int32
    known: Int32


def check_overlap(program: Program, aliases: Aliases, run: Schedule, found: Findings) -> Mask:
    """Report buffers that share bytes at the same time; return which buffers are replaced by a later one."""
    table = program.buffers
    units = _units(program, aliases)
    is_unit = np.zeros(len(table), np.bool_)
    is_unit[units.members] = True
    lives = _lives(program, run, units)
    replaced = np.zeros(len(table), np.bool_)
    for memory in range(len(program.machine.memories)):
        rows = np.flatnonzero((table.memory == memory) & is_unit & (lives.first != NEVER))
        rows = rows[np.argsort(lives.first[rows], kind="stable")]
        edges = np.unique(np.concatenate([table.address[rows], table.address[rows] + table.capacity[rows]]))
        start = np.searchsorted(edges, table.address[rows])
        stop = np.searchsorted(edges, table.address[rows] + table.capacity[rows])
        faults = np.empty((max(found.room, 1), 2), np.int64)
        n_faults = _occupy(rows, start, stop, lives, np.full(len(edges), -1, np.int64), replaced, faults)
        for earlier, later in faults[:n_faults].tolist():
            found.add(_fault_text(program, run, lives, units, earlier, later))
    lost = replaced & table.resident
    found.each(lost, lambda b: f"{buffer_name(program, b)}: is resident, but another buffer is placed over it")
    lost = np.concatenate([[0], np.cumsum(replaced[units.members])])
    return np.asarray(lost[units.offset[1:]] > lost[units.offset[:-1]])


def _units(program: Program, aliases: Aliases) -> Units:
    """The unit of most buffers is their root; of a whole and its parts, those parts that are written."""
    table = program.buffers
    root = roots(table.root)
    is_written = np.zeros(len(table), np.bool_)
    is_written[program.write] = True
    leaves: dict[int, list[int]] = {}
    for part in np.flatnonzero((aliases.kind == Alias.PART) & is_written).tolist():
        leaves.setdefault(int(root[part]), []).append(part)
    if not leaves:
        return Units(np.arange(len(table) + 1, dtype=np.int64), root)
    members = [leaves.get(one, [one]) for one in root.tolist()]
    low, high = table.address, table.address + table.capacity
    for buffer in np.flatnonzero(np.isin(root, list(leaves))).tolist():
        members[buffer] = [part for part in members[buffer] if low[part] < high[buffer] and low[buffer] < high[part]]
    offset = np.concatenate([[0], np.cumsum([len(several) for several in members])]).astype(np.int64)
    return Units(offset, np.array([one for several in members for one in several], np.int64))


def _lives(program: Program, run: Schedule, units: Units) -> Lives:
    n_buffers, n_queues = len(program.buffers), run.clocks.shape[1]
    there = program.buffers.preloaded | program.buffers.resident
    lives = Lives(
        first=np.where(there & (program.buffers.root < 0), -1, NEVER).astype(np.int64),
        reached=np.zeros((n_buffers, n_queues), np.int32),
        known=np.full((n_buffers, n_queues), NEVER, np.int32),
    )
    _life_pass(run, program.read_offset, program.read_buffer, program.write, units, lives)
    return lives


def _fault_text(program: Program, run: Schedule, lives: Lives, units: Units, earlier: int, later: int) -> str:
    both = f"{buffer_name(program, later)} is placed over {buffer_name(program, earlier)}"
    if lives.first[later] < 0:
        return f"{both}: both are there before time starts"
    queue = int(np.argmax(lives.reached[earlier] > lives.known[later]))
    position = int(lives.reached[earlier, queue]) - 1
    last = int(run.queue_order[run.queue_offset[queue] + position])
    shows = np.repeat(np.arange(len(program.buffers)), np.diff(units.offset))[units.members == later]
    writers = np.flatnonzero(np.isin(program.write, shows))
    writer = int(writers[np.argmax(run.clocks[writers, queue] <= position)])
    return f"{both}: {command_name(program, writer)} writes without waiting for {command_name(program, last)}"


@njit
def _life_pass(run: Schedule, read_offset: Int64, read_buffer: Int32, write: Int32, units: Units, lives: Lives) -> None:
    for step in range(run.order.size):
        command = run.order[step]
        for read in range(read_offset[command], read_offset[command + 1]):
            if read_buffer[read] >= 0:
                _note_access(run, step, read_buffer[read], units, lives)
        _note_access(run, step, write[command], units, lives)
        for member in range(units.offset[write[command]], units.offset[write[command] + 1]):
            unit = units.members[member]
            for other in range(lives.known.shape[1]):
                lives.known[unit, other] = min(lives.known[unit, other], run.clocks[command, other])


@njit
def _note_access(run: Schedule, step: int, buffer: int, units: Units, lives: Lives) -> None:
    command = run.order[step]
    for member in range(units.offset[buffer], units.offset[buffer + 1]):
        unit = units.members[member]
        lives.reached[unit, run.queue[command]] = run.position[command] + 1
        lives.first[unit] = min(lives.first[unit], step)


@njit
def _occupy(
    rows: Int64, start: Int64, stop: Int64, lives: Lives, occupant: Int64, replaced: Mask, faults: Int64
) -> int:
    """Place the buffers in order of first use; compare each with the last occupants of its bytes."""
    n = 0
    for index in range(rows.size):
        buffer, compared = rows[index], -1
        for segment in range(start[index], stop[index]):
            earlier = occupant[segment]
            occupant[segment] = buffer
            if earlier < 0 or earlier == compared:
                continue
            compared = earlier
            replaced[earlier] = True
            wrong = lives.first[buffer] < 0
            for queue in range(lives.known.shape[1]):
                wrong = wrong or lives.reached[earlier, queue] > lives.known[buffer, queue]
            if wrong and n < faults.shape[0]:
                faults[n, 0], faults[n, 1] = earlier, buffer
                n += 1
    return n
