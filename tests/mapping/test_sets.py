"""Sets and pieces as the Program has them against those that the search counts, and what they must be."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cosim.graph.builder import Builder
from cosim.graph.space import volume
from cosim.mapping.grid import Grid
from cosim.mapping.kernel import list_moves, list_outputs
from cosim.mapping.search import Search
from cosim.mapping.sets import loads_of, moving, sliding
from cosim.mapping.sums import Sums
from cosim.program.plan import Tiling
from tests.mapping.networks import int8_formats
from tests.mapping.single import devices, search_of, single_ops, small, tilings

MANY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def cut_table(tiling: Tiling) -> np.ndarray:
    cuts = np.zeros((len(tiling.cuts), max(tiling.trips) + 1), np.int64)
    for loop, places in enumerate(tiling.cuts):
        cuts[loop, : len(places)] = places
    return cuts


def drawn(data: st.DataObject) -> tuple[Search, Tiling, Grid]:
    search = search_of(data.draw(single_ops()), data.draw(devices(is_shared=None)))
    tiling = data.draw(tilings(search))
    return search, tiling, Grid.of(search.space, tiling)


@given(data=st.data())
@MANY
def test_compiled_moves_are_those_of_the_program(data: st.DataObject) -> None:
    search, tiling, grid = drawn(data)
    trials, trips, order = search.trials, np.array(tiling.trips), np.array(tiling.order)
    for number, (access, hold) in enumerate(zip(search.space.inputs, tiling.holds[:-1], strict=True)):
        assert hold is not None
        loads = loads_of(access, grid, hold)
        bits = float(trials.bits[number])
        first, gate, n_bytes, largest, slots = list_moves(
            order, trips, cut_table(tiling), trials.sizes, trials.axes[number], trials.terms[number],
            trials.n_axes[number], trials.moves[number], trials.slides[number], bits, hold.level, hold.slots,
        )  # fmt: skip
        np.testing.assert_array_equal(first, loads.first)
        np.testing.assert_array_equal(gate, loads.credit)
        np.testing.assert_array_equal(n_bytes, np.ceil(volume(loads.boxes) * bits / 8))
        assert largest == np.ceil(volume(loads.sets).max() * bits / 8)
        assert slots == loads.slots


@given(data=st.data())
@MANY
def test_compiled_outputs_and_sums_are_those_of_the_program(data: st.DataObject) -> None:
    search, tiling, grid = drawn(data)
    trials = search.trials
    ends, elements, slots = list_outputs(
        np.array(tiling.order), np.array(tiling.trips), cut_table(tiling), trials.sizes, trials.axes[-1],
        trials.terms[-1], trials.n_axes[-1], trials.reduces,
    )  # fmt: skip
    sums = Sums.of(grid)
    final = np.flatnonzero(sums.ends)
    np.testing.assert_array_equal(ends, final)
    np.testing.assert_array_equal(elements, volume(search.space.output.boxes(grid.tiles[final])))
    assert slots == sums.slots


@given(data=st.data())
@MANY
def test_pieces_of_a_set_are_disjoint_and_hold_all_that_its_tiles_read(data: st.DataObject) -> None:
    search, tiling, grid = drawn(data)
    for access, hold in zip(search.space.inputs, tiling.holds[:-1], strict=True):
        assert hold is not None
        loads = loads_of(access, grid, hold)
        assume(volume(loads.sets).sum() < 50_000)
        read = access.boxes(grid.tiles)
        for number in range(len(loads.sets)):
            there = np.zeros(access.shape, np.int64)
            when = np.full(access.shape, len(grid))
            for box, first in zip(loads.boxes[loads.owner == number], loads.first[loads.owner == number], strict=True):
                part = tuple(slice(low, high) for low, high in box)
                there[part] += 1
                when[part] = first
            assert there.max(initial=0) <= 1  # nothing is moved twice within a set
            for tile in np.flatnonzero(loads.set_of == number):
                part = tuple(slice(low, high) for low, high in read[tile])
                assert there[part].all()
                assert (when[part] <= tile).all()
                assert loads.opened[number] <= tile <= loads.closed[number]


@given(data=st.data())
@MANY
def test_a_slot_is_free_before_its_next_set_arrives(data: st.DataObject) -> None:
    search, tiling, grid = drawn(data)
    for access, hold in zip(search.space.inputs, tiling.holds[:-1], strict=True):
        assert hold is not None
        loads = loads_of(access, grid, hold)
        used = np.array([np.max(np.flatnonzero(loads.set_of == n), initial=-1) for n in range(len(loads.sets))])
        before = loads.owner - loads.slots
        assert (loads.credit[before < 0] == -1).all()
        assert (loads.credit[before >= 0] >= used[before[before >= 0]]).all()
        assert (loads.credit < loads.first).all()  # or the queue would wait for ever


def test_taps_slide_and_channels_do_not() -> None:
    for groups, stride, expected in ((1, 1, {"FY", "FX"}), (2, 1, {"FY", "FX"}), (1, 3, {"FY", "FX"})):
        build = Builder("taps")
        build.output(build.conv2d(build.input("input", (1, 4, 9, 9)), 4, 3, stride=stride, groups=groups))
        space = search_of(int8_formats(build.build()), small()).space
        names = [dim.name for dim in space.dims]
        assert {names[loop] for loop in sliding(space.inputs[0], space)} == expected
        assert "C" in {names[loop] for loop in moving(space.inputs[0], space)}
        assert {"K", "C", "FY", "FX"} <= {names[loop] for loop in moving(space.inputs[1], space)}
