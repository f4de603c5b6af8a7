"""What a frame may overwrite of an earlier one: the first writes and the last accesses of every byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.program.program import BufferTable, Int64

if TYPE_CHECKING:
    from cosim.program.jobs_template import Chunk

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Hazards:
    """Per segment of bytes that nobody divides, and per queue of the frame.

    Attributes
    ----------
    memory
        Of each segment, shape (segments,).
    first_write
        The first command that writes there, `NEVER` for none, shape (segments, queues).
    last_access
        The last command that reads or writes there, -1 for none, shape (segments, queues).
    """

    memory: Int64
    first_write: Int64
    last_access: Int64

    @staticmethod
    def none() -> Hazards:
        """Of no commands."""
        return Hazards(np.zeros(0, np.int64), np.zeros((0, 0), np.int64), np.zeros((0, 0), np.int64))


def hazards_of(chunk: Chunk, buffers: BufferTable, still: NDArray[np.bool_], n_queues: int) -> Hazards:
    """First writes and last accesses of the commands of a frame; bytes that are `still` are never written again."""
    ranges = np.stack([buffers.memory.astype(np.int64), buffers.address, buffers.address + buffers.capacity], axis=1)
    distinct, which = np.unique(ranges, axis=0, return_inverse=True)
    which = which.reshape(-1)
    commands = np.arange(len(chunk))
    reader = np.repeat(commands, np.diff(chunk.read_offset))
    read = chunk.read_buffer
    there = read >= 0
    accessing = np.concatenate([reader[there], commands])
    accessed = np.concatenate([read[there], chunk.write])
    last = np.full((len(distinct), n_queues), -1, np.int64)
    first = np.full((len(distinct), n_queues), NEVER, np.int64)
    counted = ~still[accessed]
    np.maximum.at(last, (which[accessed[counted]], chunk.queue[accessing[counted]]), accessing[counted])
    counted = ~still[chunk.write]
    np.minimum.at(first, (which[chunk.write[counted]], chunk.queue[counted]), commands[counted])
    return _by_segment(distinct, first, last)


def _by_segment(ranges: Int64, first: Int64, last: Int64) -> Hazards:
    """The same per segment: what lies over a byte is everybody whose range holds it."""
    memories, firsts, lasts = [], [], []
    for memory in np.unique(ranges[:, 0]).tolist():
        rows = np.flatnonzero(ranges[:, 0] == memory)
        edges = np.unique(ranges[rows, 1:])
        start, stop = np.searchsorted(edges, ranges[rows, 1]), np.searchsorted(edges, ranges[rows, 2])
        length = stop - start
        row = np.repeat(rows, length)
        segment = np.repeat(stop - np.cumsum(length), length) + np.arange(length.sum())
        written = np.full((len(edges), first.shape[1]), NEVER, np.int64)
        touched = np.full((len(edges), first.shape[1]), -1, np.int64)
        np.minimum.at(written, segment, first[row])
        np.maximum.at(touched, segment, last[row])
        memories.append(np.full(len(edges), memory, np.int64))
        firsts.append(written)
        lasts.append(touched)
    return Hazards(np.concatenate(memories), np.concatenate(firsts), np.concatenate(lasts))


def between(earlier: Hazards, later: Hazards, memories: NDArray[np.bool_]) -> tuple[Int64, Int64]:
    """Pairs (command of the later frame, command of the earlier frame that must be done) in `memories`.

    All accesses of the earlier frame to a byte come before any write of the later frame to it. Only the first write and
    the last access of each queue need to be named: the others follow from the order of the queues.
    """
    rows = memories[later.memory]
    pairs: list[Int64] = []
    for reader in range(earlier.last_access.shape[1]):
        done = earlier.last_access[rows, reader]
        for writer in range(later.first_write.shape[1]):
            begins = later.first_write[rows, writer]
            both = (done >= 0) & (begins != NEVER)
            if both.any():
                pairs.append(np.unique(np.stack([begins[both], done[both]], axis=1), axis=0))
    if not pairs:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    found = np.concatenate(pairs)
    return found[:, 0].copy(), found[:, 1].copy()
