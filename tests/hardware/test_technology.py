"""Technology files: complete, positive, sourced, and refused with a remedy."""

import pytest
from cosim_hw_models import TECHNOLOGIES

from cosim.errors import DescriptionError
from cosim.hardware import load_technology

FORMATS = ("int4", "int8", "int16", "int32", "bf16", "fp16", "fp32")
ACTIONS = {f"{verb}_{code}" for verb in ("mac", "op", "array_cycle") for code in FORMATS} | {
    "host_cycle",
    "register_bit",
    "busy_dma",
}
UNITS = {f"mac_{code}" for code in FORMATS} | {"vector_lane", "host_core", "dma", "register_bit"}
DRAM = {"ddr3", "ddr4", "lpddr3", "lpddr4", "lpddr4x", "lpddr5", "gddr6", "hbm2", "hbm2e", "hbm3"}


@pytest.fixture(scope="module", params=list(TECHNOLOGIES))
def technology(request):
    return load_technology(TECHNOLOGIES[request.param], TECHNOLOGIES.__getitem__)


def prices(technology):
    yield from technology.actions.items()
    yield from technology.areas.items()
    yield from technology.densities.items()
    yield from technology.dram.items()
    for point in technology.sram:
        yield f"read {point}", point.read_pj
        yield f"write {point}", point.write_pj


def test_five_processes_are_described():
    assert set(TECHNOLOGIES) >= {"cmos-65nm", "cmos-45nm", "cmos-28nm", "cmos-16nm", "cmos-7nm"}


def test_every_number_is_positive_ordered_and_sourced(technology):
    for name, price in prices(technology):
        is_included = price.rule.startswith("[included")  # in another price, which the rule names
        assert is_included == (price.high == 0), name
        assert is_included or 0 < price.low <= price.value <= price.high, name
        assert len(price.source) > 10, name
        assert price.rule.startswith("["), f"{name} has no evidence class"


def test_every_verb_unit_and_density_is_there(technology):
    assert set(technology.actions) >= ACTIONS
    assert set(technology.areas) >= UNITS
    assert set(technology.dram) >= DRAM
    for unit in UNITS - {"register_bit"}:
        assert f"idle_{unit}" in technology.actions, unit


def test_wider_formats_cost_more(technology):
    for verb in ("mac", "op", "array_cycle"):
        for narrow, wide in (
            ("int4", "int8"),
            ("int8", "int16"),
            ("int16", "int32"),
            ("bf16", "fp16"),
            ("fp16", "fp32"),
        ):
            assert technology.actions[f"{verb}_{narrow}"].value < technology.actions[f"{verb}_{wide}"].value


def test_sram_table_grows_with_capacity_and_width(technology):
    table = {(p.capacity_bytes, p.width_bits): p for p in technology.sram}
    sizes, widths = sorted({c for c, _ in table}), sorted({w for _, w in table})
    for access in ("read_pj", "write_pj"):
        for at in ("value", "low", "high"):
            for width in widths:
                column = [getattr(getattr(table[c, width], access), at) for c in sizes]
                assert column == sorted(column), (access, at, width)
            for size in sizes:
                row = [getattr(getattr(table[size, w], access), at) for w in widths]
                assert row == sorted(row), (access, at, size)


def test_wide_sram_accesses_are_cheaper_per_bit_where_the_width_law_holds():
    points = load_technology(TECHNOLOGIES["cmos-45nm"]).sram
    per_bit = [p.read_pj.value / p.width_bits for p in points if p.capacity_bytes == 8192]
    assert per_bit == sorted(per_bit, reverse=True)


def test_smaller_processes_cost_less_energy_and_area():
    family = [load_technology(TECHNOLOGIES[f"cmos-{n}nm"]) for n in (65, 45, 28, 16, 7)]
    for verb in ("mac_int8", "op_int8", "host_cycle", "register_bit"):
        values = [t.actions[verb].value for t in family]
        assert values == sorted(values, reverse=True), verb
    for unit in ("mac_int8", "vector_lane", "register_bit"):
        values = [t.areas[unit].value for t in family]
        assert values == sorted(values, reverse=True), unit


