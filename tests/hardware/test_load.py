"""Hardware descriptions: what they become, and how each fault is named."""

from fractions import Fraction

import pytest
from cosim_hw_models import MODELS
from hypothesis import given
from hypothesis import strategies as st

from cosim.errors import DescriptionError
from cosim.hardware import load_hardware, resource_time_fs

TEXT = """
schema: 1
name: test/small
summary: a small device
technology: cmos-16nm
main_memory: dram
clocks: {core: {frequency: 1 GHz}}
memories:
  dram: {size: 1 MiB, technology: lpddr4, bandwidth: 12.8 GB/s, burst: 64 B, latency: 100 ns}
  sram:
    size: 64 KiB
    technology: sram
    banks: 4
    width: 128 bit
    ports:
      dma: {bandwidth: 32 B/cycle, clock: core, burst: 64 B, latency: 2 cycles}
      compute: {bandwidth: 128 B/cycle, clock: core, burst: 64 B}
links:
  bus: {bandwidth: 16 B/cycle, clock: core, burst: 64 B, latency: 20 ns, length: 4 mm}
engines:
  dma_in: {kind: dma, clock: core, from: dram, to: sram, via: [dram, bus, sram.dma], setup: 16 cycles}
  mac: {kind: mac_array, clock: core, operands: sram, via: [sram.compute], formats: [int8], rows: 16}
"""


class Kind:
    """A stand-in for an engine kind: one parameter, which must be even."""

    def __init__(self, *parameters):
        self.parameters = dict.fromkeys(parameters, "")

    def check(self, engine):
        if engine.parameters.get("rows", 0) % 2:
            raise DescriptionError("rows is odd", where="rows", allowed="even", fix="add one")


KINDS = {"dma": Kind(), "mac_array": Kind("rows")}


@pytest.fixture
def hardware():
    return load_hardware(TEXT)


def fault(text=TEXT, **arguments):
    with pytest.raises(DescriptionError) as raised:
        load_hardware(text, **arguments)
    return raised.value


def replaced(old, new):
    assert old in TEXT
    return TEXT.replace(old, new)


def test_rates_become_integer_times(hardware):
    assert hardware.clocks["core"].period_fs == 1_000_000
    assert hardware.port("dram").unit_fs == 5_000_000  # 64 B / 12.8 GB/s = 5 ns
    assert hardware.port("dram").latency_fs == 100_000_000
    assert hardware.port("sram.dma").unit_fs == 2_000_000
    assert hardware.port("sram.dma").latency_fs == 2_000_000
    assert hardware.port("bus").unit_fs == 4_000_000
    assert hardware.memories["sram"].size_bytes == 65536
    assert hardware.links["bus"].length_mm == 4.0


def test_wiring_reaches_the_machine(hardware):
    machine = hardware.machine()
    path = machine.paths[hardware.path_index("dma_in")]
    assert [machine.resources[step] for step in path] == ["dram", "bus", "sram.dma"]
    assert machine.path_latency_fs[hardware.path_index("dma_in")] == 122_000_000


def test_queues_are_numbered_across_engines():
    device = load_hardware(TEXT, overrides={"engines.dma_in.queues": "3"})
    assert device.machine().queues == ("dma_in.0", "dma_in.1", "dma_in.2", "mac")
    assert [device.queue_index("dma_in", 2), device.queue_index("mac")] == [2, 3]
    assert device.path_index("mac") == 1
    with pytest.raises(DescriptionError, match="did you mean 'mac'"):
        device.queue_index("mca")


def test_a_memory_answers_for_its_only_port():
    text = replaced("      compute: {bandwidth: 128 B/cycle, clock: core, burst: 64 B}\n", "").replace(
        "sram.compute", "sram"
    )
    device = load_hardware(text)
    assert device.port("sram").name == "sram.dma"
    assert device.machine().paths[1] == (device.machine().resources.index("sram.dma"),)


@given(st.integers(0, 10**6), st.integers(0, 12), st.integers(1, 10**7))
def test_pieces_of_a_transfer_never_change_its_time(n, power, unit_fs):
    """T(n) is exact at unit boundaries and the least integer at or above n x rate inside a unit."""
    unit = 1 << power
    exact = Fraction(n * unit_fs, unit)
    assert exact <= resource_time_fs(n, unit, unit_fs) < exact + 1
    assert resource_time_fs(n * unit, unit, unit_fs) == n * unit_fs


def test_keys_of_the_kind_become_parameters(hardware):
    assert dict(hardware.engines["mac"].parameters) == {"rows": 16}
    assert hardware.engines["dma_in"].setup_cycles == 16


def test_what_is_not_described_is_noted_not_hidden(hardware):
    assert any("0 taken: memories.sram.ports.compute, engines.mac" in note for note in hardware.notes)


