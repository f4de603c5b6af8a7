"""Where a group begins and ends: what comes next is loaded while what is there computes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping.groups import group_of
from cosim.program.check import check
from cosim.program.program import Program
from cosim.timing import Times, compiled
from tests.mapping.blocks import even, fused
from tests.mapping.networks import device, int8_formats

ROOMS = ("24 KiB", "32 KiB", "48 KiB", "64 KiB")


@cache
def case(sram: str) -> tuple[Graph, Program, Times]:
    """An op, a group of three in four blocks, an op, a group of two, an op: all of them wait for the array."""
    build = Builder("borders")
    x = build.input("input", (1, 16, 24, 24))
    for name in ("before", "a", "b", "c", "between", "d", "e", "after"):
        x = build.conv2d(x, 16, 3, padding=1, name=name)
    build.output(x)
    graph = int8_formats(build.build())
    hardware: Hardware = device(sram=sram, accumulator="4 KiB")
    groups = tuple(group_of(graph, *span, 2, even(24, 4), keep=True) for span in ((1, 3), (5, 6)))
    program = fused(graph, hardware, tuple(group for group in groups if group is not None)).program
    assert (program.buffers.ring >= 0).sum() == 3
    check(program, graph)
    return graph, program, compiled.simulate(program)


def computes(program: Program, op: str) -> np.ndarray:
    return np.flatnonzero(program.op == program.ops.index(op))


@pytest.mark.parametrize("sram", ROOMS)
@pytest.mark.parametrize(("done", "following"), [("before", "a"), ("c", "between"), ("between", "d"), ("e", "after")])
def test_weights_arrive_while_the_ops_before_compute(sram: str, done: str, following: str) -> None:
    graph, program, times = case(sram)
    op = next(op for op in graph.ops if op.name == following)
    weights = program.tensors.index(op.inputs[1])
    loads = np.flatnonzero((program.op < 0) & (program.tensor == weights))
    end = times.end_fs[computes(program, done)].max()
    assert times.end_fs[loads].min() < end


@pytest.mark.parametrize("sram", ROOMS)
def test_the_array_hardly_waits_between_groups_and_ops(sram: str) -> None:
    graph, program, times = case(sram)
    idle = 0
    for one, two in zip(graph.ops, graph.ops[1:], strict=False):
        end, start = times.end_fs[computes(program, one.name)].max(), times.start_fs[computes(program, two.name)].min()
        idle += max(start - end, 0)
    assert idle < 0.02 * times.makespan_fs
