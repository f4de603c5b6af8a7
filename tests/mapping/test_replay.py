"""The replay of a tiling against the timers: every tiling of every op is predicted, not only those that the search likes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cosim.compress import int8
from cosim.execute import scheduled, whole
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.mapping.trial import Trial
from cosim.program.check import findings
from cosim.program.plan import Hold, Tiling
from cosim.program.program import Program
from cosim.timing import compiled
from tests.mapping.networks import int8_formats
from tests.mapping.single import best_of, devices, mapping_of, room_of, search_of, single_ops, small, tilings

MANY = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
# Where loads and stores take turns on one port, unit by unit, the replay gives each half of it. What one gains the other
# loses, at most one unit per move. The difference is 0.06 % on average and was 9 % at worst over 4,000 random tilings into
# pieces of a few bytes, which are a few units long.
SHARED = 0.12
FEW_CYCLES = 4 * 10**6  # of 1 GHz [fs]: an op may take no more than twenty
# Loads by two engines over one port wait for each other: each for the end of the move but one before. The replay has one
# queue in their stead, which errs by 0.7 % on average and by 39 % at worst over 1,500 tilings into pieces of a few bytes;
# with a latency longer than a piece takes it would err more, for these waits are then exposed.
TWO_ENGINES = 0.45


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


@given(data=st.data())
@MANY
def test_replay_is_the_timer_where_stores_have_a_port_of_their_own(data: st.DataObject) -> None:
    trial, program = drawn(data, is_shared=False)
    assert abs(trial.latency_fs - compiled.simulate(program).makespan_fs) <= len(program)  # times are rounded once each


@given(data=st.data())
@MANY
def test_replay_is_close_where_loads_and_stores_share_a_port(data: st.DataObject) -> None:
    trial, program = drawn(data, is_shared=True)
    assert trial.latency_fs == pytest.approx(compiled.simulate(program).makespan_fs, rel=SHARED, abs=FEW_CYCLES)


@given(data=st.data())
@settings(MANY, max_examples=40)
def test_replay_of_loads_by_two_engines_errs_by_their_waits_alone(data: st.DataObject) -> None:
    trial, program = drawn(data, is_shared=False, two_engines=True)
    assert trial.latency_fs == pytest.approx(compiled.simulate(program).makespan_fs, rel=TWO_ENGINES, abs=FEW_CYCLES)


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
