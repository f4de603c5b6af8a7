"""Parameters as published tables count them, wherever the weights come from."""

from __future__ import annotations

import numpy as np
import pytest

import cosim
from cosim.graph import Builder, Graph, learned_parameters, with_weights


def normed() -> Graph:
    """One convolution with its batch norm, a mask, a lone factor and a linear layer with one output."""
    builder = Builder("normed", 0)
    x = builder.conv2d(builder.input("x", (1, 3, 4, 4)), 8, 3, name="conv", bias=False)
    x = builder.batch_norm(x, name="norm")
    x = builder.op("mul", [x, builder.constant("mask", np.ones((1, 8, 1, 1)))])
    x = builder.op("mul", [x, builder.constant("half", np.array([0.5]))])
    x = builder.op("reshape", [x], shape=(1, 32))
    builder.output(builder.linear(x, 1, name="head"))
    return builder.build()


LEARNED = 8 * 3 * 9 + 2 * 8 + 32 + 1


def test_statistics_masks_and_factors_are_not_learned() -> None:
    assert learned_parameters(normed()) == LEARNED
    assert normed().parameters == LEARNED + 2 * 8 + 8 + 1


def test_a_users_weights_count_as_the_synthetic_ones_did() -> None:
    graph = normed()
    arrays = {name: constant.array() for name, constant in graph.constants.items() if name not in ("mask", "half")}
    assert learned_parameters(with_weights(graph, arrays)) == LEARNED


def test_the_summary_counts_before_batch_norms_are_folded() -> None:
    assert cosim.run("mobilenet_v2", "npu/edge-256").summary["parameters"] == 3_504_872


@pytest.mark.parametrize("form", ["float32", "int64"])
def test_weights_given_as_values_count_and_indices_do_not(form: str) -> None:
    builder = Builder("given", 0)
    table = builder.constant("w", np.ones((4, 2), np.float32))
    x = builder.op("linear", [builder.input("x", (1, 2)), table])
    if form == "int64":
        x = builder.op("gather", [x, builder.constant("rows", np.array([0, 1]))], axis=1)
    builder.output(x)
    assert learned_parameters(builder.build()) == 8
