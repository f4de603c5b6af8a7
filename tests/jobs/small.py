"""Small networks as jobs: programs that were mapped once, to be put together in many ways."""

from __future__ import annotations

from functools import cache

import numpy as np

from cosim.compress import compress
from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping.mapper import TiledMapper
from cosim.program.jobs import Job
from cosim.program.steady import steady
from tests.mapping.networks import KINDS, device, residual

MAIN = "dram"


def convolutions(channels: int = 8, size: int = 10) -> Graph:
    """Two convolutions and a classifier on real numbers."""
    build = Builder("convolutions", seed=3)
    x = build.input("input", (1, 3, size, size))
    x = build.conv2d(x, channels, 3, padding=1)
    x = build.conv2d(x, channels, 3, padding=1, groups=channels)
    x = build.op("reshape", [x], shape=(1, channels * size * size))
    build.output(build.linear(x, 5))
    return build.build()


def joined() -> Graph:
    """A concat, whose parts are written into it, and a sum."""
    build = Builder("joined", seed=1)
    x = build.input("input", (1, 4, 8, 8))
    y = build.op("concat", [build.conv2d(x, 4, 3, padding=1), build.conv2d(x, 8, 1)], axis=1)
    build.output(build.conv2d(build.op("relu", [y]), 6, 1))
    return build.build()


@cache
def part() -> Hardware:
    """What one job gets: a memory so small that most passes through rings."""
    return device(sram="8 KiB", accumulator="8 KiB")


@cache
def whole() -> Hardware:
    """Room for four jobs."""
    return device(sram="32 KiB", accumulator="32 KiB")


@cache
def mapped(name: str) -> tuple:
    """Graph, first and later program."""
    graph = {
        "residual": lambda: residual(8, 10),
        "convolutions": lambda: compress(convolutions(), "int8", calibrate=True),
        "joined": lambda: compress(joined(), "int8", calibrate=True),
    }[name]()
    program = TiledMapper().map(graph, part(), KINDS, {"cache": False}).program
    return graph, program, steady(program)


def job(network: str, releases: tuple = (0,), name: str | None = None, **settings: int) -> Job:
    graph, first, later = mapped(network)
    return Job(name or network, graph, first, later, tuple(releases), **settings)


def fed(graph: Graph, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(graph.tensors[name].shape, dtype=np.float32) for name in graph.inputs}
