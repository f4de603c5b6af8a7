"""SCALE-Sim configurations: what is read, what is said about the rest, and every wrong value with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim import load_hardware
from cosim.errors import DescriptionError
from cosim.interop.scalesim.config import Config, config_text, read_config
from cosim.units import FS_PER_SECOND

TEXT = """\
[general]
run_name = example
[architecture_presets]
ArrayHeight:    16
ArrayWidth:     8
IfmapSramSzkB:  64
FilterSramSzkB: 32
OfmapSramSzkB:  16
IfmapOffset:    0
FilterOffset:   10000000
Dataflow : ws
Bandwidth : 10
[layout]
IfmapSRAMBankBandwidth: 12
FilterSRAMBankBandwidth: 6
IfmapSRAMBankNum: 4
[sparsity]
SparsitySupport : true
[run_presets]
InterfaceBandwidth: USER
UseRamulatorTrace: False
"""
CLOCK_FS = FS_PER_SECOND // 10**9


@pytest.fixture
def write(tmp_path):
    def written(text, name="scale.cfg"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return written


def test_the_array_its_buffers_and_its_interfaces_are_those_of_the_file(write):
    hardware = load_hardware(write(TEXT))
    array = hardware.engines["array"]
    assert (array.parameters["rows"], array.parameters["cols"], array.parameters["dataflow"]) == (16, 8, "ws")
    assert array.parameters["overlap_fill"] is False
    sizes = {name: memory.size_bytes // 1024 for name, memory in hardware.memories.items()}
    assert (sizes["feature_sram"], sizes["filter_sram"], sizes["sum_sram"]) == (64 + 16, 32, 4 * 16)
    rates = {port.name: port.unit_bytes * CLOCK_FS / port.unit_fs for port in hardware.memories["dram"].ports}
    assert rates == pytest.approx({"dram.ifmap": 12, "dram.filter": 6, "dram.ofmap": 10}, rel=1e-5)
    assert hardware.engines["dma_filter"].target_memory == array.weights == "filter_sram"


def test_each_interface_is_a_port_of_its_own(write):
    hardware = load_hardware(write(TEXT))
    vias = [hardware.engines[name].via for name in ("dma_ifmap", "dma_filter", "dma_ofmap")]
    assert len(set(vias)) == 3


def test_without_a_layout_the_bandwidth_serves_all(write):
    text = TEXT.replace("IfmapSRAMBankBandwidth: 12", "").replace("FilterSRAMBankBandwidth: 6", "")
    assert read_config(write(text)).words_per_cycle == (10, 10, 10)


def test_calc_has_no_limit_that_a_cycle_would_show(write):
    hardware = load_hardware(write(TEXT.replace("USER", "CALC")))
    for port in hardware.memories["dram"].ports:
        assert port.unit_fs * (hardware.memories["feature_sram"].size_bytes / port.unit_bytes) < CLOCK_FS / 1000


def test_every_key_that_is_left_out_is_named_with_the_reason(write):
    notes = "\n".join(load_hardware(write(TEXT)).notes)
    for key in ("ifmapoffset = 0", "filteroffset = 10000000", "ifmapsrambanknum = 4", "useramulatortrace = False"):
        assert key in notes
    assert "sparsitysupport = true: the array is simulated dense, so cycles will be above those of the tool" in notes
    assert "1 GHz assumed; cycles do not depend on it" in notes
    assert "no energy" in notes
    assert "arrayheight" not in notes


def test_a_key_that_nobody_knows_is_named_too(write):
    text = TEXT.replace("[sparsity]", "[sparsity]\nColour: blue").replace("Dataflow : ws", "Dataflow : ws\nrun_name: x")
    ignored = "\n".join(read_config(write(text)).ignored)
    assert "colour = blue: no key of [sparsity] that is known" in ignored
    assert "run_name = x: not read in [architecture_presets], only in [general]" in ignored


def test_bandwidths_under_calc_are_left_out_and_said_so(write):
    ignored = "\n".join(read_config(write(TEXT.replace("USER", "CALC"))).ignored)
    assert (
        "bandwidth = 10, ifmapsrambankbandwidth = 12, filtersrambankbandwidth = 6: InterfaceBandwidth is CALC"
        in ignored
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ArrayHeight:    16", "", r"\[architecture_presets\]: key 'ArrayHeight' is missing"),
        ("ArrayHeight:    16", "ArrayHeight: 0", r"\[architecture_presets\] ArrayHeight: found '0'[\s\S]*integer >= 1"),
        ("ArrayWidth:     8", "ArrayWidth: eight", r"ArrayWidth: found 'eight'"),
        ("Dataflow : ws", "Dataflow : wt", r"Dataflow: unknown dataflow 'wt'; did you mean 'ws'"),
        ("USER", "GUESS", r"InterfaceBandwidth: unknown interface bandwidth 'GUESS'"),
        ("Bandwidth : 10", "Bandwidth : -1", r"Bandwidth: found -1"),
        ("Bandwidth : 10", "", r"key 'Bandwidth' is missing"),
        ("ArrayWidth:     8", "ArrayWidth 8 wide", r"not a readable INI file"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(write, old, new, message):
    assert old in TEXT
    with pytest.raises(DescriptionError, match=rf"scale\.cfg[\s\S]*{message}"):
        load_hardware(write(TEXT.replace(old, new, 1)))


def test_a_configuration_of_another_tool_says_what_is_known(write):
    with pytest.raises(DescriptionError, match=r"a \.cfg file of no tool that is known[\s\S]*architecture_presets"):
        load_hardware(write("[server]\nport: 1\n"))


def test_there_are_no_mapping_files(write):
    path, mapping = write(TEXT), write("x: 1", "mapping.yaml")
    with pytest.raises(DescriptionError, match="SCALE-Sim has no mapping files"):
        load_hardware(f"{path}+{mapping}")


def test_keys_can_be_overridden_as_those_of_any_device(write):
    hardware = load_hardware(write(TEXT), {"engines.array.rows": "4", "technology": "cmos-45nm"})
    assert hardware.engines["array"].parameters["rows"] == 4
    assert hardware.technology == "cmos-45nm"


counts = st.integers(1, 10_000)


@given(
    sizes=st.tuples(counts, counts, counts, counts, counts),
    dataflow=st.sampled_from(["os", "ws", "is"]),
    words=st.none() | st.tuples(counts, counts, counts),
)
def test_what_is_written_is_read_again(tmp_path_factory, sizes, dataflow, words):
    config = Config("net", *sizes, dataflow, words)
    path = tmp_path_factory.mktemp("written") / "scale.cfg"
    path.write_text(config_text(config), "utf-8")
    read = read_config(path)
    assert (read.rows, read.cols, read.ifmap_kib, read.filter_kib, read.ofmap_kib) == sizes
    assert (read.name, read.dataflow, read.words_per_cycle) == ("net", dataflow, words)
