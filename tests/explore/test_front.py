from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cosim.explore.front import dominates, front

POINTS = st.integers(1, 3).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 4), min_size=n, max_size=n), min_size=1, max_size=30)
)


@given(POINTS)
def test_it_is_what_nothing_dominates(rows):
    points = np.array(rows, float)
    wanted = [not any(all(o <= p) and any(o < p) for o in points) for p in points]
    assert front(points).tolist() == wanted


@given(POINTS)
def test_dominates_agrees(rows):
    points = np.array(rows, float)
    found = dominates(points[0], points)
    assert found.tolist() == [bool(all(points[0] <= p) and any(points[0] < p)) for p in points]


def test_nothing_has_no_front():
    assert front(np.empty((0, 2))).tolist() == []
