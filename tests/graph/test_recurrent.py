"""Cells against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.execute import whole
from cosim.graph import Builder, gru_cell, lstm_cell


@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell"])
def test_cells_equal_torch(kind):
    torch = pytest.importorskip("torch")
    b = Builder(kind, seed=2)
    x, h = b.input("input", (3, 5)), b.input("h", (3, 7))
    new = lstm_cell(b, x, h, b.input("c", (3, 7)), 7, "cell") if kind == "LSTMCell" else (gru_cell(b, x, h, 7, "cell"),)
    for tensor, state in zip(new, ("h", "c"), strict=False):
        b.state(tensor, state)
    graph = b.build()
    generator = np.random.default_rng(0)
    inputs = {name: generator.standard_normal(graph.tensors[name].shape, np.float32) for name in graph.inputs}
    cell = getattr(torch.nn, kind)(5, 7)
    weights = {name.removeprefix("cell."): torch.from_numpy(c.array()) for name, c in graph.constants.items()}
    cell.load_state_dict(weights)  # strict: the names are PyTorch's
    tensors = [torch.from_numpy(inputs[name]) for name in graph.inputs]
    with torch.no_grad():
        theirs = cell(tensors[0], tuple(tensors[1:]) if kind == "LSTMCell" else tensors[1])
    values = whole(graph, inputs)
    for name, value in zip(new, theirs if kind == "LSTMCell" else (theirs,), strict=True):
        np.testing.assert_allclose(values[name], value.numpy(), rtol=1e-5, atol=1e-6)
