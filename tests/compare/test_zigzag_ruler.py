"""The ruler against ZigZag's own numbers, and against counting tile by tile."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings

from cosim.compare.zigzag.layer import DIMS, RELEVANT, Layer
from cosim.compare.zigzag.machine import TPU_LIKE
from cosim.compare.zigzag.nest import Inside, Loop, LoopNest
from cosim.compare.zigzag.read import layer_from, nest_from
from cosim.compare.zigzag.ruler import energy
from cosim.compare.zigzag.tile import input_elements, output_elements, passes, used_pes, weight_elements
from cosim.errors import DescriptionError, InfeasibleError
from tests.compare.nests import layers, nests, small_machine

GOLDENS = json.loads((Path(__file__).parent / "zigzag_goldens.json").read_text("utf-8"))
WAYS = {
    "to_inner": "rd_out_to_low",
    "from_inner": "wr_in_by_low",
    "to_outer": "rd_out_to_high",
    "from_outer": "wr_in_by_high",
}
LEVELS = {
    ("W", "weight_register"): 0,
    ("W", "dram"): 1,
    ("I", "sram"): 0,
    ("I", "dram"): 1,
    ("O", "output_register"): 0,
    ("O", "sram"): 1,
    ("O", "dram"): 2,
}


def machine_of(recorded):
    bits = recorded["memory_bits"]
    return replace(
        TPU_LIKE,
        weight_register=replace(TPU_LIKE.weight_register, bits=bits["weight_register"]),
        sram=replace(TPU_LIKE.sram, bits=bits["sram"]),
    )


CASES = [(machine_of(recorded), entry) for recorded in GOLDENS["machines"] for entry in recorded["layers"]]
NAMES = [entry["name"] for _, entry in CASES]


@pytest.mark.parametrize(("machine", "entry"), CASES, ids=NAMES)
def test_energy_is_that_of_zigzag(machine, entry):
    layer = layer_from(entry)
    assert layer.macs == entry["macs"]
    for one in [*entry["chosen"].values(), *entry["sample"]]:
        nest = nest_from(layer, one["mapping"], machine)
        assert energy(nest).total_pj == pytest.approx(one["energy_pj"], rel=1e-12)


@pytest.mark.parametrize(("machine", "entry"), CASES, ids=NAMES)
def test_every_access_count_is_that_of_zigzag(machine, entry):
    layer = layer_from(entry)
    for one in entry["chosen"].values():
        theirs = {
            (operand, memory, way): one["accesses"][operand][level][WAYS[way]]
            for (operand, memory), level in LEVELS.items()
            for way in WAYS
        }
        ours = dict.fromkeys(theirs, 0)
        for part in energy(nest_from(layer, one["mapping"], machine)).parts:
            ours[part.operand, part.memory, part.way] += part.accesses
        assert ours == theirs


@pytest.mark.parametrize(("machine", "entry"), CASES, ids=NAMES)
def test_tiles_reach_as_far_as_zigzag_says(machine, entry):
    for one in [*entry["chosen"].values(), *entry["sample"]]:
        nest = nest_from(layer_from(entry), one["mapping"], machine)
        inside = one["mapping"]["inside"]
        ones = sum(trips == 1 for _, trips in one["mapping"]["loops"])
        assert ones == 0
        assert nest.reach("W", nest.inside.weight_register) == inside["W"][0]
        assert nest.reach("I", nest.inside.input_sram) == inside["I"][0]
        assert nest.reach("O", nest.inside.output_register) == inside["O"][0]
        assert nest.reach("O", nest.inside.output_sram) == inside["O"][1]


def test_the_goldens_hold_hard_cases():
    """Tiles that travel, sums that leave the SRAM, broken passes of the array: else equality says little."""
    found = set()
    for machine, entry in CASES:
        layer = layer_from(entry)
        for one in [*entry["chosen"].values(), *entry["sample"]]:
            nest = nest_from(layer, one["mapping"], machine)
            parts = {(p.operand, p.memory, p.way): p.accesses for p in energy(nest).parts}
            reloaded = parts["I", "dram", "to_inner"] * 64 > 8 * 1.5 * input_elements(
                layer, machine, passes(layer, machine)
            )
            found |= {"inputs again"} if reloaded else set()
            found |= {"sums in DRAM"} if ("O", "dram", "to_inner") in parts else set()
            found |= {"sums in SRAM"} if ("O", "sram", "to_inner") in parts else set()
            found |= {"broken pass"} if layer.size("K") % 32 and layer.size("K") > 32 else set()
            found |= {"weights kept at the MAC"} if nest.reach("W", 0) else set()
            found |= {"inputs kept at the array"} if nest.reach("I", 0) else set()
    assert found == {
        *("inputs again", "sums in DRAM", "sums in SRAM", "broken pass"),
        *("weights kept at the MAC", "inputs kept at the array"),
    }


def walked(nest, operand, bound):
    """Edges of every tile of an operand that the loops outside `bound` ask for, one after the other.

    Walks through all iterations of those loops; a tile is where the loops inside begin, cut at the layer's end.
    """
    whole = passes(nest.layer, nest.machine)
    inner = nest.loops[:bound]
    steps = []  # per outer loop: its dimension and how far one trip goes
    for place in range(bound, len(nest.loops)):
        dim = nest.loops[place].dim
        step = 1
        for loop in nest.loops[:place]:
            step *= loop.trips if loop.dim == dim else 1
        steps.append((DIMS.index(dim), step))
    size = [1] * len(DIMS)
    for loop in inner:
        size[DIMS.index(loop.dim)] *= loop.trips
    for trips in product(*(range(loop.trips) for loop in nest.loops[bound:])):
        begin = [0] * len(DIMS)
        for (dim, step), trip in zip(steps, trips, strict=True):
            begin[dim] += step * trip
        if all(b < w for b, w in zip(begin, whole, strict=True)):
            yield tuple(min(s, w - b) for s, b, w in zip(size, begin, whole, strict=True))


@settings(max_examples=150, deadline=None)
@given(nests())
def test_traffic_is_what_walking_through_the_loops_counts(nest):
    layer, machine = nest.layer, nest.machine
    parts = {(part.operand, part.memory, part.way): part.accesses for part in energy(nest).parts}
    pes, dram = used_pes(layer, machine), machine.dram
    tiles = list(walked(nest, "W", nest.reach("W", nest.inside.weight_register)))
    read = sum(dram.words(weight_elements(edges) * pes, layer.weight_bits) for edges in tiles)
    assert parts["W", "dram", "to_inner"] == dram.accesses(read)
    tiles = list(walked(nest, "I", nest.reach("I", nest.inside.input_sram)))
    read = sum(dram.words(input_elements(layer, machine, edges), layer.input_bits) for edges in tiles)
    assert parts["I", "dram", "to_inner"] == dram.accesses(read)
    tiles = list(walked(nest, "O", nest.reach("O", nest.inside.output_sram)))
    sums = ("O", "dram", "to_inner") in parts
    bits = layer.sum_bits if sums else layer.output_bits
    written = sum(dram.words(output_elements(layer, machine, edges), bits) for edges in tiles)
    assert parts["O", "dram", "from_inner"] == dram.accesses(written)
    drains = len(list(walked(nest, "O", nest.reach("O", nest.inside.output_register))))
    assert parts["O", "output_register", "to_outer"] == drains * pes  # a word is as wide as a sum
    assert parts["W", "weight_register", "to_inner"] == pes * len(list(walked(nest, "W", nest.reach("W", 0))))


@settings(max_examples=100, deadline=None)
@given(nests())
def test_nothing_moves_less_than_once(nest):
    """Whatever the tiles, DRAM reads each weight and writes each output at least once."""
    layer, parts = nest.layer, {(p.operand, p.memory, p.way): p.accesses for p in energy(nest).parts}
    width = nest.machine.dram.wide_bits
    whole = passes(layer, nest.machine)
    weights = weight_elements(whole) * used_pes(layer, nest.machine)
    assert parts["W", "dram", "to_inner"] * width > weights * layer.weight_bits - width
    outputs = output_elements(layer, nest.machine, whole) * layer.output_bits
    assert parts["O", "dram", "from_inner"] * width > outputs - width


@settings(max_examples=60, deadline=None)
@given(layers())
def test_a_loop_that_does_not_touch_an_operand_costs_it_nothing(layer):
    """The weights' boundary below or above loops over positions gives the same energy."""
    machine = replace(small_machine(), weight_register=replace(TPU_LIKE.weight_register, bits=10_000))
    whole = dict(zip(DIMS, passes(layer, machine), strict=True))
    reductions = [Loop(dim, whole[dim]) for dim in RELEVANT["W"] if whole[dim] > 1]
    positions = [Loop(dim, whole[dim]) for dim in DIMS if dim not in RELEVANT["W"] and whole[dim] > 1]
    loops = (*reductions, *positions)
    costs = {
        energy(LoopNest(layer, machine, loops, Inside(bound, 0, 0, 0))).of("W", "dram")
        for bound in range(len(reductions), len(loops) + 1)
    }
    assert len(costs) == 1


