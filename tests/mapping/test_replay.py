"""The replay of a tiling against the timers: every tiling of every op is predicted, not only those that the search likes."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cosim.compress import int8
from cosim.execute import scheduled, whole
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.mapping.candidates import cuts_of
from cosim.mapping.folds import NO_FOLD
from cosim.mapping.replay import NEVER
from cosim.mapping.trial import Trial
from cosim.program.check import findings
from cosim.program.plan import Hold, Tiling
from cosim.program.program import Program
from cosim.timing import compiled
from tests.mapping.networks import int8_formats
from tests.mapping.single import (
    best_of,
    devices,
    mapping_of,
    narrow_devices,
    room_of,
    search_of,
    single_ops,
    small,
    tilings,
)

MANY = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def drawn(data: st.DataObject, *, is_shared: bool, two_engines: bool = False) -> tuple[Trial, Program]:
    """A random tiling of a random op on a random device, tried out, and the Program of exactly that tiling."""
    kinds = ("conv", "stride", "linear") if two_engines else ()
    hardware = data.draw(devices(is_shared=is_shared, setup=True, two_engines=two_engines))
    graph = data.draw(single_ops(kinds=kinds))
    search = search_of(graph, hardware)
    trial = search.trials.of(data.draw(tilings(search)))
    assume(trial.fits(room_of(search).bytes_of))
    program = mapping_of(search, trial).program
    assert findings(program, graph) == []
    return trial, program


@pytest.mark.parametrize(("is_shared", "two_engines"), [(False, False), (True, False), (False, True), (True, True)])
@given(data=st.data())
@settings(MANY, max_examples=40)
def test_the_replay_is_the_timer(is_shared: bool, two_engines: bool, data: st.DataObject) -> None:
    trial, program = drawn(data, is_shared=is_shared, two_engines=two_engines)
    assert trial.latency_fs == compiled.simulate(program).makespan_fs


@given(data=st.data())
@settings(MANY, max_examples=40)
def test_the_replay_is_the_timer_where_everything_is_in_the_way(data: st.DataObject) -> None:
    """Narrow ports in units of their own, that tiles and moves share; engines that wait for their data; priorities."""
    search = search_of(data.draw(single_ops(most=7)), data.draw(narrow_devices()))
    trial = search.trials.of(data.draw(tilings(search, 100)))
    assume(trial.fits(room_of(search).bytes_of))
    assert trial.latency_fs == compiled.simulate(mapping_of(search, trial).program).makespan_fs


def large() -> dict[str, Graph]:
    """Ops with loops long enough to be played in part."""
    found = {}
    for name in ("conv", "depthwise", "linear", "add"):
        build = Builder(name)
        if name == "linear":
            y = build.linear(build.input("input", (96, 80)), 72, bias=False)
        elif name == "add":
            y = build.op("add", [build.input("a", (48, 70)), build.input("b", (48, 70))])
        else:
            x = build.input("input", (1, 24, 30, 30))
            groups = 24 if name == "depthwise" else 1
            y = build.conv2d(x, 48, 3, padding=1, groups=groups, bias=False)
        build.output(y)
        found[name] = int8_formats(build.build())
    return found


@given(
    graph=st.sampled_from(list(large().values())),
    weights=st.sampled_from([0, 1 << 20]),
    is_shared=st.booleans(),
    bandwidth=st.sampled_from([1, 3, 16, 64]),
    setup=st.sampled_from([0, 5]),
    random=st.randoms(use_true_random=False),
)
@settings(MANY, max_examples=40)
def test_tiles_that_are_left_out_change_nothing(
    graph: Graph, weights: int, is_shared: bool, bandwidth: int, setup: int, random: Random
) -> None:
    hardware = small(
        sram=1 << 20, accumulator=1 << 20, bandwidth=bandwidth, setup=setup, is_shared=is_shared, weights=weights
    )
    search = search_of(graph, hardware)
    sizes = search.space.sizes
    long = random.choice([loop for loop, choices in enumerate(search.pool.choices) if len(choices.sizes) > 9])
    cuts = [
        cuts_of(extent, random.choice(choices.sizes[-2:] if loop == long else choices.sizes[:4]))
        for loop, (choices, extent) in enumerate(zip(search.pool.choices, sizes, strict=True))
    ]
    for outer, inner in search.space.exclusive:
        if len(cuts[outer]) - 1 < sizes[outer]:
            cuts[inner] = (0, sizes[inner])
    n_loops = len(cuts)
    order = tuple(random.sample(range(n_loops), n_loops))
    holds = [Hold(n_loops - random.choice([0, 0, 1, 4]), random.randint(1, 4)) for _ in search.space.inputs]
    tiling = Tiling(tuple(cuts), order, (*holds, Hold(n_loops, random.randint(1, 4))))
    trials = search.trials
    assume(trials._fold(tiling).more)
    found = trials.of(tiling)
    trials._fold = lambda tiling: NO_FOLD  # type: ignore[method-assign]
    full = trials._try(tiling, NEVER)
    assert full is not None
    assert (found.latency_fs, found.traffic_bytes, found.commands, found.demand) == (
        full.latency_fs, full.traffic_bytes, full.commands, full.demand,
    )  # fmt: skip


@given(data=st.data(), share=st.floats(0.3, 1.5))
@settings(MANY, max_examples=40)
def test_a_replay_is_given_up_only_beyond_its_limit(data: st.DataObject, share: float) -> None:
    search = search_of(data.draw(single_ops()), data.draw(devices(is_shared=None)))
    tiling = data.draw(tilings(search))
    full = search.trials._try(tiling, NEVER)
    assert full is not None
    limit = int(full.latency_fs * share)
    again = search.trials._try(tiling, limit)
    if again is None:
        assert full.latency_fs > limit
    else:
        assert again.latency_fs == full.latency_fs


@given(data=st.data(), is_shared=st.booleans())
@MANY
def test_bytes_commands_and_room_are_those_of_the_program(data: st.DataObject, is_shared: bool) -> None:
    graph, hardware = data.draw(single_ops()), data.draw(devices(is_shared=is_shared))
    search = search_of(graph, hardware)
    trial = search.trials.of(data.draw(tilings(search)))
    assume(trial.fits(room_of(search).bytes_of))
    mapping = mapping_of(search, trial)
    program = mapping.program
    moves = program.op < 0
    assert trial.traffic_bytes == program.services.n_bytes[program.service][moves].sum()
    assert trial.commands == len(program)
    for memory, n_bytes in trial.demand:
        assert n_bytes == mapping.plan.peak_bytes(memory), memory


@given(data=st.data())
@settings(MANY, max_examples=25)
def test_a_tiling_changes_no_number(data: st.DataObject) -> None:
    kinds = ("conv", "stride", "grouped", "depthwise", "linear", "add", "pool")
    graph, hardware = int8(data.draw(single_ops(kinds=kinds, is_coded=False))), data.draw(devices(is_shared=None))
    search = search_of(graph, hardware)
    trial = search.trials.of(data.draw(tilings(search)))
    assume(trial.fits(room_of(search).bytes_of))
    program = mapping_of(search, trial).program
    times = compiled.simulate(program)
    random = np.random.default_rng(1)
    inputs = {name: random.standard_normal(graph.tensors[name].shape).astype(np.float32) for name in graph.inputs}
    found = scheduled(program, graph, times.start_fs, times.end_fs, inputs)
    for name, expected in whole(graph, inputs).items():
        np.testing.assert_array_equal(found[name], expected)


@pytest.mark.parametrize("slots", [1, 2])
def test_a_piece_never_overwrites_one_in_use(slots: int) -> None:
    """Sets of several pieces in one slot: the next set waits for all of the last one."""
    search = search_of(int8_formats(_rows()), small("none"))
    trial = search.trials.of(Tiling(((0, 2), (0, 1), (0, 2, 4), (0, 2, 6)), (2, 0, 1, 3), (Hold(1, slots), Hold(4, 2))))
    assert findings(mapping_of(search, trial).program, search.graph) == []


@pytest.mark.parametrize(("kernel", "stride", "taps"), [(3, 3, (0, 2, 3)), (2, 2, (0, 1, 2)), (2, 1, (0, 1, 2))])
def test_taps_of_windows_side_by_side_do_not_overlap(kernel: int, stride: int, taps: tuple[int, ...]) -> None:
    """A stride as long as the window: its hulls for two taps overlap where a tile has several windows."""
    build = Builder("patches")
    build.output(build.conv2d(build.input("input", (1, 4, 6, 6)), 4, kernel, stride=stride, bias=False))
    search = search_of(int8_formats(build.build()), small())
    sizes = search.space.sizes
    cuts = (*((0, size) for size in sizes[:6]), taps, (0, kernel))
    trial = search.trials.of(Tiling(cuts, tuple(range(8)), (Hold(0, 1), Hold(0, 1), Hold(8, 1))))
    assert findings(mapping_of(search, trial).program, search.graph) == []


def test_pieces_of_a_pool_are_not_written_twice() -> None:
    build = Builder("pool")
    build.output(build.op("max_pool2d", [build.input("input", (1, 1, 3, 3))], kernel=(2, 2), strides=(1, 1)))
    search = search_of(int8_formats(build.build()), small("none"))
    cuts = ((0, 1), (0, 1), (0, 1, 2), (0, 2), (0, 2), (0, 2))
    trial = search.trials.of(Tiling(cuts, tuple(range(6)), (Hold(1, 2), Hold(6, 2))))
    assert trial.traffic_bytes == 9 + 4
    assert findings(mapping_of(search, trial).program, search.graph) == []


def test_an_op_of_one_point_has_a_tiling() -> None:
    build = Builder("point")
    build.output(build.linear(build.input("input", (1, 1)), 1, bias=False))
    assert best_of(int8_formats(build.build()), small()).commands == 4  # two loads, a tile, a store


def test_a_set_up_overlaps_its_move() -> None:
    """What a move costs: its bytes or its set-up, whichever is longer, and not their sum."""
    build = Builder("rows")
    build.output(build.op("transpose", [build.input("input", (1, 1, 4, 4))], permutation=(0, 1, 3, 2)))
    graph = int8_formats(build.build())
    whole_op = Tiling(((0, 1), (0, 1), (0, 4), (0, 4)), (0, 1, 2, 3), (Hold(0, 1), Hold(4, 1)))
    taken = []
    for setup in (0, 16, 20):
        search = search_of(graph, small("none", setup=setup, bandwidth=1, latency=0))
        taken.append(search.trials.of(whole_op).latency_fs / 1e6)
        assert taken[-1] * 1e6 == compiled.simulate(mapping_of(search, search.trials.of(whole_op)).program).makespan_fs
    assert [one - taken[0] for one in taken] == [0, 0, 2 * (20 - 16)]  # 16 bytes in and 16 out, a byte per cycle


def _rows() -> Graph:
    build = Builder("rows")
    build.output(build.op("softmax", [build.input("input", (2, 1, 4, 6))], axis=1))
    return build.build()
