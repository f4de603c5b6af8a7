"""The executor computes products of AdaptivFloat tensors as HFINT does: exact integer sums, whatever the tiling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import compress
from cosim.errors import CosimError, DescriptionError, UnsupportedError
from cosim.execute import scheduled, whole
from cosim.execute.overflow import watched
from cosim.execute.tiles import accumulators_of
from cosim.graph import Builder
from cosim.hardware.load import load_hardware
from cosim.plugin import load_registry
from cosim.program.check import check
from cosim.testing import random_tiles, sample_graph
from cosim.timing import compiled
from cosim_plugins.adaptivfloat.hfint import Accumulator, hfint_dot
from cosim_plugins.adaptivfloat.pe import HfintPe
from cosim_plugins.adaptivfloat.products import HfintProduct, kernel
from tests.plugins.adaptivfloat.devices import tiled

REGISTRY = load_registry()
KNOWN = {"formats": REGISTRY["formats"], "kernels": REGISTRY["kernels"]}


def data_of(graph, seed=0):
    generator = np.random.default_rng(seed)
    return {n: generator.standard_normal(graph.tensors[n].shape).astype(np.float32) for n in graph.inputs}


def dense(rows=3, terms=40, outputs=7):
    b = Builder("dense", 1)
    b.output(b.linear(b.input("x", (rows, terms)), outputs, name="fc"))
    return b.build()


@pytest.mark.parametrize("name", ["adaptivfloat8", "adaptivfloat4", "adaptivfloat16"])
def test_a_layer_equals_the_dot_product_of_its_codes(name):
    graph = compress(dense(), name)
    values = whole(graph, data_of(graph), keep="all", **KNOWN)
    form, fc = REGISTRY["formats"][name], graph.ops[0]
    encodings = tuple(graph.tensors[n].encoding for n in fc.inputs[:2])
    x, w = values[fc.inputs[0]], graph.constants[fc.inputs[1]].array()
    bias = np.asarray(graph.constants[fc.inputs[2]].array(), np.float64)
    step = float(encodings[0].scale * encodings[1].scale)
    for row in range(3):
        for channel in range(7):
            dot = hfint_dot(form, x[row], w[channel], encodings)
            real = (dot.total + np.rint(bias[channel] / step)) * step
            code = form.encode(np.array([real]), graph.tensors[fc.output].encoding)[0]
            assert values[fc.output][row, channel] == code


def products_in_fp64(op, values):
    """The sums of a product of decoded values, which fp64 holds exactly, in the shape of the output."""
    a, b = (values.real(name).astype(np.float64) for name in op.inputs[:2])
    if op.kind.name == "linear":
        return a @ b.T
    if op.kind.name == "matmul":
        return a @ (b.swapaxes(-1, -2) if op["transpose_b"] else b)
    top, left, bottom, right = op["pads"]
    padded = np.pad(a, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, b.shape[2:], (2, 3))
    (down, across), groups = op["strides"], op["groups"]
    windows = windows[:, :, ::down, ::across]
    n, c, rows, columns, *taps = windows.shape
    parts = windows.reshape(n, groups, c // groups, rows, columns, *taps)
    filters = b.reshape(groups, len(b) // groups, *b.shape[1:])
    return np.einsum("ngcyxij,gkcij->ngkyx", parts, filters).reshape(n, len(b), rows, columns)


@pytest.mark.parametrize("spec", ["adaptivfloat8", "adaptivfloat4", "adaptivfloat:granularity=channel"])
def test_every_kind_of_product_is_exact(spec):
    """Convolutions (plain, strided, depthwise), linear and matmul: exact sums, the bias in their steps, one rounding."""
    graph = compress(sample_graph(batch=2), spec)
    values = whole(graph, data_of(graph), keep="all", **KNOWN)
    kinds = []
    for op in graph.ops:
        if op.kind.name not in {"conv2d", "linear", "matmul"}:
            continue
        kinds.append(op.kind.name)
        real, tensors = products_in_fp64(op, values), graph.tensors
        if len(op.inputs) > 2:
            shape = (-1, 1, 1) if op.kind.name == "conv2d" else (-1,)
            steps = tensors[op.inputs[0]].encoding.scale * tensors[op.inputs[1]].encoding.scale
            bias = np.rint(values.real(op.inputs[2]).astype(np.float64) / steps) * steps
            real = real + bias.reshape(shape)
        if "activation" in op.kind.defaults and op["activation"] == "relu":
            real = np.maximum(real, 0)
        encoding = tensors[op.output].encoding
        np.testing.assert_array_equal(values[op.output], REGISTRY["formats"][encoding.format].encode(real, encoding))
    assert sorted(kinds) == ["conv2d"] * 3 + ["linear"] + ["matmul"] * 2


@pytest.mark.parametrize("name", ["adaptivfloat8", "adaptivfloat4", "adaptivfloat8_flexasr"])
@pytest.mark.parametrize("size", ["4 KiB", "64 KiB"])
def test_a_schedule_on_the_engine_gives_the_bits_of_the_whole_network(name, size):
    from cosim.mapping import TiledMapper

    hardware = load_hardware(tiled("hfint_pe", name, size=size), engine_kinds=REGISTRY["engine_kinds"])
    bits, _, variant = name.removeprefix("adaptivfloat").partition("_")
    graph = compress(sample_graph(), f"adaptivfloat:bits={bits}:variant={variant or 'paper'}")
    program = TiledMapper().map(graph, hardware, REGISTRY["engine_kinds"], {"cache": False}).program
    check(program, graph)
    times = compiled.simulate(program)
    inputs = data_of(graph)
    found = scheduled(program, graph, times.start_fs, times.end_fs, inputs, **KNOWN)
    wanted = whole(graph, inputs, **KNOWN)
    mine = sum(int((program.op == program.ops.index(op.name)).sum()) for op in graph.ops if op.kind.name == "conv2d")
    assert size != "4 KiB" or mine > 3  # more tiles than the three convolutions
    for output in graph.outputs:
        np.testing.assert_array_equal(found[output], wanted[output])


def test_partial_sums_are_integers_and_any_cut_gives_the_same_codes():
    """A mac_array may cut the sum of this format: its partial sums are 64-bit integers, so nothing is rounded."""
    from cosim.execute import Tiles
    from cosim.execute.tiles import kernel_of

    graph = compress(dense(2, 300, 5), "adaptivfloat8")
    op, values = graph.ops[0], whole(compress(dense(2, 300, 5), "adaptivfloat8"), data_of(graph), keep="all", **KNOWN)
    assert accumulators_of(graph, op, REGISTRY["formats"]) == np.int64
    space = graph.space(op)
    reduction = space.reductions()[0]
    tiles = np.repeat(space.whole, 3, axis=0)
    tiles[:, reduction] = [[0, 100], [100, 101], [101, 300]]
    parts = Tiles.of(graph, op, tiles, REGISTRY["formats"])
    sums, run = None, kernel_of(op, REGISTRY["kernels"])
    arrays = [values[op.inputs[0]], graph.constants[op.inputs[1]].array(), graph.constants[op.inputs[2]].array()]
    for row in range(3):
        low, high = tiles[row, reduction]
        operands = [arrays[0][:, low:high], arrays[1][:, low:high], arrays[2]]
        sums = run(parts.call(row, operands, sums, partial=row < 2))
        assert row == 2 or sums.dtype == np.int64
    np.testing.assert_array_equal(sums, values[op.output])


def test_random_tilings_of_the_engine_give_the_same_codes():
    from cosim.execute import Tiles
    from cosim.execute.prepared import parts
    from cosim.execute.tiles import kernel_of

    graph = compress(sample_graph(), "adaptivfloat8")
    values = whole(graph, data_of(graph), keep="all", **KNOWN)
    kind = HfintPe()
    for op in graph.ops:
        if op.kind.name not in {"conv2d", "linear", "matmul"}:
            continue
        cuts = kind.cuts(None, op, graph)
        assert not cuts & set(graph.space(op).reductions())
        tiles = Tiles.of(graph, op, random_tiles(graph.space(op), 3, cuts=cuts), REGISTRY["formats"])
        arrays = [values[n] if n in values else graph.constants[n].array() for n in op.inputs]
        for index in range(len(tiles.tiles)):
            made = kernel_of(op, REGISTRY["kernels"])(tiles.call(index, parts(tiles, index, arrays)))
            place = tuple(slice(low, high) for low, high in tiles.outputs[index].tolist())
            np.testing.assert_array_equal(made, values[op.output][place])


@pytest.mark.parametrize("policy", ["wrap", "saturate", "count", "error"])
def test_a_narrow_accumulator_is_the_one_of_the_dot_product(policy):
    graph = compress(dense(2, 64, 3), "adaptivfloat8")
    narrow = replace(graph, arithmetic=f"cosim:accumulator=22:overflow={policy}")
    inputs = data_of(graph)
    if policy == "error":
        with pytest.raises(DescriptionError, match="overflow 22 bits"):
            whole(narrow, inputs, **KNOWN)
        return
    with watched() as counts:
        values = whole(narrow, inputs, keep="all", **KNOWN)
    assert 0 < counts["fc"].overflows <= counts["fc"].sums == 6
    fc, form = graph.ops[0], REGISTRY["formats"]["adaptivfloat8"]
    encodings = tuple(graph.tensors[n].encoding for n in fc.inputs[:2])
    step = float(encodings[0].scale * encodings[1].scale)
    bias = np.rint(np.asarray(graph.constants[fc.inputs[2]].array(), np.float64) / step)
    weights = graph.constants[fc.inputs[1]].array()
    for row in range(2):
        for channel in range(3):
            dot = hfint_dot(form, values["x"][row], weights[channel], encodings, Accumulator(22, policy))
            real = np.array([(dot.total + bias[channel]) * step])
            code = form.encode(real, graph.tensors[fc.output].encoding)[0]
            assert values[fc.output][row, channel] == code


def test_thirty_bits_hold_ordinary_data_but_not_the_worst_case():
    worst = compress(dense(1, 256, 1), "adaptivfloat8")
    weights = {n: np.full(worst.tensors[n].shape, 1.9375, np.float32) for n in worst.constants if "weight" in n}
    from cosim.graph import with_weights

    loud = compress(
        with_weights(dense(1, 256, 1), weights, strict=False), "adaptivfloat8", {"x": np.full((1, 256), 1.9375)}
    )
    for bits, overflows in ((30, 1), (33, 0)):
        graph = replace(loud, arithmetic=f"cosim:accumulator={bits}:overflow=count")
        with watched() as counts:
            whole(graph, {"x": np.full((1, 256), 1.9375, np.float32)}, **KNOWN)
        assert counts["fc"].overflows == overflows
    ordinary = replace(worst, arithmetic="cosim:accumulator=30:overflow=error")
    whole(ordinary, data_of(ordinary), **KNOWN)


def test_only_products_of_two_adaptivfloat_tensors_are_hfint():
    formats = REGISTRY["formats"]
    eight, four, wide = formats["adaptivfloat8"], formats["adaptivfloat4"], formats["int8"]
    assert isinstance(kernel("linear", [eight, four]), HfintProduct)
    assert kernel("linear", [eight, wide]) is None
    assert kernel("add", [eight, eight]) is None
    graph = replace(compress(dense(), "adaptivfloat8"), arithmetic="cosim:pairs=int16")
    with pytest.raises(UnsupportedError, match="pairs"):
        whole(graph, data_of(graph), **KNOWN)


def test_an_uncalibrated_product_is_refused():
    graph = compress(dense(), "adaptivfloat8", calibrate=False)
    with pytest.raises(CosimError, match="no scale"):
        whole(graph, data_of(graph), **KNOWN)