LAYER = Layer("conv", (1, 64, 64, 8, 8, 3, 3))
LOOPS = (Loop("FX", 3), Loop("FY", 3), Loop("OX", 8), Loop("OY", 8), Loop("C", 2), Loop("K", 2))


@pytest.mark.parametrize(
    ("loops", "inside", "error", "message"),
    [
        (LOOPS[:-1], Inside(0, 0, 0, 0), DescriptionError, "over K"),
        ((*LOOPS, Loop("K", 2)), Inside(0, 0, 0, 0), DescriptionError, "over K"),
        ((*LOOPS[:2], Loop("OX", 3), Loop("OX", 4), *LOOPS[3:]), Inside(0, 0, 0, 0), DescriptionError, "over OX"),
        ((Loop("OX", 0), *LOOPS), Inside(0, 0, 0, 0), DescriptionError, "over OX"),
        (LOOPS, Inside(0, 7, 0, 0), DescriptionError, "boundaries"),
        (LOOPS, Inside(0, 0, 2, 1), DescriptionError, "boundaries"),
        (LOOPS, Inside(0, 0, 3, 3), InfeasibleError, "output_register"),
        (LOOPS, Inside(6, 6, 2, 6), None, ""),
    ],
)
def test_a_nest_that_cannot_be_is_refused(loops, inside, error, message):
    if error is None:
        assert energy(LoopNest(LAYER, TPU_LIKE, loops, inside)).total_pj > 0
        return
    with pytest.raises(error, match=message):
        LoopNest(LAYER, TPU_LIKE, loops, inside)


