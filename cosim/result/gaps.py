"""Why each command did not start earlier: the gap before it on its engine, and what the gap waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def gaps(program: Program, times: Times) -> tuple[Int64, Int64]:
    """Gap before each command [fs] and the index in `CAUSES` behind it, each shape (commands,).

    The gap runs from the release of the command before on the same engine (from 0 for the first one) to the start.
    """
    engine = np.asarray(program.machine.queue_engine, np.int64)[program.queue]
    order = np.lexsort((times.release_fs, times.start_fs, engine))
    before = np.zeros(len(program), np.int64)
    same = engine[order][1:] == engine[order][:-1]
    before[order[1:]] = np.where(same, times.release_fs[order][:-1], 0)
    return np.maximum(times.start_fs - before, 0), _causes(program, times)


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
