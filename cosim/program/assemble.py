"""`assemble`: a mapper's `Draft` becomes a `Program`, without a Python loop per command."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.hardware.machine import Machine
from cosim.program.clocks import blocking_services
from cosim.program.draft import Draft, Ints
from cosim.program.program import BoxTable, BufferTable, Int64, Program, ServiceTable
from cosim.program.rows import unique_rows
from cosim.program.waits import reduce_waits

Scalar = TypeVar("Scalar", bound=np.generic)

BUFFER_DTYPES: dict[str, type[np.generic]] = {
    "memory": np.int16,
    "address": np.int64,
    "capacity": np.int64,
    "tensor": np.int32,
    "box": np.int32,
    "bits": np.int16,
    "content": np.int8,
    "root": np.int32,
    "preloaded": np.bool_,
    "resident": np.bool_,
    "ring": np.int8,
}
BUFFER_DEFAULTS = {"content": 0, "root": -1, "preloaded": 0, "resident": 0, "ring": -1}


def assemble(draft: Draft, machine: Machine, order: Ints | None = None) -> Program:
    """The Program of a draft: blocks joined, services and boxes shared, dependences turned into waits.

    Parameters
    ----------
    order
        Sort key of each command, shape (commands,): commands are put into ascending order of their keys, equal
        keys keep the order of appending. Dependences still name commands by the order of appending.

    Raises
    ------
    SimulationError
        If a dependence points forward or at itself, a value does not fit its column, or blocks do not match.
    """
    n = draft.n_commands
    place = _places(n, order)
    queue = _column("queue", draft.queue, np.int16, place)
    _names(queue, len(machine.queues), "a command", "queue")
    service, services = _services(draft, machine, queue, place)
    later, earlier = _dependences(draft, n, place)
    blocking = blocking_services(services)[service]
    wait_offset, wait_queue, wait_count = reduce_waits(queue, blocking, later, earlier, len(machine.queues))
    del later, earlier
    read_offset, read_buffer = _reads(draft, place)
    box_class, boxes = _boxes(draft)
    buffers = _buffers(draft, box_class)
    return Program(
        machine=machine,
        ops=tuple(draft.op_names),
        tensors=tuple(draft.tensor_names),
        actions=tuple(draft.action_names),
        queue=queue,
        service=service,
        op=_column("op", draft.op, np.int32, place),
        tensor=_column("tensor", draft.tensor, np.int32, place),
        box=_shared(_column("box", draft.box, np.int32, place), box_class, "a command"),
        flags=_column("flags", draft.flags, np.int8, place),
        write=_column("write", draft.write, np.int32, place),
        read_offset=read_offset,
        read_buffer=read_buffer,
        wait_offset=wait_offset,
        wait_queue=wait_queue,
        wait_count=wait_count,
        boxes=boxes,
        buffers=buffers,
        services=services,
    )


def _places(n: int, order: Ints | None) -> Int64 | None:
    """Final id of each appended command; None when nothing moves."""
    if order is None:
        return None
    if np.shape(order) != (n,):
        message = f"draft: {np.shape(order)} sort keys for {n} commands"
        raise SimulationError(message)
    place = np.empty(n, np.int64)
    place[np.argsort(order, kind="stable")] = np.arange(n)
    return place


def _column(name: str, blocks: Sequence[Ints], dtype: type[Scalar], place: Int64 | None = None) -> NDArray[Scalar]:
    """Blocks joined in one type, at their final places."""
    out = np.empty(sum(map(len, blocks)), dtype)
    start = 0
    for block in blocks:
        stop = start + len(block)
        _fits(name, block, out.dtype)
        if place is None:
            out[start:stop] = block
        else:
            out[place[start:stop]] = block
        start = stop
    return out


def _names(index: Ints, n: int, who: str, what: str) -> None:
    """Raise unless all of `index` name one of `n` things."""
    wrong = index[(index < 0) | (index >= n)]
    if wrong.size:
        message = f"draft: {who} names {what} {wrong.flat[0]} of {n}"
        raise SimulationError(message)


def _fits(name: str, block: Ints, dtype: np.dtype[Any]) -> None:
    if dtype == np.bool_ or block.size == 0:
        return
    least, most = block.min(), block.max()
    low, high = _limits(dtype)
    if least < low or most > high:
        raise SimulationError(f"draft: column {name!r} holds values from {least} to {most}", allowed=f"{low} to {high}")


@cache
def _limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return limits.min, limits.max


def _services(
    draft: Draft, machine: Machine, queue: NDArray[np.int16], place: Int64 | None
) -> tuple[NDArray[np.int32], ServiceTable]:
    """Service class of each command, and the classes: equal columns, equal actions and the same engine."""
    n = draft.n_commands
    n_actions = len(draft.action_names)
    for block in draft.actions:
        if block.shape[1] != n_actions:
            message = f"draft: a block counts {block.shape[1]} actions, {n_actions} are named"
            raise SimulationError(message)
    keys = np.empty((n, 5 + n_actions), np.int64)
    for column, name in enumerate(("cycles", "serial_cycles", "n_bytes", "path")):
        keys[:, column] = _column(name, getattr(draft, name), np.int64, place)
    _fits("path", keys[:, 3], np.dtype(np.int16))
    keys[:, 4] = np.asarray(machine.queue_engine, np.int64)[queue]
    start = 0
    for block in draft.actions:
        rows = slice(start, start + len(block)) if place is None else place[start : start + len(block)]
        keys[rows, 5:] = block
        start += len(block)
    offset = np.arange(n + 1, dtype=np.int64) * keys.shape[1]
    service, first = unique_rows(offset, keys.reshape(-1))
    table = keys[first]
    services = ServiceTable(
        cycles=table[:, 0].copy(),
        serial_cycles=table[:, 1].copy(),
        n_bytes=table[:, 2].copy(),
        path=table[:, 3].astype(np.int16),
        actions=table[:, 5:].copy(),
    )
    return service.astype(np.int32), services


def _dependences(draft: Draft, n: int, place: Int64 | None) -> tuple[Int64, Int64]:
    """Pairs (later, earlier) in final ids."""
    pairs = np.concatenate([*draft.dependences, np.empty((0, 2), np.int64)]).astype(np.int64, copy=False)
    _names(pairs, n, "a dependence", "command")
    later, earlier = pairs[:, 0].copy(), pairs[:, 1].copy()
    if place is not None:
        later, earlier = place[later], place[earlier]
    wrong = np.flatnonzero(earlier >= later)
    if wrong.size:
        one = pairs[wrong[0]]
        message = f"draft: command {one[0]} depends on command {one[1]}, which does not come before it"
        fix = "append the earlier command first" if place is None else "give the earlier command a smaller sort key"
        raise SimulationError(message, fix=fix)
    return later, earlier


def _reads(draft: Draft, place: Int64 | None) -> tuple[Int64, NDArray[np.int32]]:
    """Offsets and buffers read by each command."""
    counts = _column("read_counts", draft.read_counts, np.int64)
    flat = _column("reads", draft.read_buffers, np.int32)
    if counts.sum() != len(flat):
        message = f"draft: {len(flat)} reads, but the counts add up to {counts.sum()}"
        raise SimulationError(message)
    if place is None:
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), flat
    starts = np.cumsum(counts) - counts
    source = np.empty(len(counts), np.int64)
    source[place] = np.arange(len(counts))
    offset = np.concatenate([[0], np.cumsum(counts[source])]).astype(np.int64)
    shift = np.repeat(starts[source] - offset[:-1], counts[source])
    return offset, flat[shift + np.arange(len(flat))]


def _boxes(draft: Draft) -> tuple[Int64, BoxTable]:
    """Class of each drafted box, and the table with every box once."""
    ranks = _column("box_ranks", draft.box_ranks, np.int64)
    bounds = _column("box_bounds", draft.box_bounds, np.int32)
    offset = np.concatenate([[0], np.cumsum(2 * ranks)]).astype(np.int64)
    classes, first = unique_rows(offset, bounds)
    lengths = 2 * ranks[first]
    shared = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.repeat(offset[first] - shared[:-1], lengths) + np.arange(shared[-1])
    return classes, BoxTable(shared, bounds[rows])


def _shared(rows: Ints, classes: Int64, what: str) -> NDArray[np.int32]:
    """Rows of the drafted boxes as rows of the shared ones."""
    index = np.asarray(rows, np.int64)
    _names(index, len(classes), what, "box")
    return classes[index].astype(np.int32)


def _buffers(draft: Draft, box_class: Int64) -> BufferTable:
    """Buffer columns joined; those with a default may be left out altogether."""
    columns: dict[str, Any] = {}
    for name, dtype in BUFFER_DTYPES.items():
        blocks = draft.buffer_columns.get(name, [])
        if not blocks and name in BUFFER_DEFAULTS:
            blocks = [np.full(draft.n_buffers, BUFFER_DEFAULTS[name])]
        columns[name] = _column(name, blocks, dtype)
        if len(columns[name]) != draft.n_buffers:
            message = f"draft: buffer column {name!r} has {len(columns[name])} of {draft.n_buffers} rows"
            raise SimulationError(message, fix=f"give {name!r} to every add_buffers, or to none")
    columns["box"] = _shared(columns["box"], box_class, "a buffer")
    return BufferTable(**columns)
