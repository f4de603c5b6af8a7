"""`pareto`: every objective is tried, and exactly the beaten points are marked."""

from __future__ import annotations

import pytest

import cosim
from cosim.errors import DescriptionError
from cosim.result.front import Point, _marked


def test_every_objective_becomes_a_point_that_a_run_repeats() -> None:
    front = cosim.pareto("ds_cnn", "npu/edge-256", objectives=("latency", "energy"), options={"cache": False})
    assert [point.objective for point in front.points] == ["latency", "energy"]
    again = cosim.run("ds_cnn", "npu/edge-256", options={"objective": "energy", "cache": False}).summary
    assert front.points[1].latency_ms == again["latency_ms"]
    assert front.points[1].energy_uj == again["energy_uj"]
    assert front.points[0].moved_bytes >= front.points[1].moved_bytes > 0
    assert any(point.is_on_front for point in front.points)
    assert list(front.frame()["objective"]) == ["latency", "energy"]


def test_only_what_another_point_beats_is_off_the_front() -> None:
    points = [
        Point("fast", 1.0, 9.0, 0, 10),
        Point("cheap", 9.0, 1.0, 0, 10),
        Point("beaten", 9.0, 9.0, 0, 10),
        Point("same as fast", 1.0, 9.0, 5, 10),
        Point("small", 9.0, 9.0, 0, 1),
    ]
    assert [point.is_on_front for point in _marked(points)] == [True, True, False, True, True]


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(DescriptionError, match="speed"):
        cosim.pareto("ds_cnn", "npu/edge-256", objectives=("speed",))
