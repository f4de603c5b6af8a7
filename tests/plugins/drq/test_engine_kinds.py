"""The arrays keep the contract of engine kinds."""

import pytest

from cosim.plugin import load_registry
from cosim.testing import EngineKindContract, engine, sample_graph
from cosim_plugins.drq.compression import Drq

DRQ = ("int8", "drq8", "drq4")


class TestUniform(EngineKindContract):
    bad_parameters = (
        {"rows": 0}, {"cols": None}, {"cols": True}, {"packing": "loose"}, {"cut_reductions": "yes"},
    )  # fmt: skip

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "uniform_array")

    @pytest.fixture(params=["ideal", "folds"])
    def engine(self, request):
        return engine("uniform_array", rows=9, cols=4, packing=request.param)


class TestUniform16(TestUniform):
    @pytest.fixture
    def engine(self):
        return engine("uniform_array", formats=("int16",), rows=9, cols=4)


class TestOutliers(EngineKindContract):
    bad_parameters = ({"outlier_share": 1.5}, {"outlier_share": None}, {"outlier_lanes": 0}, {"rows": 0})

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "outlier_array")

    @pytest.fixture
    def engine(self):
        return engine("outlier_array", formats=("int4",), rows=16, cols=4, outlier_lanes=4, outlier_share=0.078)


class TestVariableSpeed(EngineKindContract):
    bad_parameters = (
        {"rows": 0}, {"stall": "never"}, {"stall": "row_fifo", "depth": 0}, {"stall": "ideal", "depth": 2},
    )  # fmt: skip

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "variable_speed_array")

    @pytest.fixture(params=["ideal", "row_fifo", "lockstep"])
    def engine(self, request):
        return engine("variable_speed_array", formats=DRQ, rows=8, cols=4, stall=request.param)

    @pytest.fixture
    def graph(self):
        """Mixed and plain products: `scores` and `mix` are products of two activations, which stay int8."""
        return Drq().apply(sample_graph(), data=None, calibrate=False, options={})
