"""Converters: matrix products, attention, softmax, normalisations, embeddings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cosim.frontend.lowering import Value, known, view
from cosim.frontend.lowering.norm import group_norm, layer_norm
from cosim.frontend.lowering.product import attention, matrix_product, scaled
from cosim.frontend.lowering.product import linear as fully_connected
from cosim.frontend.torch.call import Call, Converter


def linear(call: Call) -> Value:
    """aten.linear: weight (K, C)."""
    return fully_connected(call.low, call.tensor("input"), call.tensor("weight"), call.optional("bias"))


def product(call: Call) -> Value:
    """aten.matmul, mm, bmm."""
    return matrix_product(call.low, call.tensor("self"), call.tensor("other", "mat2"))


def affine_product(call: Call) -> Value:
    """aten.addmm, baddbmm: beta * self + alpha * (a @ b)."""
    low, bias = call.low, call.tensor("self")
    a, b = call.tensor("mat1", "batch1"), call.tensor("mat2", "batch2")
    alpha, beta = float(call.get("alpha", 1)), float(call.get("beta", 1))
    if alpha == beta == 1.0 and b.is_known and b.rank == 2 and bias.shape == b.shape[-1:]:
        return fully_connected(low, a, view.swap_last(low, b), bias)
    return low.emit("add", scaled(low, matrix_product(low, a, b), alpha), scaled(low, bias, beta))


def scaled_dot_product(call: Call) -> Value:
    """aten.scaled_dot_product_attention; grouped queries repeat keys and values."""
    low = call.low
    query, key, value = call.tensor("query"), call.tensor("key"), call.tensor("value")
    if call.get("enable_gqa", False) and key.shape[-3] != query.shape[-3]:
        key, value = (_repeat_heads(call, part, query.shape[-3] // part.shape[-3]) for part in (key, value))
    return attention(
        low,
        query,
        key,
        value,
        mask=call.optional("attn_mask"),
        is_causal=bool(call["is_causal"]),
        scale=call.get("scale"),
    )


def _repeat_heads(call: Call, x: Value, times: int) -> Value:
    *batch, heads, length, width = x.shape
    apart = view.reshape(call.low, x, (*batch, heads, 1, length, width))
    repeated = view.broadcast(call.low, apart, (*batch, heads, times, length, width))
    return view.reshape(call.low, repeated, (*batch, heads * times, length, width))


def softmax(kind: str) -> Converter:
    """Converter of softmax along `dim`."""

    def convert(call: Call) -> Value:
        return call.low.emit(kind, call.tensor("self"), axis=int(call["dim"]))

    return convert


def layer_normalization(call: Call) -> Value:
    """aten.layer_norm, native_layer_norm."""
    axis = -len(call["normalized_shape"])
    return layer_norm(
        call.low, call.tensor("input"), axis, call.optional("weight"), call.optional("bias"), float(call["eps"])
    )


def rms_normalization(call: Call) -> Value:
    """aten.rms_norm over the last axis."""
    x = call.tensor("input")
    if len(call["normalized_shape"]) != 1:
        raise call.refuse(f"normalized_shape={call['normalized_shape']}", "the last axis only")
    gamma = call.optional("weight") or known(np.ones(x.shape[-1:], np.float32), "ones")
    epsilon = call.get("eps", float(np.finfo(np.float32).eps))
    return call.low.emit("rms_norm", x, gamma, epsilon=float(epsilon))


def group_normalization(call: Call) -> Value:
    """aten.group_norm."""
    return group_norm(
        call.low,
        call.tensor("input"),
        int(call["num_groups"]),
        call.optional("weight"),
        call.optional("bias"),
        float(call["eps"]),
    )


def instance_normalization(call: Call) -> Value:
    """aten.instance_norm with the statistics of its input."""
    x = call.tensor("input")
    if not call["use_input_stats"]:
        raise call.refuse("running statistics", "use_input_stats=True")
    return group_norm(call.low, x, x.shape[1], call.optional("weight"), call.optional("bias"), float(call["eps"]))


def batch_normalization(call: Call) -> Value:
    """aten.batch_norm with running statistics."""
    if call.get("training", False):
        raise call.refuse(
            "batch statistics", "running statistics", "call module.eval() and keep track_running_stats=True"
        )
    x = call.tensor("input")
    channels = (x.shape[1],)
    gamma = call.optional("weight") or known(np.ones(channels, np.float32), "ones")
    beta = call.optional("bias") or known(np.zeros(channels, np.float32), "zeros")
    mean, variance = call.tensor("running_mean"), call.tensor("running_var")
    return call.low.emit("batch_norm", x, gamma, beta, mean, variance, epsilon=float(call["eps"]))


def embedding(call: Call) -> Value:
    """aten.embedding: rows of weight (entries, width)."""
    return view.gather(call.low, call.tensor("weight"), call.tensor("indices"), 0)


def norm(call: Call) -> Value:
    """aten.linalg_vector_norm of order 2."""
    x, low = call.tensor("self"), call.low
    if call.get("ord", call.get("p", 2)) != 2:
        raise call.refuse("an order other than 2", "the Euclidean norm")
    dims = call.get("dim") or range(x.rank)
    axes = tuple(int(axis) for axis in ([dims] if isinstance(dims, int) else dims))
    total = low.emit("reduce_sum", low.emit("mul", x, x), axes=axes, keepdims=bool(call.get("keepdim", False)))
    return low.emit("sqrt", total)


CONVERTERS: Mapping[str, Converter] = {
    "aten.linear": linear,
    "aten.matmul": product,
    "aten.mm": product,
    "aten.bmm": product,
    "aten.addmm": affine_product,
    "aten.baddbmm": affine_product,
    "aten.scaled_dot_product_attention": scaled_dot_product,
    "aten.softmax": softmax("softmax"),
    "aten._softmax": softmax("softmax"),
    "aten.log_softmax": softmax("log_softmax"),
    "aten._log_softmax": softmax("log_softmax"),
    "aten.layer_norm": layer_normalization,
    "aten.native_layer_norm": lambda call: (layer_normalization(call),),
    "aten.rms_norm": rms_normalization,
    "aten.group_norm": group_normalization,
    "aten.instance_norm": instance_normalization,
    "aten.batch_norm": batch_normalization,
    "aten._native_batch_norm_legit_no_training": lambda call: (batch_normalization(call),),
    "aten.embedding": embedding,
    "aten.linalg_vector_norm": norm,
}
