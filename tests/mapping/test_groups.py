"""Which runs of ops can be cut into blocks, and how."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.execute import whole
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.graph.space import volume
from cosim.mapping.choose import weigh
from cosim.mapping.fusion import Fuser
from cosim.mapping.groups import group_of, stages
from cosim.mapping.objective import find_objective
from cosim.mapping.problem import Problem
from cosim.mapping.strips import Cut, strips_of
from cosim.mapping.tiler import Tiler
from cosim.program.check import check
from cosim.program.program import Flag
from cosim.simulation import seeded_inputs
from cosim.timing import compiled
from tests.mapping.blocks import SMALL, attention, even, executed, fused, graph_of, inverted, mlp, whole_group
from tests.mapping.networks import KINDS, int8_formats, networks


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


# --- what looks alike ---------------------------------------------------------------------------------------------


def blocks_of(widths: tuple[int, ...]) -> Graph:
    """Residual blocks in a row, one of each width."""
    build = Builder("blocks")
    x = build.input("input", (1, 8, 16, 16))
    for width in widths:
        y = build.conv2d(x, width, 3, padding=1)
        x = build.op("add", [x, build.conv2d(y, 8, 3, padding=1)])
    build.output(x)
    return int8_formats(build.build())


def fuser_of(graph: Graph) -> Fuser:
    return Fuser(Problem.of(graph, SMALL, KINDS), Tiler(graph, SMALL, KINDS))


def test_blocks_that_look_alike_are_planned_once() -> None:
    graph = blocks_of((16, 16, 24, 16))
    fuser = fuser_of(graph)
    plan = weigh(fuser.tiler, fuser, find_objective("memory"))
    assert plan.residents == {}
    found = []
    for first in (0, 3, 6, 9):
        group = fuser.group(first, first + 2, 2, even(16, 4))
        assert group is not None
        assert [op.name for op in group.ops] == [op.name for op in graph.ops[first : first + 3]]
        assert set(group.inner) == {op.output for op in group.ops[:-1]}
        assert group.kept == {group.ops[0].output}
        estimate = fuser.expected(group, plan.residents, plan.live)
        assert estimate is not None
        found.append((estimate.latency_fs, estimate.traffic_bytes))
    assert found[0] == found[1] == found[3] != found[2]
    assert len(fuser._costs) == 2
    fresh = fuser_of(graph)
    group = fresh.group(9, 11, 2, even(16, 4))
    assert group is not None
    estimate = fresh.expected(group, plan.residents, plan.live)
    assert estimate is not None
    assert (estimate.latency_fs, estimate.traffic_bytes) == found[3]


def test_what_stays_on_chip_makes_a_difference() -> None:
    graph = blocks_of((16, 16))
    fuser = fuser_of(graph)
    plan = weigh(fuser.tiler, fuser, find_objective("memory"))
    between = graph.ops[2].output
    kept = {between: ("sram", 0)}
    one, two = (fuser.group(first, first + 2, 2, even(16, 4)) for first in (0, 3))
    assert one is not None
    assert two is not None
    alone, behind = (fuser.expected(group, {}, plan.live) for group in (one, two))
    writes, reads = (fuser.expected(group, kept, plan.live) for group in (one, two))
    assert alone is not None
    assert behind is not None
    assert writes is not None
    assert reads is not None
    assert alone.traffic_bytes == behind.traffic_bytes
    n_bytes = graph.tensors[between].bytes
    assert writes.traffic_bytes == alone.traffic_bytes - n_bytes
    assert reads.traffic_bytes < behind.traffic_bytes - n_bytes, "read by two ops, once with a halo"


def test_ops_that_hand_their_results_on_otherwise_do_not_look_alike() -> None:
    build = Builder("wired")
    x = build.input("input", (1, 8, 8, 8))
    a = build.conv2d(x, 8, 1)
    b = build.op("add", [a, x])
    c = build.conv2d(b, 8, 1)
    d = build.op("add", [c, c])
    build.output(build.op("add", [d, b]))
    graph = int8_formats(build.build())
    likeness = fuser_of(graph).likeness
    assert likeness.op[graph.ops[0].name] == likeness.op[graph.ops[2].name]
    assert likeness.window(0, 1) != likeness.window(2, 3)
    assert likeness.outside(2, 3) == (b, graph.ops[2].inputs[1], *graph.ops[2].inputs[2:], d)


@given(graph=networks(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_strips_say_what_the_boxes_of_an_op_say(graph: Graph, data: st.DataObject) -> None:
    """The sums of a strip against the access functions, on random ops, axes and blocks."""
    op = graph.ops[data.draw(st.integers(0, len(graph.ops) - 1))]
    shape = graph.tensors[op.output].shape
    axis = data.draw(st.integers(0, len(shape) - 1))
    inside = data.draw(st.permutations(range(1, shape[axis])))[: data.draw(st.integers(0, 4))]
    space = graph.space(op)
    strips = strips_of(space, Cut(axis, tuple(pairwise((0, *sorted(inside), shape[axis])))))
    if strips is None:
        return
    boxes = strips.cut.boxes(space.sizes)
    for number, access in enumerate((*space.inputs, space.output)):
        touched = access.boxes(boxes)
        assert (strips.elements[:, number] == volume(touched)).all()
        assert strips.moves[number] == (strips.cut.along in access.loops())
        need = strips.needs[number] if number < len(op.inputs) else None
        if need is not None:
            ranges = np.array(need.ranges)
            assert (ranges[:, 0] <= touched[:, need.along, 0]).all()
            assert (ranges[:, 1] >= touched[:, need.along, 1]).all()
    made = space.output.boxes(boxes)[:, axis]
    assert made.tolist() == [list(span) for span in pairwise((0, *sorted(inside), shape[axis]))]
