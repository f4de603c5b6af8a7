"""`frames_of`: a template repeated, by numpy and without a loop over commands or frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.program.jobs_graph import frame_name, shared_name
from cosim.program.jobs_hazards import between
from cosim.program.jobs_template import Chunk, Template
from cosim.program.program import BoxTable, BufferTable, Int8, Int16, Int32, Int64, ServiceTable


@dataclass(frozen=True)
class Frames:
    """All frames of one job: columns as in `Program`, in the job's own numbers.

    Attributes
    ----------
    dependences
        Pairs of commands (later, earlier).
    frame
        Of each command, shape (commands,).
    """

    ops: tuple[str, ...]
    tensors: tuple[str, ...]
    queue: Int16
    service: Int32
    op: Int32
    tensor: Int32
    box: Int32
    flags: Int8
    write: Int32
    read_offset: Int64
    read_buffer: Int32
    dependences: tuple[Int64, Int64]
    frame: Int64
    boxes: BoxTable
    buffers: BufferTable
    services: ServiceTable


def frames_of(one: Template, releases_fs: Sequence[int], in_flight: int, base: Mapping[int, int]) -> Frames:
    """The frames of a job that are released at these times, with its bytes of each memory from `base` on."""
    n, first, later = len(releases_fs), one.first, one.later
    frame = np.concatenate([np.zeros(len(first), np.int64), np.repeat(np.arange(1, n), len(later))])
    n_reads = len(later.read_buffer)
    reads_in = np.concatenate([np.zeros(len(first.read_buffer), np.int64), np.repeat(np.arange(1, n), n_reads)])
    tensors, ops = _Numbers.of(one.constant, n), _Numbers.of(np.zeros(len(one.ops), np.bool_), n)
    buffers = _Numbers.of(one.shared, n)
    services, intervals = _services(one, releases_fs)
    service = _repeated(first, later, "service", n).astype(np.int32)
    waits = service == one.release_service
    service[waits] = intervals[frame[waits]]
    op, read = _repeated(first, later, "op", n), _repeated(first, later, "read_buffer", n)
    counts = np.concatenate([np.diff(first.read_offset), np.tile(np.diff(later.read_offset), n - 1)])
    return Frames(
        ops=tuple(frame_name(one.job, k, name) for k in range(n) for name in one.ops),
        tensors=_tensor_names(one, n),
        queue=_repeated(first, later, "queue", n),
        service=service,
        op=np.where(op >= 0, ops.at(np.maximum(op, 0), frame), -1).astype(np.int32),
        tensor=tensors.at(_repeated(first, later, "tensor", n), frame).astype(np.int32),
        box=_repeated(first, later, "box", n),
        flags=_repeated(first, later, "flags", n),
        write=buffers.at(_repeated(first, later, "write", n), frame).astype(np.int32),
        read_offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        read_buffer=np.where(read >= 0, buffers.at(np.maximum(read, 0), reads_in), -1).astype(np.int32),
        dependences=_dependences(one, n, in_flight),
        frame=frame,
        boxes=one.boxes,
        buffers=_buffers(one, in_flight, base, tensors, buffers),
        services=services,
    )


@dataclass(frozen=True)
class _Numbers:
    """New numbers of things of which some are shared by all frames: these come first.

    Attributes
    ----------
    own
        Position among the shared ones, or among those that each frame has, shape (things,).
    """

    shared: NDArray[np.bool_]
    own: Int64
    n_shared: int
    n_each: int
    frames: int

    @staticmethod
    def of(shared: NDArray[np.bool_], frames: int) -> _Numbers:
        own = np.where(shared, np.cumsum(shared) - 1, np.cumsum(~shared) - 1).astype(np.int64)
        return _Numbers(shared, own, int(shared.sum()), int((~shared).sum()), frames)

    def at(self, which: NDArray[Any], frame: NDArray[np.int64]) -> Int64:
        """Number of a thing in a frame."""
        own = self.own[which]
        return np.asarray(np.where(self.shared[which], own, self.n_shared + frame * self.n_each + own), np.int64)

    def rows(self) -> tuple[Int64, Int64]:
        """The thing and the frame behind each new number; shared ones are of frame 0."""
        each = np.flatnonzero(~self.shared)
        things = np.concatenate([np.flatnonzero(self.shared), np.tile(each, self.frames)])
        frames = np.concatenate([np.zeros(self.n_shared, np.int64), np.repeat(np.arange(self.frames), self.n_each)])
        return things.astype(np.int64), frames.astype(np.int64)


def _repeated(first: Chunk, later: Chunk, name: str, n: int) -> NDArray[Any]:
    return np.concatenate([getattr(first, name), np.tile(getattr(later, name), n - 1)])


def _tensor_names(one: Template, n: int) -> tuple[str, ...]:
    constants = [shared_name(one.job, name) for name, c in zip(one.tensors, one.constant, strict=True) if c]
    each = [name for name, c in zip(one.tensors, one.constant, strict=True) if not c]
    return (*constants, *(frame_name(one.job, k, name) for k in range(n) for name in each))


def _services(one: Template, releases_fs: Sequence[int]) -> tuple[ServiceTable, Int64]:
    """The services with one for each distance between releases, and that of each frame."""
    distance = np.diff(np.array([0, *releases_fs], np.int64))
    kinds, which = np.unique(distance, return_inverse=True)
    table = one.services

    def grown(values: NDArray[Any], name: str) -> NDArray[Any]:
        new = kinds if name == "cycles" else np.full((len(kinds), *values.shape[1:]), -1 if name == "path" else 0)
        return np.concatenate([values, new]).astype(values.dtype)

    columns = {name: grown(values, name) for name, values in vars(table).items()}
    return ServiceTable(**columns), (len(table) + which.reshape(-1)).astype(np.int64)


def _buffers(
    one: Template, in_flight: int, base: Mapping[int, int], tensors: _Numbers, buffers: _Numbers
) -> BufferTable:
    """Every frame's buffers; those in main memory take turns, those in the world are all different."""
    thing, frame = buffers.rows()
    table = one.buffers
    columns: dict[str, Any] = {name: values[thing] for name, values in vars(table).items()}
    moves = ~one.still[thing]
    address = columns["address"] + np.array([base[memory] for memory in sorted(base)])[columns["memory"]]
    low, high = one.moving(one.main)
    end = one.extent(one.main, 1)
    slot = frame % in_flight
    turn = moves & (columns["memory"] == one.main) & (slot > 0)
    address[turn] += (end - low + (slot - 1) * (high - low))[turn]
    outside = moves & (columns["memory"] == one.world)
    address[outside] += (frame * one.world_bytes)[outside]
    columns["address"] = address
    columns["tensor"] = tensors.at(columns["tensor"], frame).astype(np.int32)
    root = columns["root"]
    columns["root"] = np.where(root >= 0, buffers.at(np.maximum(root, 0), frame), -1).astype(np.int32)
    return BufferTable(**columns)


