"""The choice of groups: never slower, less to move; and random groups of random networks compute the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.compress import compress
from cosim.errors import InfeasibleError, UnsupportedError
from cosim.execute import scheduled, whole
from cosim.formats import FLOAT32
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.library import load_graph
from cosim.mapping import TiledMapper
from cosim.mapping.groups import group_of
from cosim.program.check import check
from cosim.simulation import seeded_inputs
from cosim.timing import check_bounds, compiled, reference
from tests.mapping.blocks import fused, inverted, moved
from tests.mapping.networks import KINDS, device, int8_formats, networks
from tests.mapping.single import small

ALONE = {"cache": False, "resident": "none"}  # groups, and no other choice


@pytest.mark.parametrize(
    ("network", "sram"), [("mobilenet_v2", "512 KiB"), ("resnet18", "256 KiB"), ("vit_tiny", "256 KiB")]
)
def test_fusion_is_never_slower_and_moves_less(network: str, sram: str) -> None:
    graph = compress(load_graph(network), "int8", None, calibrate=False)
    hardware = device(sram=sram)
    alone = TiledMapper().map(graph, hardware, KINDS, {"fuse": "none", **ALONE})
    together = TiledMapper().map(graph, hardware, KINDS, ALONE)
    assert {plan.group for plan in alone.plan.ops} == {""}
    assert len({plan.group for plan in together.plan.ops}) > 1
    check(together.program, graph)
    times = compiled.simulate(together.program)
    check_bounds(together.program, times)
    assert times.makespan_fs <= compiled.simulate(alone.program).makespan_fs
    assert moved(together.program) < moved(alone.program)


def test_nothing_is_fused_where_everything_fits() -> None:
    graph = int8_formats(inverted().build())
    alone, together = (TiledMapper().map(graph, device(), KINDS, {"fuse": fuse}) for fuse in ("none", "auto"))
    assert {plan.group for plan in together.plan.ops} == {""}
    assert np.array_equal(alone.program.wait_count, together.program.wait_count)


DEVICES = {
    "edge": device(sram="6 KiB", accumulator="1 KiB"),
    "weights apart": small("mac", sram=8192, accumulator=2048, weights=4096, latency=7, setup=3),
    "sums in sram": small("mac", sram=8192, sums_in_sram=True, is_shared=True),
}


@st.composite
def chains(draw: st.DrawFn) -> Graph:
    """Windows, pixelwise ops and residual adds in a row: most of it can be cut along the rows."""
    build = Builder("chain", seed=draw(st.integers(0, 3)))
    x = build.input("input", (1, draw(st.integers(2, 6)), draw(st.integers(8, 16)), draw(st.integers(6, 12))))
    last = x
    for _ in range(draw(st.integers(2, 5))):
        channels = build.shape(x)[1]
        kind = draw(st.sampled_from(["conv", "depthwise", "pointwise", "pool", "add", "gelu"]))
        if kind == "conv":
            taps, stride = draw(st.integers(2, 3)), draw(st.integers(1, 2))
            y = build.conv2d(x, draw(st.integers(1, 8)), taps, stride=stride, padding=draw(st.integers(0, 1)))
        elif kind == "depthwise":
            y = build.conv2d(x, channels, 3, padding=1, groups=channels, stride=draw(st.integers(1, 2)))
        elif kind == "pointwise":
            y = build.conv2d(x, draw(st.integers(1, 20)), 1)
        elif kind == "pool":
            y = build.max_pool2d(x, 3, stride=draw(st.integers(1, 2)), padding=1)
        elif kind == "add":
            y = build.op("add", [x, last if build.shape(last) == build.shape(x) else x])
        else:
            y = build.gelu(x)
        last, x = x, y
        if min(build.shape(x)[2:]) < 4:
            break
    build.output(x)
    return int8_formats(build.build())


@given(graph=st.one_of(chains(), networks()), name=st.sampled_from(sorted(DEVICES)), data=st.data())
@settings(max_examples=60, deadline=None)
def test_random_groups_of_random_networks_compute_the_same_bits(graph: Graph, name: str, data: st.DataObject) -> None:
    real = graph.with_tensors(replace(tensor, encoding=FLOAT32) for tensor in graph.tensors.values())
    graph = compress(real, "int8", None, calibrate=True)
    last = data.draw(st.integers(0, len(graph.ops) - 1).map(lambda n: len(graph.ops) - 1 - n))
    first = data.draw(st.integers(0, last))
    shape = graph.tensors[graph.ops[last].output].shape
    axis = data.draw(st.sampled_from([i for i in (2, 1, 3, 0) if i < len(shape)]))
    blocks = data.draw(st.integers(1, min(5, shape[axis])).map(lambda n: min(5, shape[axis]) + 1 - n))
    inside = data.draw(st.permutations(range(1, shape[axis])))[: blocks - 1]
    bounds = (0, *sorted(inside), shape[axis])
    group = group_of(graph, first, last, axis, bounds, keep=data.draw(st.booleans()))
    if group is None:
        return
    try:
        mapping = fused(graph, DEVICES[name], (group,))
    except (InfeasibleError, UnsupportedError):
        return
    check(mapping.program, graph)
    times = compiled.simulate(mapping.program)
    check_bounds(mapping.program, times)
    assert np.array_equal(reference.simulate(mapping.program).end_fs, times.end_fs)
    fed = seeded_inputs(graph, 0)
    codes = scheduled(mapping.program, graph, times.start_fs, times.end_fs, fed).codes
    expected = whole(graph, fed, order=mapping.program).codes
    for output in graph.outputs:
        assert np.array_equal(codes[output], expected[output])
