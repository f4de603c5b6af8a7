"""The array's cycles and counts equal a slow walk over its passes, and what the paper says holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import compress
from cosim.execute import whole
from cosim.graph import Builder
from cosim.plugin import load_registry
from cosim.testing import EngineKindContract, engine, random_tiles
from cosim_plugins.smartexchange.booth import digit_counts
from cosim_plugins.smartexchange.work import Array, Bound, Layer, planned

FORMATS = ("int8", "smartexchange")
SMALL = {"filters": 4, "channels": 3, "pixels": 2}


def network(seed=0):
    b = Builder("layers", seed)
    x = b.input("image", (2, 8, 9, 9))
    x = b.conv2d(x, 24, 3, padding=1, activation="relu", name="first")
    x = b.conv2d(x, 24, 3, stride=2, padding=1, activation="relu", name="window")
    x = b.conv2d(x, 40, 1, activation="relu", name="pointwise")
    x = b.depthwise(x, 3, padding=1, name="depthwise")
    x = b.conv2d(x, 40, 3, groups=2, padding=1, name="grouped")
    b.output(b.linear(b.flatten(x), 10, name="head"))
    return b.build()


@pytest.fixture(scope="module")
def executed():
    graph = compress(network(), "smartexchange:theta=0.02")
    x = np.random.default_rng(0).standard_normal((2, 8, 9, 9)).astype(np.float32)
    known = {"formats": load_registry()["formats"], "kernels": load_registry()["kernels"]}
    return graph, whole(graph, {"image": x}, keep="all", **known).codes


def op_named(graph, name):
    return next(op for op in graph.ops if op.name == name)


def slow(array, layer, codes, tile):
    """Cycles, rebuilt rows and digits of a tile of a convolution or linear layer, output by output."""
    op, graph = layer.op, layer.graph
    shape = graph.tensors[op.inputs[1]].shape
    x = codes.astype(int)
    counts = digit_counts(codes).astype(int)
    dims = {dim.name: range(*bounds) for dim, bounds in zip(graph.space(op).dims, tile.tolist(), strict=True)}
    if op.kind.name == "linear":
        x, counts = (v.reshape(-1, v.shape[-1])[:, :, None, None] for v in (x, counts))
        filters, groups = dims["N"], [0]
        fy, fx, stride, pads, dil = 1, 1, (1, 1), (0, 0), (1, 1)
    else:
        filters, groups = dims["K"], dims["G"]
        fy, fx = shape[2:]
        stride, pads, dil = op["strides"], op["pads"], op["dilations"]
    per_group = shape[0] // (op["groups"] if op.kind.name == "conv2d" else 1)
    rebuilt = layer.weights is not None

    def digits(n, c, y, x_):
        if op.kind.name == "linear":
            return counts[x_, c, 0, 0]
        inside = 0 <= y < counts.shape[2] and 0 <= x_ < counts.shape[3]
        return counts[n, c, y, x_] if inside else 0

    def row(n, g, unit, r, oy, lanes):
        """Steps and digits of one row for some lanes."""
        steps, total = 0, 0
        if layer.joined == 3:
            taps = [(g * shape[1] + c, 0, 0) for c in range(3 * unit, min(3 * unit + 3, shape[1]))]
            steps += 3 - len(taps)  # a padded weight takes a cycle
        else:
            taps = [(g * shape[1] + unit, r, f) for f in range(fx)]
        for c, a, f in taps:
            found = [
                digits(n, c, oy * stride[0] + a * dil[0] - pads[0], ox * stride[1] + f * dil[1] - pads[1])
                for ox in lanes
            ]
            steps += max(1, *found) if len(found) > 1 else max(1, found[0])
            total += sum(found)
        return steps, total

    rows_of_x = range(*graph.space(op).inputs[0].boxes(tile[None])[0][0]) if op.kind.name == "linear" else None
    images = [0] if op.kind.name == "linear" else dims["N"]
    lines_of = [0] if op.kind.name == "linear" else dims["OY"]
    across = rows_of_x if op.kind.name == "linear" else dims["OX"]
    units = -(-shape[1] // layer.joined)
    cycles = rows = all_digits = 0
    for g in groups:
        for begin in range(filters.start, filters.stop, array.filters):
            some = range(begin, min(begin + array.filters, filters.stop))
            for n in images:
                for oy in lines_of:
                    for low in range(across.start, across.stop, array.pixels):
                        lanes = range(low, min(low + array.pixels, across.stop))
                        work = np.zeros((len(some), array.channels), int)
                        for unit in range(units):
                            for r in range(fy):
                                steps, total = row(n, g, unit, r, oy, lanes)
                                time = array.row_cycles(np.array(steps), rebuilt=rebuilt)
                                for i, k in enumerate(some):
                                    stored = True
                                    if rebuilt and array.skip_rows:
                                        stored = layer.weights.nonzero_rows[g * per_group + k, unit * fy + r]
                                    if stored and (total or not array.skip_rows):
                                        work[i, unit % array.channels] += int(time)
                                        rows += rebuilt
                                    all_digits += total * stored
                        cycles += work.max()
    return cycles, rows, all_digits


@pytest.mark.parametrize("name", ["first", "window", "pointwise", "grouped", "head"])
@pytest.mark.parametrize("change", [{}, {"skip_rows": False}, {"rebuild_cycles": 7}])
def test_equals_a_slow_walk(executed, name, change):
    graph, codes = executed
    op, array = op_named(graph, name), Array(**SMALL, **change)
    layer = Layer.of(op, graph)
    kind, unit = (
        load_registry()["engine_kinds"]["smartexchange_array"],
        engine("smartexchange_array", formats=FORMATS, **SMALL),
    )
    tiles = random_tiles(graph.space(op), 1, cuts=kind.cuts(unit, op, graph))[:3]
    found = Bound(array, layer, codes[op.inputs[0]]).work(tiles)
    for i, tile in enumerate(tiles):
        cycles, rows, digits = slow(array, layer, codes[op.inputs[0]], tile)
        assert (found.cycles[i], found.rebuilt[i], found.digits[i]) == (max(cycles, 1), rows, digits)


def test_depthwise_takes_channels_for_filters(executed):
    graph, codes = executed
    op, array = op_named(graph, "depthwise"), Array(**SMALL)
    layer = Layer.of(op, graph)
    assert layer.by_taps
    tile = graph.space(op).whole
    counts = np.pad(digit_counts(codes[op.inputs[0]]).astype(int), ((0, 0), (0, 0), (1, 1), (1, 2)))
    cycles = digits = 0
    for n in range(2):
        for low in range(0, 40, 4):
            for oy in range(5):
                for ox in range(0, 5, 2):
                    most = 0
                    for c in range(low, low + 4):
                        for r in range(3):
                            lanes = [o for o in (ox, ox + 1) if o < 5]
                            found = [[counts[n, c, oy + r, o + f] for o in lanes] for f in range(3)]
                            digits += np.sum(found)
                            if np.sum(found):
                                most = max(most, sum(max(1, *f) if len(f) > 1 else max(1, f[0]) for f in found))
                    cycles += most
    found = Bound(array, layer, codes[op.inputs[0]]).work(tile)
    assert (int(found.cycles[0]), int(found.digits[0])) == (cycles, digits)


@pytest.mark.parametrize("name", ["bare", "point", "head"])
def test_nothing_zero_is_the_plan(name):
    """Every row stored, every activation with four digits, no padding: `bind` changes no count of the plan."""
    b = Builder("dense", 0)
    x = b.input("image", (1, 36, 7, 7))
    x = b.conv2d(x, 30, 3, activation="none", name="bare")
    x = b.conv2d(x, 20, 1, name="point")
    b.output(b.linear(b.flatten(x), 10, name="head"))
    graph = compress(b.build(), "smartexchange:first=yes", calibrate=False)
    op, array = op_named(graph, name), Array(**SMALL)
    assert graph.tensors[op.inputs[1]].encoding.format == "smartexchange"
    value = next(v for v in range(128) if digit_counts(np.array([v]))[0] == 4)
    codes = np.full(graph.tensors[op.inputs[0]].shape, value, np.int8)
    layer, tiles = Layer.of(op, graph), graph.space(op).whole
    found, plan = Bound(array, layer, codes).work(tiles), planned(array, layer, tiles)
    for counts in ("cycles", "rebuilt", "selects", "weight_bits", "inputs"):
        assert getattr(found, counts).tolist() == getattr(plan, counts).tolist(), counts
    assert found.digits.tolist() == [4 * graph.space(op).macs]


def test_actions_by_hand():
    """A 3x3 layer of 36 channels on a 5x5 image: 3x3 outputs, in passes of two pixels, 30 filters four at a time."""
    b = Builder("one", 0)
    b.output(b.conv2d(b.input("image", (1, 36, 5, 5)), 30, 3, name="only"))
    graph = compress(b.build(), "smartexchange:first=yes", calibrate=False)
    op, kind = graph.ops[0], load_registry()["engine_kinds"]["smartexchange_array"]
    unit = replace(engine("smartexchange_array", formats=FORMATS, **SMALL), weights="coefficients")
    found = {name: int(n[0]) for name, n in kind.actions(unit, op, graph, graph.space(op).whole).items()}
    passes, rows = 3 * 2, 108
    assert found == {
        "unit.booth_digit": 4 * 9 * 30 * 36 * 9,
        "unit.rebuild_row": 30 * rows * passes,
        "unit.select_row": 30 * rows * passes,
        "unit.lane_cycle": 8 * passes * 12 * 3 * 12 * 24,  # 12 channels per line, 3 rows of 3 products of 4 digits
        "sram.read_bytes": 8 * passes * rows * 4 + 30 * 4,  # two windows of three pixels share two; biases
        "sram.write_bytes": 30 * 9,
        "coefficients.read_bytes": (30 * rows * passes * 13 + 30 * 72) // 8,  # 4 bits each, an index bit, bases once
    }


def test_rebuilding_hides_behind_products(executed):
    """With two rebuild engines a row costs nothing while it takes no longer than its products; with one it adds up."""
    graph, codes = executed
    op = op_named(graph, "window")
    layer, tiles = Layer.of(op, graph), graph.space(op).whole
    cycles = {}
    for rebuild in (0, 1, 3, 40):
        for double in (True, False):
            array = Array(**SMALL, rebuild_cycles=rebuild, ping_pong=double)
            cycles[rebuild, double] = int(Bound(array, layer, codes[op.inputs[0]]).work(tiles).cycles[0])
    assert cycles[1, True] == cycles[3, True] == cycles[0, True]  # three products take three cycles at least
    assert cycles[40, True] > cycles[3, True]
    assert cycles[1, False] > cycles[1, True]
    alone = {r: planned(Array(**SMALL, rebuild_cycles=r, ping_pong=False), layer, tiles).cycles[0] for r in (1, 2, 5)}
    assert alone[5] - alone[2] == 3 * (alone[2] - alone[1])


def test_sparser_coefficients_cost_less(executed):
    graph = compress(network(), "smartexchange:first=yes", calibrate=False)
    half = compress(network(), "smartexchange:first=yes:sparsity=0.5", calibrate=False)
    codes = np.full((2, 8, 9, 9), 5, np.int8)
    found = [
        Bound(Array(**SMALL), Layer.of(op_named(g, "first"), g), codes).work(g.space(op_named(g, "first")).whole)
        for g in (graph, half)
    ]
    for counts in ("rebuilt", "digits"):  # half but for rows that look beyond the image, which the stored half need not
        assert getattr(found[1], counts)[0] == pytest.approx(getattr(found[0], counts)[0] / 2, rel=1e-3)
    assert found[1].cycles[0] < found[0].cycles[0]


class TestSmartExchangeArray(EngineKindContract):
    bad_parameters = ({"filters": 0}, {"pixels": None}, {"rebuild_cycles": -1}, {"ping_pong": 1}, {"skip_rows": "no"})

    @pytest.fixture
    def kind(self):
        return load_registry()["engine_kinds"]["smartexchange_array"]

    @pytest.fixture
    def engine(self):
        return replace(engine("smartexchange_array", formats=FORMATS, **SMALL), accumulators=None)

    @pytest.fixture
    def technologies(self):
        return ["unit-28nm"]


class TestOnDecomposedWeights(TestSmartExchangeArray):
    @pytest.fixture
    def graph(self):
        return compress(network(), "smartexchange", calibrate=False)


def test_without_rebuild_engines_it_refuses_decomposed_weights(executed):
    graph, _ = executed
    kind = load_registry()["engine_kinds"]["smartexchange_array"]
    plain = engine("smartexchange_array", formats=FORMATS, **SMALL, rebuild_cycles=0)
    assert "no rebuild engines" in kind.refuses(plain, op_named(graph, "window"), graph)
    assert kind.refuses(plain, op_named(graph, "grouped"), graph) is None
