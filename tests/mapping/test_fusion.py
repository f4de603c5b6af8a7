"""Ops that run block by block: the same bits, legal programs, nothing slower, less to move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

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
from cosim.hardware.hardware import Hardware
from cosim.library import load_graph
from cosim.mapping import TiledMapper
from cosim.mapping.build import build
from cosim.mapping.choose import tiled, weigh
from cosim.mapping.fusion import Fuser
from cosim.mapping.groups import Group, group_of, stages
from cosim.mapping.objective import find_objective
from cosim.mapping.problem import Problem
from cosim.mapping.tiler import Tiler
from cosim.program.check import check, findings
from cosim.program.plan import Mapping
from cosim.program.program import Flag, Program
from cosim.simulation import seeded_inputs
from cosim.timing import Times, check_bounds, compiled, reference
from tests.mapping.networks import KINDS, device, int8_formats, networks
from tests.mapping.single import small

SMALL = device(sram="24 KiB", accumulator="4 KiB")


def conv_chain() -> Builder:
    build = Builder("conv_chain")
    x = build.input("input", (1, 8, 20, 18))
    x = build.conv2d(x, 16, 3, padding=1, name="a")
    x = build.conv2d(x, 24, 3, stride=2, padding=1, name="b")
    build.output(build.conv2d(x, 8, 1, name="c"))
    return build


def inverted(channels: int = 8, size: int = 14) -> Builder:
    build = Builder("inverted")
    x = build.input("input", (1, channels, size, size))
    y = build.conv2d(x, 6 * channels, 1, name="expand")
    y = build.conv2d(y, 6 * channels, 3, padding=1, groups=6 * channels, name="depthwise")
    y = build.conv2d(y, channels, 1, name="project")
    build.output(build.op("add", [x, y], name="sum"))
    return build


def attention() -> Builder:
    build = Builder("attention")
    shape = (1, 4, 32, 16)
    query, key, value = (build.input(name, shape) for name in ("query", "key", "value"))
    scores = build.matmul(query, key, transpose_b=True, name="scores")
    weights = build.softmax(build.scale(scores, 0.25, name="scaled"), name="weights")
    build.output(build.matmul(weights, value, name="mixed"))
    return build


def mlp() -> Builder:
    build = Builder("mlp")
    x = build.input("input", (1, 40, 32))
    x = build.gelu(build.linear(x, 128, name="up"), name="gelu")
    build.output(build.linear(x, 32, name="down"))
    return build


def viewed() -> Builder:
    build = Builder("viewed")
    x = build.linear(build.input("input", (1, 24, 32)), 64, name="heads")
    x = build.reshape(x, (1, 24, 4, 16), name="split")
    build.output(build.transpose(x, (0, 2, 1, 3), name="turned"))
    return build


def pooled() -> Builder:
    build = Builder("pooled")
    x = build.conv2d(build.input("input", (1, 3, 21, 21)), 16, 5, stride=2, padding=2, name="stem")
    build.output(build.max_pool2d(x, 3, stride=2, padding=1, name="pool"))
    return build


def skipping() -> Builder:
    """A window that skips every second row: what nobody reads is computed all the same."""
    build = Builder("skipping")
    x = build.conv2d(build.input("input", (1, 8, 17, 16)), 16, 3, padding=1, name="a")
    build.output(build.conv2d(x, 16, 1, stride=2, name="b"))
    return build


# Network, axis of the result that is cut, blocks.
CASES: dict[str, tuple[Callable[[], Builder], int, int]] = {
    "conv chain, rows": (conv_chain, 2, 4),
    "conv chain, columns": (conv_chain, 3, 3),
    "inverted residual, rows": (inverted, 2, 5),
    "attention, heads": (attention, 1, 4),
    "attention, heads in pairs": (attention, 1, 2),
    "attention, queries": (attention, 2, 4),
    "mlp, tokens": (mlp, 1, 5),
    "mlp, one block": (mlp, 1, 1),
    "view between, tokens": (viewed, 2, 3),
    "stem and pool, rows": (pooled, 2, 3),
    "skipped rows": (skipping, 2, 3),
}
HALO = {"conv chain, rows", "conv chain, columns", "inverted residual, rows", "stem and pool, rows"}


@cache
def graph_of(make: Callable[[], Builder]) -> Graph:
    return compress(make().build(), "int8", None, calibrate=True)


def even(extent: int, blocks: int) -> tuple[int, ...]:
    return tuple(extent * block // blocks for block in range(blocks + 1))


def whole_group(graph: Graph, axis: int, blocks: int, first: int = 0) -> Group | None:
    extent = graph.tensors[graph.ops[-1].output].shape[axis]
    return group_of(graph, first, len(graph.ops) - 1, axis, even(extent, blocks))


def fused(graph: Graph, hardware: Hardware, groups: tuple[Group, ...]) -> Mapping:
    problem = Problem.of(graph, hardware, KINDS)
    tiler, fuser, objective = Tiler(graph, hardware, KINDS), Fuser(problem), find_objective("balanced")
    return build(problem, tiled(tiler, fuser, objective, weigh(tiler, fuser, objective, groups)))


@cache
def case(name: str) -> tuple[Graph, Mapping, Times]:
    make, axis, blocks = CASES[name]
    graph = graph_of(make)
    group = whole_group(graph, axis, blocks)
    assert group is not None
    mapping = fused(graph, SMALL, (group,))
    return graph, mapping, compiled.simulate(mapping.program)


def executed(graph: Graph, program: Program, times: Times) -> np.ndarray:
    fed = seeded_inputs(graph, 0)
    return scheduled(program, graph, times.start_fs, times.end_fs, fed).codes[graph.outputs[0]]


def moved(program: Program, name: str | None = None) -> int:
    moves = program.op < 0
    if name is not None:
        moves &= program.tensor == program.tensors.index(name)
    return int(program.services.n_bytes[program.service[moves]].sum())


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_group_computes_the_same_bits_as_its_ops_one_by_one(name: str) -> None:
    graph, mapping, times = case(name)
    check(mapping.program, graph)
    expected = whole(graph, seeded_inputs(graph, 0)).codes[graph.outputs[0]]
    assert len(np.unique(expected)) > 3
    assert np.array_equal(executed(graph, mapping.program, times), expected)


@pytest.mark.parametrize("name", sorted(CASES))
def test_both_timers_agree_on_groups(name: str) -> None:
    _, mapping, times = case(name)
    assert np.array_equal(reference.simulate(mapping.program).end_fs, times.end_fs)
    check_bounds(mapping.program, times)


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_stays_inside_is_never_moved(name: str) -> None:
    graph, mapping, _ = case(name)
    for op in graph.ops[:-1]:
        assert moved(mapping.program, op.output) == 0
    assert moved(mapping.program, graph.outputs[0]) == graph.tensors[graph.outputs[0]].bytes


@pytest.mark.parametrize("name", sorted(CASES))
def test_only_windows_that_overlap_are_computed_again(name: str) -> None:
    graph, mapping, _ = case(name)
    program = mapping.program
    shared = (program.flags & Flag.SHARED) > 0
    assert shared.any() == (name in HALO)
    macs = sum(
        int(program.services.actions[program.service, column].sum())
        for column, action in enumerate(program.actions)
        if ".mac_" in action
    )
    assert (macs > graph.macs) == (name in HALO)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_plan_names_the_group_and_memories_hold_it(name: str) -> None:
    graph, mapping, _ = case(name)
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


def test_every_wait_of_a_group_is_needed() -> None:
    graph, mapping, _ = case("inverted residual, rows")
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


# --- what can be cut ----------------------------------------------------------------------------------------------


def test_a_depthwise_window_is_cut_by_channels_without_a_halo() -> None:
    graph = graph_of(inverted)
    group = group_of(graph, 0, 1, 1, even(48, 6))
    assert group is not None
    assert not any(cut.overlaps for cut in group.cuts.values())
    mapping = fused(graph, SMALL, (group,))
    check(mapping.program, graph)
    assert not (mapping.program.flags & Flag.SHARED).any()
    expected = whole(graph, seeded_inputs(graph, 0)).codes[graph.outputs[0]]
    assert np.array_equal(executed(graph, mapping.program, compiled.simulate(mapping.program)), expected)


def test_a_result_that_needs_all_of_its_operand_is_not_cut() -> None:
    graph = graph_of(mlp)
    assert whole_group(graph, 2, 2) is None  # channels of `down` need all channels of `up`
    graph = graph_of(attention)
    assert whole_group(graph, 3, 2) is None


def test_a_tensor_that_others_read_does_not_stay_inside() -> None:
    build = Builder("forked")
    x = build.input("input", (1, 8, 8, 8))
    y = build.conv2d(x, 8, 1, name="a")
    z = build.conv2d(y, 8, 1, name="b")
    build.output(build.op("add", [y, z], name="sum"))
    graph = int8_formats(build.build())
    assert group_of(graph, 0, 1, 2, even(8, 2)) is None
    assert group_of(graph, 0, 2, 2, even(8, 2)) is not None


def test_engines_work_on_different_blocks_at_once() -> None:
    graph = graph_of(mlp)
    group = whole_group(graph, 1, 5)
    assert group is not None
    engines = {op.name: Problem.of(graph, SMALL, KINDS).engines[op.name].name for op in graph.ops}
    behind = stages(group, engines)
    assert [behind[op.name] for op in graph.ops] == [0, 1, 2]


# --- the choice ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "sram"), [("mobilenet_v2", "512 KiB"), ("resnet18", "256 KiB"), ("vit_tiny", "256 KiB")]
)
def test_fusion_is_never_slower_and_moves_less(network: str, sram: str) -> None:
    graph = compress(load_graph(network), "int8", None, calibrate=False)
    hardware = device(sram=sram)
    alone = TiledMapper().map(graph, hardware, KINDS, {"fuse": "none", "cache": False})
    together = TiledMapper().map(graph, hardware, KINDS, {"cache": False})
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
    group = group_of(graph, first, last, axis, bounds)
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
