"""What an action costs, and that none is free."""

import math
from dataclasses import replace

import pytest
from cosim_hw_models import MODELS, TECHNOLOGIES
from hypothesis import given
from hypothesis import strategies as st

from cosim.cost import terms
from cosim.cost.sram import sram_access
from cosim.errors import UnsupportedError
from cosim.hardware import load_hardware, load_technology

TABLES = {name: load_technology(TECHNOLOGIES[name], TECHNOLOGIES.__getitem__) for name in TECHNOLOGIES}
FORMATS = ("int4", "int8", "int16", "int32", "fp16", "fp32")


def energy_of(action, hardware, technology):
    return sum(term.price.value for term in terms(action, hardware, technology))


def test_dram_bytes_cost_eight_bits(hardware, technology):
    assert energy_of("dram.read_bytes", hardware, technology) == pytest.approx(8 * 8.0)


def test_wires_cost_their_length(hardware, technology):
    assert energy_of("bus.bytes", hardware, technology) == pytest.approx(0.08 * 8 * 4)


def test_sram_pays_one_bank_and_the_wire_to_its_port(hardware, technology):
    bank, wire = terms("sram.read_bytes", hardware, technology)
    access = sram_access(technology, 2**20 // 16, 128, "read").value
    side_mm = math.sqrt(8 * 2**20 * 0.106) / 1000
    assert bank.price.value == pytest.approx(access / 16)
    assert wire.price.value == pytest.approx(0.08 * 8 * 0.75 * side_mm)
    assert (bank.part, wire.part) == ("bank", "wire")


def test_a_single_bank_contains_its_wires(hardware, technology):
    single = load_hardware(MODELS["npu/edge-256"], overrides={"memories.sram.banks": "1"})
    assert [term.part for term in terms("sram.read_bytes", single, technology)] == ["bank"]
    assert energy_of("sram.read_bytes", single, technology) > energy_of("sram.read_bytes", hardware, technology)


def test_flip_flops_cost_registers(technology):
    device = load_hardware(MODELS["npu/edge-256"], overrides={"memories.accumulator.technology": "flip_flop"})
    assert energy_of("accumulator.write_bytes", device, technology) == pytest.approx(
        8 * technology.actions["register_bit"].value
    )


def test_an_array_is_clocked_at_its_dearest_format(hardware, technology):
    assert energy_of("mac.array_cycle", hardware, technology) == technology.actions["array_cycle_int8"].value
    both = load_hardware(MODELS["npu/systolic-32x32"])
    assert energy_of("array.array_cycle", both, technology) == technology.actions["array_cycle_fp32"].value


def test_dynamic_energy_follows_the_square_of_the_voltage(hardware, technology):
    slow = load_hardware(MODELS["npu/edge-256"], overrides={"clocks.core.voltage": "0.4 V"})
    (term,) = terms("mac.mac_int8", slow, technology)
    assert term.price.value == pytest.approx(technology.actions["mac_int8"].value / 4)
    assert "(0.4 V / 0.8 V)^2" in term.price.rule
    assert energy_of("mac.mac_int8", hardware, technology) == technology.actions["mac_int8"].value


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("mac.mac_int99", "no verb 'mac_int99'; did you mean"),
        ("sram.read_byte", "did you mean 'read_bytes'"),
        ("bus.read_bytes", "no link verb"),
        ("srm.read_bytes", "no component; did you mean 'sram'"),
        ("None.read_bytes", "no component"),
        ("dram.refresh", "no memory verb"),
    ],
)
def test_an_action_without_a_price_is_an_error_that_names_the_hook(action, message, hardware, technology):
    with pytest.raises(UnsupportedError) as raised:
        terms(action, hardware, technology)
    assert message in raised.value.found
    assert action in raised.value.found
    if "component" not in message:
        assert "cosim_technologies" in raised.value.fix


@pytest.mark.parametrize("key", ["memories.dram.technology", "links.bus.technology"])
def test_an_unknown_memory_or_link_technology_has_no_price(key, technology):
    device = load_hardware(MODELS["npu/edge-256"], overrides={key: "optical"})
    action = "dram.read_bytes" if "dram" in key else "bus.bytes"
    with pytest.raises(UnsupportedError, match="'optical'"):
        terms(action, device, technology)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("model", ["npu/edge-256", "npu/systolic-32x32"])
