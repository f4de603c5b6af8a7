"""Bits of cells: a box costs every cell that it touches, and no placement of a box costs more than the most."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import DescriptionError
from cosim.formats import Encoding, Storage


@st.composite
def cases(draw):
    """Shape, cell and storage of a small tensor."""
    rank = draw(st.integers(1, 3))
    shape = tuple(draw(st.integers(1, 7)) for _ in range(rank))
    cell = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    counts = tuple(-(-extent // size) for extent, size in zip(shape, cell, strict=True))
    bits = draw(st.lists(st.integers(0, 9), min_size=int(np.prod(counts)), max_size=int(np.prod(counts))))
    return shape, cell, Storage.regular(shape, cell, np.array(bits).reshape(counts))


@st.composite
def boxes(draw, shape):
    """A box that is not empty."""
    low = [draw(st.integers(0, extent - 1)) for extent in shape]
    return [(one, draw(st.integers(one + 1, extent))) for one, extent in zip(low, shape, strict=True)]


@settings(deadline=None)
@given(st.data(), cases())
def test_a_box_costs_the_cells_it_touches(data, case):
    shape, cell, storage = case
    box = data.draw(boxes(shape))
    touched = {tuple(i // size for i, size in zip(point, cell, strict=True)) for point in _points(box)}
    expected = max(sum(int(storage.bits[one]) for one in touched), 1)
    assert storage.box_bits(np.array([box])).tolist() == [expected]


@settings(deadline=None)
@given(st.data(), cases())
def test_the_most_is_that_of_the_worst_placement(data, case):
    shape, _, storage = case
    extents = [data.draw(st.integers(1, extent)) for extent in shape]
    places = itertools.product(*(range(size - extent + 1) for size, extent in zip(shape, extents, strict=True)))
    worst = max(
        int(storage.box_bits(np.array([[(low, low + e) for low, e in zip(place, extents, strict=True)]]))[0])
        for place in places
    )
    most = int(storage.most_bits(np.array([extents]))[0])
    assert worst <= most <= max(storage.all_bits, 1)


def test_an_empty_box_costs_nothing_and_any_other_something():
    storage = Storage.regular((4, 4), (2, 2), np.zeros((2, 2), np.int64))
    assert storage.box_bits(np.array([[[0, 0], [0, 4]], [[0, 4], [0, 4]]])).tolist() == [0, 1]


def test_an_encoding_stores_what_its_cells_take():
    storage = Storage.regular((2, 6), (1, 3), np.array([[9, 0], [5, 5]]))
    encoding = Encoding("int8", 8, storage=storage)
    assert not encoding.is_plain
    assert encoding.stored_bits((2, 6)) == 19
    assert encoding.box_bytes(np.array([[[0, 1], [0, 6]]])).tolist() == [2]
    assert encoding.most_bytes(np.array([[1, 6]]), (2, 6)).tolist() == [2]
    assert encoding.clipped(np.array([[0, 1], [0, 3]])).storage is None
    assert encoding.key() != Encoding("int8", 8).key()


@pytest.mark.parametrize(
    ("starts", "bits"),
    [(([1, 2],), [1, 1]), (([0, 2, 2],), [1, 1, 1]), (([0, 2],), [1, 1, 1]), (([0, 2],), [1, -1])],
)
def test_cells_that_are_none_are_refused(starts, bits):
    with pytest.raises(DescriptionError):
        Storage(tuple(np.array(start) for start in starts), np.array(bits))


def _points(box):
    return itertools.product(*(range(low, high) for low, high in box))
