"""Where time went: stalls per queue and cause, and the busy time of engines and resources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.program.program import Program
from cosim.timing.bounds import resource_work
from cosim.timing.state import tables
from cosim.timing.times import Cause, Int64, Times


@dataclass(frozen=True)
class Stalls:
    """Time lost per queue.

    Attributes
    ----------
    queues
        Names of the queues.
    lost_fs
        From the predecessor's release (or 0) to the start, by the `Cause` of the command, shape (queues, causes) [fs].
    blocked_fs
        Between units of transfers that had started, shape (queues,) [fs].
    """

    queues: tuple[str, ...]
    lost_fs: Int64
    blocked_fs: Int64

    def rows(self) -> list[tuple[str, str, int]]:
        """The table, one row (queue, cause in lower case or "blocked", lost [fs]) per pair, zeros included."""
        table = []
        for q, name in enumerate(self.queues):
            table += [(name, cause.name.lower(), int(self.lost_fs[q, cause])) for cause in Cause]
            table.append((name, "blocked", int(self.blocked_fs[q])))
        return table


def stalls(program: Program, times: Times) -> Stalls:
    """What kept the commands of each queue from starting."""
    order = program.queue_order
    before = np.zeros(len(program), np.int64)
    before[order[1:]] = times.release_fs[order[:-1]]
    heads = program.queue_offset[:-1][np.diff(program.queue_offset) > 0]
    before[order[heads]] = 0
    n_queues = len(program.machine.queues)
    lost = np.zeros((n_queues, len(Cause)), np.int64)
    np.add.at(lost, (program.queue.astype(np.int64), times.cause.astype(np.int64)), times.start_fs - before)
    blocked = np.zeros(n_queues, np.int64)
    np.add.at(blocked, program.queue.astype(np.int64), times.blocked_fs)
    return Stalls(program.machine.queues, lost, blocked)


def engine_busy(program: Program, times: Times) -> Int64:
    """Time that each engine is held, from start to release, shape (engines,) [fs]."""
    engine = np.array(program.machine.queue_engine, np.int64)[program.queue]
    busy = np.zeros(len(program.machine.engines), np.int64)
    np.add.at(busy, engine, times.release_fs - times.start_fs)
    return busy


def resource_busy(program: Program, times: Times) -> Int64:
    """Time that each resource is held, shape (resources,) [fs].

    Cutting never changes the work of a transfer, so this follows from the program; `times` must be of the same one.
    """
    if len(times) != len(program):
        raise ValueError(f"{len(times)} times for {len(program)} commands")
    work = resource_work(program, tables(program))
    count = np.bincount(program.service, minlength=len(work)).astype(np.int64)
    busy: Int64 = count @ work
    return busy
