"""A small real sequence task: handwritten digits read row by row by an LSTM."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cosim_workloads.data import Labelled, digits

from cosim.graph import Builder, Graph, lstm_cell

STEPS, WIDTH = 8, 8  # rows of an image, pixels of a row


class _Tied(Builder):
    """A builder whose cells `NAME.0`, `NAME.1`, ... have the weights `NAME.` in common, as one cell in time has."""

    def weight(self, name: str, shape: Sequence[int], mean: float = 0.0, deviation: float = 1.0) -> str:
        """A weight, by its name without the number of the step."""
        parts = [part for part in name.split(".") if not part.isdecimal()]
        return super().weight(".".join(parts), shape, mean, deviation)


def digits_lstm(*, batch: int = 1, seed: int = 0, hidden: int = 32) -> Graph:
    """An LSTM over the eight rows of a digit, then a classifier; input (batch, 8, 8), output (batch, 10).

    All steps are ops of the graph, with one set of weights that bears PyTorch's parameter names.
    """
    b = _Tied("digits_lstm", seed)
    rows = b.input("input", (batch, STEPS, WIDTH))
    start = b.constant("start", np.zeros((1, hidden), np.float32))
    h = b.broadcast_to(start, (batch, hidden), name="h")
    c = b.broadcast_to(start, (batch, hidden), name="c")
    for step in range(STEPS):
        row = b.reshape(b.slice(rows, 1, step, step + 1), (batch, WIDTH), name=f"row.{step}")
        h, c = lstm_cell(b, row, h, c, hidden, f"lstm.{step}")
    b.output(b.linear(h, 10, gain=1.0, name="fc"))
    return b.build()


def digit_rows(part: str = "test") -> Labelled:
    """The digits as sequences: rows (n, 8, 8) in [0, 1] and labels (n,); see `cosim_workloads.data.digits`."""
    images, labels = digits(part)
    return Labelled(images[:, 0], labels)
