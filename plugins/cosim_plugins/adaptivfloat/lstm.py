"""The workload of table 4 of the paper: one LSTM layer of 256 units over 100 steps."""

from __future__ import annotations

from collections.abc import Sequence

from cosim.graph import Builder, Graph, lstm_cell

WIDTH, HIDDEN, STEPS = 256, 256, 100


class _Tied(Builder):
    """A builder whose cells ``lstm.0``, ``lstm.1``, ... have one set of weights, called ``lstm.``."""

    def weight(self, name: str, shape: Sequence[int], mean: float = 0.0, deviation: float = 1.0) -> str:
        """A weight, by its name without the number of the step."""
        parts = [part for part in name.split(".") if not part.isdecimal()]
        return super().weight(".".join(parts), shape, mean, deviation)


def lstm(*, batch: int, seed: int, width: int = WIDTH, hidden: int = HIDDEN, steps: int = STEPS) -> Graph:
    """An LSTM layer step by step: inputs ``x.0`` ... (batch, width), ``h`` and ``c`` (batch, hidden); output the last h.

    The paper prints 256 hidden units and 100 steps but not the width of the input: 256 is assumed.
    """
    b = _Tied("lstm_256", seed)
    h, c = b.input("h", (batch, hidden)), b.input("c", (batch, hidden))
    for step in range(steps):
        h, c = lstm_cell(b, b.input(f"x.{step}", (batch, width)), h, c, hidden, f"lstm.{step}")
    b.output(h)
    return b.build()
