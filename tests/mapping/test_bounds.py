"""No tiling of an op comes below its bound, and what the bound is made of is true of every order of work."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Engine
from cosim.mapping.bound import op_bound, own_elements, touched_elements
from cosim.mapping.candidates import cuts_of
from cosim.mapping.search import Search
from cosim.program.plan import Hold, Tiling
from cosim.timing import compiled
from cosim_plugins.engines.mac_array import MacArray
from tests.mapping.networks import int8_formats
from tests.mapping.single import ARRAYS, devices, mapping_of, room_of, search_of, single_ops, small, tilings

MANY = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def convolution(
    channels: int, filters: int, size: tuple[int, int], taps: int, stride: int = 1, padding: int = 0
) -> Graph:
    build = Builder("one")
    x = build.input("input", (1, channels, *size))
    build.output(build.conv2d(x, filters, taps, stride=stride, padding=padding, bias=False))
    return int8_formats(build.build())


@given(data=st.data())
@MANY
def test_no_tiling_is_faster_than_the_bound(data: st.DataObject) -> None:
    hardware = data.draw(devices(is_shared=None, setup=True, two_engines=data.draw(st.booleans())))
    search = search_of(data.draw(single_ops()), hardware)
    trial = search.trials.of(data.draw(tilings(search)))
    assume(trial.fits(room_of(search).bytes_of))
    simulated = compiled.simulate(mapping_of(search, trial).program).makespan_fs
    assert op_bound(search) <= simulated
    assert search.least_bytes <= trial.traffic_bytes


@given(data=st.data(), array=st.sampled_from(sorted(set(ARRAYS) - {"none"})))
@MANY
def test_no_cut_lowers_the_cycles_of_an_engine_below_its_bound(data: st.DataObject, array: str) -> None:
    search = search_of(data.draw(single_ops()), small(array))
    tiling = data.draw(tilings(search))
    sides = [list(pairwise(cuts)) for cuts in tiling.cuts]
    grid = np.stack(
        [np.array(side)[index] for side, index in zip(sides, np.indices([*map(len, sides)]), strict=True)], -1
    )
    tiles = np.moveaxis(grid.reshape(-1, 2, len(sides)), 1, 2)
    cycles = search.kind.cycles(search.engine, search.op, search.graph, tiles)
    assert search.kind.bound(search.engine, search.op, search.graph) <= cycles.sum()


@given(
    data=st.data(),
    taps=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    size=st.tuples(st.integers(3, 14), st.integers(3, 14)),
)
@settings(MANY, max_examples=150)
def test_no_tiling_is_faster_than_the_ramp_allows(
    data: st.DataObject, taps: int, stride: int, padding: int, size: tuple[int, int]
) -> None:
    """Ops that compute for longer than they load, in tiles that start as early as can be."""
    filters, channels = data.draw(st.sampled_from([4, 8])), data.draw(st.integers(1, 9))
    graph = convolution(channels, filters, size, taps, stride, min(padding, 2 * taps))
    hardware = small(sram=1 << 16, accumulator=1 << 16, bandwidth=data.draw(st.sampled_from([1, 2, 3])), latency=0)
    search = search_of(graph, hardware)
    n_loops = len(search.space.sizes)
    fast = min(
        search.trials.of(
            Tiling(cuts, tuple(data.draw(st.permutations(range(n_loops)))), (Hold(0, 1), Hold(0, 1), Hold(n_loops, 8)))
        ).latency_fs
        for cuts in (data.draw(tilings(search, 300)).cuts for _ in range(6))
    )
    assert op_bound(search) <= fast


@pytest.mark.parametrize("channels", [16, 32])
def test_work_on_padding_alone_needs_no_data(channels: int) -> None:
    """A padding wider than the window: the array may begin before any input has come, so the ramp does not count."""
    graph = convolution(channels, 4, (2, 10), 1, padding=8)
    search = search_of(graph, small(sram=1 << 16, accumulator=1 << 16, bandwidth=2, latency=0))
    sizes = search.space.sizes
    cuts = (
        (0, 1),
        (0, 1),
        (0, 4),
        (0, 4, channels),
        (0, 8, sizes[4] - 1, sizes[4]),
        cuts_of(sizes[5], 1),
        (0, 1),
        (0, 1),
    )
    tiling = Tiling(cuts, (0, 1, 2, 6, 7, 3, 4, 5), (Hold(0, 1), Hold(0, 1), Hold(8, 8)))
    simulated = compiled.simulate(mapping_of(search, search.trials.of(tiling)).program).makespan_fs
    with_ramp = search.kind.bound(search.engine, search.op, graph) * 10**6 + 16 * 10**6  # 1 / (4 g), padding ignored
    assert op_bound(search) <= simulated < with_ramp


@given(
    taps=st.integers(1, 4),
    stride=st.integers(1, 4),
    padding=st.integers(0, 5),
    dilation=st.integers(1, 3),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
@MANY
def test_windows_have_their_own_elements(
    taps: int, stride: int, padding: int, dilation: int, size: tuple[int, int]
) -> None:
    """A matching of windows with that many elements each, no two the same, exists (here: along each axis alone)."""
    assume(min(size) + 2 * padding >= dilation * (taps - 1) + 1)
    build = Builder("one")
    y = build.conv2d(build.input("input", (1, 1, *size)), 1, taps, stride=stride, padding=padding, dilation=dilation)
    build.output(y)
    space = search_of(int8_formats(build.build()), small()).space
    own = own_elements(space.inputs[0], space)
    product = 1
    for axis, extent, outputs in zip((2, 3), size, space.sizes[4:6], strict=True):
        if outputs == 1:  # taps of a single window are moved one by one, and none may lie in the padding
            product *= int(padding == 0 or own == 0)
            continue
        per_window = max(
            n for n in range(5) if n == 0 or _has_matching(outputs, extent, taps, stride, padding, dilation, n)
        )
        product *= per_window
        assert space.inputs[0].axes[axis].size == extent
    assert own <= product


def _has_matching(outputs: int, extent: int, taps: int, stride: int, padding: int, dilation: int, each: int) -> bool:
    """Whether every window can be given `each` elements of its hull: greedily, for windows only move on."""
    taken = -1
    for window in range(outputs):
        low = max(window * stride - padding, 0, taken + 1)
        high = min(window * stride - padding + dilation * (taps - 1), extent - 1)
        if low + each - 1 > high:
            return False
        taken = low + each - 1
    return True


@given(data=st.data(), channels=st.integers(1, 9), copies=st.sampled_from([1, 2, 4]), filters=st.sampled_from([2, 4]))
@settings(MANY, max_examples=150)
def test_pairs_bound_the_work_that_any_data_allow(
    data: st.DataObject, channels: int, copies: int, filters: int
) -> None:
    """Whatever elements are there: the best that can be done with them leaves at least ``bound - pairs x w`` cycles."""
    outputs, taps, stride = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    graph = convolution(channels, filters, ((outputs - 1) * stride + taps, taps), taps, stride)
    engine = replace(small().engines["array"], parameters={"unroll": {"K": 2, "C": copies}})
    op, kind = graph.ops[0], MacArray()
    space = graph.space(op)
    random = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    density_x, density_w = random.uniform(0.05, 1, 2)
    x = random.random((channels, (outputs - 1) * stride + taps, taps)) < density_x
    w = random.random((filters, channels, taps, taps)) < density_w
    left = _cycles_left(kind, engine, op_units=_units(x, w, outputs, taps, stride), channels=channels)
    whole = kind.bound(engine, op, graph)
    pairs = kind.pairs(engine, op, graph) / own_elements(space.inputs[0], space)
    assert left >= whole - pairs * x.sum() * w.sum() - 1e-9


def _units(x: np.ndarray, w: np.ndarray, outputs: int, taps: int, stride: int) -> np.ndarray:
    """Channels that can be summed for every output, filter and tap, if a tile waits for its whole windows."""
    found = []
    for o in range(outputs):
        there = x[:, o * stride : o * stride + taps].all(axis=(1, 2))  # (channels,) whose window has come
        for k in range(w.shape[0]):
            found += [(there & w[k, :, fy, fx]).sum() for fy in range(taps) for fx in range(taps)]
    return np.array(found)


def _cycles_left(kind: MacArray, engine: Engine, op_units: np.ndarray, channels: int) -> float:
    copies, filters = (engine.parameters["unroll"][name] for name in ("C", "K"))
    return float((-(-(channels - op_units) // copies)).sum() / filters)


def test_touched_elements_are_those_that_some_point_reads() -> None:
    for stride, expected in ((1, 64), (2, 16), (3, 9)):
        search: Search = search_of(convolution(1, 1, (8, 8), 1, stride), small())
        assert touched_elements(search.space.inputs[0], search.space) == expected


def test_a_set_up_that_overlaps_its_move_is_not_counted_twice() -> None:
    build = Builder("rows")
    build.output(build.op("softmax", [build.input("input", (1, 7, 6, 5))], axis=1))
    for is_shared in (False, True):
        hardware = small("none", setup=9, latency=4, is_shared=is_shared, bandwidth=1, sram=8192)
        search = search_of(int8_formats(build.build()), hardware)
        cuts = ((0, 1), (0, 7), (0, 6), (0, 1, 2, 3, 4, 5))
        trial = search.trials.of(Tiling(cuts, (2, 0, 1, 3), (Hold(1, 4), Hold(4, 3))))
        assert op_bound(search) <= compiled.simulate(mapping_of(search, trial).program).makespan_fs
