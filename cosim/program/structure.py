"""First check: every index of a Program names something, and every buffer lies inside its memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph, Tensor
from cosim.graph.space import volume
from cosim.program.finding import Findings
from cosim.program.listing import buffer_name
from cosim.program.program import Content, Int32, Int64, Program


def check_structure(program: Program, graph: Graph, found: Findings) -> None:
    """Names, lengths, ranges, then buffers; later checks may rely on all of it when nothing is found."""
    _check_names(program, graph, found)
    _check_lengths(program, found)
    if found:
        return
    _check_commands(program, found)
    _check_services(program, found)
    _check_buffer_indices(program, found)
    if not found:
        _check_buffers(program, graph, found)


def roots(root: Int32) -> Int64:
    """The buffer at the end of each chain of views; -1 where the chain is a ring."""
    own = np.arange(len(root), dtype=np.int64)
    last = np.where(root >= 0, root, own).astype(np.int64)
    for _ in range(max(len(root), 1).bit_length()):
        last = last[last]
    return np.where(root[last] >= 0, -1, last) if len(root) else last


def is_offset(offset: Int64, n: int, total: int) -> bool:
    """Whether `offset` cuts `total` values into `n` pieces."""
    if len(offset) == 0 or len(offset) != n + 1:
        return False
    return bool(offset[0] == 0 and offset[-1] == total and (np.diff(offset) >= 0).all())


def _check_names(program: Program, graph: Graph, found: Findings) -> None:
    known = {op.name for op in graph.ops}
    for what, names, allowed in (("op", program.ops, known), ("tensor", program.tensors, graph.tensors)):
        for name in names:
            if name not in allowed:
                found.add(f"program: {what} {name!r} is not in graph {graph.name!r}")
        if len(set(names)) != len(names):
            found.add(f"program: two {what}s have one name")


def _check_lengths(program: Program, found: Findings) -> None:
    n = len(program)
    for name in ("service", "op", "tensor", "box", "flags", "write"):
        if len(getattr(program, name)) != n:
            found.add(f"program: {len(getattr(program, name))} values of {name!r} for {n} commands")
    _check_offset("read", program.read_offset, n, len(program.read_buffer), found)
    _check_offset("wait", program.wait_offset, n, len(program.wait_count), found)
    _check_offset("box", program.boxes.offset, len(program.boxes), len(program.boxes.bounds), found)
    if len(program.wait_queue) != len(program.wait_count):
        found.add("program: wait queues and counts differ in number")
    if (program.boxes.offset % 2).any():
        found.add("program: a box has a lower bound without an upper one")
    for table in (program.buffers, program.services):
        for name, column in vars(table).items():
            if len(column) != len(table):
                found.add(f"program: {len(column)} values of {name!r} for {len(table)} rows")
    if program.services.actions.shape != (len(program.services), len(program.actions)):
        found.add(f"program: actions have shape {program.services.actions.shape}, {len(program.actions)} are named")


def _check_offset(name: str, offset: Int64, n: int, total: int, found: Findings) -> None:
    if not is_offset(offset, n, total):
        found.add(f"program: {name} offsets do not cut {total} values into {n} pieces")


def _in_range(what: str, name: str, values: NDArray[np.integer], low: int, high: int, found: Findings) -> None:
    """Report values outside ``low <= value < high``."""
    wrong = (values < low) | (values >= high)
    found.each(wrong, lambda i: f"{what} {i}: {name} is {values[i]}, allowed are {low} to {high - 1}")


def _check_commands(program: Program, found: Findings) -> None:
    n_queues, n_buffers = len(program.machine.queues), len(program.buffers)
    _in_range("command", "queue", program.queue, 0, n_queues, found)
    _in_range("command", "service", program.service, 0, len(program.services), found)
    _in_range("command", "op", program.op, -1, len(program.ops), found)
    _in_range("command", "tensor", program.tensor, 0, len(program.tensors), found)
    _in_range("command", "box", program.box, 0, len(program.boxes), found)
    _in_range("command", "flags", program.flags, 0, 8, found)
    _in_range("command", "buffer written", program.write, 0, n_buffers, found)
    _in_range("read", "buffer", program.read_buffer, -1, n_buffers, found)
    _in_range("wait", "queue", program.wait_queue, 0, n_queues, found)
    if found:
        return
    lengths = np.diff(program.queue_offset)[program.wait_queue]
    wrong = (program.wait_count < 1) | (program.wait_count > lengths)

    def text(wait: int) -> str:
        command = int(np.searchsorted(program.wait_offset, wait, side="right")) - 1
        queue = program.machine.queues[program.wait_queue[wait]]
        return f"command {command}: waits for {program.wait_count[wait]} commands of {queue}, which has {lengths[wait]}"

    found.each(wrong, text)


def _check_services(program: Program, found: Findings) -> None:
    table = program.services
    _in_range("service", "path", table.path, -1, len(program.machine.paths), found)
    for name in ("cycles", "serial_cycles", "n_bytes"):
        _in_range("service", name, getattr(table, name), 0, np.iinfo(np.int64).max, found)
    found.each((table.n_bytes > 0) & (table.path < 0), lambda i: f"service {i}: {table.n_bytes[i]} bytes over no path")


def _check_buffer_indices(program: Program, found: Findings) -> None:
    table = program.buffers
    _in_range("buffer", "memory", table.memory, 0, len(program.machine.memories), found)
    _in_range("buffer", "tensor", table.tensor, 0, len(program.tensors), found)
    _in_range("buffer", "box", table.box, 0, len(program.boxes), found)
    _in_range("buffer", "content", table.content, 0, 2, found)
    _in_range("buffer", "root", table.root, -1, len(table), found)
    if not found:
        found.each(roots(table.root) < 0, lambda b: f"buffer {b}: its chain of views is a ring")


def grouped(keys: NDArray[np.integer], n: int) -> list[Int64]:
    """Indices at which `keys` is 0, 1, ... n - 1, each ascending; other keys are left out."""
    order = np.argsort(keys, kind="stable").astype(np.int64)
    cuts = np.searchsorted(keys[order], np.arange(n + 1))
    return [order[cuts[key] : cuts[key + 1]] for key in range(n)]


def _check_buffers(program: Program, graph: Graph, found: Findings) -> None:
    """Boxes inside their tensors, bits, capacities, and addresses inside the memories."""
    table = program.buffers
    for name, rows in zip(program.tensors, grouped(table.tensor, len(program.tensors)), strict=True):
        _check_buffers_of(program, graph.tensors[name], rows, found)
    size = np.array(program.machine.memory_bytes, np.int64)[table.memory]
    found.each(
        np.asarray((table.address < 0) | (table.capacity < 1) | (table.address > size - table.capacity)),
        lambda b: (
            f"{buffer_name(program, b)}: its {table.capacity[b]} bytes end outside the {size[b]} bytes of the memory"
        ),
    )


def _check_buffers_of(program: Program, tensor: Tensor, rows: Int64, found: Findings) -> None:
    table = program.buffers
    wrong_rank = np.diff(program.boxes.offset)[table.box[rows]] != 2 * len(tensor.shape)
    found.each(wrong_rank, lambda i: f"{buffer_name(program, rows[i])}: wrong number of axes")
    rows = rows[~wrong_rank]
    boxes = program.boxes.boxes(table.box[rows], len(tensor.shape))
    outside = (boxes[..., 0] < 0) | (boxes[..., 1] > np.array(tensor.shape)) | (boxes[..., 1] <= boxes[..., 0])
    found.each(
        outside.any(axis=1),
        lambda i: f"{buffer_name(program, rows[i])}: its box is empty or outside the tensor {tensor.shape}",
    )
    own = (table.root[rows] < 0) & (table.ring[rows] == -1)  # a view has the bytes of its root, a ring a few rows
    rows, boxes = rows[own], boxes[own]
    bits = table.bits[rows].astype(np.int64)
    is_codes = table.content[rows] == Content.CODES
    needed = np.where(is_codes, max(tensor.encoding.bits, 1), 1)
    found.each(
        bits < needed,
        lambda i: f"{buffer_name(program, rows[i])}: {bits[i]} bits per element, {tensor.encoding.format} needs more",
    )
    found.each(
        table.capacity[rows] * 8 < np.where(is_codes, tensor.encoding.box_bits(boxes), volume(boxes) * bits),
        lambda i: f"{buffer_name(program, rows[i])}: its box does not fit {table.capacity[rows[i]]} bytes",
    )
