"""The four devices: descriptions, numbers from the schedule, traffic at the compressed size, prices."""

from __future__ import annotations

import numpy as np
import pytest

from cosim import load_hardware, load_technology, simulate
from cosim.formats import Storage
from cosim.graph import Builder
from cosim.testing import HardwareContract
from cosim_plugins.smartexchange.plugin import DEVICES
from cosim_plugins.smartexchange.statistics import Activations

LINES = {
    "npu/smartexchange": "smartexchange:sparsity=0.4",
    "npu/bit-serial": "int8:activations=symmetric",
    "npu/dense-1024": "int8:activations=symmetric",
    "npu/sparse-1024": "pruned:sparsity=0.4",
}


def network(seed=0):
    b = Builder("net", seed)
    x = b.input("image", (1, 24, 10, 10))
    x = b.conv2d(x, 130, 3, padding=1, activation="relu", name="window")
    x = b.conv2d(x, 200, 1, activation="relu", name="pointwise")
    x = b.max_pool2d(b.depthwise(x, 3, padding=1, name="depthwise"), 2)
    x = b.conv2d(x, 70, 3, activation="relu", name="second")
    b.output(b.linear(b.flatten(x), 10, name="head"))
    return b.build()


@pytest.mark.parametrize("device", [f"npu/{name}" for name in DEVICES])
class TestDevices(HardwareContract):
    @pytest.fixture
    def name(self, device):
        return device


@pytest.mark.parametrize("device", LINES)
def test_numbers_from_the_schedule_are_those_of_the_ops(device):
    found = {}
    for way in ("whole", "scheduled"):
        found[way] = simulate(
            network(), load_hardware(device), compress=LINES[device], execute=way, options={"cache": False}
        )
    np.testing.assert_array_equal(found["whole"].values["head"], found["scheduled"].values["head"])
    engines = {plan.op: plan.engine for plan in found["whole"].plan.ops}
    assert {engines[op] for op in ("window", "pointwise", "depthwise", "second", "head")} == {"array"}


def test_only_coefficients_and_bases_are_fetched():
    """The bytes into the weight buffer are those of the slices, each once, and of what is left alone."""
    found = simulate(network(), load_hardware("npu/smartexchange"), compress=LINES["npu/smartexchange"])
    program, graph = found.program, found.graph
    for name in ("pointwise.weight", "second.weight", "head.weight"):
        moves = np.flatnonzero((program.op < 0) & (program.tensor == program.tensors.index(name)))
        boxes = program.boxes.boxes(program.box[moves], len(graph.tensors[name].shape))
        storage = graph.tensors[name].encoding.storage
        assert isinstance(storage, Storage)
        moved = program.services.n_bytes[program.service[moves]]
        np.testing.assert_array_equal(moved, -(-storage.box_bits(boxes) // 8))
        assert moved.sum() * 8 < 8 * graph.tensors[name].elements * 0.7  # well below int8


@pytest.mark.parametrize("device", LINES)
def test_no_mapping_is_below_its_bound(device):
    """Values can leave little of the work, and cells less than an element's bits: the bound knows."""
    for share in (0.3, 0.99):
        found = simulate(
            network(), load_hardware(device), compress=LINES[device].replace("0.4", "0.9"),
            given=Activations(share).given(), options={"cache": False},
        )  # fmt: skip
        assert found.plan.bound_fs <= found.times.makespan_fs


def test_statistics_stand_in_for_values():
    hardware = load_hardware("npu/smartexchange")
    line, times, digits = "smartexchange:sparsity=0.4:first=yes", [], []
    for share in (0.0, 0.66, 0.95):
        found = simulate(network(), hardware, compress=line, given=Activations(share).given(), options={"cache": False})
        assert found.graph.values == "synthetic"
        times.append(found.times.makespan_fs)
        digits.append(sum(row.count for row in found.energy.dynamic if row.verb == "booth_digit"))
    assert times[0] > times[1] > times[2]
    assert digits[1] == pytest.approx(0.34 * digits[0], rel=0.05)  # 1.36 of four digits


def test_the_trade():
    """Decomposed weights save more DRAM and SRAM energy than rebuilding them costs."""
    given = Activations(0.66).given()
    runs = {}
    for device in ("npu/bit-serial", "npu/smartexchange"):
        found = simulate(network(), load_hardware(device), compress=LINES[device], given=given)
        runs[device] = {(row.component, row.verb): row.energy_pj.value for row in found.energy.dynamic}
    plain, ours = runs["npu/bit-serial"], runs["npu/smartexchange"]

    def memory(run):
        return sum(energy for (component, _), energy in run.items() if component in {"dram", "sram", "weights"})

    rebuilding = ours["array", "rebuild_row"] + ours["array", "select_row"]
    assert 0 < rebuilding < memory(plain) - memory(ours)
    assert plain.get(("array", "rebuild_row"), 0) == 0


def test_prices_are_those_of_the_public_file():
    """GATECH-EIC/DNN-Chip-Predictor: DRAM 100 pJ and SRAM 3 pJ per byte, at any size."""
    technology = load_technology("unit-28nm")
    assert 8 * technology.dram["off_chip"].value == 100.0
    for point in technology.sram:
        assert point.read_pj.value * 8 / point.width_bits == 3.0
        assert point.write_pj.value * 8 / point.width_bits == 3.0
    from cosim.cost.sram import sram_access

    for size in (4096, 262144, 528384):
        assert sram_access(technology, size, 64, "read").value == pytest.approx(24.0)
