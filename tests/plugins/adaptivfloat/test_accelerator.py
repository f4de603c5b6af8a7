"""Figure 7 and table 4 of the paper on the described accelerators: what is input, what is fitted, what is predicted."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.library import load_hardware, load_technology
from cosim.simulation import simulate
from cosim_plugins.adaptivfloat import figure7, table4
from cosim_plugins.adaptivfloat.lstm import lstm
from cosim_plugins.adaptivfloat.published import printed, published

DEVICES = {"npu/hfint-4pe": "adaptivfloat8", "npu/int-4pe": "int8"}


@pytest.fixture(scope="module")
def measured():
    return {(row.case, row.quantity): row for row in table4.rows(steps=10)}


def test_the_published_figures_are_complete_and_have_a_source():
    counts = {}
    for one in published():
        counts[one.part] = counts.get(one.part, 0) + 1
        assert one.evidence == "printed"
        assert "doi:10.1109/DAC18072.2020.9218516" in one.source
    assert counts == {"Table 1": 12, "Table 2": 180, "Table 3": 45, "Figure 7": 24, "Table 4": 6}


def test_the_technology_holds_the_bars_of_figure_7():
    rows = figure7.price_rows()
    assert len(rows) == 24
    for row in rows:
        assert row.role == "input"
        assert row.ours == pytest.approx(row.paper, rel=1e-3)  # areas have four digits


def test_a_step_of_the_lstm_takes_the_cycles_of_its_parts():
    """Two products of 16 output vectors x (16 + 4), 48 cycles of the bus, and the instructions of the activation unit."""
    products, bus = 2 * 16 * (16 + 4), 16 + 2 * 16
    functions = 16 * 2 + 9 * 4 * 2  # the sum of the gates, then nine ops on 256 elements
    for name, compress in DEVICES.items():
        found = simulate(lstm(batch=1, seed=0, steps=2), load_hardware(name), compress=compress)
        commands = np.asarray(found.program.ops)[found.program.op]
        moves = 4 * sum(op.kind.name == "slice" and op.name in commands for op in found.graph.ops)
        # The first state comes from outside: it is broadcast, not collected first.
        assert found.times.makespan_fs == (2 * (products + bus + functions) - 16 + moves) * 10**6
    assert products + bus + functions == 792


def test_the_time_of_table_4_is_within_a_tenth(measured):
    for case in ("INT8", "HFINT8"):
        row = measured[case, "compute time"]
        assert row.role == "predicted"
        assert row.paper == 81.2
        assert abs(row.difference) < 0.1


def test_the_power_of_hfint_is_predicted_within_two_percent(measured):
    assert measured["INT8", "power"].role == "fitted"
    assert measured["INT8", "power"].ours == pytest.approx(61.38, rel=1e-3)
    row = measured["HFINT8", "power"]
    assert (row.role, row.paper) == ("predicted", 56.22)
    assert abs(row.difference) < 0.02


def test_the_fitted_constant_is_what_int8_leaves_and_is_the_same_in_both_devices():
    elements = 4 * 256 * printed("Figure 7", "INT8", "per-op energy", "size 16,") / 1e3
    rest = printed("Table 4", "INT accel", "power") - elements
    for name in DEVICES:
        power = load_hardware(name).background_mw["buffers"]
        assert power.value == table4.REST_MW == pytest.approx(rest, abs=0.005)
        assert "fitted" in power.source


def test_energy_has_no_other_part_than_elements_and_the_fitted_power():
    found = simulate(lstm(batch=1, seed=0, steps=2), load_hardware("npu/int-4pe"), compress="int8")
    assert found.energy.boundary == "chip"
    paid = {(row.component, row.state) for row in found.energy.rows if row.energy_pj.value}
    assert paid == {("pe", "action"), ("buffers", "background")}
    assert found.program.op.min() >= 0  # nothing is moved by command


def test_the_area_of_int8_lies_in_the_band_and_hfint_s_difference_does_not_follow_from_figure_7(measured):
    one, other = measured["INT8", "area"], measured["HFINT8", "area"]
    assert one.low < one.paper < one.high
    assert other.ours - one.ours == pytest.approx(1024 * (1000 / 1.86 - 1000 / 2.25) / 1e6, abs=1e-3)
    assert other.paper - one.paper > 5 * (other.ours - one.ours)


def test_a_scheduled_run_on_the_accelerator_is_the_whole_run_bit_by_bit():
    graph = lstm(batch=1, seed=0, width=32, hidden=48, steps=3)
    for name, compress in DEVICES.items():
        runs = [simulate(graph, load_hardware(name), compress=compress, execute=how) for how in ("scheduled", "whole")]
        for output in graph.outputs:
            np.testing.assert_array_equal(runs[0].values[output], runs[1].values[output])
        assert runs[0].graph.arithmetic.endswith(":overflow=wrap")
        rows = [row for row in runs[0].overflows if row["op"].endswith((".ih", ".hh"))]
        assert len(rows) == 6
        assert not any(row["overflows"] for row in rows)


def test_widths_of_section_5():
    rows = {(row.case, row.quantity): row for row in table4.accumulator_rows()}
    for row in rows.values():
        assert row.paper is None or row.paper == row.ours
    assert rows["HFINT8, 256 terms", "accumulator that never overflows"].ours == 33


def test_assumptions_move_the_time_as_the_controller_says():
    base = table4.ran("INT8", steps=3).time_us
    assert table4.ran("INT8", steps=3, overhead=3).time_us == pytest.approx(base - 100 * 32e-3)
    assert table4.ran("INT8", steps=3, instructions=3).time_us == pytest.approx(base + 100 * (16 + 9 * 4) * 1e-3)


def test_only_sizes_of_the_figure_have_a_price():
    device = load_hardware("npu/int-4pe", {"engines.pe.size": "32"})
    with pytest.raises(Exception, match="int8_k32"):
        simulate(lstm(batch=1, seed=0, steps=1), device, compress="int8")
    assert load_technology("adaptivfloat-16nm").actions["pe_cycle_int8_k4"].value == pytest.approx(0.22761)
