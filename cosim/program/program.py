"""`Program`: in-order queues of commands, the buffers they touch, and the waits between them.

Struct of arrays. Command ids are positions in the arrays; they are in an order that is legal to execute one by
one (every dependence points to a smaller id), and the commands of one queue run in the order of their ids.

A command is a *move* (``op == -1``: copy the box of one tensor from the buffer it reads to the buffer it writes)
or a *compute* (the tile `box` of the iteration space of `op`).

Buffers are single-assignment: each is one placed box of one tensor, with its own row, and every reuse of an
address is another buffer. So "a credit of a ring slot" is a wait for all accesses of the buffer that was there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum, IntFlag
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.hardware.machine import Machine

Int8 = NDArray[np.int8]
Int16 = NDArray[np.int16]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


class Flag(IntFlag):
    """What a compute command does with partial sums."""

    NONE = 0
    ACCUMULATE = 1  # starts from the accumulators in its last read buffer
    PARTIAL = 2  # writes accumulators; without it the epilogue runs and the final codes are written
    SHARED = 4  # part of what it computes is computed by other commands too, each for a buffer of its own (halos)


class Content(IntEnum):
    """What a buffer holds."""

    CODES = 0  # elements of the tensor in its encoding
    ACCUMULATORS = 1  # partial sums of the tensor


@dataclass(frozen=True)
class BoxTable:
    """Boxes of any rank, stored flat: box b is ``bounds[offset[b]:offset[b+1]].reshape(-1, 2)``."""

    offset: Int64
    bounds: Int32

    def __len__(self) -> int:
        return len(self.offset) - 1

    def box(self, index: int) -> NDArray[np.int64]:
        """Bounds of one box, shape (rank, 2)."""
        return self.bounds[self.offset[index] : self.offset[index + 1]].reshape(-1, 2).astype(np.int64)

    def boxes(self, indices: NDArray[np.integer], rank: int) -> NDArray[np.int64]:
        """Bounds of many boxes of one rank, shape (len(indices), rank, 2)."""
        starts = self.offset[np.asarray(indices)]
        found = self.bounds[starts[:, None] + np.arange(2 * rank)]
        return np.asarray(found.reshape(len(indices), rank, 2), np.int64)


@dataclass(frozen=True)
class BufferTable:
    """One row per placed box of a tensor.

    Attributes
    ----------
    memory, address, capacity
        Memory index, first byte, and bytes reserved [byte].
    tensor, box
        Index into `Program.tensors` and row of `Program.boxes`: elements are stored row-major within this box.
    bits
        Bits per element; accumulators are 32 (64 for wide ones).
    content
        A `Content`.
    root
        -1, or the buffer whose bytes this one shows under another shape (a view: reshape, flatten).
    preloaded
        The content is there before time starts (weights and inputs in DRAM, state).
    resident
        What moves write here stays for the next inference, which finds it there: `cosim.program.steady`.
    ring
        -1, or the axis of which only the newest rows are held, as many as the capacity has room for: row r lies in
        place r modulo their number, counted from the first row of the box, where it takes that of the row before it.
    """

    memory: Int16
    address: Int64
    capacity: Int64
    tensor: Int32
    box: Int32
    bits: Int16
    content: Int8
    root: Int32
    preloaded: NDArray[np.bool_]
    resident: NDArray[np.bool_]
    ring: Int8

    def __len__(self) -> int:
        return len(self.memory)


@dataclass(frozen=True)
class ServiceTable:
    """Classes of commands that cost the same; a clock sweep changes the machine, never this table.

    Attributes
    ----------
    cycles
        Cycles of the engine's clock that overlap the transfer.
    serial_cycles
        Cycles that begin after the transfer's data have arrived (set-up, blocking loads).
    n_bytes, path
        Bytes moved and the path they hold; -1 and 0 bytes for none.
    actions
        Counts, shape (services, actions): what `cost` multiplies by prices.
    """

    cycles: Int64
    serial_cycles: Int64
    n_bytes: Int64
    path: Int16
    actions: Int64

    def __len__(self) -> int:
        return len(self.cycles)


@dataclass(frozen=True)
class Program:
    """What a compiler would hand to the device.

    Attributes
    ----------
    machine
        Wiring and rates.
    ops, tensors, actions
        Names that `op`, `tensor` and the columns of `services.actions` refer to. An action is
        ``"component.action"``, for instance ``"sram.read_bytes"``.
    queue, service, op, tensor, box, flags, write
        One value per command: its queue, service class, op (-1 for a move), tensor moved or written, tile or
        tensor box, `Flag`, and the buffer it writes.
    read_offset, read_buffer
        Buffers read: for a compute, one per input of the op in order (-1 where its box is empty), then the
        accumulators if it accumulates; for a move, its source.
    wait_offset, wait_queue, wait_count
        A command waits until `wait_queue` has completed `wait_count` commands. Waits are never consumed.
    """

    machine: Machine
    ops: tuple[str, ...]
    tensors: tuple[str, ...]
    actions: tuple[str, ...]
    queue: Int16
    service: Int32
    op: Int32
    tensor: Int32
    box: Int32
    flags: Int8
    write: Int32
    read_offset: Int64
    read_buffer: Int32
    wait_offset: Int64
    wait_queue: Int16
    wait_count: Int32
    boxes: BoxTable = field(repr=False)
    buffers: BufferTable = field(repr=False)
    services: ServiceTable = field(repr=False)

    def __len__(self) -> int:
        return len(self.queue)

    @cached_property
    def queue_order(self) -> Int64:
        """Command ids sorted by queue, then by id."""
        return np.argsort(self.queue, kind="stable").astype(np.int64)

    @cached_property
    def queue_offset(self) -> Int64:
        """Queue q owns ``queue_order[queue_offset[q]:queue_offset[q+1]]``."""
        counts = np.bincount(self.queue, minlength=len(self.machine.queues))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @cached_property
    def position(self) -> Int64:
        """Position of each command in its queue."""
        out = np.empty(len(self), np.int64)
        out[self.queue_order] = np.arange(len(self)) - self.queue_offset[self.queue[self.queue_order]]
        return out

    @property
    def fills(self) -> NDArray[np.bool_]:
        """Moves that only the first inference makes: they fill resident buffers, shape (commands,)."""
        if not self.buffers.resident.any():
            return np.zeros(len(self), np.bool_)
        return np.asarray((self.op < 0) & self.buffers.resident[self.write])

    @property
    def resident_bytes(self) -> int:
        """Bytes reserved for what stays on chip between inferences [byte]."""
        return int(self.buffers.capacity[self.buffers.resident].sum())

    @property
    def nbytes(self) -> int:
        """Bytes held by all arrays [byte]."""
        total = 0
        for owner in (self, self.boxes, self.buffers, self.services):
            total += sum(v.nbytes for v in vars(owner).values() if isinstance(v, np.ndarray))
        return total

    def reads(self, command: int) -> Int32:
        """Buffers that a command reads."""
        return self.read_buffer[self.read_offset[command] : self.read_offset[command + 1]]

    def waits(self, command: int) -> list[tuple[int, int]]:
        """Pairs (queue, count) that a command waits for."""
        span = slice(self.wait_offset[command], self.wait_offset[command + 1])
        return list(zip(self.wait_queue[span].tolist(), self.wait_count[span].tolist(), strict=True))

    def on(self, machine: Machine) -> Program:
        """The same commands at other rates."""
        return replace(self, machine=machine)
