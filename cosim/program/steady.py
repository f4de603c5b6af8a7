"""`steady`: what a Program runs from the second inference on, when what is resident is in its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosim.program.clocks import blocking_services, vector_clocks
from cosim.program.program import Int32, Int64, Program
from cosim.program.waits import reduce_waits


def steady(program: Program) -> Program:
    """The same commands without those that fill resident buffers, which are full from the start.

    Commands that stay keep their order: what was surely complete before one started, and stays, still is. So all that
    `check` proves of the program holds for this one. A program without resident buffers is returned as it is.
    """
    fills = program.fills
    if not fills.any():
        return program
    kept = np.flatnonzero(~fills).astype(np.int64)
    queue = program.queue[kept]
    later, earlier = _order(program, kept)
    blocking = blocking_services(program.services)[program.service[kept]]
    wait_offset, wait_queue, wait_count = reduce_waits(queue, blocking, later, earlier, len(program.machine.queues))
    counts = np.diff(program.read_offset)[kept]
    read_offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    shift = np.repeat(program.read_offset[kept] - read_offset[:-1], counts)
    return replace(
        program,
        queue=queue,
        wait_offset=wait_offset,
        wait_queue=wait_queue,
        wait_count=wait_count,
        read_offset=read_offset,
        read_buffer=program.read_buffer[shift + np.arange(len(shift))],
        buffers=replace(program.buffers, preloaded=program.buffers.preloaded | program.buffers.resident),
        **{name: getattr(program, name)[kept] for name in ("service", "op", "tensor", "box", "flags", "write")},
    )


def _order(program: Program, kept: Int64) -> tuple[Int64, Int64]:
    """Pairs (later, earlier) of the commands that stay, in their new ids: the last of each queue that is complete."""
    number = np.full(len(program), -1, np.int64)
    number[kept] = np.arange(len(kept))
    clocks: Int32 = vector_clocks(program, np.arange(len(program), dtype=np.int64))
    later, earlier = [], []
    for queue in range(len(program.machine.queues)):
        members = program.queue_order[program.queue_offset[queue] : program.queue_offset[queue + 1]]
        stays = number[members]
        # The newest command that stays among the first n of the queue.
        newest = np.concatenate([[-1], np.maximum.accumulate(stays)]) if len(stays) else np.array([-1])
        found = newest[clocks[kept, queue]]
        some = np.flatnonzero(found >= 0)
        later.append(some)
        earlier.append(found[some])
    return np.concatenate(later).astype(np.int64), np.concatenate(earlier).astype(np.int64)
