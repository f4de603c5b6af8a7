"""A matrix unit of panels: the contract of engine kinds, and panels that are partly empty."""

from dataclasses import replace

import pytest

from cosim.compress import compress
from cosim.graph import Builder
from cosim.plugin import load_registry
from cosim.testing import EngineKindContract, engine


def unit(**parameters):
    return replace(engine("panel_array", **{"rows": 8, "columns": 16, **parameters}), accumulators=None)


class TestPanelArray(EngineKindContract):
    bad_parameters = ({"rows": 0}, {"columns": None}, {"columns": 2.5}, {"lanes": 0})

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "panel_array")

    @pytest.fixture
    def engine(self):
        return unit()


class TestWithLanes(TestPanelArray):
    @pytest.fixture
    def engine(self):
        return unit(lanes=16)


def cycles(outputs, size, *, channels=64, groups=1, **parameters):
    b = Builder("one", seed=0)
    b.output(b.conv2d(b.input("x", (1, channels, size, size)), outputs, 3, 1, 1, groups=groups, name="layer"))
    graph = compress(b.build(), "int8", calibrate=False)
    op, kind = graph.ops[0], load_registry().get("engine_kinds", "panel_array")
    return int(kind.cycles(unit(rows=64, columns=64, **parameters), op, graph, graph.space(op).whole)[0])


def test_full_panels_reach_the_peak():
    assert cycles(64, 64) == 64**2 * 64 * 64 * 9 // 64**2


def test_a_row_that_ends_early_costs_a_whole_panel():
    assert cycles(64, 7) == 7 * 64 * 9


def test_few_filters_wait_for_panels_to_be_filled():
    assert cycles(8, 64) == cycles(64, 64) < cycles(128, 64)


def test_lanes_take_depthwise_convolutions():
    assert cycles(64, 64, groups=64) == 64 * 64 * 64  # panels of nine taps, one filter each
    assert cycles(64, 64, groups=64, lanes=64) == 64 * 64 * 9
