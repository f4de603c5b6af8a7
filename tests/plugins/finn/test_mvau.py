"""The unit of one layer keeps the contract of an engine kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosim.plugin import load_registry
from cosim.testing import EngineKindContract, engine


class TestMvau(EngineKindContract):
    seeds = range(2)
    bad_parameters = ({"pe": 0}, {"simd": None}, {"pe": True})

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "mvau")

    @pytest.fixture
    def engine(self):
        return replace(engine("mvau", pe=4, simd=3), formats=("int8",))
