"""A cluster of cores: the contract of engine kinds, counted instructions, and cores that have nothing to do."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import compress
from cosim.graph import Builder
from cosim.plugin import load_registry
from cosim.testing import EngineKindContract, engine

PARAMETERS = {
    "cores": 8,
    "width": 4,
    "block_channels": 4,
    "block_pixels": 2,
    "cycles_per_output": 10,
    "cycles_per_tap": 20,
    "cycles_per_element": 3,
    "cycles_per_column": 30,
    "cycles_per_row": 6,
    "cycles_per_input": 2.5,
    "cycles_per_operation": 3,
}


def cluster(**changes):
    return replace(engine("cluster", **{**PARAMETERS, **changes}), accumulators=None)


class TestCluster(EngineKindContract):
    bad_parameters = (
        {"cores": 0},
        {"cores": True},
        {"width": None},
        {"block_pixels": 1.5},
        {"cycles_per_output": -1},
        {"cycles_per_input": "much"},
        {"stall": 0.9},
    )

    @pytest.fixture
    def kind(self):
        return load_registry().get("engine_kinds", "cluster")

    @pytest.fixture
    def engine(self):
        return cluster(stall=1.2)


class TestOneCore(TestCluster):
    @pytest.fixture
    def engine(self):
        return cluster(cores=1, width=1, block_channels=1, block_pixels=1)


class TestWithWeightsOfItsOwn(TestCluster):
    @pytest.fixture
    def engine(self):
        return replace(cluster(), weights="weights")

    def test_every_operand_byte_is_read(self, kind, engine, graph, work):
        for op, tilings in work:
            for tiles in tilings:
                actions = kind.actions(engine, op, graph, tiles)
                weights = sum(graph.tensors[n].bytes for n in op.inputs[1:] if n in graph.constants)
                assert actions.get("weights.read_bytes", np.zeros(1)).sum() >= weights


def layer(kind, channels, outputs, size, stride=1):
    b = Builder("one", seed=0)
    x = b.input("x", (1, channels, size, size))
    if kind == "pointwise":
        x = b.conv2d(x, outputs, 1, name="layer")
    elif kind == "depthwise":
        x = b.depthwise(x, 3, stride, 1, name="layer")
    else:
        x = b.avg_pool2d(x, size, name="layer")
    b.output(x)
    return compress(b.build(), "int8", calibrate=False)


def cycles(graph, **changes):
    kind, op = load_registry().get("engine_kinds", "cluster"), graph.ops[0]
    return int(kind.cycles(cluster(**changes), op, graph, graph.space(op).whole)[0])


def test_a_product_takes_the_instructions_of_its_blocks():
    """16 x 16 pixels, 2 rows per core: 16 pairs of pixels, 8 blocks of 4 filters, 16 words: 6 loads and 8 products."""
    assert cycles(layer("pointwise", 64, 32, 16)) == 16 * (8 * 16 * 14) + 32 * 32 * 10


def test_rows_that_do_not_go_round_are_halved():
    """Four rows for eight cores: half a row each, as fast as two rows of eight would be shared."""
    assert cycles(layer("pointwise", 64, 32, 4)) == 1 * (8 * 16 * 14) + 2 * 32 * 10


def test_a_pooling_to_one_pixel_runs_on_one_core():
    graph = layer("pool", 64, 64, 4)
    assert cycles(graph) == cycles(graph, cores=1) == 3 * 64 * 16


def test_a_depthwise_convolution_pays_for_every_input():
    one, other = (layer("depthwise", 64, 64, 32, stride) for stride in (1, 2))
    for graph in (one, other):
        inputs = 64 * 32 * 32
        assert cycles(graph) - cycles(graph, cycles_per_input=0) == int(2.5 * inputs)
    assert cycles(other) > 0.5 * cycles(one)


def test_cores_that_wait_are_not_counted_as_busy():
    kind, graph = load_registry().get("engine_kinds", "cluster"), layer("depthwise", 64, 64, 32)
    op = graph.ops[0]
    counts = [
        kind.actions(cluster(cycles_per_input=n), op, graph, graph.space(op).whole)["unit.host_cycle"][0]
        for n in (0, 9)
    ]
    assert counts[0] == counts[1]
