"""GAP8: layers are predicted from other layers, energy beats a constant power, whole networks run with weights outside."""

import numpy as np
import pytest

from cosim import load_graph, load_hardware, simulate
from cosim.plugin import load_registry
from cosim.validate.fit import fitted
from cosim.validate.validation import MACS, MODEL, POWER_OURS, validate
from cosim_plugins.silicon import gap8, tables


@pytest.fixture(scope="module")
def found():
    return validate(gap8.Gap8())


def scored(found, table):
    return {one.predictor: one for one in found.scores if table in one.table}


def test_time_of_unseen_layers_is_within_what_was_asked_for(found):
    scores = scored(found, "latency")
    assert scores[MODEL].splits >= 20
    assert scores[MODEL].mean.median < 0.15
    assert scores[MODEL].mean.p90 < 0.40
    assert scores[MODEL].mean.median < 0.5 * scores[MACS].mean.median


def test_energy_of_unseen_layers_beats_a_constant_power(found):
    scores = scored(found, "energy")
    assert scores[MODEL].mean.median < 0.15
    assert scores[MODEL].mean.median < 0.6 * scores[POWER_OURS].mean.median


def test_the_whole_is_within_a_tenth(found):
    times = {row["layer"]: int(row["times"]) for row in tables.rows("measured/gap8.csv")}
    ours = theirs = 0.0
    for line in found.lines:
        if line.measured.metric == "latency_ms":
            many = times[line.measured.topology]
            ours += many * line.predicted[MODEL]
            theirs += many * line.measured.value
    assert theirs == pytest.approx(238.92, abs=0.01)  # as published
    assert ours == pytest.approx(theirs, rel=0.10)


def test_the_whole_network_as_one_schedule_is_within_a_tenth_too():
    run = simulate(load_graph("mobilenet_v1_128"), load_hardware("mcu/gap8"), options={"cache": False})
    assert run.times.makespan_fs / 1e12 == pytest.approx(238.92, rel=0.10)  # ms
    assert run.energy.total_pj.value / 1e6 == pytest.approx(9324.9, rel=0.10)  # uJ


def test_every_layer_has_the_published_macs():
    board = gap8.Gap8()
    macs = [board.graph(row).macs for row in board.measured()][:21]
    published = [
        3.54,
        1.18,
        8.39,
        0.59,
        8.39,
        1.18,
        16.78,
        0.29,
        8.39,
        0.59,
        16.78,
        0.15,
        8.39,
        0.29,
        16.78,
        0.07,
        8.39,
    ]
    np.testing.assert_allclose(np.array(macs[:17]) / 1e6, published, atol=0.006)
    np.testing.assert_allclose(np.array(macs[17:]) / 1e6, [0.15, 16.78, 0.0, 1.02], atol=0.006)


def test_depthwise_pays_for_its_input():
    """Stride 2 has a quarter of the results of stride 1, and takes far more than a quarter of its time."""
    board = gap8.Gap8()
    rows = {row.topology: row for row in board.measured() if row.metric == "latency_ms"}
    constants = fitted(board, list(board.measured()))
    dense, strided = (
        sum(board.parts(board.graph(rows[n]), rows[n], constants).values()) for n in ("DwConv3", "DwConv4")
    )
    assert strided > 0.5 * dense


def test_weights_that_do_not_fit_the_chip_stream_from_outside():
    graph = load_graph("autoencoder")
    run = simulate(graph, load_hardware("mcu/gap8"), options={"cache": False})
    moved = run.program.services.n_bytes[run.program.service]
    streamed = moved[run.program.queue == run.hardware.queue_index("stream")].sum()
    weights = sum(run.graph.tensors[name].bytes for name in run.graph.constants)
    assert streamed == weights


@pytest.mark.parametrize("device", ["mcu/gap8-175", "mcu/gap9"])
def test_devices_without_measurements_run_the_same_bits(device):
    graph = load_graph("ds_cnn")
    hardware = load_hardware(device)
    whole = simulate(graph, hardware, execute="whole", options={"cache": False})
    scheduled = simulate(graph, hardware, execute="scheduled", options={"cache": False})
    for name in whole.graph.outputs:
        np.testing.assert_array_equal(whole.values[name], scheduled.values[name])
    assert whole.times.makespan_fs < simulate(graph, load_hardware("mcu/gap8")).times.makespan_fs


def test_the_registered_board_is_this_one():
    assert isinstance(load_registry().get("boards", "mcu/gap8"), gap8.Gap8)
