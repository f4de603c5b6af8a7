"""The builder: layers, names, errors, cells."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.graph import (
    Builder,
    Part,
    Seeded,
    Stored,
    attention,
    gru_cell,
    lstm_cell,
    merge_heads,
    rebatch,
    split_heads,
)
from cosim.graph.builder import explicit_padding


def small(batch: int = 1):
    b = Builder("small", seed=3)
    x = b.input("input", (batch, 3, 9, 8))
    x = b.conv2d(x, 8, 3, stride=2, padding="same", bias=False, name="stem")
    x = b.relu(b.batch_norm(x, name="norm"))
    x = b.depthwise(x, 3, padding=1, name="dw")
    x = b.flatten(b.max_pool2d(x, 2))
    b.output(b.linear(x, 10, name="head"))
    return b.build()


def test_layers_bear_torch_names_and_shapes():
    graph = small()
    assert graph.tensors["stem"].shape == (1, 8, 5, 4)
    assert list(graph.constants) == [
        "stem.weight",
        "norm.weight",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
        "dw.weight",
        "dw.bias",
        "head.weight",
        "head.bias",
    ]
    assert graph.tensors["dw.weight"].shape == (8, 1, 3, 3)
    assert graph.macs == 5 * 4 * 8 * 27 + 5 * 4 * 8 * 9 + 10 * 32
    assert graph.part("stem.weight") is Part.CONSTANT
    assert graph.part("head") is Part.OUTPUT


def test_same_padding_equals_tensorflow():
    # ceil(extent / stride) outputs; the odd element goes after
    assert explicit_padding("same", (224, 225), (3, 3), (2, 2), (1, 1)) == (0, 1, 1, 1)
    assert explicit_padding("same", (10, 49), (4, 10), (2, 2), (1, 1)) == (1, 4, 1, 5)
    assert explicit_padding((1, 2), (8, 8), (3, 3), (1, 1), (1, 1)) == (1, 2, 1, 2)
    assert explicit_padding("same", (8, 8), (3, 3), (1, 1), (2, 2)) == (2, 2, 2, 2)


def test_seed_changes_values_and_digest_but_not_structure():
    def weights(seed):
        b = Builder("g", seed)
        b.output(b.linear(b.input("input", (1, 4)), 3))
        return b.build()

    first, again, other = weights(0), weights(0), weights(1)
    assert first.digest == again.digest != other.digest
    np.testing.assert_array_equal(
        first.constants["linear_0.weight"].array(), again.constants["linear_0.weight"].array()
    )
    assert (first.constants["linear_0.weight"].array() != other.constants["linear_0.weight"].array()).all()


def test_he_deviation_keeps_the_scale():
    b = Builder("g")
    x = b.input("input", (1, 64, 1, 1))
    b.output(b.conv2d(x, 512, 1, bias=False, name="c"))
    values = b.build().constants["c.weight"].array()
    assert np.std(values) == pytest.approx((2 / 64) ** 0.5, rel=0.02)


def test_tied_weights_exist_once():
    b = Builder("tied")
    w = b.weight("w", (4, 4))
    assert b.weight("w", (4, 4)) == w
    with pytest.raises(DescriptionError, match="already there"):
        b.weight("w", (4, 5))


def test_constants_are_float_or_int32():
    b = Builder("constants")
    b.input("input", (1,))
    b.constant("f", [1.5, 2.0])
    b.constant("i", [1, 2])
    assert b._tensors["f"].encoding.format == "fp32"
    assert b._tensors["i"].encoding.format == "int32"
    assert b._constants["i"].array().dtype == np.int32
    assert isinstance(b._constants["f"], Stored)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda b, x: b.op("conv", [x]), "did you mean 'conv2d'"),
        (lambda b, x: b.op("relu", ["inputs"]), "did you mean 'input'"),
        (lambda b, x: b.op("relu", [x], alpha=1), "unknown attribute 'alpha'"),
        (lambda b, x: b.op("softmax", [x], name="s", axis=9), "op s (softmax) of graph bad"),
        (lambda b, x: b.input("input", (1,)), "already there"),
        (lambda b, x: b.input("other", (1, 0)), "at least 1"),
        (lambda b, x: b.conv2d(x, 4, 3, groups=2), "multiple of 2"),
        (lambda b, x: b.conv_transpose2d(x, 4, 3, padding="same"), "same"),
        (lambda b, x: b.split(x, (1, 1)), "sum of 3"),
        (lambda b, x: b.state(b.relu(x), "input2"), "not an input"),
        (lambda b, x: b.state(b.flatten(x), "input"), "equal shapes"),
        (lambda b, x: b.output("nothing"), "not there"),
        (lambda b, x: b.build(), "no output"),
    ],
)
def test_errors_name_the_place(make, message):
    b = Builder("bad")
    x = b.input("input", (1, 3, 8, 8))
    with pytest.raises(DescriptionError) as caught:
        make(b, x)
    assert message in str(caught.value)


def test_split_and_concat_are_inverse_in_shape():
    b = Builder("g")
    x = b.input("input", (1, 6, 2))
    parts = b.split(x, (1, 2, 3), name="part")
    assert parts == ("part.0", "part.1", "part.2")
    assert [b.shape(part) for part in parts] == [(1, 1, 2), (1, 2, 2), (1, 3, 2)]
    assert b.shape(b.concat(parts)) == (1, 6, 2)


def test_attention_shapes_and_macs():
    b = Builder("g")
    x = b.input("input", (2, 5, 12))
    heads = split_heads(b, x, 3)
    assert b.shape(heads) == (2, 3, 5, 4)
    mask = b.constant("mask", np.zeros((5, 5)))
    b.output(merge_heads(b, attention(b, heads, heads, heads, mask=mask, name="attention")))
    graph = b.build()
    assert graph.tensors[graph.outputs[0]].shape == (2, 5, 12)
    assert graph.macs == 2 * (2 * 3 * 5 * 5 * 4)
    assert "attention.weights" in graph.tensors


def test_recurrent_state_and_parameters():
    b = Builder("lstm")
    x, h, c = b.input("input", (1, 5)), b.input("h", (1, 7)), b.input("c", (1, 7))
    new_h, new_c = lstm_cell(b, x, h, c, 7, "cell")
    b.state(new_h, "h")
    b.state(new_c, "c")
    graph = b.build()
    assert graph.states == {"cell.h": "h", "cell.c": "c"}
    assert graph.outputs == ("cell.h", "cell.c")
    assert graph.parameters == 4 * 7 * (5 + 7 + 2)
    assert graph.macs == 4 * 7 * (5 + 7)

    b = Builder("gru")
    x, h = b.input("input", (1, 5)), b.input("h", (1, 7))
    b.state(gru_cell(b, x, h, 7, "cell"), "h")
    assert b.build().parameters == 3 * 7 * (5 + 7 + 2)


def test_transposed_convolution_layer():
    b = Builder("up")
    x = b.input("input", (1, 4, 5, 5))
    assert b.shape(b.conv_transpose2d(x, 6, 2, stride=2, name="up")) == (1, 6, 10, 10)
    assert b.shape("up.weight") == (4, 6, 2, 2)


def test_movement_layers():
    b = Builder("g")
    x = b.input("input", (1, 4, 5, 5))
    assert b.shape(b.pad(x, [(0, 0), (0, 0), (1, 2), (0, 1)])) == (1, 4, 8, 6)
    assert b.shape(b.resize(x, 10)) == (1, 4, 10, 10)
    assert b.shape(b.slice(x, -1, 1, 5, 2)) == (1, 4, 5, 2)
    assert b.shape(b.reshape(x, (1, -1, 10))) == (1, 10, 10)
    assert b.shape(b.global_avg_pool(x, keepdims=False)) == (1, 4)
    assert b.shape(b.scale(x, 0.5)) == (1, 4, 5, 5)
    assert b.activate(x, "none") == x


class TestRebatch:
    def test_equals_building_at_that_batch(self):
        again, direct = rebatch(small(), 4), small(4)
        assert {n: t.shape for n, t in again.tensors.items()} == {n: t.shape for n, t in direct.tensors.items()}
        assert [dict(op.attributes) for op in again.ops] == [dict(op.attributes) for op in direct.ops]
        assert again.macs == 4 * small().macs
        assert again.provenance[-1] == "batch 1 -> 4"
        assert rebatch(again, 1).macs == small().macs

    def test_leaves_ops_of_constants_alone(self):
        b = Builder("g")
        x = b.input("input", (1, 3, 4))
        table = b.reshape(b.constant("table", np.zeros((3, 4))), (1, 3, 4))
        b.output(b.slice(b.add(x, table), 1, 0, 2))
        graph = rebatch(b.build(), 5)
        assert graph.tensors[table].shape == (1, 3, 4)
        assert graph.tensors[graph.outputs[0]].shape == (5, 2, 4)

    def test_errors(self):
        with pytest.raises(DescriptionError, match="batch is 0"):
            rebatch(small(), 0)
        b = Builder("g")
        b.output(b.add(b.input("a", (2, 3)), b.input("b", (1, 3))))
        with pytest.raises(DescriptionError, match="no common leading axis"):
            rebatch(b.build(), 3)
        b = Builder("g")
        b.output(b.reshape(b.input("a", (2, 3)), (6,)))
        with pytest.raises(DescriptionError, match="at batch 3"):
            rebatch(b.build(), 3)


def test_nothing_is_materialised():
    assert all(isinstance(constant, Seeded) for constant in small().constants.values())
