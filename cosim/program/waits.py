"""Dependences between commands reduced to the waits that nothing else implies."""

from __future__ import annotations

import numpy as np

from cosim.jit import njit
from cosim.program.clocks import Mask, merge_clock
from cosim.program.program import Int16, Int32, Int64


def reduce_waits(
    queue: Int16, blocking: Mask, later: Int64, earlier: Int64, n_queues: int
) -> tuple[Int64, Int16, Int32]:
    """Offsets, queues and counts of the waits of each command.

    Dependence i says that command `later[i]` starts after the completion of `earlier[i]`, a smaller id. The waits
    are the transitive reduction: one per queue at most, and none that the queue's own order or another wait
    implies, so removing any of them loses a stated dependence.
    """
    n = len(queue)
    offset, members = _group(later, earlier, n)
    queue_order = np.argsort(queue, kind="stable")
    queue_offset = np.concatenate([[0], np.cumsum(np.bincount(queue, minlength=n_queues))]).astype(np.int64)
    wait_offset = np.zeros(n + 1, np.int64)
    wait_queue = np.empty(len(members), np.int16)
    wait_count = np.empty(len(members), np.int32)
    clocks = np.zeros((n, n_queues), np.int32)
    n_waits = _reduction_pass(
        queue, blocking, offset, members, queue_offset, queue_order, clocks, wait_offset, wait_queue, wait_count
    )
    return wait_offset, wait_queue[:n_waits].copy(), wait_count[:n_waits].copy()


@njit
def _group(later: Int64, earlier: Int64, n: int) -> tuple[Int64, Int32]:
    """Counting sort of `earlier` by `later`."""
    offset = np.zeros(n + 1, np.int64)
    for command in later:
        offset[command + 1] += 1
    for command in range(n):
        offset[command + 1] += offset[command]
    fill = offset[:-1].copy()
    members = np.empty(later.size, np.int32)
    for index in range(later.size):
        members[fill[later[index]]] = earlier[index]
        fill[later[index]] += 1
    return offset, members


@njit
def _reduction_pass(
    queue: Int16,
    blocking: Mask,
    offset: Int64,
    members: Int32,
    queue_offset: Int64,
    queue_order: Int64,
    clocks: Int32,
    wait_offset: Int64,
    wait_queue: Int16,
    wait_count: Int32,
) -> int:
    n_queues = clocks.shape[1]
    started = np.zeros(n_queues, np.int32)
    position = np.empty(queue.size, np.int32)
    need = np.zeros(n_queues, np.int32)
    last = np.full(n_queues, -1, np.int64)
    n_waits = 0
    for command in range(queue.size):
        own = queue[command]
        position[command] = started[own]
        started[own] += 1
        row = clocks[command]
        if last[own] >= 0:
            merge_clock(row, clocks[last[own]])
            if blocking[last[own]]:
                row[own] = position[command]
        last[own] = command
        if offset[command + 1] > offset[command]:
            for index in range(offset[command], offset[command + 1]):
                other = queue[members[index]]
                need[other] = max(need[other], position[members[index]] + 1)
            n_waits = _keep(need, row, clocks, queue_offset, queue_order, wait_queue, wait_count, n_waits)
        wait_offset[command + 1] = n_waits
    return n_waits


@njit
def _keep(
    need: Int32,
    row: Int32,
    clocks: Int32,
    queue_offset: Int64,
    queue_order: Int64,
    wait_queue: Int16,
    wait_count: Int32,
    n_waits: int,
) -> int:
    """Append the needs that neither `row` nor another need implies, merge them into `row`, clear `need`."""
    first = n_waits
    for queue in range(need.size):
        if need[queue] <= row[queue]:
            continue
        implied = False
        for other in range(need.size):
            if other != queue and need[other] > row[other]:
                waited = queue_order[queue_offset[other] + need[other] - 1]
                if clocks[waited, queue] >= need[queue]:
                    implied = True
                    break
        if not implied:
            wait_queue[n_waits] = queue
            wait_count[n_waits] = need[queue]
            n_waits += 1
    need[:] = 0
    for wait in range(first, n_waits):
        queue, count = wait_queue[wait], wait_count[wait]
        merge_clock(row, clocks[queue_order[queue_offset[queue] + count - 1]])
        row[queue] = max(row[queue], count)
    return n_waits
