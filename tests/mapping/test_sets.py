"""Sets and pieces as the Program has them against those that the search counts, and what they must be."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cosim.graph.builder import Builder
from cosim.graph.space import volume
from cosim.jit import njit
from cosim.mapping.grid import Grid
from cosim.mapping.listing import Loops, Operands, Scratch, list_moves, list_outputs
from cosim.mapping.search import Search
from cosim.mapping.sets import loads_of, moving, sliding
from cosim.mapping.sums import Sums
from cosim.program.plan import Tiling
from tests.mapping.networks import int8_formats
from tests.mapping.single import devices, search_of, single_ops, small, tilings

Ints = NDArray[np.int64]


@njit
def moves_of(
    i: int, level: int, slots: int, data: Operands, loops: Loops, room: Scratch, first: Ints, gate: Ints, n_bytes: Ints
) -> tuple[int, int, int, int]:
    return list_moves(i, level, slots, data, loops, room, first, gate, n_bytes, 0)


@njit
def outputs_of(
    data: Operands, loops: Loops, reduces: NDArray[np.bool_], room: Scratch, ends: Ints, elements: Ints
) -> tuple[int, int, int, int]:
    return list_outputs(data, loops, reduces, room, ends, elements)


MANY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def described(search: Search, tiling: Tiling) -> tuple[Loops, Operands, Scratch]:
    """What the compiled listings read of a tiling, and room for them."""
    sizes, _, axes, n_axes, terms, moves, slides, bits, *_ = search.trials.fixed
    trips, order = np.array(tiling.trips), np.array(tiling.order)
    ends = np.zeros((2, len(trips), max(tiling.trips)), np.int64)
    for loop, places in enumerate(tiling.cuts):
        ends[0, loop, : len(places) - 1], ends[1, loop, : len(places) - 1] = (places[:-1], places[1:])
    strides = np.ones_like(trips)
    for place, loop in enumerate(tiling.order):
        strides[loop] = prod(tiling.trips[other] for other in tiling.order[place + 1 :])
    loops = Loops(order, trips, strides, ends[0], ends[1], sizes, 0, -1, 0)
    n = len(trips)
    masks, numbers = np.zeros((3, n), np.bool_), np.zeros((2, n), np.int64)
    by_axis = np.zeros((2, axes.shape[1]), np.int64)
    return (
        loops,
        Operands(axes, n_axes, terms, moves, slides, bits),
        Scratch(numbers[0], numbers[1], masks[0], masks[1], masks[2], by_axis[0], by_axis[1], np.zeros(8, np.int64)),
    )


def drawn(data: st.DataObject) -> tuple[Search, Tiling, Grid]:
    search = search_of(data.draw(single_ops()), data.draw(devices(is_shared=None)))
    tiling = data.draw(tilings(search))
    return search, tiling, Grid.of(search.space, tiling)


@given(data=st.data())
@MANY
def test_compiled_moves_are_those_of_the_program(data: st.DataObject) -> None:
    search, tiling, grid = drawn(data)
    loops, operands, room = described(search, tiling)
    for number, (access, hold) in enumerate(zip(search.space.inputs, tiling.holds[:-1], strict=True)):
        assert hold is not None
        loads = loads_of(access, grid, hold)
        bits = operands.bits[number]
        first, gate, n_bytes = np.zeros((3, len(grid) * (len(loads.sets) + 1)), np.int64)
        stop, held, moved, count = moves_of(number, hold.level, hold.slots, operands, loops, room, first, gate, n_bytes)
        np.testing.assert_array_equal(first[:stop], loads.first)
        np.testing.assert_array_equal(gate[:stop], loads.credit)
        np.testing.assert_array_equal(n_bytes[:stop], np.ceil(volume(loads.boxes) * bits / 8))
        assert held == -(-np.ceil(volume(loads.sets).max() * bits / 8) // 64) * 64 * loads.slots
        assert (moved, count) == (n_bytes[:stop].sum(), stop)


@given(data=st.data())
@MANY
def test_compiled_outputs_and_sums_are_those_of_the_program(data: st.DataObject) -> None:
    search, tiling, grid = drawn(data)
    loops, operands, room = described(search, tiling)
    sums = Sums.of(grid)
    final = np.flatnonzero(sums.ends)
    ends, elements = np.zeros((2, len(final)), np.int64)
    most, slots, moved, count = outputs_of(operands, loops, search.trials.fixed[1], room, ends, elements)
    np.testing.assert_array_equal(ends, final)
    np.testing.assert_array_equal(elements, volume(search.space.output.boxes(grid.tiles[final])))
    assert slots == sums.slots
    assert (most, count) == (elements.max(), len(final))
    assert moved == np.ceil(elements * operands.bits[-1] / 8).sum()


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
