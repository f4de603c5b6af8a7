"""Third check: the tiles of each op cover output x reduction exactly once.

Blocks of a group of ops may overlap where windows do. Their tiles say so (`Flag.SHARED`): what several of them compute
is computed for several buffers, and each of them sums all of its reduction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.space import Boxes
from cosim.jit import njit
from cosim.program.finding import Findings
from cosim.program.joins import moves_bytes
from cosim.program.listing import box_text
from cosim.program.program import Flag, Program
from cosim.program.structure import grouped


def check_coverage(program: Program, graph: Graph, found: Findings) -> None:
    """Report ops without commands (views need none) and points computed never or more than once."""
    commands = dict(zip(program.ops, grouped(program.op, len(program.ops)), strict=True))
    nothing = np.empty(0, np.int64)
    for op in graph.ops:
        members = commands.get(op.name, nothing)
        if len(members) == 0 and (op.kind.is_view or moves_bytes(graph, op) is not None):
            continue  # whoever reads a join or a slice proves that it is there
        whole = graph.space(op).whole[0]
        if len(members) == 0:
            found.add(f"op {op.name}: no command computes it")
            continue
        if (np.diff(program.boxes.offset)[program.box[members]] != whole.size).any():
            continue  # reported with the operands
        boxes = program.boxes.boxes(program.box[members], len(whole))
        shared = (program.flags[members] & Flag.SHARED) > 0
        begins = (program.flags[members[shared]] & Flag.ACCUMULATE) == 0
        fault = partition_fault(boxes, whole, shared)
        fault = fault or _sum_fault(boxes[shared], begins, whole, graph.space(op).reductions())
        if fault is not None:
            times, region = fault
            loops = ", ".join(dim.name for dim in graph.space(op).dims)
            found.add(f"op {op.name}: {box_text(region)} of loops ({loops}) is computed {times}")


def _sum_fault(
    boxes: Boxes, begins: NDArray[np.bool_], whole: NDArray[np.int64], reductions: tuple[int, ...]
) -> tuple[str, NDArray[np.int64]] | None:
    """Where tiles that may overlap do not cover the reduction of their output exactly once per sum.

    `begins` says which of them start a sum, shape (tiles,). Two blocks may cut the same output tile; its tiles, in
    the order of commands, are then one sum after the other.
    """
    summed = list(reductions)
    parts = (boxes[:, summed] != whole[summed]).any(axis=(1, 2))
    if not parts.any():
        return None
    outputs = boxes.copy()
    outputs[:, summed] = whole[summed]
    _, which = np.unique(outputs.reshape(len(outputs), -1), axis=0, return_inverse=True)
    for output in np.unique(which[parts]):
        tiles = np.flatnonzero(which == output)
        number = np.cumsum(begins[tiles])
        for one in np.unique(number):
            fault = partition_fault(boxes[tiles[number == one]][:, summed], whole[summed])
            if fault is not None:
                region = outputs[tiles[0]].copy()
                region[summed] = fault[1]
                return fault[0], region
    return None


def partition_fault(
    boxes: Boxes, whole: NDArray[np.int64], shared: NDArray[np.bool_] | None = None
) -> tuple[str, NDArray[np.int64]] | None:
    """Where `boxes`, shape (n, loops, 2), do not cover `whole`, shape (loops, 2), exactly once; None where they do.

    Boxes that are `shared`, shape (n,), may overlap one another, but no other box.
    """
    if _is_grid(boxes, whole):
        return None
    region = whole.copy()
    inside = np.minimum(boxes[..., 1], whole[:, 1]) > np.maximum(boxes[..., 0], whole[:, 0])
    may = np.zeros(len(boxes), np.bool_) if shared is None else shared
    count = int(_fault(boxes, np.flatnonzero(inside.all(axis=1)), may, whole, region))
    if count == 1:
        return None
    return ("never" if count == 0 else "more than once"), region


def _is_grid(boxes: Boxes, whole: NDArray[np.int64]) -> bool:
    """Whether the boxes are all cells of a product of cuts, each once."""
    n_cells = 1
    cell = np.zeros(len(boxes), np.int64)
    for axis in range(len(whole)):
        lows, index = np.unique(boxes[:, axis, 0], return_inverse=True)
        highs = np.append(lows[1:], whole[axis, 1])
        if len(lows) == 0 or lows[0] != whole[axis, 0] or (boxes[:, axis, 1] != highs[index]).any():
            return False
        n_cells *= len(lows)
        if n_cells > len(boxes):
            return False
        cell = cell * len(lows) + index
    return n_cells == len(boxes) and len(np.unique(cell)) == n_cells


@njit
def _fault(
    boxes: Boxes,
    members: NDArray[np.int64],
    shared: NDArray[np.bool_],
    region: NDArray[np.int64],
    worst: NDArray[np.int64],
) -> int:
    """1 if `members` cover `region` once, or several times by shared ones alone; else 0 or 2, and a `worst` region."""
    if members.size == 0:
        _copy(region, worst)
        return 0
    full, all_shared = 0, True
    for box in members:
        all_shared &= shared[box]
        if _covers(boxes[box], region):
            full += 1
    if full == members.size:
        _copy(region, worst)
        return 1 if full == 1 or all_shared else 2
    axis, cut = _cut(boxes, members, region)
    for side in range(2):
        half = region.copy()
        half[axis, 1 - side] = cut
        inside = members[(boxes[members, axis, 0] < cut) if side == 0 else (boxes[members, axis, 1] > cut)]
        count: int = _fault(boxes, inside, shared, half, worst)
        if count != 1:
            return count
    return 1


@njit
def _covers(box: NDArray[np.int64], region: NDArray[np.int64]) -> bool:
    covers = True
    for axis in range(region.shape[0]):
        covers &= box[axis, 0] <= region[axis, 0] and region[axis, 1] <= box[axis, 1]
    return covers


@njit
def _cut(boxes: Boxes, members: NDArray[np.int64], region: NDArray[np.int64]) -> tuple[int, int]:
    """Axis with most box edges inside the region, and the edge nearest to its middle."""
    best, middle, most = 0, 0, 0
    for axis in range(region.shape[0]):
        low, high = region[axis, 0], region[axis, 1]
        n, nearest = 0, low
        for box in members:
            for end in range(2):
                edge = boxes[box, axis, end]
                if low < edge < high:
                    n += 1
                    if abs(2 * edge - low - high) < abs(2 * nearest - low - high):
                        nearest = edge
        if n > most:
            best, middle, most = axis, nearest, n
    return best, middle


@njit
def _copy(source: NDArray[np.int64], target: NDArray[np.int64]) -> None:
    for axis in range(source.shape[0]):
        target[axis, 0], target[axis, 1] = source[axis, 0], source[axis, 1]
