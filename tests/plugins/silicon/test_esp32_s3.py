"""ESP32-S3: kernels as graphs of the published sizes, and where vectors are not filled plain C is paid for."""

import pytest

from cosim import load_graph, load_hardware, simulate
from cosim.validate.fit import neutral
from cosim_plugins.silicon.esp32_s3 import LANES, Esp32S3

BOARD = Esp32S3()
ROWS = BOARD.measured()


def test_kernels_have_the_work_that_their_names_say():
    macs = {row.network: BOARD.graph(row).macs for row in ROWS}
    found = {name.partition(" (")[0]: count for name, count in macs.items()}
    assert found["conv 1x1, 64 to 64, 10x10"] == 100 * 64 * 64
    assert found["conv 3x3, 3 to 64, 8x8"] == 36 * 64 * 27
    assert found["depthwise 3x3, 16 to 16, 18x18"] == 256 * 16 * 9
    assert found["depthwise 5x5, 4 to 32, 12x12"] == 100 * 32 * 25
    assert found["fully connected"] == 271 * 3


def test_impossible_and_foreign_rows_are_left_out():
    left_out = [row for row in ROWS if row.excluded]
    assert len(ROWS) == 28
    assert sorted(row.network.partition(" ")[0] for row in left_out) == [
        "mobilenet_v3_small",
        "person_detect",
        "relu6",
        "relu6",
    ]


@pytest.mark.parametrize(("name", "is_filled"), [("conv 1x1, 64", True), ("conv 3x3, 3", False)])
def test_unfilled_vectors_cost_what_plain_code_costs(name, is_filled):
    row = next(r for r in ROWS if r.network.startswith(name) and r.table.startswith("ESP-NN"))
    constants = neutral(BOARD)
    found = [
        BOARD.parts(BOARD.graph(row), row, {**constants, "plain_product": cost, "simd_product": 1 / LANES})["products"]
        for cost in (8.0, 16.0)
    ]
    assert found[1] == (found[0] if is_filled else pytest.approx(2 * found[0]))


def test_only_external_feature_maps_cross_the_bus():
    inside, outside = (
        next(r for r in ROWS if where in r.network) for where in ("max pool (internal)", "mul (external)")
    )
    constants = neutral(BOARD)
    assert BOARD.parts(BOARD.graph(inside), inside, constants)["bus"] == 0
    assert BOARD.parts(BOARD.graph(outside), outside, constants)["bus"] == pytest.approx(3 * 1615 / 40e3)


def test_the_description_runs_a_network():
    run = simulate(load_graph("ds_cnn"), load_hardware("mcu/esp32-s3"))
    assert 5e12 < run.times.makespan_fs < 500e12
