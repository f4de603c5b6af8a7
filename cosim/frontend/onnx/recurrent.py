"""Converters: LSTM and GRU, unrolled over their steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosim.errors import UnsupportedError
from cosim.frontend.lowering import Lowering, Value, known, view
from cosim.frontend.lowering.norm import number
from cosim.frontend.onnx.node import Converter, Node

Cell = Callable[["Weights", Value, tuple[Value, ...]], tuple[Value, ...]]
"""(weights, projected input (N, gates * H), state) -> new state; the hidden state is the first."""


@dataclass(frozen=True)
class Weights:
    """Constants of one direction.

    Attributes
    ----------
    low
        The Graph being written.
    hidden
        Width of the hidden state.
    recurrent
        (gates * H, H).
    input_bias, recurrent_bias
        (gates * H,).
    after_reset
        GRU: whether the reset gate acts after the recurrent product.
    """

    low: Lowering
    hidden: int
    recurrent: Value
    recurrent_bias: Value
    after_reset: bool = False

    def product(self, hidden: Value, matrix: Value, bias: Value) -> Value:
        """Recurrent product; at the first step of a network whose state starts at zero it is known already."""
        if hidden.array is None or matrix.array is None or bias.array is None:
            return self.low.emit("linear", hidden, matrix, bias)
        return known(hidden.array @ matrix.array.T + bias.array, f"{self.low.label}.first")

    def gate(self, x: Value, position: int) -> Value:
        """One gate of x (N, gates * H)."""
        return view.cut(self.low, x, 1, position * self.hidden, (position + 1) * self.hidden)


def lstm(node: Node) -> Sequence[Value]:
    """LSTM: gates in the order input, output, forget, cell."""
    node.only(
        "activations",
        (["Sigmoid", "Tanh", "Tanh"] * _directions(node),),
        ["Sigmoid", "Tanh", "Tanh"] * _directions(node),
    )
    node.only("input_forget", (0,), 0)
    if node.optional(7) is not None and not (node[7].array is not None and not node[7].array.any()):
        raise UnsupportedError("LSTM with peepholes", where=node.low.place(), allowed="LSTM without input P")
    return _unrolled(node, 4, 2, _lstm_cell)


def gru(node: Node) -> Sequence[Value]:
    """GRU: gates in the order update, reset, hidden."""
    node.only("activations", (["Sigmoid", "Tanh"] * _directions(node),), ["Sigmoid", "Tanh"] * _directions(node))
    return _unrolled(node, 3, 1, _gru_cell)


def _lstm_cell(weights: Weights, projected: Value, state: tuple[Value, ...]) -> tuple[Value, ...]:
    low = weights.low
    hidden, cell = state
    gates = low.emit("add", projected, weights.product(hidden, weights.recurrent, weights.recurrent_bias))
    enter, leave, keep = (low.emit("sigmoid", weights.gate(gates, position)) for position in range(3))
    candidate = low.emit("tanh", weights.gate(gates, 3))
    cell = low.emit("add", low.emit("mul", keep, cell), low.emit("mul", enter, candidate))
    return low.emit("mul", leave, low.emit("tanh", cell)), cell


def _gru_cell(weights: Weights, projected: Value, state: tuple[Value, ...]) -> tuple[Value, ...]:
    low, (hidden,) = weights.low, state
    size = weights.hidden
    matrix, bias = weights.recurrent, weights.recurrent_bias
    if weights.after_reset:
        product = weights.product(hidden, matrix, bias)
        recurrent = [weights.gate(product, position) for position in range(3)]
    else:
        gates = weights.product(hidden, view.cut(low, matrix, 0, 0, 2 * size), view.cut(low, bias, 0, 0, 2 * size))
        recurrent = [weights.gate(gates, position) for position in range(2)]
    update, reset = (
        low.emit("sigmoid", low.emit("add", weights.gate(projected, position), recurrent[position]))
        for position in range(2)
    )
    if weights.after_reset:
        inner = low.emit("mul", reset, recurrent[2])
    else:
        tail = slice(2 * size, 3 * size)
        inner = low.emit(
            "linear",
            low.emit("mul", reset, hidden),
            view.cut(low, matrix, 0, tail.start, tail.stop),
            view.cut(low, bias, 0, tail.start, tail.stop),
        )
    candidate = low.emit("tanh", low.emit("add", weights.gate(projected, 2), inner))
    fresh = low.emit("mul", low.emit("sub", number(1.0), update), candidate)
    return (low.emit("add", fresh, low.emit("mul", update, hidden)),)


def _directions(node: Node) -> int:
    return 2 if node.get("direction", "forward") == "bidirectional" else 1


def _unrolled(node: Node, gates: int, states: int, cell: Cell) -> Sequence[Value]:
    low, x = node.low, node[0]
    node.only("layout", (0,), 0)
    node.only("clip", (None,), None)
    _check_lengths(node, x.shape[0])
    matrix, recurrent = node.array(1, "weights"), node.array(2, "recurrent weights")
    hidden = int(recurrent.shape[2])
    bias = np.zeros((matrix.shape[0], 2 * gates * hidden), np.float32)
    if node.optional(3) is not None:
        bias = node.array(3, "a bias")
    names = [value.label for value in (node[1], node[2])]
    backward = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    sequences, finals = [], []
    for d, is_backward in enumerate(backward[node.get("direction", "forward")]):
        halves = np.split(bias[d], 2)
        suffix = f".{d}" if matrix.shape[0] > 1 else ""
        projected = low.emit(
            "linear", x, known(matrix[d], names[0] + suffix), known(halves[0], f"{names[0]}{suffix}.bias")
        )
        weights = Weights(
            low,
            hidden,
            known(recurrent[d], names[1] + suffix),
            known(halves[1], f"{names[1]}{suffix}.bias"),
            bool(node.get("linear_before_reset", 0)),
        )
        start = tuple(_initial(node, 5 + position, d, (x.shape[1], hidden)) for position in range(states))
        outputs, last = _walk(weights, projected, start, cell, is_backward)
        sequences.append(view.concat(low, [view.reshape(low, y, (1, 1, *y.shape)) for y in outputs], 0))
        finals.append(last)
    last_states = tuple(
        view.concat(low, [view.reshape(low, last[p], (1, *last[p].shape)) for last in finals], 0) for p in range(states)
    )
    return (view.concat(low, sequences, 1), *last_states)


def _walk(
    weights: Weights, projected: Value, state: tuple[Value, ...], cell: Cell, is_backward: bool
) -> tuple[list[Value], tuple[Value, ...]]:
    """Outputs of all steps in the order of time, and the last state."""
    length = projected.shape[0]
    order = range(length - 1, -1, -1) if is_backward else range(length)
    outputs: dict[int, Value] = {}
    for step in order:
        state = cell(weights, view.select(weights.low, projected, 0, step), state)
        outputs[step] = state[0]
    return [outputs[step] for step in range(length)], state


def _initial(node: Node, position: int, direction: int, shape: tuple[int, int]) -> Value:
    given = node.optional(position)
    if given is None:
        return known(np.zeros(shape, np.float32), f"{node.low.label}.zero_state")
    return view.select(node.low, given, 0, direction)


def _check_lengths(node: Node, length: int) -> None:
    if node.optional(4) is not None and (node.array(4, "sequence lengths") != length).any():
        raise UnsupportedError(
            f"{node.kind} with sequences of different lengths",
            where=node.low.place(),
            allowed=f"all sequences of length {length}",
        )


CONVERTERS: Mapping[str, Converter] = {"LSTM": lstm, "GRU": gru}
