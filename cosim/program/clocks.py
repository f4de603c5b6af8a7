"""Happens-before: which commands are surely complete when a command starts, under every legal timing.

Commands of one queue start in order and complete in order. The next one starts when its predecessor *releases*
the queue: a command that only transfers releases it before its data have arrived (latency is pipelined), every
other command releases it when it completes and is called *blocking*.

The vector clock of a command counts, per queue, the commands that are complete when it starts. Command a
*happens before* command c when a is complete before c starts: ``clock[c, queue(a)] > position(a)``. Clocks are
the vector time of Mattern (1989) and Fidge (1988), doi:10.1109/2.84874.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit
from cosim.program.program import Int32, Int64, Program, ServiceTable

Mask = NDArray[np.bool_]


def blocking_services(services: ServiceTable) -> Mask:
    """Whether the successor of a command starts only after its completion, shape (services,)."""
    transfers = (services.n_bytes > 0) & (services.path >= 0)
    return np.asarray(~transfers | (services.serial_cycles > 0))


def vector_clocks(program: Program, order: Int64) -> Int32:
    """Vector clock of every command, shape (commands, queues); `order` is one in which they can run."""
    clocks = np.zeros((len(program), len(program.machine.queues)), np.int32)
    _clock_pass(
        order,
        program.queue,
        program.position,
        blocking_services(program.services)[program.service],
        program.wait_offset,
        program.wait_queue,
        program.wait_count,
        program.queue_offset,
        program.queue_order,
        clocks,
    )
    return clocks


def execution_order(program: Program) -> Int64:
    """Commands in an order in which they can run; shorter than the program when the rest is stuck."""
    order = np.empty(len(program), np.int64)
    done = _untimed_pass(
        program.queue_offset,
        program.queue_order,
        program.wait_offset,
        program.wait_queue,
        program.wait_count,
        order,
    )
    return order[:done]


@njit
def merge_clock(row: Int32, other: Int32) -> None:
    """Raise `row` to the elementwise maximum of both."""
    for queue in range(row.size):
        row[queue] = max(row[queue], other[queue])


@njit
def _clock_pass(
    order: Int64,
    queue: Int32,
    position: Int64,
    blocking: Mask,
    wait_offset: Int64,
    wait_queue: Int32,
    wait_count: Int32,
    queue_offset: Int64,
    queue_order: Int64,
    clocks: Int32,
) -> None:
    last = np.full(clocks.shape[1], -1, np.int64)
    for command in order:
        own = queue[command]
        row = clocks[command]
        if last[own] >= 0:
            merge_clock(row, clocks[last[own]])
            if blocking[last[own]]:
                row[own] = position[command]
        for wait in range(wait_offset[command], wait_offset[command + 1]):
            other, count = wait_queue[wait], wait_count[wait]
            merge_clock(row, clocks[queue_order[queue_offset[other] + count - 1]])
            row[other] = max(row[other], count)
        last[own] = command


@njit
def _untimed_pass(
    queue_offset: Int64,
    queue_order: Int64,
    wait_offset: Int64,
    wait_queue: Int32,
    wait_count: Int32,
    order: Int64,
) -> int:
    """Run every queue as far as it goes, again and again, until all have ended or none moves."""
    n_queues = queue_offset.size - 1
    completed = np.zeros(n_queues, np.int64)
    done = 0
    moved = True
    while moved:
        moved = False
        for queue in range(n_queues):
            while queue_offset[queue] + completed[queue] < queue_offset[queue + 1]:
                command = queue_order[queue_offset[queue] + completed[queue]]
                ready = True
                for wait in range(wait_offset[command], wait_offset[command + 1]):
                    if completed[wait_queue[wait]] < wait_count[wait]:
                        ready = False
                        break
                if not ready:
                    break
                order[done] = command
                done += 1
                completed[queue] += 1
                moved = True
    return done