def test_rounding_is_recorded_with_its_error():
    device = load_hardware(TEXT, overrides={"clocks.core.frequency": "600 MHz"})
    assert any(note.startswith("clocks.core.frequency: 1666666.666667 fs rounded to 1666667") for note in device.notes)
    assert device.port("bus").unit_fs == 4 * device.clocks["core"].period_fs


def test_a_band_is_checked_and_noted():
    text = replaced("latency: 100 ns", "latency: {value: 100 ns, low: 60 ns, high: 200 ns, source: datasheet}")
    device = load_hardware(text)
    assert any("60 ns .. 200 ns, 100 ns used" in note for note in device.notes)
    assert "latency: datasheet" in device.port("dram").source
    assert "unit of size" in fault(text.replace("60 ns", "60 B")).found


def test_background_power_is_a_band_in_order():
    device = load_hardware(TEXT, overrides={"background": "{dram: {value: 60 mW, low: 35 mW, high: 0.07 W}}"})
    price = device.background_mw["dram"]
    assert (price.low, price.value, price.high, price.unit) == (35, 60, 70, "mW")
    assert price.assumed
    assert "lies outside" in fault(overrides={"background": "{dram: {value: 60 mW, low: 65 mW}}"}).found
    error = fault(overrides={"background": "{drma: 60 mW}"})
    assert "unknown component 'drma'; did you mean 'dram'" in error.found


def test_overrides_come_before_validation_and_are_kept():
    overrides = {"memories.dram.bandwidth": "25.6GB/s", "engines.mac.rows": "64", "engines.dma_in.via.0": "dram"}
    device = load_hardware(TEXT, overrides=overrides)
    assert device.port("dram").unit_fs == 2_500_000
    assert device.engines["mac"].parameters["rows"] == 64
    assert dict(device.overrides) == overrides


def test_an_override_may_add_a_key_that_the_schema_or_the_kind_knows():
    device = load_hardware(TEXT, overrides={"engines.mac.overlap": "blocking"})
    assert device.engines["mac"].overlap == "blocking"
    text = replaced(", rows: 16", "")
    assert load_hardware(text, overrides={"engines.mac.rows": "8"}, engine_kinds=KINDS).engines["mac"].parameters == {
        "rows": 8
    }


def test_an_override_replaces_the_source_with_the_value():
    text = replaced("latency: 100 ns", "latency: {value: 100 ns, source: datasheet}")
    device = load_hardware(text, overrides={"memories.dram.latency": "50 ns"})
    assert "latency: override" in device.port("dram").source
    assert "datasheet" not in device.port("dram").source


def test_the_digest_follows_the_content_not_the_layout():
    same = load_hardware(TEXT.replace("{core: {frequency: 1 GHz}}", "\n  core:\n    frequency: 1 GHz  # the same"))
    other = load_hardware(TEXT, overrides={"engines.mac.rows": "8"})
    assert load_hardware(TEXT).digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("old", "new", "where", "found", "allowed"),
    [
        ("size: 64 KiB", "size: 64 ns", "memories.sram.size", "unit of time", "KiB"),
        ("size: 64 KiB", "size: -64 KiB", "memories.sram.size", "-65536", "at least 1 B"),
        ("size: 64 KiB", "siez: 64 KiB", "memories.sram", "unknown key 'siez'; did you mean 'size'?", "size"),
        ("size: 64 KiB", "banks2: 1", "memories.sram", "did you mean 'banks'", "banks"),
        ("banks: 4", "banks: 0", "memories.sram.banks", "greater than or equal to 1", None),
        ("banks: 4", "banks: four", "memories.sram.banks", "valid integer", None),
        ("    width: 128 bit\n", "", "memories.sram", "'width' is missing", None),
        ("    banks: 4\n", "", "memories.sram", "'banks' is missing", None),
        ("bandwidth: 12.8 GB/s, ", "", "memories.dram", "neither 'ports' nor 'bandwidth'", None),
        ("banks: 4", "burst: 64 B", "memories.sram", "both 'ports' and", None),
        ("burst: 64 B, latency: 100 ns", "burst: 48 B", "memories.dram.burst", "no power of two", "1, 2, 4"),
        ("clock: core, burst: 64 B}", "burst: 64 B}", "sram.ports.compute.bandwidth", "no clock is named", "clock"),
        ("clock: core, burst: 64 B}", "clock: cor, burst: 64 B}", "compute.clock", "did you mean 'core'", "core"),
        ("via: [sram.compute]", "via: [sram.comptue]", "engines.mac.via.0", "did you mean 'sram.compute'", "bus"),
        ("via: [sram.compute]", "via: [sram]", "engines.mac.via.0", "unknown port or link 'sram'", "sram.compute"),
        ("via: [dram, bus, sram.dma]", "via: [bus, bus]", "engines.dma_in.via", "appears twice", None),
        ("operands: sram", "operands: srm", "engines.mac.operands", "did you mean 'sram'", "dram"),
        ("from: dram", "from: drm", "engines.dma_in.from", "did you mean 'dram'", "sram"),
        (", to: sram", "", "engines.dma_in", "without the other", None),
        ("main_memory: dram", "main_memory: drma", "main_memory", "did you mean 'dram'", "sram"),
        (", length: 4 mm", "", "links.bus", "'length' is missing", None),
        ("  bus:", "  dram:", "", "'dram' names two components", None),
        ("  mac: {", "  m.ac: {", "engines", "has a dot", None),
        ("schema: 1", "schema: 2", "schema", "Input should be 1", None),
        ("name: test/small\n", "", "", "'name' is missing", None),
        ("clock: core, operands", "clock: host, operands", "engines.mac.clock", "unknown clock 'host'", "core"),
    ],
)
def test_faults_name_the_path_the_finding_and_what_is_allowed(old, new, where, found, allowed):
    error = fault(replaced(old, new))
    assert where in error.where
    assert found in error.found
    assert allowed is None or allowed in error.allowed


