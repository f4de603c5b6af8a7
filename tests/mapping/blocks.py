"""Networks that run as one group, in blocks: what the tests of groups share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from cosim.compress import compress
from cosim.execute import scheduled
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping.build import build
from cosim.mapping.choose import tiled, weigh
from cosim.mapping.fusion import Fuser
from cosim.mapping.groups import Group, group_of
from cosim.mapping.objective import find_objective
from cosim.mapping.problem import Problem
from cosim.mapping.tiler import Tiler
from cosim.program.plan import Mapping
from cosim.program.program import Program
from cosim.simulation import seeded_inputs
from cosim.timing import Times, compiled
from tests.mapping.networks import KINDS, device

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


def rejoined() -> Builder:
    """A residual around two windows: what the first op makes is needed far above and below its own rows."""
    build = Builder("rejoined")
    x = build.conv2d(build.input("input", (1, 4, 18, 12)), 8, 3, padding=1, name="a")
    y = build.conv2d(x, 8, 3, padding=1, name="b")
    y = build.conv2d(y, 8, 3, padding=1, name="c")
    build.output(build.op("add", [x, y], name="sum"))
    return build


def strided() -> Builder:
    build = Builder("strided")
    x = build.conv2d(build.input("input", (1, 4, 21, 12)), 16, 1, name="expand")
    x = build.conv2d(x, 16, 3, padding=1, stride=2, groups=16, name="depthwise")
    build.output(build.conv2d(x, 8, 3, padding=1, name="project"))
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
    "residual around windows, rows": (rejoined, 2, 6),
    "strided depthwise, rows": (strided, 2, 4),
}
HALO = {
    "conv chain, rows",
    "conv chain, columns",
    "inverted residual, rows",
    "stem and pool, rows",
    "residual around windows, rows",
    "strided depthwise, rows",
}
WAYS = [*((name, False) for name in sorted(CASES)), *((name, True) for name in sorted(HALO))]  # rows again, or kept


@cache
def graph_of(make: Callable[[], Builder]) -> Graph:
    return compress(make().build(), "int8", None, calibrate=True)


def even(extent: int, blocks: int) -> tuple[int, ...]:
    return tuple(extent * block // blocks for block in range(blocks + 1))


def whole_group(graph: Graph, axis: int, blocks: int, *, keep: bool = False) -> Group | None:
    extent = graph.tensors[graph.ops[-1].output].shape[axis]
    return group_of(graph, 0, len(graph.ops) - 1, axis, even(extent, blocks), keep=keep)


def fused(graph: Graph, hardware: Hardware, groups: tuple[Group, ...]) -> Mapping:
    problem = Problem.of(graph, hardware, KINDS)
    tiler, objective = Tiler(graph, hardware, KINDS), find_objective("balanced")
    fuser = Fuser(problem, tiler)
    return build(problem, tiled(tiler, fuser, objective, weigh(tiler, fuser, objective, groups)))


@cache
def case(name: str, *, keep: bool = False) -> tuple[Graph, Mapping, Times]:
    """A network, its program as one group, and the times of that; rows of windows computed again, or kept."""
    make, axis, blocks = CASES[name]
    graph = graph_of(make)
    group = whole_group(graph, axis, blocks, keep=keep)
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


def macs(program: Program) -> int:
    """Multiply-accumulates that the program computes, twice computed ones twice."""
    return sum(
        int(program.services.actions[program.service, column].sum())
        for column, action in enumerate(program.actions)
        if ".mac_" in action
    )
