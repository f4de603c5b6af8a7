"""The search: the least energy of all nests (tried one by one), and never more than ZigZag's best."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.compare.zigzag.lattice import edges_of, lattice
from cosim.compare.zigzag.layer import DIMS, Layer
from cosim.compare.zigzag.machine import TPU_LIKE
from cosim.compare.zigzag.nest import Inside, Loop, LoopNest
from cosim.compare.zigzag.read import layer_from, nest_from
from cosim.compare.zigzag.ruler import energy
from cosim.compare.zigzag.search import best_energy
from cosim.compare.zigzag.tile import input_elements, output_elements, passes
from cosim.errors import InfeasibleError, UnsupportedError
from tests.compare.nests import layers, machines, small_machine

GOLDENS = json.loads((Path(__file__).parent / "zigzag_goldens.json").read_text("utf-8"))
CHOSEN = {entry["name"]: entry for entry in GOLDENS["machines"][0]["layers"]}
SAME = 1e-12  # sums of the same parts in another order


def loop_lists(whole, edges):
    """Every list of loops, innermost first, whose tiles are nested and have the given edges."""

    def grow(edge, loops):
        if edge == whole:
            yield tuple(loops)
        for dim, size in enumerate(whole):
            for wide in edges[dim]:
                if wide > edge[dim] and (wide % edge[dim] == 0 or wide == size):
                    larger = (*edge[:dim], wide, *edge[dim + 1 :])
                    yield from grow(larger, [*loops, Loop(DIMS[dim], -(-wide // edge[dim]))])

    yield from grow((1,) * len(whole), [])


def least_by_trying(layer, machine, *, every_edge):
    """The least energy of all nests, each operand's boundary tried at each place.

    What an operand costs depends on its own boundaries, so they are priced one operand at a time.
    """
    whole = passes(layer, machine)
    least = inf
    for loops in loop_lists(whole, [edges_of(size, every=every_edge) for size in whole]):
        bounds = range(len(loops) + 1)

        def cost(operand, inside, loops=loops):
            try:
                nest = LoopNest(layer, machine, loops, inside)
            except InfeasibleError:
                return inf, nest_bits(None)
            priced = sum(part.energy_pj for part in energy(nest).parts if part.operand == operand)
            return priced, nest_bits(nest)

        weights = min(cost("W", Inside(bound, 0, 0, 0))[0] for bound in bounds)
        inputs = [cost("I", Inside(0, bound, 0, 0)) for bound in bounds]
        outputs = [
            cost("O", Inside(0, 0, register, sram)) for register, sram in product(bounds, bounds) if register <= sram
        ]
        for (i_cost, (i_bits, _)), (o_cost, (_, o_bits)) in product(inputs, outputs):
            if i_bits + o_bits <= machine.sram.bits:
                least = min(least, weights + i_cost + o_cost)
    return least + layer.macs * machine.mac_pj


def nest_bits(nest):
    """Bits of the inputs' and of the outputs' tile in the SRAM."""
    if nest is None:
        return inf, inf
    layer, machine = nest.layer, nest.machine
    width = layer.sum_bits if nest.sums_leave else layer.output_bits
    return (
        input_elements(layer, machine, nest.edges(nest.inside.input_sram)) * layer.input_bits,
        output_elements(layer, machine, nest.edges(nest.inside.output_sram)) * width,
    )


@settings(max_examples=50, deadline=None)
@given(layers(largest=12), machines(), st.booleans())
def test_the_search_finds_the_least_of_all_nests(layer, machine, every_edge):
    try:
        found = best_energy(layer, machine, every_edge=every_edge).energy_pj
    except InfeasibleError:
        found = inf
    assert found == pytest.approx(least_by_trying(layer, machine, every_edge=every_edge), rel=SAME)


BINDING = [
    # sizes, register bits, SRAM bits: which the tiles do not fit
    ((1, 4, 3, 2, 2, 1, 1), 8, 80),
    ((1, 4, 3, 1, 5, 1, 1), 8, 80),
    ((2, 4, 6, 1, 2, 1, 1), 8, 100),
    ((1, 3, 7, 3, 1, 1, 1), 24, 140),
]


@pytest.mark.parametrize(("sizes", "register", "sram"), BINDING)
@pytest.mark.parametrize("prices", [(0.1, 0.1, 0.02, 0.02, 40, 30, 70, 75), (3, 3, 2, 2, 1, 1, 300, 300)])
def test_the_least_of_all_nests_where_memories_bind(sizes, register, sram, prices):
    layer, machine = Layer("binding", sizes), small_machine(register, sram, prices)
    found = best_energy(layer, machine, every_edge=True)
    roomy = best_energy(layer, small_machine(10_000, 100_000, prices), every_edge=True)
    assert found.energy_pj > roomy.energy_pj
    assert found.energy_pj == pytest.approx(least_by_trying(layer, machine, every_edge=True), rel=SAME)


def test_weights_may_lie_between_the_block_and_an_outer_tile():
    """Inputs are reloaded inside what an output register sums up, weights only outside of it."""
    layer = Layer("rare", (1, 1, 8, 3, 1, 1, 3))
    machine = small_machine(32, 96, (0.02, 300.0, 0.5, 300.0, 40.0, 300.0, 0.02, 3.0))
    found = best_energy(layer, machine)
    inside = found.nest.inside
    assert inside.input_sram < inside.output_register < inside.weight_register < inside.output_sram
    assert found.energy_pj == pytest.approx(least_by_trying(layer, machine, every_edge=False), rel=SAME)


@settings(max_examples=60, deadline=None)
@given(layers(largest=400), machines(), st.booleans())
def test_the_tables_of_the_search_price_what_the_ruler_prices(layer, machine, every_edge):
    """The nest that is handed back is legal and costs exactly what the search thought."""
    from cosim.compare.zigzag.search import best_chain, nest_of

    tiles = lattice(layer, machine, every_edge=every_edge)
    chain = best_chain(tiles, layer, machine)
    if chain is None:
        with pytest.raises(InfeasibleError):
            best_energy(layer, machine, every_edge=every_edge)
        return
    priced = energy(nest_of(chain, tiles, layer, machine)).total_pj
    assert priced == pytest.approx(chain.cost_pj + tiles.fixed_pj, rel=SAME)


@pytest.mark.parametrize("name", CHOSEN)
def test_never_more_energy_than_the_best_of_zigzag(name):
    layer = layer_from(CHOSEN[name])
    assert best_energy(layer).energy_pj <= CHOSEN[name]["chosen"]["energy"]["energy_pj"] * (1 + SAME)


def test_all_shapes_of_the_network_are_compared():
    assert len(CHOSEN) == 12


@pytest.mark.parametrize("name", ["/layer4/layer4.0/conv2/Conv"])
def test_less_energy_than_zigzag_where_its_factors_are_merged(name):
    """16 passes over C are one factor for ZigZag there; a tile of eight of them fits the register with all taps."""
    layer = layer_from(CHOSEN[name])
    assert layer.sizes == (1, 512, 512, 7, 7, 3, 3)
    assert layer.stride == (1, 1)
    assert best_energy(layer).energy_pj < CHOSEN[name]["chosen"]["energy"]["energy_pj"] * 0.9995


SEARCHED = [entry for entry in GOLDENS["machines"][1]["layers"] if entry["name"] != "nothing to sum"]


@pytest.mark.parametrize("entry", SEARCHED, ids=[entry["name"] for entry in SEARCHED])
def test_never_more_energy_where_memories_are_small(entry):
    bits = GOLDENS["machines"][1]["memory_bits"]
    machine = replace(
        TPU_LIKE,
        weight_register=replace(TPU_LIKE.weight_register, bits=bits["weight_register"]),
        sram=replace(TPU_LIKE.sram, bits=bits["sram"]),
    )
    layer = layer_from(entry)
    ours = best_energy(layer, machine).energy_pj
    theirs = [*entry["chosen"].values(), *entry["sample"]]
    assert all(ours <= energy(nest_from(layer, one["mapping"], machine)).total_pj * (1 + SAME) for one in theirs)
    if entry["name"] == "wide":
        assert ours < 0.5 * entry["chosen"]["energy"]["energy_pj"]


def test_tiles_that_do_not_divide_are_used_where_they_are_better():
    """Seven passes over K in a register of four weights: tiles of four and three, which no divisor gives."""
    layer = Layer("prime", (1, 14, 2, 1, 16, 1, 1))
    machine = small_machine(register_bits=32, sram_bits=400)
    nest = best_energy(layer, machine).nest
    edges = {nest.edges(bound) for bound in range(len(nest.loops) + 1)}
    whole = passes(layer, machine)
    assert any(size % edge for tile in edges for size, edge in zip(whole, tile, strict=True))
    divisors = [[edge for edge in edges_of(size, every=True) if size % edge == 0] for size in whole]
    with_divisors = least_with_edges(layer, machine, divisors)
    assert energy(nest).total_pj < with_divisors * (1 - 1e-6)


def least_with_edges(layer, machine, edges):
    """The least energy of all nests whose tiles have these edges."""
    least = inf
    for loops in loop_lists(passes(layer, machine), edges):
        for bounds in product(range(len(loops) + 1), repeat=4):
            if bounds[2] > bounds[3]:
                continue
            try:
                nest = LoopNest(layer, machine, loops, Inside(*bounds))
            except InfeasibleError:
                continue
            least = min(least, energy(nest).total_pj)
    return least


def test_the_same_answer_every_time():
    layer = layer_from(CHOSEN["/layer4/layer4.0/conv2/Conv"])
    assert best_energy(layer) == best_energy(layer)


def test_larger_memories_never_cost_more():
    layer = Layer("conv", (1, 96, 64, 20, 20, 3, 3))
    found = [
        best_energy(layer, replace(TPU_LIKE, sram=replace(TPU_LIKE.sram, bits=bits))).energy_pj
        for bits in (20_000, 50_000, 100_000, 200_000, 1_000_000)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_edges_are_the_smallest_for_each_number_of_trips():
    assert edges_of(7) == (1, 2, 3, 4, 7)
    assert edges_of(1) == (1,)
    assert edges_of(6, every=True) == (1, 2, 3, 4, 5, 6)
    assert all(size % edge or edge in edges_of(size) for size in range(1, 200) for edge in range(1, size + 1))


def test_a_layer_that_fits_nowhere_is_infeasible():
    with pytest.raises(InfeasibleError, match="no tile fits"):
        best_energy(Layer("big", (1, 8, 8, 2, 2, 1, 1)), small_machine(sram_bits=16))


def test_a_layer_that_sums_nothing_up_is_not_searched():
    """Two of its outputs fit the register of one sum."""
    with pytest.raises(UnsupportedError, match="16 bit for outputs of 8 bit"):
        best_energy(Layer("products", (1, 64, 1, 12, 10, 1, 1)))


def test_a_register_of_several_sums_is_not_searched():
    machine = replace(TPU_LIKE, output_register=replace(TPU_LIKE.output_register, bits=64))
    with pytest.raises(UnsupportedError, match="64 bit"):
        best_energy(Layer("conv", (1, 8, 8, 2, 2, 1, 1)), machine)
