"""What acme adds keeps the contracts of cosim."""

import pytest

from cosim.plugin import load_registry
from cosim.testing import EngineKindContract, FormatContract, HardwareContract, engine


class TestZeroSkip(EngineKindContract):
    bad_parameters = ({"lanes": 0}, {"lanes": "many"}, {"lanes": None})

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "acme_zero_skip")

    @pytest.fixture
    def engine(self):
        return engine("acme_zero_skip", lanes=16)


class TestLog4(FormatContract):
    @pytest.fixture
    def format(self):
        return load_registry().get("formats", "acme_log4")


class TestDevice(HardwareContract):
    @pytest.fixture
    def name(self):
        return "acme/zero-skip-64"
