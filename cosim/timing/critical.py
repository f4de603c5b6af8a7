"""The critical path: the commands that set the makespan, each the reason for the start of the next."""

from __future__ import annotations

import numpy as np

from cosim.program.program import Program
from cosim.timing.state import Tables, tables
from cosim.timing.times import Cause, Int64, Times


def critical_path(program: Program, times: Times) -> Int64:
    """Command ids from the last to complete back to one that started for no reason but time 0.

    A queue, wait or engine names the command to go on with. A busy resource stands for the command that used it
    until then: the last to have started among those still holding their engine. Completion is in order, so a
    command whose end is that of its predecessor is followed to the first of its queue with that end.
    """
    if not len(program):
        return np.zeros(0, np.int64)
    reasons = Reasons(program, times)
    path = [reasons.last]
    while (behind := reasons.before(path[-1])) >= 0:
        path.append(behind)
    return np.array(path, np.int64)


class Reasons:
    """Why each command of a program that is not empty started when it did, as `critical_path` follows it."""

    def __init__(self, program: Program, times: Times) -> None:
        self.program, self.times = program, times
        self._users = _Users(program, times, tables(program))

    @property
    def last(self) -> int:
        """The command that completes last."""
        return _first_with_that_end(self.program, self.times, int(np.argmax(self.times.end_fs)))

    def before(self, command: int) -> int:
        """The command whose release, completion or use of a resource let `command` start; -1 for none."""
        times = self.times
        cause, behind = times.cause[command], int(times.cause_id[command])
        if cause == Cause.NONE:
            return -1
        if cause == Cause.RESOURCE:
            return self._users.until(behind, int(times.start_fs[command]))
        return _first_with_that_end(self.program, times, behind) if cause == Cause.WAIT else behind


def _first_with_that_end(program: Program, times: Times, command: int) -> int:
    queue, position = int(program.queue[command]), int(program.position[command])
    commands = program.queue_order[program.queue_offset[queue] :]
    while position and times.end_fs[commands[position - 1]] == times.end_fs[command]:
        position -= 1
    return int(commands[position])


class _Users:
    """The commands over each resource, by start."""

    def __init__(self, program: Program, times: Times, read: Tables) -> None:
        self.program, self.times, self.read = program, times, read
        self.commands: dict[int, Int64] = {}

    def until(self, resource: int, instant: int) -> int:
        """The last command over a resource to start before an instant that had not been released before it."""
        if resource not in self.commands:
            self.commands[resource] = self._over(resource)
        commands = self.commands[resource]
        at = int(np.searchsorted(self.times.start_fs[commands], instant)) - 1
        while self.times.release_fs[commands[at]] < instant:
            at -= 1
        return int(commands[at])

    def _over(self, resource: int) -> Int64:
        services = self.read.services
        is_over = np.zeros(len(services), bool)
        for s in np.flatnonzero(services["units"] > 0):
            path = self.read.path_resource[services["path_begin"][s] : services["path_end"][s]]
            is_over[s] = resource in path
        commands = np.flatnonzero(is_over[self.program.service])
        return commands[np.argsort(self.times.start_fs[commands], kind="stable")].astype(np.int64)