def test_an_overfull_memory_is_named_with_demand_and_room():
    tight = replace(TPU_LIKE, weight_register=replace(TPU_LIKE.weight_register, bits=64))
    with pytest.raises(InfeasibleError, match=r"weight_register: tiles of 72 bit, room for 64 bit, 8 bit too many"):
        LoopNest(LAYER, tight, LOOPS, Inside(2, 0, 0, 0))
    tight = replace(TPU_LIKE, sram=replace(TPU_LIKE.sram, bits=10_000))
    with pytest.raises(InfeasibleError, match="sram"):
        LoopNest(LAYER, tight, LOOPS, Inside(0, 6, 0, 6))


def test_a_cut_loop_is_counted_with_its_own_sizes():
    """Seven columns in tiles of 4 and 3: the second tile of outputs is the smaller one."""
    layer = Layer("row", (1, 32, 32, 1, 7, 1, 1))
    loops = (Loop("OX", 4), Loop("OX", 2))
    parts = {(p.operand, p.memory, p.way): p.accesses for p in energy(
        LoopNest(layer, TPU_LIKE, loops, Inside(0, 1, 0, 1))).parts}  # fmt: skip
    assert parts["I", "dram", "to_inner"] == (4 + 3) * 32 * 8 // 64
    assert parts["O", "dram", "from_inner"] == (4 + 3) * 32 * 8 // 64


def test_a_layer_without_a_loop_size_is_refused():
    with pytest.raises(DescriptionError, match="layer 'nothing'"):
        Layer("nothing", (1, 64, 0, 8, 8, 3, 3))
