"""Area of the packaged devices, and the factor for small macros."""

from dataclasses import replace

import pytest
from cosim_hw_models import MODELS

from cosim.cost import area, explain_area
from cosim.cost.area import sram_bit_area
from cosim.hardware import load_hardware


def test_components_add_up_and_bands_are_ordered(hardware, technology, kinds):
    report = area(hardware, technology, kinds)
    total = report.total_um2
    assert sum(band.value for band in report.by_component().values()) == pytest.approx(total.value)
    assert sum(step.amount.value for step in explain_area(report)) == pytest.approx(total.value)
    assert 0 < total.low < total.value < total.high
    assert set(report.by_component()) == {"sram", "accumulator", *hardware.engines}


def test_a_figure_by_hand(hardware, technology, kinds):
    parts = area(hardware, technology, kinds).by_component()
    assert parts["sram"].value == pytest.approx(8 * 2**20 * 0.106)  # banks of 64 KiB: no small-macro factor
    assert parts["mac"].value == pytest.approx(256 * 171)


def test_what_has_no_area_is_listed_with_its_reason(hardware, technology, kinds):
    assert area(hardware, technology, kinds).excluded == (
        "dram: lpddr4 is another chip",
        "bus: wires run above other logic",
    )


@pytest.mark.parametrize(
    ("bank", "factor"), [(2**20, 1.0), (2**15, 1.0), (2**12, 1.4), (2**9, 1.4), (2**13, 1.4 ** (2 / 3))]
)
def test_small_macros_are_dearer_per_bit(bank, factor, technology):
    price = sram_bit_area(bank, technology)
    assert price.value == pytest.approx(0.106 * factor)
    assert price.low <= price.value <= price.high


def test_a_published_macro_lies_in_the_band(technology):
    """12 nm compiler: 0.143 um2/bit at 4 KB, 0.111 at 32 KB, 0.087 at 256 KB; 16 nm is larger by the bitcell."""
    for bank, density in ((4096, 0.1429), (32768, 0.1112), (262144, 0.0874)):
        price = sram_bit_area(bank, technology)
        assert price.low <= density * 1.05 <= price.high


def test_flip_flop_memories_cost_registers(technology, kinds):
    device = load_hardware(MODELS["npu/edge-256"], overrides={"memories.accumulator.technology": "flip_flop"})
    parts = area(device, technology, kinds).by_component()
    assert parts["accumulator"].value == pytest.approx(8 * 65536 * technology.areas["register_bit"].value)


def test_more_banks_never_shrink_a_memory(hardware, technology, kinds):
    sizes = []
    for banks in (1, 16, 64, 256):
        memory = replace(hardware.memories["sram"], banks=banks)
        device = replace(hardware, memories={**hardware.memories, "sram": memory})
        sizes.append(area(device, technology, kinds).by_component()["sram"].value)
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
