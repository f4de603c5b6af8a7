"""Boards of NPUs, CPUs and GPUs: what feeds a prediction, and what must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim import load_hardware, simulate
from cosim.graph import Builder
from cosim.plugin import Board, load_registry
from cosim.validate.fit import neutral

BOARDS = (
    "cpu/cortex-a76",
    "gpu/adreno",
    "gpu/jetson-agx",
    "npu/edge-tpu",
    "npu/ethos-u",
    "npu/eyeriss-v1",
    "npu/rockchip",
    "npu/tpu-v1",
)
QUICK = {
    "cpu/cortex-a76": "squeezenet",
    "gpu/adreno": "squeezenet",
    "npu/edge-tpu": "mobilenet_v1_1.0_224_quant_edgetpu.tflite",
    "npu/ethos-u": "fc_512_1000_int8",
    "npu/eyeriss-v1": "AlexNet CONV3",
    "npu/tpu-v1": "MLP1",
}
DEVICES = (
    "cpu/cortex-a76-x4",
    "gpu/adreno-640",
    "npu/edge-tpu",
    "npu/ethos-u55-128",
    "npu/ethos-u65-512",
    "npu/rk3568",
    "npu/rk3576",
    "npu/rk3588",
    "npu/rv1126",
    "npu/stm32n6",
    "npu/tpu-v1",
)


def _board(name: str) -> Board:
    return load_registry().get("boards", name)


@pytest.mark.parametrize("name", BOARDS)
def test_every_measurement_is_scored_or_has_a_reason(name):
    rows = _board(name).measured()
    assert any(not row.excluded for row in rows)
    assert all(row.source and "/work" not in row.source for row in rows)
    fitted = sum(one.origin in ("fitted", "structural") for one in _board(name).constants)
    assert 4 * fitted <= sum(not row.excluded for row in rows)


@pytest.mark.parametrize(("name", "network"), QUICK.items())
def test_no_measured_value_reaches_a_prediction(name, network):
    board = _board(name)
    row = next(row for row in board.measured() if row.network == network and not row.excluded)
    graph, constants = board.graph(row), neutral(board)
    said = board.parts(graph, row, constants)
    assert said == board.parts(graph, replace(row, value=17 * row.value), constants)
    assert sum(said.values()) > 0


def test_eyeriss_has_a_prediction_for_every_metric_and_layers_add_up():
    board = _board("npu/eyeriss-v1")
    constants = {one.name: one.value for one in board.constants}
    rows = [row for row in board.measured() if not row.excluded]
    for metric in ("device_ms", "latency_ms", "buffer_mib", "dram_mib", "energy_uj"):
        parts = {
            row.network: sum(board.parts(board.graph(row), row, constants).values())
            for row in rows
            if row.metric == metric and row.network.startswith("AlexNet")
        }
        assert sum(parts.values()) == pytest.approx(2 * parts["AlexNet all"])


def test_weights_on_chip_are_loaded_once():
    board = _board("npu/edge-tpu")
    row = next(row for row in board.measured() if row.network == "MobileNet v1" and not row.excluded)
    run = simulate(board.graph(row), load_hardware("npu/edge-tpu"), compress="none")
    assert run.steady.times.makespan_fs < 0.4 * run.times.makespan_fs
    assert sum(board.parts(board.graph(row), row, neutral(board)).values()) == pytest.approx(
        run.steady.times.makespan_fs / 1e12
    )


def test_the_roofline_of_a_board_is_that_of_its_engine():
    """Same network, same shares: the schedule on the description takes what the board adds up, less copies of joins."""
    board, hardware = _board("cpu/cortex-a76"), load_hardware("cpu/cortex-a76")
    core = hardware.engines["cores"]
    row = next(row for row in board.measured() if row.network == "squeezenet")
    shares, launch = core.parameters["shares"], core.parameters["launch_cycles"] / 2400
    constants = {"share": shares["dense"], "window_gain": shares["window"] / shares["dense"], "launch": launch}
    graph = board.graph(row)
    said = sum(board.parts(graph, row, {**constants, "threads": 1.0}).values())
    run = simulate(graph, hardware, compress="none")
    assert run.times.makespan_fs / 1e12 == pytest.approx(said, rel=0.05)


@pytest.mark.parametrize("device", DEVICES)
def test_small_networks_run_everywhere_with_the_same_bits_and_times(device):
    b = Builder("small")
    x = b.relu(b.conv2d(b.input("x", (1, 3, 12, 12)), 16, 3, 2, 1))
    x = b.add(b.conv2d(x, 16, 3, 1, 1, groups=16), x)
    b.output(b.linear(b.flatten(b.max_pool2d(x, 2)), 10))
    hardware = load_hardware(device)
    whole, scheduled = (simulate(b.build(), hardware, execute=way) for way in ("whole", "scheduled"))
    reference = simulate(b.build(), hardware, timer="reference")
    assert reference.times.makespan_fs == whole.times.makespan_fs
    for name in whole.graph.outputs:
        np.testing.assert_array_equal(whole.values[name], scheduled.values[name])
