"""CHaiDNN's sizes and what its CPU computes."""

from __future__ import annotations

import pytest

from cosim import load_hardware
from cosim.plugin import load_registry
from cosim_plugins.silicon.chaidnn import DSPS, Chaidnn, _graph, before_linear


@pytest.mark.parametrize("dsps", DSPS)
def test_a_dsp_makes_two_products_a_cycle(dsps):
    device = load_hardware(f"fpga/chaidnn-{dsps}")
    unroll = device.engines["conv"].parameters["unroll"]
    assert unroll["OX"] * unroll["C"] * unroll["K"] == 2 * dsps
    assert round(device.clocks["core"].frequency_mhz) == (250 if dsps == 1024 else 300)


def test_convolutions_are_what_is_in_front_of_the_first_linear_layer():
    whole, cut = _graph("AlexNet", True), _graph("AlexNet", False)
    assert [op.kind.name for op in whole.ops].count("linear") == 3
    assert cut.macs == whole.macs - 9216 * 4096 - 4096 * 4096 - 4096 * 1000
    assert set(cut.constants) == {name for op in cut.ops for name in op.inputs if name in whole.constants}
    assert before_linear(cut).ops == cut.ops


def test_six_bits_double_the_products_and_linear_layers_are_the_cpu_s():
    board = Chaidnn()
    constants = {one.name: one.value for one in board.constants}
    rows = {(row.table, row.network): row for row in board.measured()}
    table = "ZCU102, 128 DSPs, convolutions"
    eight, six = (rows[table, f"AlexNet {bits}"] for bits in ("int8", "int6"))
    cores = [board.parts(board.graph(row), row, constants)["core"] for row in (eight, six)]
    assert 1.8 < cores[0] / cores[1] <= 2.0
    full = rows["ZCU102, 128 DSPs, whole network", "AlexNet int8"]
    parts = board.parts(board.graph(full), full, constants)
    assert parts["core"] == cores[0]
    assert parts["linear"] == pytest.approx(1.5e-6 * 58621952)


def test_what_is_left_out_says_why():
    reasons = {row.network.partition(" ")[0]: row.excluded for row in Chaidnn().measured() if row.excluded}
    assert reasons == {
        "VGG-SSD": "not in the zoo",
        "AlexNetFCN": "not in the zoo",
        "GoogleNet": "a core of another make, with one network",
    }
    assert load_registry().get("boards", "fpga/chaidnn").hardware in load_registry()["hardware"]
