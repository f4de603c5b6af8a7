"""The row-stationary array: its contract, its arrangements, and the mapping of the chip that had it first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim import load_hardware, simulate
from cosim.compress import compress
from cosim.errors import DescriptionError
from cosim.graph import Builder
from cosim.plugin import load_registry
from cosim.testing import EngineKindContract, engine
from cosim_plugins.engines.row_stationary_passes import Shape, passes
from cosim_plugins.silicon.eyeriss_plan import Layer, plan, run_length_share

PARAMETERS = {
    "rows": 12,
    "cols": 14,
    "filter_words": 224,
    "input_words": 12,
    "sum_words": 24,
    "sum_bytes_per_cycle": 16,
}
SIXTEEN = "formats:weights=int16:activations=int16"


class TestContract(EngineKindContract):
    bad_parameters = ({"rows": 0}, {"cols": None}, {"filter_words": 2.5}, {"sum_bytes_per_cycle": True})

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "row_stationary_array")

    @pytest.fixture
    def engine(self):
        return replace(engine("row_stationary_array", **PARAMETERS), formats=("int8",))


def _one(*extents, stride=1, **changes):
    found = passes({**PARAMETERS, **changes}, np.array([extents]), Shape(stride, stride, 16))
    return {name: int(getattr(found, name)[0]) for name in ("cycles", "active", "inputs", "weights", "sums")}


def test_a_tall_filter_leaves_one_row_of_sets_and_a_short_one_four():
    # N G K C OY OX FY FX: 11 rows of taps on 12 rows of elements; 3 rows of taps four times.
    assert _one(1, 1, 64, 1, 7, 55, 11, 11, stride=4)["active"] == 11 * 14
    assert 3 * 13 * 4 <= _one(1, 1, 64, 64, 13, 13, 3, 3, sum_bytes_per_cycle=10**6)["active"] <= 168


def test_a_wide_strip_is_folded():
    found = _one(1, 1, 16, 2, 27, 27, 5, 5, sum_bytes_per_cycle=10**6)
    assert found["active"] == 5 * 27 or found["active"] == 5 * 14 * 2
    assert found["cycles"] >= 27 * 27 * 16 * 2 * 25 / found["active"]


def test_partial_sums_on_a_narrow_port_decide():
    wide, narrow = (_one(1, 1, 64, 1, 13, 112, 3, 3, sum_bytes_per_cycle=port) for port in (10**6, 1))
    assert narrow["cycles"] == 2 * 64 * 13 * 112 * 2  # every sum out and in again, 2 bytes each
    assert narrow["cycles"] > 10 * wide["cycles"]


def test_channels_that_fit_in_the_pads_are_summed_in_the_array():
    one_set = {"rows": 3, "cols": 1, "sum_bytes_per_cycle": 1}
    few, many = (_one(1, 1, 16, channels, 14, 14, 3, 3, **one_set)["sums"] for channels in (4, 64))
    assert few == 16 * 14 * 14  # pads of 12 inputs hold 4 rows of 3
    assert many == 16 * few


def test_the_plan_fits_the_buffer_and_says_what_it_moves():
    hardware = load_hardware("npu/eyeriss-v1")
    layer = Layer(images=3, channels=64, filters=128, groups=1, rows=112, window=3, stride=1, image_rows=114)
    found = plan(layer, hardware)
    strip = 2 * found.q * ((found.e - 1) + 3) * 114 * 2
    assert found.m * found.n * found.e * 112 * 2 + strip <= 100 * 1024
    assert found.macs == 3 * 64 * 128 * 9 * 112 * 112
    assert found.active == 3 * found.e * found.t <= 168
    assert found.compute_cycles * found.active >= found.macs
    assert found.sum_bytes == 2 * 2 * 3 * 128 * 112 * 112 * -(-64 // found.q)
    assert found.weight_bytes % (64 * 128 * 9 * 2) == 0


def test_the_plan_agrees_with_the_array_on_a_tile():
    """What the plan counts for one pass is what the engine kind counts or more: it may arrange the tile better."""
    hardware = load_hardware("npu/eyeriss-v1")
    layer = Layer(images=1, channels=4, filters=64, groups=1, rows=13, window=3, stride=1, image_rows=15)
    found = plan(layer, hardware)
    tile = _one(1, 1, 64, 4, 13, 13, 3, 3)
    assert tile["cycles"] <= max(found.compute_cycles, found.sum_bytes // 16) <= 2 * tile["cycles"]


def test_a_layer_that_cannot_be_laid_is_refused():
    with pytest.raises(ValueError, match="no strip"):
        plan(Layer(1, 1, 1, 1, 4000, 3, 1, 40000), load_hardware("npu/eyeriss-v1"))


def test_run_lengths_pay_only_above_a_quarter_of_zeros():
    assert run_length_share(0.0) == 1
    assert run_length_share(0.2) == 1
    assert run_length_share(0.5) == pytest.approx(2 / 3)


def test_a_network_runs_on_the_chip_and_gives_the_same_bits():
    b = Builder("small")
    x = b.relu(b.conv2d(b.input("x", (1, 3, 12, 12)), 8, 3, 1, 1))
    b.output(b.linear(b.flatten(b.conv2d(x, 4, 3, 2, 1)), 5))
    graph, hardware = b.build(), load_hardware("npu/eyeriss-v1")
    runs = [simulate(graph, hardware, compress=SIXTEEN, execute=way) for way in ("whole", "scheduled")]
    timed = simulate(graph, hardware, compress=SIXTEEN, timer="reference")
    assert timed.times.makespan_fs == runs[0].times.makespan_fs
    for name in runs[0].graph.outputs:
        np.testing.assert_array_equal(*(run.values[name] for run in runs))


def test_formats_that_it_does_not_have_are_refused():
    b = Builder("small")
    b.output(b.conv2d(b.input("x", (1, 3, 8, 8)), 8, 3))
    kind, hardware = load_registry().get("engine_kinds", "row_stationary_array"), load_hardware("npu/eyeriss-v1")
    graph = compress(b.build(), "int8", calibrate=False)
    assert "int8" in kind.refuses(hardware.engines["array"], graph.ops[0], graph)
    with pytest.raises(DescriptionError):
        load_hardware("npu/eyeriss-v1", overrides={"engines.array.rows": "0"})
