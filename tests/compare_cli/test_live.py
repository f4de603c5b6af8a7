"""The peers themselves, where `make peers` has installed them: `make parity`."""

from __future__ import annotations

import pytest

from cosim.compare import report
from cosim.compare.comparison import compare
from cosim.compare.explain import causes
from cosim.compare.peers import HOME
from cosim.interop.devices import parted
from tests.interop.accelerators import TPU_MAPPING

pytestmark = pytest.mark.parity


@pytest.fixture
def live(root):
    def found(name):
        python = root / HOME / name / "bin" / "python"
        if not python.is_file():
            pytest.skip(f"no {python}: make peers")
        return python

    return found


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_scalesim_counts_the_cycles_of_the_array(topology, scale_cfg, live, dataflow):
    scale_cfg.write_text(scale_cfg.read_text().replace("Dataflow: ws", f"Dataflow: {dataflow}"))
    found = compare(topology, scale_cfg, "scalesim", python=live("scalesim"))
    for ours, theirs in found.products:
        groups = 32 if ours.op == "DP3" else 1
        assert theirs.parts["stall"] == 0
        assert ours.whole_cycles - theirs.cycles == groups - 1, ours.op  # each of the tool's groups ends a cycle early


def test_zigzag_reads_what_is_written_for_it(topology, live):
    found = compare(topology, "npu/edge-256", "zigzag", python=live("zigzag"))
    assert all(theirs.cycles >= theirs.parts["compute"] > 0 for _, theirs in found.products)
    assert report.total_energy(found) > 0


def test_zigzag_s_causes_add_up(topology, accelerator, live):
    _, mapping = parted(accelerator)
    mapping.write_text(
        TPU_MAPPING.replace("C, 32", "C, 16"), "utf-8"
    )  # without the order of loops, which is of one layer
    found = compare(topology, accelerator, "zigzag", python=live("zigzag"))
    difference = found.latency_cycles - report.total_cycles(found)
    assert sum(cause.cycles for cause in causes(found)) == pytest.approx(difference)
    for ours, theirs in found.products:
        if "DP" not in ours.op:  # one unrolling here; the tool gives up one that a depthwise product cannot fill
            assert ours.whole_cycles == pytest.approx(theirs.parts["compute"], rel=0.01), ours.op


def test_vela_compiles_a_network(root, live):
    file = root / "tests" / "frontend" / "litert" / "ds_cnn.tflite"
    found = compare(file, "npu/edge-256", "vela", python=live("vela"), accelerator="ethos-u55-128")
    totals = found.theirs.totals
    assert totals["cycles"] >= max(value for name, value in totals.items() if name.endswith("_cycles"))
