"""ZigZag accelerators: roles of the memories, bandwidths, prices, unrolling, and what is said about the rest."""

from __future__ import annotations

import pytest
import yaml

from cosim import load_hardware, load_technology
from cosim.cost import terms
from cosim.errors import DescriptionError, UnsupportedError
from cosim.hardware.schema import keys_at
from cosim.interop.zigzag.accelerator import is_accelerator, read_accelerator
from cosim.interop.zigzag.hardware import AcceleratorReader
from cosim.interop.zigzag.write import accelerator_text, mapping_text
from cosim.units import FS_PER_SECOND
from tests.interop.accelerators import HARDWARE, MAPPING

CYCLE_FS = FS_PER_SECOND // 10**9


@pytest.fixture
def write(tmp_path):
    def written(text, name="small.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return written


@pytest.fixture
def both(write):
    return f"{write(HARDWARE)}+{write(MAPPING, 'map.yaml')}"


def price(hardware, action):
    return sum(term.price.value for term in terms(action, hardware, hardware.own_technology))


def test_memories_have_the_roles_of_their_operands(both):
    hardware = load_hardware(both)
    array = hardware.engines["array"]
    assert hardware.main_memory == "dram"
    assert array.operands == "buffer"
    assert array.weights == "weight_register"
    assert {name: memory.size_bytes for name, memory in hardware.memories.items()} == {
        "dram": 10**9,
        "buffer": 512 * 1024,
        "weight_register": 32 * 16 * 128,  # one in each multiplier, all of them with weights of their own
    }
    assert hardware.memories["weight_register"].banks == 32 * 16


def test_weights_go_round_the_buffer(both):
    engines = load_hardware(both).engines
    assert engines["dma_weights"].via == ("dram.rw_port_1", "weight_register.w_port_1")
    assert engines["dma_in"].via == ("dram.rw_port_1", "buffer.w_port_1")
    assert engines["dma_out"].via == ("buffer.r_port_1", "dram.rw_port_1")


def test_copies_of_the_same_weights_are_no_capacity(write):
    mapping = MAPPING.replace('D2: ["C, 8", "FX, 2"]', 'D2: ["OX, 16"]')
    hardware = load_hardware(f"{write(HARDWARE)}+{write(mapping, 'map.yaml')}")
    assert hardware.memories["weight_register"].size_bytes == 32 * 128


def test_sums_are_as_wide_as_their_register(write):
    document = AcceleratorReader().read(write(HARDWARE), None).document
    expected = 16 if "sum_bits" in keys_at(("engines", "array")) else None
    assert document["engines"]["array"].get("sum_bits") == expected
    assert document["engines"]["array"]["accumulators"] == "buffer"


def test_bandwidths_are_bits_per_cycle(both):
    ports = load_hardware(both).ports()
    rates = {name: port.unit_bytes * 8 * CYCLE_FS / port.unit_fs for name, port in ports.items()}
    assert rates["dram.rw_port_1"] == 64
    assert rates["buffer.r_port_1"] == 1024
    assert rates["weight_register.w_port_1"] == 8 * 32 * 16
    assert {port.latency_fs for port in ports.values()} == {CYCLE_FS}


def test_the_unrolling_is_that_of_the_mapping(both):
    hardware = load_hardware(both)
    assert hardware.engines["array"].parameters["unroll"] == {"K": 32, "C": 8, "FX": 2}
    notes = "\n".join(hardware.notes)
    assert "unrolling: entry 'default' of map.yaml" in notes
    assert "ignored entries Add of map.yaml" in notes
    assert "ignored temporal_ordering of map.yaml" in notes


def test_an_unrolling_that_is_not_given_is_assumed_and_said_so(write):
    hardware = load_hardware(write(HARDWARE))
    assert hardware.engines["array"].parameters["unroll"] == {"K": 32, "C": 16}
    assert any("D1 K 32, D2 C 16 assumed" in note for note in hardware.notes)


def test_zigzag_s_own_folders_lead_to_the_mapping(write):
    path = write(HARDWARE, "hardware/small.yaml")
    write(MAPPING, "mapping/small.yaml")
    assert load_hardware(path).engines["array"].parameters["unroll"]["FX"] == 2


def test_dataflows_of_the_hardware_file_are_an_unrolling(write):
    text = HARDWARE + 'dataflows:\n  D1: ["OX, 4", "OY, 4"]\n  D2: ["K, 16"]\n'
    assert load_hardware(write(text)).engines["array"].parameters["unroll"] == {"OX": 4, "OY": 4, "K": 16}


def test_multipliers_that_a_mapping_does_not_use_are_named(write):
    mapping = MAPPING.replace('"C, 8", "FX, 2"', '"C, 8"')
    hardware = load_hardware(f"{write(HARDWARE)}+{write(mapping, 'map.yaml')}")
    assert any("uses 256 of 512 multipliers" in note for note in hardware.notes)


def test_prices_are_those_of_the_file_per_byte(both):
    hardware = load_hardware(both)
    assert price(hardware, "dram.read_bytes") == pytest.approx(700 / 8)
    assert price(hardware, "dram.write_bytes") == pytest.approx(750 / 8)
    assert price(hardware, "buffer.read_bytes") == pytest.approx(400 / 128)
    assert price(hardware, "buffer.write_bytes") == pytest.approx(300 / 128)
    assert price(hardware, "weight_register.read_bytes") == pytest.approx(0.1)
    assert price(hardware, "weight_register.write_bytes") == pytest.approx(0.2)
    assert price(hardware, "array.mac_int8") == pytest.approx(0.04)
    assert price(hardware, "array.array_cycle_int8") == 0
    sources = {
        term.price.source
        for name in ("dram", "buffer")
        for term in terms(f"{name}.read_bytes", hardware, hardware.own_technology)
    }
    assert sources == {"ZigZag hardware file small.yaml"}


def test_another_technology_can_be_asked_for(both):
    overrides = {"technology": "cmos-28nm", "memories.dram.technology": "lpddr4"}
    hardware = load_hardware(both, overrides)
    assert hardware.own_technology is None
    assert terms("buffer.read_bytes", hardware, load_technology("cmos-28nm"))


def test_energies_that_are_left_to_cacti_are_taken_from_a_packaged_technology(write):
    hardware = load_hardware(write(HARDWARE.replace("    r_cost: 400.0\n", "    auto_cost_extraction: true\n")))
    assert (hardware.technology, hardware.own_technology) == ("cmos-28nm", None)
    assert hardware.memories["dram"].technology == "lpddr4"
    assert any("prices of cmos-28nm and LPDDR4 (assumed)" in note for note in hardware.notes)
    assert any("ignored buffer.auto_cost_extraction: CACTI is not called" in note for note in hardware.notes)


def test_every_key_that_is_left_out_is_named_with_the_reason(write):
    text = HARDWARE.replace(
        "  unit_area: 1\n", "  unit_area: 1\n  systolic_dimensions: [D1]\n  input_precision: [8, 8]\n"
    )
    text = text.replace(
        "    r_cost: 400.0\n", "    r_cost: 400.0\n    force_double_buffering: true\n    colour: blue\n"
    )
    notes = "\n".join(load_hardware(write(text)).notes)
    assert (
        "ignored operational_array.unit_area, weight_register.area, sum_register.area, buffer.area, dram.area: areas of"
        in notes
    )
    assert "ignored operational_array.systolic_dimensions: a block is computed per cycle" in notes
    assert "ignored operational_array.input_precision" in notes
    assert "ignored buffer.force_double_buffering: what is staged is always double-buffered" in notes
    assert "ignored buffer.colour: no such key" in notes
    assert "ignored sum_register: levels inside the array" in notes
    assert "bandwidth_min" in notes
    assert "no leakage, clock or background: 0" in notes


def change(old, new):
    assert old in HARDWARE
    return HARDWARE.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (change("size: 1024", "size: -1"), r"memories\.weight_register\.size: found -1[\s\S]*integer >= 1"),
        (change("r_cost: 0.1", "r_cost: cheap"), r"weight_register\.r_cost: found 'cheap'[\s\S]*number >= 0"),
        (change("operands: [I2]", "operands: [W]"), r"operands\.0: unknown operand 'W'"),
        (change('"I2, tl"', '"I2, up"'), r"ports\.0\.allocation\.0: found 'I2, up'"),
        (change("served_dimensions: []", "served_dimensions: [D9]"), r"unknown dimension 'D9'"),
        (change("sizes: [32, 16]", "sizes: [32]"), r"2 dimensions and 1 sizes"),
        (change("  sizes: [32, 16]\n", ""), r"operational_array: key 'sizes' is missing"),
        (
            change('allocation: ["I1, tl", "O, tl", "O, th"]', 'allocation: ["O, tl", "O, th"]'),
            r"no port of memory buffer carries 'I1, tl'",
        ),
        (change("name: small", "name: [small"), r"line 2: not valid YAML|not valid YAML"),
        (HARDWARE + 'dataflows: {D1: ["K, 64"]}\n', r"dataflows\.D1: 64 copies on D1, which has 32"),
        (HARDWARE + 'dataflows: {D1: ["Q, 4"]}\n', r"unknown loop 'Q'"),
        (HARDWARE + 'dataflows: {D1: ["K by 4"]}\n', r"dataflows\.D1\.0: found 'K by 4'"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(write, text, message):
    with pytest.raises(DescriptionError, match=rf"small\.yaml[\s\S]*({message})"):
        load_hardware(write(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (change("operational_array:\n", "operational_array:\n  is_imc: true\n"), "in-memory computing"),
        (
            change("operands: [I1, O]", "operands: [I1]").replace(
                '"O, tl", "O, th"]}\n      - {name: w_port_1, type: write, bandwidth_min: 64',
                '"O, tl", "O, th"]}\n      - {name: w_port_1, type: write, bandwidth_min: 64',
            ),
            "outputs elsewhere",
        ),
        (change("operands: [I1, I2, O]", "operands: [I1, O]"), "the outermost memories of the operands"),
    ],
)
def test_what_has_no_counterpart_is_refused(write, text, message):
    with pytest.raises(UnsupportedError, match=message):
        load_hardware(write(text))


def test_a_mapping_without_an_entry_for_convolutions_is_refused(write):
    path, mapping = write(HARDWARE), write(MAPPING.replace("name: default", "name: Pooling"), "map.yaml")
    with pytest.raises(DescriptionError, match=r"entries Pooling, Add[\s\S]*Conv or default"):
        load_hardware(f"{path}+{mapping}")


def test_a_file_of_cosim_s_own_is_none_of_zigzag_s(write, root):
    own = root / "hw_models" / "npu" / "edge-256.yaml"
    assert not is_accelerator(own)
    assert load_hardware(own).own_technology is None
    with pytest.raises(DescriptionError, match="has no mapping file"):
        load_hardware(f"{own}+{write(MAPPING)}")


@pytest.mark.parametrize("missing", ["hardware", "mapping"])
def test_a_pair_of_which_one_is_not_there(write, tmp_path, missing):
    given = {"hardware": write(HARDWARE), "mapping": write(MAPPING, "map.yaml")} | {missing: tmp_path / "no.yaml"}
    with pytest.raises(DescriptionError, match=r"no such file: .*no\.yaml"):
        load_hardware("+".join(map(str, given.values())))


def test_a_plus_may_be_part_of_a_name(write):
    assert load_hardware(write(HARDWARE, "a+b.yaml")).name == "small"


@pytest.mark.parametrize("name", ["npu/edge-256", "npu/systolic-32x32"])
def test_a_device_of_cosim_s_own_is_written_as_zigzag_reads_it(name, write):
    hardware = load_hardware(name)
    technology = load_technology(hardware.technology)
    path, mapping = write(accelerator_text(hardware, technology)), write(mapping_text(hardware), "map.yaml")
    accelerator = read_accelerator(path)
    assert [store.name for store in accelerator.stores] == ["sums", "sram", "dram"]
    assert accelerator.stores[-1].ports[0].bits == round(12.8e9 * 8 / 1e9)
    assert yaml.safe_load(mapping.read_text())[0]["name"] == "default"
    again = load_hardware(f"{path}+{mapping}")
    array = next(e for e in hardware.engines.values() if e.kind in {"mac_array", "systolic_array"})
    expected = array.parameters.get("unroll", {"K": 32, "C": 32})
    assert dict(again.engines["array"].parameters["unroll"]) == dict(expected)
    bytes_there = sum(term.price.value for term in terms("dram.read_bytes", hardware, technology))
    assert price(again, "dram.read_bytes") == pytest.approx(bytes_there)
