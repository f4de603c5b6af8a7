"""The streaming pipeline: rates by the slowest unit, fill, blocking, and the same numbers as the whole network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim import load_graph
from cosim.compress import compress
from cosim.errors import DescriptionError, InfeasibleError, SimulationError, UnsupportedError
from cosim.execute import scheduled, whole
from cosim.graph import Builder
from cosim.library import read_hardware
from cosim.plugin import load_registry
from cosim.program.check import check
from cosim.report.generated import as_json, designed, image_ends, render, write
from cosim.simulation import seeded_inputs, simulate
from cosim.timing import compiled, reference
from cosim_plugins.finn.generator import Finn
from cosim_plugins.finn.reproduction import made, rows

BUILDS = {row["build"]: row for row in rows("builds.csv")}
R = load_registry()


def small(batch=3):
    """Two ways that join: a window, a stride, a pooling and an addition."""
    b = Builder("small", 0)
    x = b.input("input", (batch, 4, 12, 12))
    x = b.relu(b.conv2d(x, 8, 3, padding=1, name="a"))
    y = b.conv2d(x, 8, 3, padding=1, name="long.way")
    x = b.max_pool2d(b.relu(b.add(x, y, name="join")), 2, 2)
    b.output(b.linear(b.flatten(b.conv2d(x, 4, 3, 2, name="c")), 5, name="d"))
    return b.build()


def mapped(graph, parameters, **options):
    hardware = read_hardware(Finn().generate(graph, parameters).document)
    mapping = R.get("mappers", "streaming").map(graph, hardware, R["engine_kinds"], options)
    return hardware, mapping.program


@pytest.mark.parametrize("formats", ["int8", "formats:weights=ternary:activations=int2"])
def test_the_pipeline_leaves_the_numbers_of_the_whole_network(formats):
    graph = compress(small(), formats)
    _, program = mapped(graph, {"fps": "5000", "part": "none"})
    check(program, graph)
    times = compiled.simulate(program)
    assert np.array_equal(times.end_fs, reference.simulate(program).end_fs)
    known = {"formats": R["formats"], "kernels": R["kernels"]}
    inputs = seeded_inputs(small(), 0)
    expected = whole(graph, inputs, **known).codes["d"]
    found = scheduled(program, graph, times.start_fs, times.end_fs, inputs, **known).codes["d"]
    assert len(np.unique(expected)) > 2
    assert np.array_equal(found, expected)


def test_streams_are_rings_of_rows_and_a_missing_credit_is_seen():
    graph = compress(small(), "int8", calibrate=False)
    _, program = mapped(graph, {"fps": "5000", "part": "none"})
    rings = program.buffers.ring >= 0
    assert rings.any()
    queues = program.machine.queues
    a = queues.index("load")
    later = np.flatnonzero(program.queue == a)[8]
    start, stop = program.wait_offset[later], program.wait_offset[later + 1]
    assert stop > start
    count = program.wait_count.copy()
    count[start:stop] = 1
    with pytest.raises(SimulationError, match="needs a row in that place"):
        check(replace(program, wait_count=count), graph)


@pytest.mark.parametrize("build", ["CNV W1A1", "CNV W2A2"])
def test_rates_of_published_builds(build):
    design = made(BUILDS[build], images=6)
    measured = {row["build"]: float(row["value"]) for row in rows("published.csv") if row["quantity"] == "rate"}
    assert design.rate_fps == pytest.approx(measured[build], rel=0.02)
    assert design.rate_fps == pytest.approx(design.generated.totals["rate_fps"], rel=1e-3)


def test_rows_beyond_the_window_keep_the_pipeline_going():
    build = {**BUILDS["CNV W2A2"], "build": "short"}
    graph = load_graph("cnv")
    given = {"folding": build["folding"], "part": "none"}
    rates = [
        designed(graph, Finn(), {**given, "rows": str(n)}, "formats:weights=int2:activations=int2", 6).rate_fps
        for n in (0, 1, 2)
    ]
    assert rates[0] < 0.8 * rates[2]
    assert rates[0] < rates[1] < rates[2]
    assert rates[2] == pytest.approx(100e6 / 115200, rel=1e-6)  # no unit waits: the slowest sets the rate


def test_the_first_image_takes_the_sum_of_all_layers_where_each_needs_a_whole_vector():
    design = designed(load_graph("tfc"), Finn(), {"fps": "10000", "part": "none"}, "int8", 3)
    intervals = [row["interval_cycles"] for row in design.generated.units]
    cycles = design.latency_ms * 1e-3 * 100e6
    assert sum(intervals) < cycles < sum(intervals) + 2000 / 8 + 100
    ends = image_ends(design.simulation)
    assert ends[2] - ends[1] == max(intervals) * 10**7
    assert ends[-1] == design.simulation.times.makespan_fs


def test_a_folding_that_does_not_divide_pays_for_the_whole_round():
    graph = compress(load_graph("tfc"), "int8", calibrate=False)
    hardware = read_hardware(Finn().generate(graph, {"folding": "48x100,1x1,1x1,3x1", "part": "none"}).document)
    first, last = graph.ops[0], graph.ops[-1]
    for op, folds in ((first, 2 * 8), (last, 4 * 64)):
        engine, whole_op = hardware.engines[op.name], graph.space(op).whole
        assert R.get("engine_kinds", "mvau").cycles(engine, op, graph, whole_op).tolist() == [folds]


def test_a_rate_is_reached_and_the_fastest_fits():
    graph = load_graph("tfc")
    wanted = designed(graph, Finn(), {"fps": "50000"}, "int8", 4)
    assert wanted.generated.totals["rate_fps"] >= 50000
    best = designed(graph, Finn(), {"part": "xc7z010"}, "int8", 4)
    assert best.generated.totals["rate_fps"] > wanted.generated.totals["rate_fps"]
    for name in ("lut", "ff", "dsp", "bram36"):
        assert best.generated.totals[name] <= best.generated.totals[f"{name}_of_part"]


@pytest.mark.parametrize(
    ("parameters", "error", "text"),
    [
        ({"fps": "1e9"}, InfeasibleError, "when nothing is folded"),
        ({"fps": "1000000", "part": "xc7z007s"}, InfeasibleError, "more than there are"),
        ({"fps": "-1"}, DescriptionError, "a number above 0"),
        ({"fp": "10"}, DescriptionError, "fps"),
        ({"part": "xc7z"}, DescriptionError, "unknown part"),
        ({"folding": "1x1"}, DescriptionError, "4 layers"),
        ({"folding": "1x1,0x1,1x1,1x1"}, DescriptionError, "folding of 0"),
        ({"folding": "1x1,1x1,1x1,1x1", "fps": "1"}, DescriptionError, "both"),
        ({"rows": "x", "fps": "10"}, DescriptionError, "integer >= 0"),
    ],
)
def test_what_cannot_be_is_said(parameters, error, text):
    graph = compress(load_graph("tfc"), "int8", calibrate=False)
    with pytest.raises(error, match=text):
        Finn().generate(graph, parameters)


def test_hardware_of_another_network_is_refused():
    graph = compress(load_graph("tfc"), "int8", calibrate=False)
    hardware = read_hardware(Finn().generate(graph, {"fps": "100"}).document)
    other = compress(small(), "int8", calibrate=False)
    with pytest.raises(UnsupportedError, match="cosim generate"):
        R.get("mappers", "streaming").map(other, hardware, R["engine_kinds"], {})


def test_a_written_design_runs_like_the_generated_one(tmp_path):
    from cosim import load_hardware

    design = designed(load_graph("tfc"), Finn(), {"fps": "1000"}, "int8", 2)
    write(design, tmp_path / "tfc.yaml")
    graph = load_graph("tfc", batch=2)
    again = simulate(graph, load_hardware(tmp_path / "tfc.yaml"), mapper="streaming")
    assert again.times.makespan_fs == design.simulation.times.makespan_fs
    assert again.energy.total_pj.value > 0
    assert as_json(design)["mapper"] == "streaming"
    assert len(render(design)) == 4
