"""Energy of hand-written Programs: conservation, scaling, states, refusal."""

from dataclasses import replace

import numpy as np
import pytest
from cosim_hw_models import MODELS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosim.cost import actions_by_op, energy, explain_energy
from cosim.cost.counts import cycles_by_engine
from cosim.errors import DescriptionError, SimulationError, UnsupportedError
from cosim.hardware import load_hardware

MS = 10**12
COMMANDS = [
    ("dma_in", None, 0, 16, {"dram.read_bytes": 4096, "bus.bytes": 4096, "sram.write_bytes": 4096}),
    ("mac", "a", 100, 16, {"mac.mac_int8": 20000, "mac.array_cycle": 25600, "sram.read_bytes": 3000}),
    ("vector", "b", 50, 16, {"vector.op_int8": 800, "sram.read_bytes": 800, "sram.write_bytes": 800}),
    ("host", "b", 900, 2000, {"host.host_cycle": 900}),
    ("dma_out", None, 0, 16, {"dram.write_bytes": 800, "bus.bytes": 800, "sram.read_bytes": 800}),
]
BUSY = {"dma_in": 3_000_000_000, "mac": 200_000_000, "vector": 80_000_000, "host": 2_900_000_000}

actions = st.sampled_from(["dram.read_bytes", "sram.read_bytes", "mac.mac_int8", "host.host_cycle", "bus.bytes"])
commands = st.lists(
    st.tuples(
        st.sampled_from(["dma_in", "mac", "vector", "host"]),
        st.sampled_from([None, "a", "b"]),
        st.integers(0, 100),
        st.integers(0, 100),
        st.dictionaries(actions, st.integers(0, 10**6), max_size=3),
    ),
    min_size=1,
    max_size=12,
)
relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)


@pytest.fixture(scope="session")
def bill(build, hardware, technology, kinds):
    def make(commands=COMMANDS, *, makespan_fs=MS, busy_fs=BUSY, device=hardware):
        return energy(build(commands), device, technology, kinds, makespan_fs=makespan_fs, busy_fs=busy_fs)

    return make


def rows(report, component, state):
    return [row for row in report.rows if (row.component, row.state) == (component, state)]


@relaxed
@given(commands)
def test_ops_moves_and_states_add_up_to_the_total(bill, commands):
    report = bill(commands)
    by_op = sum(band.value for band in report.by_op().values())
    assert by_op + report.static_pj.value == pytest.approx(report.total_pj.value)
    assert sum(b.value for b in report.by_component().values()) == pytest.approx(report.total_pj.value)
    assert sum(b.value for b in report.by_state().values()) == pytest.approx(report.total_pj.value)


@relaxed
@given(commands)
def test_counts_by_op_are_the_plain_sum_over_commands(build, commands):
    program = build(commands)
    expected = np.zeros((3, len(program.actions)), np.int64)
    for _, op, _, _, counts in commands:
        for name, count in counts.items():
            expected[{"a": 0, "b": 1, None: 2}[op], program.actions.index(name)] += count
    assert np.array_equal(actions_by_op(program), expected)


def test_commands_that_share_a_service_count_each_time(build):
    program = build(COMMANDS)
    shared = replace(program, service=np.array([1, 1, 1, 3, 1], np.int32))
    column = program.actions.index("mac.mac_int8")
    assert actions_by_op(shared)[:, column].tolist() == [20000, 20000, 40000]  # op a, op b, moves
    assert cycles_by_engine(shared)["mac"] == (116, 1)
    assert cycles_by_engine(shared)["dma_in"] == (116, 1)


def test_cycles_of_an_engine_sum_over_its_commands(build):
    twice = build(COMMANDS + COMMANDS)
    assert cycles_by_engine(twice)["mac"] == (232, 2)
    assert cycles_by_engine(twice)["host"] == (5800, 2)
    merged = replace(twice, service=np.tile(np.arange(5, dtype=np.int32), 2))
    assert cycles_by_engine(merged) == cycles_by_engine(twice)


