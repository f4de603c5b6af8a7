"""The arrays of the comparison: closed forms, and zeros that are left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import compress
from cosim.graph import Builder
from cosim.plugin import load_registry
from cosim.testing import EngineKindContract, engine, random_tiles
from cosim_plugins.smartexchange.synapse_array import _left, _nonzero


def network():
    b = Builder("layers", 0)
    x = b.input("image", (1, 20, 7, 7))
    x = b.conv2d(x, 30, 3, padding=1, activation="relu", name="window")
    x = b.depthwise(x, 3, padding=1, name="depthwise")
    x = b.conv2d(x, 12, 3, groups=2, name="grouped")
    b.output(b.linear(b.flatten(x), 10, name="head"))
    return b.build()


def op_named(graph, name):
    return next(op for op in graph.ops if op.name == name)


@pytest.fixture
def kind():
    return load_registry()["engine_kinds"]["synapse_array"]


@pytest.mark.parametrize("skip_zeros", [False, True])
class TestSynapseArray(EngineKindContract):
    bad_parameters = ({"filters": 0}, {"synapses": "4"}, {"skip_zeros": 1})

    @pytest.fixture
    def kind(self, kind):
        return kind

    @pytest.fixture
    def engine(self, skip_zeros):
        return replace(engine("synapse_array", filters=4, synapses=8, skip_zeros=skip_zeros), accumulators=None)

    @pytest.fixture
    def graph(self):
        return compress(network(), "int8", calibrate=False)


def test_dense_cycles(kind):
    graph = compress(network(), "int8", calibrate=False)
    unit = engine("synapse_array", filters=4, synapses=8)

    def cycles(name):
        op = op_named(graph, name)
        return int(kind.cycles(unit, op, graph, graph.space(op).whole)[0])

    assert cycles("window") == 8 * 49 * (3 * 9)  # 30 filters by 4, 49 pixels, 20 channels by 8 and 9 taps
    assert cycles("depthwise") == 8 * 49 * 2  # 30 channels by 4, 9 taps by 8
    assert cycles("grouped") == 2 * 2 * 25 * (2 * 9)
    assert cycles("head") == 3 * 38  # 300 weights by 8


@pytest.mark.parametrize("name", ["window", "grouped", "head", "depthwise"])
def test_the_filter_with_most_weights_sets_the_pace(name, kind):
    graph = compress(network(), "int8", calibrate=False)
    op = op_named(graph, name)
    unit = engine("synapse_array", filters=4, synapses=8, skip_zeros=True)
    generator = np.random.default_rng(0)
    shape = graph.tensors[op.inputs[1]].shape
    codes = generator.integers(1, 9, shape) * (generator.random(shape) < 0.4)
    nonzero = _nonzero(op, graph, {op.inputs[1]: codes.astype(np.int8)})
    tiles = random_tiles(graph.space(op), 3, cuts=kind.cuts(unit, op, graph))
    cycles, macs = _left(unit, op, graph, tiles, nonzero)
    names = [dim.name for dim in graph.space(op).dims]
    groups = op["groups"] if name != "head" else 1
    for i, tile in enumerate(tiles):
        span = dict(zip(names, tile.tolist(), strict=True))
        pixels = 1 if name == "head" else np.prod([b - a for a, b in (span["N"], span["OY"], span["OX"])])
        work = count = 0
        if name == "depthwise":
            lists = [list(range(*span["G"]))]
        else:
            per = shape[0] // groups
            k = span["N"] if name == "head" else span["K"]
            lists = [[g * per + f for f in range(*k)] for g in range(*span.get("G", [0, 1]))]
        for filters in lists:
            for low in range(0, len(filters), 4):
                mine = [np.count_nonzero(codes[f]) for f in filters[low : low + 4]]
                work += max(*(-(-n // 8) for n in mine), 1)
                count += sum(mine)
        assert (cycles[i], macs[i]) == (work * pixels, count * pixels)


def test_without_zeros_skipping_changes_nothing(kind):
    graph = compress(network(), "int8", calibrate=False)
    op = op_named(graph, "window")
    unit = engine("synapse_array", filters=4, synapses=20, skip_zeros=True)
    tiles = graph.space(op).whole
    cycles, macs = _left(unit, op, graph, tiles, np.full(30, 180))
    assert cycles.tolist() == kind.cycles(unit, op, graph, tiles).tolist()
    assert macs.tolist() == [graph.space(op).macs]