def test_published_figures_lie_inside_the_bands():
    """int8 MACs: 45 nm 0.23 to 0.33 (Horowitz, Accelergy), 28 nm 0.143 (SmartExchange), 16 nm 0.024 to 0.104."""
    for name, figures in {
        "cmos-45nm": (0.23, 0.315, 0.33),
        "cmos-28nm": (0.143,),
        "cmos-16nm": (0.0245, 0.084, 0.104),
        "cmos-7nm": (0.03, 0.1),
    }.items():
        price = load_technology(TECHNOLOGIES[name]).actions["mac_int8"]
        assert all(price.low <= figure <= price.high for figure in figures), name


def test_the_45_nm_prices_follow_from_the_survey_by_the_stated_rule():
    actions = load_technology(TECHNOLOGIES["cmos-45nm"]).actions
    register = actions["register_bit"].value
    assert actions["mac_int8"].value == pytest.approx(0.5 * (0.2 + 0.1) + 8 * register, rel=5e-3)
    assert actions["mac_fp32"].value == pytest.approx(0.5 * (3.7 + 0.9) + 32 * register, rel=5e-3)
    assert actions["array_cycle_int8"].value == pytest.approx(0.5 * actions["mac_int8"].value, rel=5e-3)


def test_the_65_nm_memory_keeps_the_eyeriss_ratios():
    """Per 16 bit: register file 1, buffer 6, DRAM 200 times one MAC (doi:10.1109/ISCA.2016.40, Table IV)."""
    technology = load_technology(TECHNOLOGIES["cmos-65nm"])
    table = {(p.capacity_bytes, p.width_bits): p.read_pj.value for p in technology.sram}
    mac = table[512, 16]
    assert mac == pytest.approx(0.0595 * 12.0, rel=5e-3)
    assert table[102400, 16] / mac == pytest.approx(6, rel=5e-3)
    assert technology.dram["eyeriss"].value * 16 / mac == pytest.approx(200, rel=5e-3)


@pytest.mark.parametrize(
    ("old", "new", "where", "found"),
    [
        ("value: 0.125 pJ, low", "value: 0.125 mW, low", "actions.mac_int8", "unit of power, not of energy"),
        ("value: 0.125 pJ, low", "value: 0 pJ, low", "actions.mac_int8", "is not positive"),
        ("value: 0.125 pJ, low", "value: 9 pJ, low", "actions.mac_int8", "lies outside"),
        ("source: clock", "source: clok", "array_cycle_int4.source", "did you mean 'clock'"),
        ("evidence: recommended", "evidence: guess", "actions.mac_int4.evidence", "Input should be"),
        ("  wire_pj_per_bit_mm:", "  wires_pj_per_bit_mm:", "densities", "did you mean 'wire_pj_per_bit_mm'"),
        ("capacity: 32 KiB, width: 32 bit", "capacity: 33 KiB, width: 32 bit", "sram.points", "no grid"),
        ("width: 32 bit, read", "with: 32 bit, read", "sram.points.0", "did you mean 'width'"),
    ],
)
def test_faults_name_the_path_and_the_finding(old, new, where, found):
    text = TECHNOLOGIES["cmos-16nm"].read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(DescriptionError) as raised:
        load_technology(text.replace(old, new, 1))
    assert where in raised.value.where
    assert found in raised.value.found


def test_a_missing_density_is_named():
    text = TECHNOLOGIES["cmos-16nm"].read_text(encoding="utf-8")
    start, end = text.index("  wire_pj_per_bit_mm:"), text.index("\ndram:")
    with pytest.raises(DescriptionError, match="density 'wire_pj_per_bit_mm' is missing"):
        load_technology(text[:start] + text[end:])


def test_summaries_are_read_without_parsing():
    for name in TECHNOLOGIES:
        assert TECHNOLOGIES.summary(name) == load_technology(TECHNOLOGIES[name], TECHNOLOGIES.__getitem__).summary