@relaxed
@given(commands)
def test_running_twice_doubles_dynamic_energy_exactly_and_leaves_static_alone(bill, build, commands):
    once, twice = bill(commands), bill(commands + commands)
    assert twice.dynamic_pj.value == pytest.approx(2 * once.dynamic_pj.value, rel=1e-12)
    assert np.array_equal(twice.counts, 2 * once.counts)
    leak = [sum(r.energy_pj.value for r in report.static if r.state == "leakage") for report in (once, twice)]
    assert leak[0] == leak[1]


@relaxed
@given(commands)
def test_bands_are_ordered_and_inside_the_plain_sums(bill, commands):
    report = bill(commands)
    total = report.total_pj
    assert 0 < total.low <= total.value <= total.high
    assert total.low >= sum(row.energy_pj.low for row in report.rows) * (1 - 1e-9)
    assert total.high <= sum(row.energy_pj.high for row in report.rows) * (1 + 1e-9)


def test_a_figure_by_hand(bill, technology):
    report = bill()
    assert report.by_op()["a"].value == pytest.approx(
        20000 * 0.125
        + 25600 * technology.actions["array_cycle_int8"].value
        + 3000 * sum(row.price.value for row in report.dynamic if row.action == "sram.read_bytes")
    )
    (macs,) = [row for row in report.dynamic if row.action == "mac.mac_int8"]
    assert macs.energy_pj.value == pytest.approx(20000 * 0.125)


def test_leakage_and_background_integrate_over_elapsed_time(bill):
    one, two = bill(), bill(makespan_fs=2 * MS)
    assert rows(one, "dram", "background")[0].energy_pj.value == pytest.approx(25e6)  # 25 mW x 1 ms
    assert rows(one, "sram", "leakage")[0].energy_pj.value == pytest.approx(7.62 * 1024 * 1e3)  # uW/KiB x KiB x 1 ms
    for component, state in (("dram", "background"), ("sram", "leakage"), ("mac", "leakage")):
        first, second = (rows(report, component, state)[0].energy_pj.value for report in (one, two))
        assert second == pytest.approx(2 * first)
    assert one.dynamic_pj == two.dynamic_pj


def test_logic_leaks_by_its_area(bill, technology):
    (row,) = rows(bill(), "mac", "leakage")
    mm2 = 256 * technology.areas["mac_int8"].value / 1e6
    assert row.energy_pj.value == pytest.approx(mm2 * technology.densities["logic_leakage_mw_per_mm2"].value * 1e6)


def test_a_flip_flop_memory_leaks_by_its_area(bill, technology):
    device = load_hardware(MODELS["npu/edge-256"], overrides={"memories.accumulator.technology": "flip_flop"})
    (row,) = rows(bill(device=device), "accumulator", "leakage")
    mm2 = 65536 * 8 * technology.areas["register_bit"].value / 1e6
    assert row.energy_pj.value == pytest.approx(mm2 * technology.densities["logic_leakage_mw_per_mm2"].value * 1e6)


def test_states_of_an_engine_share_the_run(bill):
    """1 ms at 1 GHz is 1e6 cycles: 100 working (set-up is not work), 200 held, the rest idle; 256 MACs each."""
    report = bill()
    (stalled,) = rows(report, "mac", "stalled")
    (idle,) = rows(report, "mac", "idle")
    assert stalled.count == pytest.approx(256 * (200 - 100))
    assert idle.count == pytest.approx(256 * (1_000_000 - 200))
    (host,) = rows(report, "host", "stalled")
    assert host.count == pytest.approx(2900 - 900)


def test_a_controller_without_actions_pays_for_its_busy_cycles_instead(bill):
    report = bill()
    (busy,) = rows(report, "dma_in", "busy")
    assert busy.count == pytest.approx(3000)
    assert busy.verb == "busy_dma"
    assert not rows(report, "dma_in", "stalled")
    assert rows(report, "dma_out", "busy")[0].count == 0


