"""Why each command did not start earlier: the gap before it on its engine, and what the gap waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.timing import Cause

if TYPE_CHECKING:
    from cosim.program.program import Program
    from cosim.timing import Times

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
    """What a command that waits for another one waits for."""
    memory = program.buffers.memory.astype(np.int64)
    home = memory[program.write[waiting]]
    is_move = program.op[awaited] < 0
    arrives = memory[program.write[awaited]] == home
    moved = np.where(arrives, CAUSES.index("load"), CAUSES.index("store"))
    # a move waits for a move: a store that waits for nothing but the room of an earlier one
    return np.where(is_move, moved, CAUSES.index("compute"))
