"""Where the streams between units are held: rings of rows, sized by the windows that read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op

Ints = NDArray[np.int64]
ALIGNMENT = 64
BYTES = (8, 16, 32, 64)  # bits of elements that a ring of rows can hold
SLOTS = 2  # images whose rows may be there at once


@dataclass(frozen=True)
class Stream:
    """One tensor on its way from unit to unit.

    Attributes
    ----------
    rows
        Pieces that an image arrives in: rows of a feature map, or 1.
    held
        Rows that there is room for, the credits of whoever writes them; at least `rows` where a whole image is held.
    is_ring
        Whether only the newest rows have bytes; otherwise all of an image, and `held` limits the writer alone.
    n_bytes
        Of one image's buffer.
    """

    tensor: str
    rows: int
    held: int
    is_ring: bool
    n_bytes: int


def loops_of(graph: Graph, op: Op) -> tuple[int, int | None]:
    """Positions of the loops over images and over rows of the result; None where an image is computed at once.

    A loop over rows that is a sum, or has to stay whole, is none.
    """
    space = graph.space(op)
    shape = graph.tensors[op.output].shape
    images, rows = -1, None
    for position, dim in enumerate(space.dims):
        if dim.role.value != "parallel" or dim.size == 1:
            continue
        tile = space.whole.copy()
        tile[:, position, 1] = 1
        moved = np.flatnonzero(space.output.boxes(tile)[0, :, 1] < np.array(shape))
        if len(moved) == 1 and moved[0] == 0:
            images = position
        elif len(moved) == 1 and moved[0] == 2 and len(shape) == 4:
            rows = position
    return images, rows


def streams(graph: Graph, extra_rows: int) -> Mapping[str, Stream]:
    """The streams of `graph`: its inputs and every result, views with what they show."""
    found = {}
    shown = {op.inputs[0] for op in graph.ops if op.kind.is_view}
    made = {op.output: op for op in graph.ops}
    for name in (*graph.inputs, *made):
        tensor = graph.tensors[name]
        is_map = len(tensor.shape) == 4
        is_view = name in made and made[name].kind.is_view
        by_rows = is_map and not is_view and (name not in made or loops_of(graph, made[name])[1] is not None)
        rows = tensor.shape[2] if by_rows else 1
        readers = graph.consumers[name]
        forks = len(readers) > 1 or any(len(_computed(graph, op)) > 1 for op in readers)
        window = max((_window(graph, op, name) for op in readers), default=1) if is_map else 1
        held = rows * SLOTS if forks or name in shown or rows == 1 else min(window + extra_rows, rows * SLOTS)
        whole = np.array([[[0, 1], *((0, n) for n in tensor.shape[1:])]], np.int64)
        is_ring = held < rows and tensor.encoding.is_plain and tensor.encoding.bits in BYTES
        if is_ring:
            whole[:, 2, 1] = held
        n_bytes = int(tensor.encoding.box_bytes(whole)[0])
        found[name] = Stream(name, rows, held, is_ring, n_bytes)
    return found


def _computed(graph: Graph, op: Op) -> list[str]:
    return [name for name in op.inputs if name not in graph.constants]


def _window(graph: Graph, op: Op, name: str) -> int:
    """Rows of `name` that a reader needs at once, and those by which it advances."""
    space = graph.space(op)
    _, loop = loops_of(graph, op)
    tiles = np.repeat(space.whole, 1 if loop is None else space.dims[loop].size, axis=0)
    if loop is not None:
        tiles[:, loop, 0] = np.arange(len(tiles))
        tiles[:, loop, 1] = tiles[:, loop, 0] + 1
    most = 1
    for read, access in zip(op.inputs, space.inputs, strict=True):
        if read == name:
            rows = access.boxes(tiles)[:, 2]
            step = int(np.diff(rows[:, 1]).max()) if len(rows) > 1 else 0
            most = max(most, int((rows[:, 1] - rows[:, 0]).max()) + step)
    return most