def test_every_technology_prices_what_the_packaged_devices_do(name, model):
    device = load_hardware(MODELS[model])
    verbs = {
        "mac_array": [f"mac_{code}" for code in FORMATS] + ["array_cycle"],
        "systolic_array": [f"mac_{code}" for code in FORMATS] + ["array_cycle"],
        "vector_unit": [f"{verb}_{code}" for verb in ("mac", "op") for code in FORMATS],
        "host_core": ["host_cycle"],
        "dma": [],
    }
    actions = [f"{e.name}.{verb}" for e in device.engines.values() for verb in verbs[e.kind]]
    actions += [f"{memory}.{verb}" for memory in device.memories for verb in ("read_bytes", "write_bytes")]
    actions += [f"{link}.bytes" for link in device.links]
    for action in actions:
        for term in terms(action, device, TABLES[name]):
            is_included = term.price.rule.startswith("[included")  # in another price, which the rule names
            assert is_included or 0 < term.price.low <= term.price.value <= term.price.high, action
            assert term.price.source, action
            assert term.price.unit == "pJ", action


@pytest.mark.parametrize("verb", ["read", "write"])
@pytest.mark.parametrize("name", TABLES)
@given(st.integers(64, 2**25), st.integers(0, 2**24), st.integers(8, 1024))
def test_sram_energy_never_falls_with_capacity(name, verb, size, more, width):
    small = sram_access(TABLES[name], size, width, verb)
    large = sram_access(TABLES[name], size + more, width, verb)
    for at in ("value", "low", "high"):
        assert getattr(small, at) <= getattr(large, at) * (1 + 1e-12)
    assert 0 < small.low <= small.value <= small.high


@pytest.mark.parametrize("name", TABLES)
@given(st.integers(64, 2**25), st.integers(1, 1024), st.integers(0, 1024))
def test_sram_energy_never_falls_with_width(name, size, width, more):
    narrow, wide = (sram_access(TABLES[name], size, w, "read").value for w in (width, width + more))
    assert narrow <= wide * (1 + 1e-12)


@pytest.mark.parametrize("name", TABLES)
def test_tabulated_sram_points_are_returned_unchanged(name):
    for point in TABLES[name].sram:
        read = sram_access(TABLES[name], point.capacity_bytes, point.width_bits, "read")
        assert (read.value, read.low, read.high) == (point.read_pj.value, point.read_pj.low, point.read_pj.high)
        write = sram_access(TABLES[name], point.capacity_bytes, point.width_bits, "write")
        assert (write.value, write.low, write.high) == (point.write_pj.value, point.write_pj.low, point.write_pj.high)
        assert "extrapolated" not in read.rule


def test_extrapolation_follows_the_stated_law_and_says_so():
    technology = TABLES["cmos-16nm"]
    edge = sram_access(technology, 2**20, 64, "read")
    beyond = sram_access(technology, 2**22, 64, "read")
    assert beyond.value / edge.value == pytest.approx(4**0.55)
    assert "extrapolated from 1048576 B by capacity^0.55" in beyond.rule
    wide = sram_access(technology, 2**20, 512, "read")
    assert wide.value == pytest.approx(2 * sram_access(technology, 2**20, 256, "read").value)
    assert "extrapolated from 256 bit" in wide.rule
    narrow = sram_access(technology, 2**20, 8, "read")
    assert narrow.value == sram_access(technology, 2**20, 32, "read").value
    assert "no access is cheaper than one of 32 bit" in narrow.rule
    assert "log-log between capacities 32768 and 131072" in sram_access(technology, 2**16, 64, "read").rule


def test_interpolation_is_a_straight_line_in_logarithms():
    technology = TABLES["cmos-16nm"]
    low, middle, high = (sram_access(technology, size, 64, "read").value for size in (2**15, 2**16, 2**17))
    assert middle == pytest.approx(math.sqrt(low * high))


def test_a_technology_without_sram_says_what_to_add():
    with pytest.raises(UnsupportedError, match="no SRAM table"):
        sram_access(replace(TABLES["cmos-16nm"], sram=()), 8192, 64, "read")
