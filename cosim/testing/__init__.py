"""Conformance classes for plugin authors: subclass one, give its fixtures, get the suite. Needs pytest.

::

    class TestZeroSkip(EngineKindContract):
        bad_parameters = ({"lanes": 0},)

        @pytest.fixture
        def kind(self):
            return load_registry().get("engine_kinds", "acme_zero_skip")

        @pytest.fixture
        def engine(self):
            return engine("acme_zero_skip", lanes=16)
"""

from cosim.testing.compression import CompressionContract
from cosim.testing.engine_kind import EngineKindContract
from cosim.testing.format import FormatContract
from cosim.testing.frontend import FrontendContract
from cosim.testing.hardware import HardwareContract
from cosim.testing.samples import engine, sample_graph
from cosim.testing.tiles import random_tiles

__all__ = [
    "CompressionContract",
    "EngineKindContract",
    "FormatContract",
    "FrontendContract",
    "HardwareContract",
    "engine",
    "random_tiles",
    "sample_graph",
]
