"""Normalisations that are no op kind of their own, and clamps under their shortest name."""

from __future__ import annotations

import math

import numpy as np

from cosim.errors import DescriptionError
from cosim.frontend.lowering import view
from cosim.frontend.lowering.lowering import Lowering
from cosim.frontend.lowering.value import Value, known


def layer_norm(low: Lowering, x: Value, axis: int, gamma: Value | None, beta: Value | None, epsilon: float) -> Value:
    """X (...) normalised over axes `axis`..last, times gamma, plus beta (both of the shape of those axes)."""
    axis = view.positive_axis(low, axis, x.rank)
    rows = x.shape[axis:]
    if gamma is None and beta is not None:
        gamma = known(np.ones(rows, np.float32), "ones")
    affine = [view.broadcast(low, value, rows) for value in (gamma, beta) if value is not None]
    return low.emit("layer_norm", x, *affine, axis=axis, epsilon=float(epsilon))


def group_norm(low: Lowering, x: Value, groups: int, gamma: Value | None, beta: Value | None, epsilon: float) -> Value:
    """X (N, C, ...) normalised over each of `groups` groups of channels, times gamma (C,), plus beta (C,)."""
    if groups < 1 or x.shape[1] % groups:
        raise DescriptionError(f"{x.shape[1]} channels in {groups} groups", where=low.place(), allowed="equal groups")
    rows = view.reshape(low, x, (x.shape[0], groups, -1))
    y = view.reshape(low, layer_norm(low, rows, -1, None, None, epsilon), x.shape)
    per_channel = (x.shape[1], *(1,) * (x.rank - 2))
    if gamma is not None:
        y = low.emit("mul", y, view.reshape(low, gamma, per_channel))
    return y if beta is None else low.emit("add", y, view.reshape(low, beta, per_channel))


def clip(low: Lowering, x: Value, lowest: float, highest: float) -> Value:
    """min(max(x, lowest), highest), as relu or relu6 where that is what it is."""
    if lowest == 0.0 and highest == 6.0:
        return low.emit("relu6", x)
    if lowest == 0.0 and math.isinf(highest):
        return low.emit("relu", x)
    if math.isinf(lowest) and math.isinf(highest):
        return x
    return low.emit("clip", x, low=float(lowest), high=float(highest))


def hard_sigmoid(low: Lowering, x: Value, alpha: float, beta: float) -> Value:
    """min(max(alpha * x + beta, 0), 1)."""
    if math.isclose(alpha, 1.0 / 6.0, rel_tol=1e-5) and beta == 0.5:
        return low.emit("hard_sigmoid", x)
    line = low.emit("add", low.emit("mul", x, number(alpha)), number(beta))
    return low.emit("clip", line, low=0.0, high=1.0)


def leaky(low: Lowering, x: Value, slope: Value) -> Value:
    """X where positive, else slope * x, with a slope per channel (PReLU)."""
    negative = low.emit("clip", x, low=-math.inf, high=0.0)
    return low.emit("add", low.emit("relu", x), low.emit("mul", negative, slope))


def number(value: float) -> Value:
    """A constant of one element (1,)."""
    return known(np.array([value], np.float32))
