"""Converters: matrix products."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from cosim.frontend.lowering import Value, known, view
from cosim.frontend.lowering.einsum import einsum
from cosim.frontend.lowering.product import matrix_product, scaled
from cosim.frontend.onnx.node import Converter, Node


def matmul(node: Node) -> Value:
    """MatMul by numpy's rules."""
    return matrix_product(node.low, node[0], node[1])


def gemm(node: Node) -> Value:
    """Gemm: alpha * A' @ B' + beta * C, where ' is an optional transposition."""
    low = node.low
    a = view.swap_last(low, node[0]) if node.get("transA", 0) else node[0]
    b = scaled(low, node[1], float(node.get("alpha", 1.0))) if node[1].is_known else node[1]
    outside = 1.0 if node[1].is_known else float(node.get("alpha", 1.0))
    c, beta = node.optional(2), float(node.get("beta", 1.0))
    if c is not None and beta == 0.0:
        c = None
    weight = b if node.get("transB", 0) else view.swap_last(low, b)
    if b.is_known:
        bias = None if c is None else _bias(scaled(low, c, beta), weight.shape[0])
        y = low.emit("linear", a, weight, *(() if bias is None else (bias,)))
        if bias is not None or c is None:
            return y
    else:
        y = low.emit("matmul", a, b, transpose_b=bool(node.get("transB", 0)))
        y = scaled(low, y, outside)
    return y if c is None else low.emit("add", y, scaled(low, c, beta))


def _bias(c: Value, channels: int) -> Value | None:
    """C as a bias (K,), when it is the same for every row."""
    if c.rank and c.shape[-1] not in (1, channels):
        return None
    if c.array is None or c.shape == (channels,):
        return c if c.shape == (channels,) else None
    if math.prod(c.shape[:-1]) != 1:
        return None
    vector = np.broadcast_to(c.array.reshape(-1), (channels,))
    return known(vector, c.label)


def einsum_of(node: Node) -> Value:
    """Einsum of two operands."""
    return einsum(node.low, str(node.get("equation", "")), node.present())


CONVERTERS: Mapping[str, Converter] = {"MatMul": matmul, "Gemm": gemm, "Einsum": einsum_of}
