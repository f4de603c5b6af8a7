"""Matrix products, fully connected layers and attention."""

from __future__ import annotations

import math

import numpy as np

from cosim.frontend.lowering import view
from cosim.frontend.lowering.lowering import Lowering
from cosim.frontend.lowering.value import Value, known


def linear(low: Lowering, x: Value, weight: Value, bias: Value | None = None) -> Value:
    """Fully connected: x (..., C), weight (K, C), bias (K,) -> (..., K)."""
    if x.rank == 1:
        return view.reshape(low, linear(low, view.reshape(low, x, (1, -1)), weight, bias), (-1,))
    operands = (x, weight) if bias is None else (x, weight, bias)
    return low.emit("linear", *operands)


def matrix_product(low: Lowering, a: Value, b: Value) -> Value:
    """``numpy.matmul(a, b)``; a constant matrix on the right makes a fully connected layer."""
    if a.rank == 1:
        product = matrix_product(low, view.reshape(low, a, (1, -1)), b)
        return view.reshape(low, product, product.shape[:-2] + product.shape[-1:])
    if b.rank == 1:
        product = matrix_product(low, a, view.reshape(low, b, (-1, 1)))
        return view.reshape(low, product, product.shape[:-1])
    if b.is_known and b.rank == 2:
        return linear(low, a, view.swap_last(low, b))
    step = b.source("transpose")
    swapped = (*range(b.rank - 2), b.rank - 1, b.rank - 2)
    if step is not None and tuple(step.attributes["permutation"]) == swapped:
        return low.emit("matmul", a, step.inputs[0], transpose_b=True)
    return low.emit("matmul", a, b)


def scaled(low: Lowering, x: Value, factor: float) -> Value:
    """`x` times a number; known arrays at once."""
    if factor == 1.0:
        return x
    if x.array is not None:
        return known(np.asarray(x.array * np.float32(factor), x.array.dtype), x.label)
    return low.emit("mul", x, known(np.array([factor], np.float32)))


def attention(
    low: Lowering,
    query: Value,
    key: Value,
    value: Value,
    *,
    mask: Value | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Value:
    """Scaled dot-product attention: query (..., L, E), key (..., S, E), value (..., S, V) -> (..., L, V).

    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1.
    """
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = scaled(low, low.emit("matmul", query, key, transpose_b=True), factor)
    if is_causal:
        ahead = np.triu(np.ones((query.shape[-2], key.shape[-2]), bool), 1)
        mask = known(np.where(ahead, np.float32(-np.inf), np.float32(0.0)), "causal_mask")
    if mask is not None:
        scores = low.emit("add", scores, additive(mask))
    return low.emit("matmul", low.emit("softmax", scores, axis=-1), value)


def additive(mask: Value) -> Value:
    """A mask to add to scores: a known boolean one (True: attend) becomes 0 and minus infinity."""
    if mask.array is None or mask.array.dtype != np.bool_:
        return mask
    return known(np.where(mask.array, np.float32(0.0), np.float32(-np.inf)), mask.label)
