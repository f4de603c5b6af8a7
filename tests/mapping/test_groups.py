"""Which runs of ops can be cut into blocks, and how."""

from __future__ import annotations

import numpy as np

from cosim.execute import whole
from cosim.graph.builder import Builder
from cosim.mapping.groups import group_of, stages
from cosim.mapping.problem import Problem
from cosim.program.check import check
from cosim.program.program import Flag
from cosim.simulation import seeded_inputs
from cosim.timing import compiled
from tests.mapping.blocks import SMALL, attention, even, executed, fused, graph_of, inverted, mlp, whole_group
from tests.mapping.networks import KINDS, int8_formats


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
