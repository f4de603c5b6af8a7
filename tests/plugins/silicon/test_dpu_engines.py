"""Which unit of a DPU takes what."""

from __future__ import annotations

import pytest

from cosim import load_graph, load_hardware
from cosim.compress import compress
from cosim.errors import DescriptionError
from cosim.mapping.assignment import assign
from cosim.plugin import load_registry


def test_depthwise_convolutions_leave_the_large_array():
    graph = compress(load_graph("mobilenet_v1_025_96"), "int8", calibrate=False)
    hardware = load_hardware("fpga/dpuczdx8g-b4096")
    engines = {one.op.name: one.chosen.name for one in assign(graph, hardware, load_registry()["engine_kinds"])}
    depthwise = [name for name, engine in engines.items() if engine == "depthwise"]
    assert len(depthwise) == 13
    assert list(engines.values()).count("conv") == 15
    found = {one.op.name: one.refusals for one in assign(graph, hardware, load_registry()["engine_kinds"])}
    assert "conv: it leaves grouped convolutions to others" in found[depthwise[0]]


def test_a_wrong_choice_of_groups_is_refused():
    with pytest.raises(DescriptionError, match="any, only, never"):
        load_hardware("fpga/dpuczdx8g-b4096", {"engines.conv.groups": "some"})
