"""Programs of groups: the same bits, both timers, nothing moved that need not be, and mutations that are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import compress
from cosim.execute import whole
from cosim.graph.builder import Builder
from cosim.mapping.groups import group_of
from cosim.program.check import check, findings
from cosim.program.program import Flag
from cosim.simulation import seeded_inputs
from cosim.timing import check_bounds, reference
from tests.mapping.blocks import CASES, HALO, SMALL, WAYS, case, executed, fused, macs, moved
from tests.mapping.single import small


@pytest.mark.parametrize(("name", "keep"), WAYS)
def test_a_group_computes_the_same_bits_as_its_ops_one_by_one(name: str, keep: bool) -> None:
    graph, mapping, times = case(name, keep=keep)
    check(mapping.program, graph)
    expected = whole(graph, seeded_inputs(graph, 0)).codes[graph.outputs[0]]
    assert len(np.unique(expected)) > 3
    assert np.array_equal(executed(graph, mapping.program, times), expected)


@pytest.mark.parametrize(("name", "keep"), WAYS)
def test_both_timers_agree_on_groups(name: str, keep: bool) -> None:
    _, mapping, times = case(name, keep=keep)
    assert np.array_equal(reference.simulate(mapping.program).end_fs, times.end_fs)
    check_bounds(mapping.program, times)


@pytest.mark.parametrize(("name", "keep"), WAYS)
def test_what_stays_inside_is_never_moved(name: str, keep: bool) -> None:
    graph, mapping, _ = case(name, keep=keep)
    for op in graph.ops[:-1]:
        assert moved(mapping.program, op.output) == 0
    assert moved(mapping.program, graph.outputs[0]) == graph.tensors[graph.outputs[0]].bytes


@pytest.mark.parametrize(("name", "keep"), WAYS)
def test_only_windows_that_overlap_are_computed_again(name: str, keep: bool) -> None:
    graph, mapping, _ = case(name, keep=keep)
    program = mapping.program
    shared = (program.flags & Flag.SHARED) > 0
    assert shared.any() == (name in HALO and not keep)
    assert (program.buffers.ring >= 0).any() == keep
    if name in HALO and not keep:
        assert macs(program) > graph.macs
    else:
        assert macs(program) == graph.macs


@pytest.mark.parametrize(("name", "keep"), WAYS)
def test_the_plan_names_the_group_and_memories_hold_it(name: str, keep: bool) -> None:
    graph, mapping, _ = case(name, keep=keep)
    blocks = CASES[name][2]
    for plan in mapping.plan.ops:
        if plan.engine:
            assert plan.blocks == blocks
            assert plan.group == f"{graph.ops[0].name} .. {graph.ops[-1].name}"
            assert plan.row()["blocks"] == blocks
    for memory in SMALL.memories.values():
        assert mapping.plan.peak_bytes(memory.name) <= memory.size_bytes


# --- mutations ----------------------------------------------------------------------------------------------------


def test_a_block_at_a_wrong_address_is_found_and_computes_wrong_numbers() -> None:
    graph, mapping, times = case("conv chain, rows")
    program = mapping.program
    table = program.buffers
    sram = program.machine.memories.index("sram")
    inner = program.tensors.index(graph.ops[0].output)
    own = np.flatnonzero((table.tensor == inner) & (table.memory == sram))
    other = np.flatnonzero((table.tensor == program.tensors.index(graph.ops[1].output)) & (table.memory == sram))
    address = table.address.copy()
    address[own] = table.address[other[0]]
    broken = replace(program, buffers=replace(table, address=address))
    assert any("is placed over" in line for line in findings(broken, graph))
    assert not np.array_equal(executed(graph, broken, times), executed(graph, program, times))


@pytest.mark.parametrize("keep", [False, True])
def test_every_wait_of_a_group_is_needed(*, keep: bool) -> None:
    graph, mapping, _ = case("inverted residual, rows", keep=keep)
    program = mapping.program
    needless = []
    for wait in range(len(program.wait_count)):
        counts = program.wait_count.copy()
        counts[wait] -= 1
        if not findings(replace(program, wait_count=counts), graph):
            needless.append(wait)
    assert needless == []


def test_what_is_computed_again_must_be_declared() -> None:
    graph, mapping, _ = case("conv chain, rows")
    program = mapping.program
    flags = program.flags & ~np.int8(Flag.SHARED)
    assert any("more than once" in line for line in findings(replace(program, flags=flags), graph))
    one = program.flags.copy()
    one[np.flatnonzero(one & Flag.SHARED)[0]] &= ~np.int8(Flag.SHARED)
    assert any("more than once" in line for line in findings(replace(program, flags=one), graph))


def test_a_declaration_hides_no_gap() -> None:
    graph, mapping, _ = case("conv chain, rows")
    program = mapping.program
    shared = np.flatnonzero(program.flags & Flag.SHARED)
    box = program.box.copy()
    box[shared[-1]] = box[shared[0]]
    assert findings(replace(program, box=box), graph)


def test_sums_that_are_computed_again_are_complete_each_time() -> None:
    """Both blocks cut rows 1 and 2 of the first op into the same tiles, and both cut its reduction."""
    build = Builder("sums")
    x = build.conv2d(build.input("input", (1, 5, 8, 6)), 2, 1, name="a")
    build.output(build.conv2d(x, 1, 3, name="b"))
    graph = compress(build.build(), "int8", None, calibrate=True)
    group = group_of(graph, 0, 1, 2, (0, 1, 6))
    assert group is not None
    program = fused(graph, small("mac", sram=8192, accumulator=64), (group,)).program
    check(program, graph)
    both = int(Flag.SHARED | Flag.ACCUMULATE)
    again = np.flatnonzero((program.flags & both) == both)
    assert len(again), "cut reductions, or nothing is shown"
    box = program.box.copy()
    box[again[-1]] = program.box[again[-1] - 1]
    assert findings(replace(program, box=box), graph)
