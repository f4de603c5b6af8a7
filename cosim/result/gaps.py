"""Why each command did not start earlier: the gap before it on its engine, and what the gap waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.result.attribution import roots
from cosim.timing import Cause

if TYPE_CHECKING:
    from cosim.program.program import Program
    from cosim.timing import Times

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

CAUSES = ("load", "store", "compute", "link", "engine", "clock")
"""What a gap waited for: data on their way in, a buffer that a store must empty, the result of another compute, a
link or port that other transfers held, the engine itself held by another queue, the next clock edge."""


class Gaps(NamedTuple):
    """Gap before each command, and why, each shape (commands,).

    The gap runs from the release of the command before on the same engine (from 0 for the first one) to the start.

    Attributes
    ----------
    gap_fs, cause
        All of it [fs], and the index in `CAUSES` of what it waited for in the end.
    early_fs, early_cause
        The part of it before the command was ready [fs], and what that waited for: a link that is busy in the end has
        not been waited for all the time.
    """

    gap_fs: Int64
    cause: Int64
    early_fs: Int64
    early_cause: Int64


def gaps(program: Program, times: Times) -> Gaps:
    """What every command waited for."""
    engine = np.asarray(program.machine.queue_engine, np.int64)[program.queue]
    order = np.lexsort((times.release_fs, times.start_fs, engine))
    before = np.zeros(len(program), np.int64)
    same = engine[order][1:] == engine[order][:-1]
    before[order[1:]] = np.where(same, times.release_fs[order][:-1], 0)
    gap = np.maximum(times.start_fs - before, 0)
    cause = _causes(program, times)
    early, early_cause = np.zeros(len(program), np.int64), cause.copy()
    held = (times.cause == Cause.RESOURCE) | (times.cause == Cause.ENGINE)
    late = np.flatnonzero(held & (times.ready_fs > before) & (gap > 0))
    awaited = _last_awaited(program, times, late)
    late, awaited = late[awaited >= 0], awaited[awaited >= 0]
    early[late] = times.ready_fs[late] - before[late]
    early_cause[late] = _awaited(program, late, awaited)
    return Gaps(gap, cause, early, early_cause)


def _last_awaited(program: Program, times: Times, commands: Int64) -> Int64:
    """The command whose completion made each of `commands` ready, shape (len(commands),); -1: none did."""
    first = program.wait_offset[commands]
    count = program.wait_offset[commands + 1] - first
    of = np.repeat(np.arange(len(commands)), count)
    wait = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    queue = program.wait_queue[wait].astype(np.int64)
    waited = program.queue_order[program.queue_offset[queue] + program.wait_count[wait] - 1]
    found = np.full(len(commands), -1, np.int64)
    is_last = times.end_fs[waited] == times.ready_fs[commands][of]
    found[of[is_last]] = waited[is_last]
    return found


def _causes(program: Program, times: Times) -> Int64:
    cause = times.cause.astype(np.int64)
    by_cause = np.full(len(Cause), CAUSES.index("clock"), np.int64)
    by_cause[Cause.ENGINE] = CAUSES.index("engine")
    by_cause[Cause.RESOURCE] = CAUSES.index("link")
    out = by_cause[cause]
    waits = np.flatnonzero(cause == Cause.WAIT)
    out[waits] = _awaited(program, waits, times.cause_id[waits].astype(np.int64))
    return out


def _awaited(program: Program, waiting: Int64, awaited: Int64) -> Int64:
    """What a command that waits for another one waits for.

    A move that wrote what the command reads is a load; another one that reads where the command writes must empty it
    first: a store. Waits of a queue are merged into the last one, so what is neither is judged by the memories.
    """
    memory = program.buffers.memory.astype(np.int64)
    out = np.full(len(waiting), CAUSES.index("compute"), np.int64)
    moves = np.flatnonzero(program.op[awaited] < 0)
    waiting, awaited = waiting[moves], awaited[moves]
    source = memory[program.read_buffer[program.read_offset[awaited]]]  # a move reads one buffer
    empties = (source == memory[program.write[waiting]]) & ~_reads(program, waiting, program.write[awaited])
    out[moves] = np.where(empties, CAUSES.index("store"), CAUSES.index("load"))
    return out


def _reads(program: Program, commands: Int64, buffers: Int32) -> NDArray[np.bool_]:
    """Whether each of `commands` reads the bytes of the buffer beside it, itself or through a view."""
    root = roots(program)
    first, last = program.read_offset[commands], program.read_offset[commands + 1]
    wanted, found = root[buffers], np.zeros(len(commands), bool)
    for step in range(int((last - first).max(initial=0))):
        has = first + step < last
        read = program.read_buffer[np.where(has, first + step, first)]
        found |= has & (read >= 0) & (root[read] == wanted)
    return found
