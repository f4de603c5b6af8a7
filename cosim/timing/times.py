"""`Times`: what a timer says of each command of a program."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.program.program import Program

HORIZON_FS = 9_000_000_000_000_000_000
"""Latest instant that a timer can express: 2.5 hours [fs]."""

Int64 = NDArray[np.int64]


class Cause(IntEnum):
    """The last condition that had to hold before a command could start."""

    NONE = 0  # nothing: it started at time 0
    QUEUE = 1  # its predecessor in the queue had to be released; the id is that command
    WAIT = 2  # a command it waits for had to complete; the id is that command
    ENGINE = 3  # its engine was held by another queue; the id is the last command that held it
    RESOURCE = 4  # its path was busy; the id is the lowest resource that was busy until the start


@dataclass(frozen=True)
class Times:
    """Times of every command, in the order of command ids.

    Attributes
    ----------
    ready_fs
        Predecessor released and every waited command completed, shape (commands,) [fs].
    start_fs, release_fs
        The engine is held from start to release; the next command of the queue may follow at release [fs].
    end_fs
        Completion, which waits see: never earlier than that of the predecessor in the queue [fs].
    blocked_fs
        Time lost after the start because other transfers held the path between two units [fs].
    cause, cause_id
        A `Cause` and the command or resource behind it (-1 for none).
    timer
        The interpreter that found the times: ``"compiled"`` or ``"reference"``.
    """

    ready_fs: Int64
    start_fs: Int64
    release_fs: Int64
    end_fs: Int64
    blocked_fs: Int64
    cause: NDArray[np.int8]
    cause_id: NDArray[np.int32]
    timer: str

    def __len__(self) -> int:
        return len(self.end_fs)

    @property
    def makespan_fs(self) -> int:
        """The last completion [fs]; 0 without commands."""
        return int(self.end_fs.max(initial=0))


def beyond_horizon() -> SimulationError:
    """The error of a program that does not end within the horizon."""
    return SimulationError(
        "time passed the horizon of the timers",
        allowed=f"up to {HORIZON_FS} fs (2.5 hours of simulated time)",
        fix="simulate a part of the work, for instance one frame, and scale",
    )


def deadlock(program: Program, released: NDArray[np.bool_]) -> SimulationError:
    """The error of a program that stops early: names the head of each stuck queue and what it waits for."""
    lines = []
    for q, name in enumerate(program.machine.queues):
        commands = program.queue_order[program.queue_offset[q] : program.queue_offset[q + 1]]
        left = commands[~released[commands]]
        if len(left):
            waits = [
                f"{program.machine.queues[wq]} to complete {n} commands"
                for wq, n in program.waits(int(left[0]))
                if n > np.count_nonzero(released[program.queue == wq])
            ]
            reason = " and ".join(waits) if waits else "its engine or its path"
            lines.append(f"command {left[0]} of queue {name} (and {len(left) - 1} behind it) waits for {reason}")
    return SimulationError(
        f"deadlock: {np.count_nonzero(~released)} commands never start: " + "; ".join(lines[:8]),
        allowed="every wait names a command with a smaller id",
        fix="run Program.check() on what the mapper wrote",
    )
