"""Every engine of every registered device keeps the contract of its kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosim.library import load_hardware
from cosim.plugin import load_registry
from cosim.testing import EngineKindContract, engine

DEVICES = {name: load_hardware(name) for name in load_registry().names("hardware")}
# One engine per kind and set of parameters: devices share them.
ENGINES = {
    f"{device}:{unit.name}": unit
    for device, hardware in DEVICES.items()
    for unit in hardware.engines.values()
    if unit.kind != "dma"
}


@pytest.mark.parametrize("place", ENGINES)
class TestDescribedEngines(EngineKindContract):
    seeds = range(2)

    @pytest.fixture
    def engine(self, place):
        return ENGINES[place]

    @pytest.fixture
    def kind(self, engine):
        return load_registry().get("engine_kinds", engine.kind)

    @pytest.fixture
    def technologies(self, place):
        return (DEVICES[place.partition(":")[0]].technology,)


class TestDma(EngineKindContract):
    computes = False

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "dma")

    @pytest.fixture
    def engine(self):
        return replace(engine("dma"), source_memory="dram", target_memory="sram")

    def test_needs_both_ends_and_a_route(self, kind, engine):
        for change in ({"source_memory": None}, {"target_memory": None}, {"via": ()}):
            with pytest.raises(Exception, match="a dma has no"):
                kind.check(replace(engine, **change))


class TestMacArray(EngineKindContract):
    bad_parameters = (
        {"unroll": None},
        {"unroll": {"K": 0}},
        {"unroll": {"Q": 4}},
        {"unroll_depthwise": {"K": 1024}},
    )

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "mac_array")

    @pytest.fixture
    def engine(self):
        return engine("mac_array", unroll={"K": 4, "C": 8}, unroll_depthwise={"G": 8, "FX": 3})


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
@pytest.mark.parametrize("overlap", [False, True])
class TestSystolicArray(EngineKindContract):
    bad_parameters = ({"rows": 0}, {"cols": 2.5}, {"rows": None}, {"dataflow": "rs"}, {"overlap_fill": "yes"})

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "systolic_array")

    @pytest.fixture
    def engine(self, dataflow, overlap):
        return engine("systolic_array", rows=4, cols=6, dataflow=dataflow, overlap_fill=overlap)


class TestVectorUnit(EngineKindContract):
    bad_parameters = ({"lanes": 0}, {"lanes": True}, {"lanes": None})

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "vector_unit")

    @pytest.fixture
    def engine(self):
        return replace(engine("vector_unit", lanes=16), accumulators=None)


class TestHostCore(EngineKindContract):
    bad_parameters = ({"cycles_per_mac": 0}, {"cycles_per_element": None})

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "host_core")

    @pytest.fixture
    def engine(self):
        return replace(engine("host_core", cycles_per_mac=1.5, cycles_per_element=4), accumulators=None)


@pytest.mark.parametrize("weights", [None, "flash"])
@pytest.mark.parametrize("stack", ["cmsis-nn", "x-cube-ai-9", "tflm"])
class TestMicrocontrollerCore(EngineKindContract):
    bad_parameters = (
        {"stack": None},
        {"stack": "cmsis"},
        {"core": "cortex-m1"},
        {"product": -1.0},
        {"output": "many"},
        {"cache_bytes": -1},
        {"line_bytes": 24},
    )

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "microcontroller_core")

    @pytest.fixture
    def engine(self, stack, weights):
        made = engine(
            "microcontroller_core", stack=stack, core="cortex-m4", cache_bytes=64, line_bytes=16, depthwise=7.5
        )
        return replace(made, weights=weights, accumulators=None)
