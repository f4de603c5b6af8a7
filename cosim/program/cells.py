"""Cells: every buffer cut along the edges of the boxes that are written to it.

A write then covers whole cells, so "each element that is read has been written" is a question about cells. A
buffer that is filled by one write is one cell; one that is filled by a grid of tiles has one cell per tile.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.jit import njit
from cosim.program.listing import buffer_name
from cosim.program.operands import Touched
from cosim.program.program import Int32, Int64, Program

CELL_LIMIT = 1 << 27  # cells of all buffers together; half a gibibyte


class Cells(NamedTuple):
    """Grid of cells of each buffer.

    Attributes
    ----------
    cuts, cut_offset, n_cuts
        Axis d of buffer b is cut at ``cuts[cut_offset[b, d]:][:n_cuts[b, d]]``, ascending, ends included.
    base
        Cells of buffer b are numbered from ``base[b]`` to ``base[b + 1]``; none if nothing writes it.
    sum_base
        The same for those that are rewritten only, shape (buffers + 1,).
    """

    cuts: Int32
    cut_offset: Int64
    n_cuts: Int32
    base: Int64
    sum_base: Int64


def cut_cells(program: Program, touched: Touched, is_rewritten: NDArray[np.bool_]) -> Cells:
    """Cells of every buffer; `is_rewritten` are those of which more than the last writer is remembered.

    Raises
    ------
    SimulationError
        If boxes are so irregular that there would be more than `CELL_LIMIT` cells.
    """
    n_buffers, rank = len(program.buffers), touched.writes.shape[1]
    writers = np.argsort(program.write, kind="stable")
    n_writes = np.bincount(program.write, minlength=n_buffers)
    offset = np.concatenate([[0], np.cumsum(n_writes)]).astype(np.int64)
    room = np.where(n_writes > 0, 2 * n_writes + 2, 0)
    starts = np.concatenate([[0], np.cumsum(room * rank)])
    cut_offset = starts[:-1, None] + room[:, None] * np.arange(rank)
    cuts = np.empty(starts[-1], np.int32)
    n_cuts = np.zeros((n_buffers, rank), np.int32)
    table = program.buffers
    _cut_pass(
        writers, offset, touched.writes, table.box, program.boxes.offset, program.boxes.bounds, cut_offset, cuts, n_cuts
    )
    sizes = np.where(n_writes > 0, np.prod(np.maximum(n_cuts - 1, 1).astype(np.float64), axis=1), 0)
    if sizes.sum() > CELL_LIMIT:
        worst = buffer_name(program, int(sizes.argmax()))
        message = f"{worst}: the boxes written to it form {sizes.max():.3g} cells, too irregular to be checked"
        raise SimulationError(message, allowed=f"{CELL_LIMIT} cells in all buffers", fix="use tiles with common edges")
    base = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    sums = np.where(is_rewritten, sizes, 0)
    return Cells(cuts, cut_offset, n_cuts, base, np.concatenate([[0], np.cumsum(sums)]).astype(np.int64))


@njit
def cell_span(cells: Cells, buffer: int, box: Int32, low: Int64, extent: Int64) -> int:
    """Number of cells that a box touches; fills the first cell and the extent along each axis."""
    total = 1
    for axis in range(box.shape[0]):
        start = cells.cut_offset[buffer, axis]
        cuts = cells.cuts[start : start + cells.n_cuts[buffer, axis]]
        first = max(_count_below(cuts, cuts.size, box[axis, 0] + 1) - 1, 0)
        last = min(_count_below(cuts, cuts.size, box[axis, 1]), cuts.size - 1)
        low[axis] = first
        extent[axis] = max(last - first, 0) if box[axis, 1] > box[axis, 0] else 0
        total *= extent[axis]
    return total


@njit
def is_empty(box: Int32) -> bool:
    """Whether a box has no elements."""
    empty = False
    for axis in range(box.shape[0]):
        empty |= box[axis, 1] <= box[axis, 0]
    return empty


@njit
def cell_number(cells: Cells, buffer: int, low: Int64, extent: Int64, index: int) -> int:
    """Cell `index` of a span, counted from the buffer's first cell."""
    number, scale = 0, 1
    for axis in range(low.size - 1, -1, -1):
        number += (low[axis] + index % extent[axis]) * scale
        index //= extent[axis]
        scale *= cells.n_cuts[buffer, axis] - 1
    return number


@njit
def _cut_pass(
    writers: Int64,
    offset: Int64,
    writes: Int32,
    buffer_box: Int32,
    box_offset: Int64,
    bounds: Int32,
    cut_offset: Int64,
    cuts: Int32,
    n_cuts: Int32,
) -> None:
    for buffer in range(offset.size - 1):
        if offset[buffer + 1] == offset[buffer]:
            continue
        start = box_offset[buffer_box[buffer]]
        own_rank = (box_offset[buffer_box[buffer] + 1] - start) // 2
        for axis in range(writes.shape[1]):
            room = cuts[cut_offset[buffer, axis] :]
            low, high = 0, 1
            if axis < own_rank:
                low, high = bounds[start + 2 * axis], bounds[start + 2 * axis + 1]
            room[0], room[1] = low, high
            n = 2
            for index in range(offset[buffer], offset[buffer + 1]):
                for end in range(2):
                    edge = writes[writers[index], axis, end]
                    if low < edge < high:
                        n = _insert(room, n, edge)
            n_cuts[buffer, axis] = n


@njit
def _insert(values: Int32, n: int, value: int) -> int:
    """Put `value` among the first `n`, which ascend, unless it is there; return how many there are then."""
    place = _count_below(values, n, value)
    if values[place] == value:
        return n
    for index in range(n, place, -1):
        values[index] = values[index - 1]
    values[place] = value
    return n + 1


@njit
def _count_below(values: Int32, n: int, value: int) -> int:
    """How many of the first `n` values, which ascend, are smaller than `value`."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low
