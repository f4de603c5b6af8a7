"""A bias that an exporter adds in a step of its own moves into the product before it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from cosim.frontend.lowering.value import Step, Value

CHANNEL_AXIS = {"linear": -1, "conv2d": 1, "conv_transpose2d": 1}


def absorb_biases(steps: Sequence[Step], outputs: Sequence[Value]) -> None:
    """Turn ``add(product(x, w), b)`` into ``product(x, w, b)`` where nothing else reads the product.

    The add's own step becomes the product, so values keep their steps; the old product is left without readers.
    """
    uses = Counter(id(value) for step in steps for value in step.inputs)
    uses.update(id(value) for value in outputs)
    for step in steps:
        if step.kind != "add" or step.attributes.get("activation", "none") != "none":
            continue
        for y, bias in (step.inputs, step.inputs[::-1]):
            product = y.step
            if (
                y.is_coded
                or bias.is_coded
                or product is None
                or product.kind not in CHANNEL_AXIS
                or len(product.inputs) != 2
                or uses[id(y)] != 1
            ):
                continue
            if product.attributes.get("activation", "none") != "none":
                continue
            vector = _per_channel(bias, y.shape, CHANNEL_AXIS[product.kind])
            if vector is not None:
                step.kind, step.label, step.attributes = product.kind, product.label, product.attributes
                step.inputs = (*product.inputs, vector)
                break


def _per_channel(bias: Value, shape: tuple[int, ...], axis: int) -> Value | None:
    """`bias` as one number per channel of a product of `shape`, when it is that."""
    channels = shape[axis]
    expected = (channels,) if axis == -1 else (channels, *(1,) * (len(shape) - 2))
    trimmed = bias.shape[-len(expected) :]
    if bias.array is None or bias.array.dtype.kind != "f" or math.prod(bias.shape) != channels:
        return None
    if trimmed != expected or len(bias.shape) > len(shape) or not np.isfinite(bias.array).all():
        return None
    return Value((channels,), bias.encoding, bias.array.reshape(channels), bias.label)
