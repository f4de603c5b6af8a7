"""Boards of TI: which rows are scored, what several cores give, and devices that nothing was measured of."""

import numpy as np
import pytest

from cosim import load_graph, load_hardware, simulate
from cosim.validate.fit import neutral
from cosim.validate.validation import MACS, MODEL, validate
from cosim_plugins.silicon.jacintonet import jacintonet11
from cosim_plugins.silicon.ti_am57x import Am57x
from cosim_plugins.silicon.ti_c7x import MODEL as TDA4VM
from cosim_plugins.silicon.ti_c7x import C7x


def test_jacintonet_has_the_published_macs():
    graph = jacintonet11()
    last = graph.tensors[graph.ops[-1].inputs[1]].elements
    assert (graph.macs - last) / 1e6 == pytest.approx(405.81, abs=0.02)


def test_what_is_not_a_time_of_one_network_is_left_out():
    rows = Am57x().measured()
    reasons = {row.excluded for row in rows}
    for part in ("zeros", "two kinds of core", "not in the zoo"):
        assert any(part in why for why in reasons)
    scored = [row for row in rows if not row.excluded]
    assert {row.metric for row in scored} == {"latency_ms", "throughput_fps"}
    assert sum(row.metric == "latency_ms" for row in scored) == 10


def test_cores_that_work_alone_add_their_rates():
    board = Am57x()
    constants = neutral(board)
    rows = {row.network: row for row in board.measured()}

    def of(name):
        return board.parts(board.graph(rows[name]), rows[name], constants)

    eve, dsp = (sum(of(f"MobileNetV1 on {core}").values()) for core in ("EVE", "C66x"))
    both = of("MobileNetV1 on 4xEVE+1xC66x")
    assert both == pytest.approx({"EVE": 4e3 / eve, "C66x": 1e3 / dsp})


def test_unseen_networks_on_one_engine_within_what_was_asked_for():
    scores = {(one.table, one.predictor): one.mean for one in validate(Am57x()).scores}
    ours, macs = (scores["one core, EVE", name] for name in (MODEL, MACS))
    assert ours.n == 5
    assert ours.median < 0.20
    assert ours.median < 0.65 * macs.median


def test_a_run_counts_once_and_the_last_release_of_a_kit_counts():
    rows = C7x().measured()
    left_out = [row for row in rows if row.excluded]
    assert {"DSP alone"} == {row.table for row in left_out if "again" in row.excluded}
    assert sum("older release" in row.excluded for row in left_out) == 3
    scored = [row for row in rows if not row.excluded]
    assert len(scored) == 39
    assert len({row.topology for row in scored}) == 8


def test_every_op_is_dispatched_and_a_faster_memory_never_hurts():
    board = C7x()
    row = next(row for row in board.measured() if row.topology == "mobilenet_v1" and "TDA4VM" in row.network)
    graph = board.graph(row)
    constants = {**neutral(board), "dispatch": 10.0}
    parts = board.parts(graph, row, constants)
    assert parts["dispatch"] == pytest.approx(0.01 * sum(not op.kind.is_view for op in graph.ops))
    slower = board.parts(graph, row, {**constants, "ddr_efficiency": 0.3})
    assert slower["DSP"] > parts["DSP"]
    assert slower["dispatch"] == parts["dispatch"]


@pytest.mark.parametrize("device", ["dsp/am62a", "dsp/am67a", "dsp/hvx-like"])
def test_devices_without_measurements_are_slower_than_the_full_matrix_unit(device):
    graph = load_graph("mobilenet_v1_025_96")
    ours, full = (simulate(graph, load_hardware(name)).times.makespan_fs for name in (device, TDA4VM))
    assert ours > 1.1 * full


def test_the_schedule_of_a_matrix_unit_has_the_right_numbers():
    graph = load_graph("ds_cnn")
    hardware = load_hardware(TDA4VM)
    whole, scheduled = (
        simulate(graph, hardware, execute=way, options={"cache": False}) for way in ("whole", "scheduled")
    )
    for name in whole.graph.outputs:
        np.testing.assert_array_equal(whole.values[name], scheduled.values[name])
