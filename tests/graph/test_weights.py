"""A user's arrays in place of synthetic weights."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.graph import Builder, with_weights


def graph():
    b = Builder("g")
    x = b.input("input", (1, 2, 4, 4))
    x = b.batch_norm(b.conv2d(x, 3, 1, name="conv"), name="bn")
    b.output(b.add(x, b.constant("table", np.ones((3, 4, 4)))))
    return b.build()


def state():
    g = graph()
    arrays = {n: np.full(g.tensors[n].shape, 2.0) for n in g.constants if n != "table"}
    return {**arrays, "bn.num_batches_tracked": np.array(7)}


def test_replaces_every_weight():
    changed = with_weights(graph(), state())
    assert changed.values == "user"
    np.testing.assert_array_equal(changed.constants["conv.weight"].array(), np.full((3, 2, 1, 1), 2, np.float32))
    assert changed.constants["conv.weight"].array().dtype == np.float32
    np.testing.assert_array_equal(changed.constants["table"].array(), 1)
    assert changed.digest != graph().digest
    assert "6 constants" in changed.provenance[-1]


def test_strict_names_missing_and_unexpected_with_the_nearest():
    arrays = state()
    arrays["conv.weights"] = arrays.pop("conv.weight")
    with pytest.raises(DescriptionError) as caught:
        with_weights(graph(), arrays)
    text = str(caught.value)
    assert "missing 'conv.weight' (3, 2, 1, 1); did you mean 'conv.weights'?" in text
    assert "unexpected 'conv.weights' (3, 2, 1, 1); did you mean 'conv.weight'?" in text


def test_shapes_must_agree_even_when_not_strict():
    with pytest.raises(DescriptionError, match=r"\(3, 2\), the graph \(3, 2, 1, 1\)"):
        with_weights(graph(), {"conv.weight": np.zeros((3, 2))}, strict=False)


def test_partial_weights_stay_synthetic_and_say_so():
    changed = with_weights(graph(), {"conv.bias": np.zeros(3)}, strict=False)
    assert changed.values == "synthetic"
    assert changed.provenance[-1] == "weights of 1 constants given by the user; 5 remain synthetic"


def test_names_that_all_miss_are_an_error():
    with pytest.raises(DescriptionError, match="none of the 1 names"):
        with_weights(graph(), {"other": np.zeros(3)}, strict=False)


def test_long_lists_are_cut():
    with pytest.raises(DescriptionError, match="and 2 more"):
        with_weights(graph(), {f"x{i}": np.zeros(1) for i in range(4)})
