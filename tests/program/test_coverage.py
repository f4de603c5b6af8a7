"""`partition_fault` against counting every point."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.program.coverage import _is_grid, partition_fault


def counted(boxes, shape):
    count = np.zeros(shape, int)
    for box in boxes:
        count[tuple(slice(low, high) for low, high in box)] += 1
    return count


def whole(shape):
    return np.array([(0, size) for size in shape], np.int64)


def halves(draw, box):
    """Cut a box in two along one axis, if it can be."""
    axes = [axis for axis in range(len(box)) if box[axis, 1] - box[axis, 0] > 1]
    if not axes:
        return [box]
    axis = draw(st.sampled_from(axes))
    cut = draw(st.integers(box[axis, 0] + 1, box[axis, 1] - 1))
    left, right = box.copy(), box.copy()
    left[axis, 1] = right[axis, 0] = cut
    return [left, right]


@st.composite
def partitions(draw):
    """A box cut in two, a piece of it cut in two, and so on: rarely a grid."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=3)))
    pieces = [whole(shape)]
    for _ in range(draw(st.integers(0, 8))):
        pieces += halves(draw, pieces.pop(draw(st.integers(0, len(pieces) - 1))))
    return shape, np.array(draw(st.permutations(pieces)))


def agrees(boxes, shape):
    """The verdict is right, and the region named has that fault at every point."""
    fault = partition_fault(boxes, whole(shape))
    count = counted(boxes, shape)
    if (count == 1).all():
        return fault is None
    times, region = fault
    there = count[tuple(slice(low, high) for low, high in region)]
    return there.size > 0 and bool(((there == 0) if times == "never" else (there > 1)).all())


@given(partitions())
@settings(max_examples=150, deadline=None)
def test_cuts_of_cuts_are_accepted(case):
    shape, boxes = case
    assert partition_fault(boxes, whole(shape)) is None
    assert agrees(boxes, shape)


@given(partitions(), st.data())
@settings(max_examples=200, deadline=None)
def test_a_changed_partition_is_judged_like_counting(case, data):
    shape, boxes = case
    boxes = boxes.copy()
    for _ in range(data.draw(st.integers(1, 2))):
        row = data.draw(st.integers(0, len(boxes) - 1))
        axis = data.draw(st.integers(0, len(shape) - 1))
        low = data.draw(st.integers(0, shape[axis] - 1))
        boxes[row, axis] = low, data.draw(st.integers(low + 1, shape[axis]))
    assert agrees(boxes, shape)


@given(partitions(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_lost_or_doubled_piece_is_named(case, data):
    shape, boxes = case
    row = data.draw(st.integers(0, len(boxes) - 1))
    lost = partition_fault(np.delete(boxes, row, axis=0), whole(shape))
    twice = partition_fault(np.concatenate([boxes, boxes[row : row + 1]]), whole(shape))
    assert lost[0] == "never"
    assert twice[0] == "more than once"
    assert agrees(np.delete(boxes, row, axis=0), shape)


def test_a_grid_is_recognised_and_a_brick_wall_is_not():
    edges = [[(0, 3), (3, 4)], [(0, 2), (2, 5), (5, 7)], [(0, 1)]]
    grid = np.array(list(product(*edges)))
    assert _is_grid(grid, whole((4, 7, 1)))
    assert not _is_grid(grid[:-1], whole((4, 7, 1)))
    assert not _is_grid(np.concatenate([grid[:-1], grid[:1]]), whole((4, 7, 1)))
    wall = np.array([[(0, 1), (0, 2)], [(0, 1), (2, 4)], [(1, 2), (0, 1)], [(1, 2), (1, 4)]])
    assert not _is_grid(wall, whole((2, 4)))
    assert partition_fault(wall, whole((2, 4))) is None


def test_nothing_covers_nothing():
    assert partition_fault(np.empty((0, 2, 2), np.int64), whole((2, 3)))[0] == "never"


def test_a_box_outside_does_not_count():
    outside = np.array([[(0, 2)], [(5, 6)]])
    assert partition_fault(outside, whole((2,))) is None
    assert partition_fault(outside, whole((3,)))[0] == "never"