def _dependences(one: Template, n: int, in_flight: int) -> tuple[Int64, Int64]:
    """Within each frame, and of each on those before it."""
    start = np.concatenate([[0], len(one.first) + np.arange(n - 1) * len(one.later)])
    later, earlier = [one.first.later], [one.first.earlier]
    if n > 1:
        later.append((start[1:, None] + one.later.later).reshape(-1))
        earlier.append((start[1:, None] + one.later.earlier).reshape(-1))
    memories = np.ones(one.world + 1, np.bool_)
    memories[[one.main, one.world]] = False
    on_chip = memories.copy()
    memories[:] = False
    memories[one.main] = True
    for lag, where in ((1, on_chip), (in_flight, memories)):
        for begin, stop, chunk in ((lag, min(lag + 1, n), one.first), (lag + 1, n, one.later)):
            if begin >= stop:
                continue
            write, access = between(chunk.hazards, one.later.hazards, where)
            if where is memories:
                write, access = _admitted(one.later, chunk, write, access)
            later.append((start[begin:stop, None] + write).reshape(-1))
            earlier.append((start[begin - lag : stop - lag, None] + access).reshape(-1))
    return np.concatenate(later).astype(np.int64), np.concatenate(earlier).astype(np.int64)


def _admitted(later: Chunk, earlier: Chunk, write: Int64, access: Int64) -> tuple[Int64, Int64]:
    """The pairs, and one more: a frame is admitted when the one whose copy it takes has been collected."""
    if earlier.collect < 0:
        return write, access
    return np.append(write, later.admit), np.append(access, earlier.collect)
