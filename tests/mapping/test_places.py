"""Which engine runs which op where several could: the integer program is exact, and the timers have the last word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from cosim.compress import compress
from cosim.errors import DescriptionError
from cosim.graph.builder import Builder
from cosim.jobs import JobSpec, simulate_jobs
from cosim.library import load_graph, load_hardware
from cosim.mapping.assignment import assign
from cosim.mapping.mapper import TiledMapper
from cosim.mapping.options import read_options
from cosim.mapping.places import Sites, balanced, fastest, seated
from cosim.mapping.tiler import Tiler
from cosim.program.check import findings
from cosim.program.steady import steady
from cosim.simulation import simulate
from cosim.timing import compiled
from tests.mapping.networks import KINDS, device, int8_formats, residual

SRAM, TCM = "sram", "tcm"


@pytest.fixture(scope="module")
def soc():
    return load_hardware("soc/npu-dsp-mcu")


def branches():
    """Convolutions of several kinds, a branch that is added, a view."""
    build = Builder("branches")
    x = build.input("input", (1, 32, 24, 24))
    y = build.conv2d(x, 32, 3, padding=1, groups=32)
    z = build.conv2d(y, 128, 1)
    z = build.conv2d(z, 128, 3, padding=1, groups=128)
    z = build.conv2d(z, 32, 1)
    x = build.op("add", [y, z])
    build.output(build.op("reshape", [x], shape=(1, 32 * 24 * 24)))
    return int8_formats(build.build())


@pytest.fixture(scope="module")
def weighed(soc):
    graph = branches()
    tiler = Tiler(graph, soc, KINDS)
    return seated(Sites.of(graph, soc, KINDS), tiler), tiler


def choices(sites):
    """Every seat of every op, and what tells whether neighbours agree."""
    ops = [op for op, mine in sites.engines.items() if mine]
    for seats in product(*([seat for seat in sites.seats if seat.op == op] for op in ops)):
        yield dict(zip(ops, seats, strict=True))


def agree(graph, seats: Mapping, root):
    """What a maker leaves, all users read there; what is read there was left there by every maker."""
    maker = {root[op.output]: op.name for op in graph.ops if op.name in seats}
    for op in graph.ops:
        if op.name not in seats:
            continue
        for name in op.inputs:
            if name in graph.constants or root[name] not in maker:
                continue
            one, other = seats[maker[root[name]]], seats[op.name]
            if one.leaves_here != (other.reads_here and one.site == other.site):
                return False
            if other.reads_here and one.site != other.site:
                return False
    return True


def test_the_fastest_choice_is_the_best_of_all(weighed):
    sites, tiler = weighed
    best: dict = {}
    for seats in choices(sites):
        if agree(sites.graph, seats, tiler.root):
            key = tuple(seat.site for seat in seats.values())
            best[key] = min(best.get(key, np.inf), sum(seat.latency_fs for seat in seats.values()))
    found = fastest(sites, tiler)
    assert best[tuple(found.values())] <= min(best.values()) * 1.002
    assert len(best) > 16, "there is something to choose"
    assert len(set(found.values())) == 2, "and both sites are worth it"


def test_a_balanced_choice_has_the_least_busy_busiest_site(weighed):
    sites, tiler = weighed

    (port,) = sites.hardware.memories["dram"].ports

    def bottleneck(seats):
        work = [sum(seat.latency_fs for seat in seats.values() if seat.site == site) for site in (SRAM, TCM)]
        return max(*work, sum(seat.traffic_bytes for seat in seats.values()) * port.unit_fs / port.unit_bytes)

    best: dict = {}
    for seats in choices(sites):
        if agree(sites.graph, seats, tiler.root):
            key = tuple(seat.site for seat in seats.values())
            best[key] = min(best.get(key, np.inf), bottleneck(seats))
    found = balanced(sites, tiler)
    assert best[tuple(found[-1].values())] <= min(best.values()) * 1.005
    order = [op.name for op in sites.graph.ops]
    for one in found[:-1]:
        rank = {site: number for number, site in enumerate(dict.fromkeys(one[op] for op in order if op in one))}
        steps = [rank[one[op]] for op in order if op in one]
        assert steps == sorted(steps), "a pipeline never goes back"


def test_one_site_is_no_choice():
    graph = residual()
    for name in ("npu/edge-256", "npu/systolic-32x32"):
        hardware = device(name)
        assert not Sites.of(graph, hardware, KINDS).is_choice
        assert [a.engine.name for a in assign(graph, hardware, KINDS)] == [
            a.engine.name for a in assign(graph, hardware, KINDS, {})
        ]
        texts = [
            TiledMapper().map(graph, hardware, KINDS, {"cache": False, "placement": placement}).plan
            for placement in ("preferred", "auto", "fastest", "balanced")
        ]
        assert all(text == texts[0] for text in texts)


def test_a_place_is_taken_and_one_that_cannot_be_is_not(soc):
    graph = branches()
    chosen = {a.op.name: a.engine.name for a in assign(graph, soc, KINDS, {op.name: "dsp" for op in graph.ops})}
    assert set(chosen.values()) == {"dsp"}
    chosen = {a.op.name: a.engine.name for a in assign(graph, soc, KINDS, {op.name: "dsp_in" for op in graph.ops})}
    assert "dsp_in" not in chosen.values()


@pytest.mark.parametrize("build", [branches, lambda: residual(24, 20)])
def test_no_choice_is_worse_than_the_preferred_engines(soc, build):
    graph = build()
    times = {}
    for placement in ("preferred", "auto", "fastest"):
        mapping = TiledMapper().map(graph, soc, KINDS, {"placement": placement, "cache": False})
        assert findings(mapping.program, graph) == []
        first = compiled.simulate(mapping.program).makespan_fs
        times[placement] = first, compiled.simulate(steady(mapping.program)).makespan_fs
    assert times["fastest"][1] <= times["auto"][1] <= times["preferred"][1]
    assert max(times["auto"][0], times["fastest"][0]) <= times["preferred"][0]


def test_the_reason_is_told(soc):
    mapping = TiledMapper().map(branches(), soc, KINDS, {"placement": "fastest", "cache": False})
    reasons = [plan.reason for plan in mapping.plan.ops if plan.engine]
    assert all("latency: preferred" in one[0] and "dsp" in one[1] and "us" in one[1] for one in reasons)


def test_a_pipeline_has_more_frames_per_second_and_no_less_latency(soc):
    graph = load_graph("ds_cnn")
    rates, latencies = {}, {}
    for placement in ("fastest", "balanced"):
        spec = JobSpec("spot", graph, frames=12, in_flight=3, options={"placement": placement})
        row = {name: column[0] for name, column in simulate_jobs(soc, [spec], compare=False).tables["jobs"].items()}
        rates[placement], latencies[placement] = row["throughput_fps"], row["one_frame_ms"]
    assert rates["balanced"] > 1.15 * rates["fastest"]
    assert latencies["balanced"] >= latencies["fastest"]


def test_numbers_do_not_depend_on_the_place(soc):
    graph = load_graph("digits_cnn")
    outputs = [
        simulate(graph, soc, execute="scheduled", options={"placement": placement}).values.codes
        for placement in ("preferred", "balanced")
    ]
    for name, codes in outputs[0].items():
        assert np.array_equal(codes, outputs[1][name])


def test_a_format_that_a_site_does_not_have_keeps_ops_away(soc):
    """The DSP computes on reals, the array on int8 alone: a network of reals has one site, int8 on a DSP of fp16 another."""
    plain = load_graph("digits_cnn")
    sites = Sites.of(plain, soc, KINDS)
    assert {site for mine in sites.engines.values() for site in mine} == {TCM}
    halves = load_hardware("soc/npu-dsp-mcu", {"engines.dsp.formats": "[fp16]"})
    small = compress(plain, "int8", calibrate=False)
    sites = Sites.of(small, halves, KINDS)
    assert {site for mine in sites.engines.values() for site in mine} == {SRAM}
    (refusal,) = [text for text in assign(small, halves, KINDS)[0].refusals if text.startswith("dsp:")]
    assert "computes on fp16" in refusal


def test_an_unknown_placement_is_refused():
    with pytest.raises(DescriptionError, match="balanced"):
        read_options({"placement": "balance"})


def test_bounds_of_designs_know_nothing_of_work_where_ops_have_a_choice():
    """`cosim explore` prunes by bounds that take the preferred engines for granted."""
    from cosim.explore import read_space
    from cosim.explore.bound import _Graphs, _Group
    from cosim.explore.sample import sample

    for name, is_plain in (("npu/edge-256", True), ("soc/npu-dsp-mcu", False)):
        found = read_space({"name": "t", "network": "ds_cnn", "hardware": name, "axes": {"batch": [1]}})
        keys = {**found.base, "batch": "1"}
        assert _Group(found, [0], sample(found), keys, _Graphs()).is_plain == is_plain


@pytest.mark.parametrize("loss", ["no room for a second frame", "state"])
def test_frames_that_cannot_be_pipelined_still_get_a_balance(soc, loss):
    graph, hardware = branches(), soc
    if loss == "state":
        graph = replace(graph, states={graph.outputs[0]: graph.inputs[0]})
    else:
        hardware = load_hardware("soc/npu-dsp-mcu", {"memories.dram.size": "173 KiB"})
    mapping = TiledMapper().map(graph, hardware, KINDS, {"placement": "balanced", "cache": False})
    assert {plan.engine for plan in mapping.plan.ops} <= {"mac", "vector", "dsp", "mcu", ""}
