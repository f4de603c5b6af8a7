"""The four machines: legal descriptions, and arrays of equal area."""

import pytest

from cosim.cost import area
from cosim.library import load_hardware, load_technology
from cosim.plugin import load_registry
from cosim.testing import HardwareContract

NAMES = ("npu/drq", "npu/eyeriss-like", "npu/bitfusion-like", "npu/olaccel-like")


class TestMachine(HardwareContract):
    @pytest.fixture(params=NAMES)
    def name(self, request):
        return request.param


def test_arrays_have_equal_area():
    kinds = load_registry()["engine_kinds"]
    found = [
        area(load_hardware(name), load_technology("cmos-45nm"), kinds).by_component()["array"].value for name in NAMES
    ]
    assert max(found) / min(found) < 1.01


def test_all_but_the_array_is_the_same():
    first, *others = [load_hardware(name) for name in NAMES]
    for other in others:
        assert other.memories == first.memories
        assert other.links == first.links
        assert other.clocks == first.clocks
