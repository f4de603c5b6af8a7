"""BERT encoders with Hugging Face's parameter names.

Sources: Devlin et al., NAACL 2019, doi:10.18653/v1/N19-1423; Turc et al. 2019, arXiv:1908.08962 (the small ones).
"""

from __future__ import annotations

import numpy as np

from cosim.graph import Builder, Graph, attention, merge_heads, split_heads
from cosim.graph.assembly import INT32

_VOCABULARY, _POSITIONS, _SEGMENTS = 30522, 512, 2
_EPSILON = 1e-12


def bert(name: str, batch: int, seed: int, *, layers: int, width: int, sequence: int = 128) -> Graph:
    """Encoder for token numbers (batch, sequence) of one segment; outputs the last hidden states and the pooled one."""
    b = Builder(name, seed)
    ids = b.input("input", (batch, sequence), INT32)
    stem = "embeddings"
    words = b.embedding(ids, _VOCABULARY, width, name=f"{stem}.word_embeddings")
    positions = b.embedding(
        b.constant(f"{stem}.position_ids", np.arange(sequence)), _POSITIONS, width, name=f"{stem}.position_embeddings"
    )
    segments = b.embedding(
        b.constant(f"{stem}.token_type_ids", np.zeros(1, int)),
        _SEGMENTS,
        width,
        name=f"{stem}.token_type_embeddings",
    )
    x = b.layer_norm(b.add(b.add(words, segments), positions), epsilon=_EPSILON, name=f"{stem}.LayerNorm")
    for i in range(layers):
        x = _layer(b, x, width // 64, f"encoder.layer.{i}")
    first = b.reshape(b.slice(x, 1, 0, 1), (batch, width))
    pooled = b.tanh(b.linear(first, width, gain=1.0, name="pooler.dense"), name="pooled")
    b.output(x)
    b.output(pooled)
    return b.build()


def _layer(b: Builder, x: str, heads: int, name: str) -> str:
    width = b.shape(x)[-1]
    q, k, v = (
        split_heads(b, b.linear(x, width, gain=1.0, name=f"{name}.attention.self.{part}"), heads)
        for part in ("query", "key", "value")
    )
    y = merge_heads(b, attention(b, q, k, v, name=f"{name}.attention.self"))
    y = b.linear(y, width, gain=1.0, name=f"{name}.attention.output.dense")
    x = b.layer_norm(b.add(x, y), epsilon=_EPSILON, name=f"{name}.attention.output.LayerNorm")
    y = b.gelu(b.linear(x, 4 * width, name=f"{name}.intermediate.dense"))
    y = b.linear(y, width, gain=1.0, name=f"{name}.output.dense")
    return b.layer_norm(b.add(x, y), epsilon=_EPSILON, name=f"{name}.output.LayerNorm")
