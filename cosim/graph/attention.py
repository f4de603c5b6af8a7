"""Attention made of primitive ops."""

from __future__ import annotations

from cosim.graph.builder import Builder


def split_heads(builder: Builder, x: str, heads: int) -> str:
    """(N, S, heads * D) as (N, heads, S, D)."""
    n, sequence, width = builder.shape(x)
    return builder.transpose(builder.reshape(x, (n, sequence, heads, width // heads)), (0, 2, 1, 3))


def merge_heads(builder: Builder, x: str) -> str:
    """(N, heads, S, D) as (N, S, heads * D)."""
    n, heads, sequence, width = builder.shape(x)
    return builder.reshape(builder.transpose(x, (0, 2, 1, 3)), (n, sequence, heads * width))


def attention(builder: Builder, q: str, k: str, v: str, *, mask: str | None = None, name: str | None = None) -> str:
    """softmax(q k^T / sqrt(D) + mask) v for q (N, heads, S, D), k and v (N, heads, T, D) -> (N, heads, S, D).

    `mask` is added to the scores and broadcasts to (N, heads, S, T).
    Source: Vaswani et al., NeurIPS 2017, doi:10.48550/arXiv.1706.03762, equation 1.
    """
    names = [None if name is None else f"{name}.{part}" for part in ("scores", "scaled", "masked", "weights", "mixed")]
    scores = builder.matmul(q, k, transpose_b=True, name=names[0])
    scaled = builder.scale(scores, builder.shape(q)[-1] ** -0.5, name=names[1])
    masked = scaled if mask is None else builder.add(scaled, mask, name=names[2])
    return builder.matmul(builder.softmax(masked, name=names[3]), v, name=names[4])
