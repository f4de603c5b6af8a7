"""Why a Program gets stuck: the commands at the heads of its queues, and the ring in which they wait."""

from __future__ import annotations

import numpy as np

from cosim.program.clocks import execution_order
from cosim.program.finding import Findings
from cosim.program.listing import command_name
from cosim.program.program import Int64, Program


def check_order(program: Program, found: Findings) -> Int64 | None:
    """An order in which all commands can run; None, with findings, if there is none."""
    waiter = np.repeat(np.arange(len(program)), np.diff(program.wait_offset))
    last = program.queue_order[program.queue_offset[program.wait_queue] + program.wait_count - 1]
    order = np.arange(len(program)) if (last < waiter).all() else execution_order(program)
    if len(order) == len(program):
        found.each(
            last >= waiter,
            lambda w: f"{command_name(program, waiter[w])}: waits for command {last[w]}, which has a larger id",
        )
        return order
    completed = np.bincount(program.queue[order], minlength=len(program.machine.queues))
    blocked = _blocked_by(program, completed)
    found.add("deadlock: " + "; ".join(_links(program, blocked, _ring(blocked))) + "; and so on")
    for queue in blocked:
        found.add("stuck: " + _links(program, blocked, [queue])[0])
    return None


def _blocked_by(program: Program, completed: Int64) -> dict[int, tuple[int, int, int]]:
    """For each queue that is stuck: its head, and the first (queue, count) that the head waits for in vain."""
    blocked = {}
    for queue in range(len(program.machine.queues)):
        place = int(program.queue_offset[queue] + completed[queue])
        if place < program.queue_offset[queue + 1]:
            head = int(program.queue_order[place])
            other, count = next((q, n) for q, n in program.waits(head) if completed[q] < n)
            blocked[queue] = (head, other, count)
    return blocked


def _ring(blocked: dict[int, tuple[int, int, int]]) -> list[int]:
    """Queues that wait for one another, in that order."""
    path = [next(iter(blocked))]
    while blocked[path[-1]][1] not in path:
        path.append(blocked[path[-1]][1])
    return path[path.index(blocked[path[-1]][1]) :]


def _links(program: Program, blocked: dict[int, tuple[int, int, int]], queues: list[int]) -> list[str]:
    text = []
    for queue in queues:
        head, other, count = blocked[queue]
        text.append(f"{command_name(program, head)} waits until {program.machine.queues[other]} has completed {count}")
    return text