def test_voltage_scales_leakage_and_clocks(bill):
    low = load_hardware(MODELS["npu/edge-256"], overrides={"clocks.core.voltage": "0.6 V"})
    report, nominal = bill(device=low), bill()
    ratio = rows(report, "mac", "leakage")[0].energy_pj.value / rows(nominal, "mac", "leakage")[0].energy_pj.value
    assert ratio == pytest.approx(0.75 * np.exp(-0.6))
    ratio = rows(report, "mac", "idle")[0].energy_pj.value / rows(nominal, "mac", "idle")[0].energy_pj.value
    assert ratio == pytest.approx(0.75**2)
    assert rows(report, "host", "idle")[0].energy_pj == rows(nominal, "host", "idle")[0].energy_pj


def test_a_described_background_replaces_the_technology_and_may_name_any_component(bill):
    device = load_hardware(
        MODELS["npu/edge-256"], overrides={"background": "{dram: 100 mW, host: {value: 2 mW, low: 1 mW, high: 4 mW}}"}
    )
    report = bill(device=device)
    assert rows(report, "dram", "background")[0].energy_pj.value == pytest.approx(100e6)
    (host,) = rows(report, "host", "background")
    assert (host.energy_pj.low, host.energy_pj.high) == (pytest.approx(1e6), pytest.approx(4e6))


def test_a_memory_without_background_power_is_refused_not_free(bill):
    device = load_hardware(MODELS["npu/edge-256"], overrides={"memories.dram.technology": "gddr6"})
    with pytest.raises(UnsupportedError, match="no background power") as raised:
        bill(device=device)
    assert "background: {dram:" in raised.value.fix


def test_an_engine_unit_without_a_price_is_refused(build, hardware, technology, kinds):
    arguments = {"makespan_fs": MS, "busy_fs": BUSY}
    bare = replace(technology, actions={k: v for k, v in technology.actions.items() if k != "idle_dma"})
    with pytest.raises(UnsupportedError, match="idle_dma"):
        energy(build(COMMANDS), hardware, bare, kinds, **arguments)
    bare = replace(technology, areas={k: v for k, v in technology.areas.items() if k != "dma"})
    with pytest.raises(UnsupportedError, match="'dma' of dma_in has no area"):
        energy(build(COMMANDS), hardware, bare, kinds, **arguments)
    with pytest.raises(DescriptionError, match="unknown engine kind"):
        energy(build(COMMANDS), hardware, technology, {}, **arguments)


def test_an_unpriced_action_stops_the_bill_but_one_that_never_happens_does_not(bill):
    with pytest.raises(UnsupportedError, match="mac_int99"):
        bill([("mac", "a", 1, 0, {"mac.mac_int99": 1})])
    assert not bill([("mac", "a", 1, 0, {"mac.mac_int99": 0})]).dynamic


def test_an_engine_busier_than_the_run_is_a_bug(bill):
    with pytest.raises(SimulationError, match="was busy for"):
        bill(busy_fs={"mac": MS + 1})


def test_the_bill_says_its_boundary_and_its_rule(bill):
    report = bill()
    assert report.boundary == "chip + DRAM"
    assert "quadrature" in report.correlation_rule
    assert report.excluded


def test_explain_lists_what_the_figure_is_made_of(bill):
    report = bill()
    steps = explain_energy(report)
    assert sum(step.amount.value for step in steps) == pytest.approx(report.total_pj.value)
    assert [step.amount.value for step in steps] == sorted((step.amount.value for step in steps), reverse=True)
    for step in steps:
        assert step.amount.value == pytest.approx(step.count * step.price.value)
        assert step.price.source in step.text()
    of_op = explain_energy(report, op="a")
    assert sum(step.amount.value for step in of_op) == pytest.approx(report.by_op()["a"].value)
    of_part = explain_energy(report, "sram")
    assert sum(step.amount.value for step in of_part) == pytest.approx(report.by_component()["sram"].value)
    with pytest.raises(DescriptionError, match="did you mean 'sram'"):
        explain_energy(report, "srma")
    with pytest.raises(DescriptionError, match="unknown op"):
        explain_energy(report, op="c")


def test_an_empty_program_costs_only_time(build, hardware, technology, kinds):
    report = energy(build(COMMANDS[:0]), hardware, technology, kinds, makespan_fs=MS, busy_fs={})
    assert report.dynamic_pj.value == 0
    assert report.total_pj == report.static_pj