def test_kinds_are_checked_where_they_are_given():
    assert load_hardware(TEXT, engine_kinds=KINDS)
    error = fault(replaced("kind: mac_array", "kind: mac_aray"), engine_kinds=KINDS)
    assert "did you mean 'mac_array'" in error.found
    assert error.where.endswith("engines.mac.kind")
    error = fault(replaced("rows: 16", "rwos: 16"), engine_kinds=KINDS)
    assert "unknown key 'rwos'; did you mean 'rows'" in error.found
    error = fault(replaced("rows: 16", "rows: 15"), engine_kinds=KINDS)
    assert (error.found, error.fix) == ("rows is odd", "add one")
    assert "engines.mac" in error.where


def test_an_override_that_is_no_yaml_is_named():
    error = fault(overrides={"engines.mac.formats": "[int8"})
    assert "not valid YAML" in error.found
    assert error.where == "override engines.mac.formats=[int8"


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("memories.drm.size", "did you mean 'dram'"),
        ("memories.dram.bandwith", "did you mean 'bandwidth'"),
        ("engines.mac.rwos", "did you mean 'rows'"),
        ("engines.dma_in.via.3", "no item '3' in a list of 3"),
        ("summary.text", "has no keys below it"),
        ("links.buss", "did you mean 'bus'"),
    ],
)
def test_an_override_of_an_unknown_key_names_the_nearest(key, found):
    error = fault(overrides={key: "1"})
    assert found in error.found
    assert error.where == f"override {key}=1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            TEXT.replace("main_memory: dram", "main_memory: dram\nname: again"),
            "key 'name' on line 7 is already on line 3",
        ),
        (TEXT[: TEXT.index("technology: lpddr4")], "not valid YAML"),
        ("- a\n- list\n", "the file holds a list"),
        ("\n", "the file is empty"),
        ("name: !!python/object/apply:os.system [ls]\nx: 1\n", "not valid YAML"),
        ("1: x\ny: 2\n", "key 1 on line 1 is not text"),
        ("a: " + "[" * 3000 + "\n", "nested too deeply"),
    ],
)
def test_documents_that_cannot_be_read(text, found):
    assert found in fault(text).found


def test_a_missing_file_is_named(tmp_path):
    error = fault(str(tmp_path / "nowhere.yaml"))
    assert "cannot read the file" in error.found
    assert error.where.endswith("nowhere.yaml")


def test_a_file_and_its_text_describe_the_same_device(tmp_path):
    path = tmp_path / "device.yaml"
    path.write_text(TEXT, encoding="utf-8")
    assert load_hardware(path).digest == load_hardware(str(path)).digest == load_hardware(TEXT).digest


@pytest.mark.parametrize("name", MODELS)
def test_every_packaged_model_loads_with_sources_and_clocks_that_are_exact_or_noted(name):
    device = load_hardware(MODELS[name], find=MODELS.__getitem__)
    assert device.name == name
    assert device.summary == MODELS.summary(name)
    for clock in device.clocks.values():
        is_exact = Fraction(10**15, clock.period_fs) == round(clock.frequency_mhz * 10**6)
        assert is_exact or any(note.startswith(f"clocks.{clock.name}.frequency") for note in device.notes), clock
    described = [*device.clocks.values(), *device.memories.values(), *device.links.values(), *device.engines.values()]
    for thing in described:
        assert thing.source != "assumed", f"{name}: {thing.name} says 'assumed' without a reason"
    assert device.machine().engines


@pytest.mark.parametrize("name", ["npu/edge-256", "npu/systolic-32x32"])
def test_clocks_of_the_first_devices_are_exact(name):
    assert not [note for note in load_hardware(MODELS[name]).notes if "rounded" in note]
