"""Decoder-only transformers of the LLaMA kind, with Hugging Face's parameter names: prefill and one decoding step.

Source: Touvron et al. 2023, arXiv:2302.13971; the stories sizes are those of karpathy/llama2.c.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.graph import Builder, Graph, attention, merge_heads, split_heads
from cosim.graph.assembly import INT32

_EPSILON = 1e-5
_BLOCKED = -1e9  # added to a score whose key must not be seen


@dataclass(frozen=True)
class Decoder:
    """Sizes of a decoder; the output layer is tied to the embedding."""

    width: int
    layers: int
    heads: int
    key_heads: int
    hidden: int
    vocabulary: int

    @property
    def head_width(self) -> int:
        """Elements of one head."""
        return self.width // self.heads


STORIES260K = Decoder(64, 5, 8, 4, 172, 512)
STORIES15M = Decoder(288, 6, 6, 6, 768, 32000)
STORIES = {"stories260k": STORIES260K, "stories15m": STORIES15M}


@dataclass(frozen=True)
class _Step:
    """What all layers of one graph share: names of tensors."""

    cosine: str
    sine: str
    mask: str


def stories_prefill(name: str, batch: int, seed: int, *, size: str, sequence: int) -> Graph:
    """`prefill` of a decoder of `STORIES`."""
    return prefill(name, batch, seed, decoder=STORIES[size], sequence=sequence)


def stories_decode(name: str, batch: int, seed: int, *, size: str, context: int) -> Graph:
    """`decode` of a decoder of `STORIES`."""
    return decode(name, batch, seed, decoder=STORIES[size], context=context)


def prefill(name: str, batch: int, seed: int, *, decoder: Decoder, sequence: int) -> Graph:
    """Tokens (batch, sequence) -> logits of the last one (batch, vocabulary), and the keys and values of all."""
    b = Builder(name, seed)
    ids = b.input("input", (batch, sequence), INT32)
    cosine, sine = _rotary(sequence, decoder.head_width)
    causal = np.triu(np.full((sequence, sequence), _BLOCKED), 1)
    step = _Step(b.constant("rope.cos", cosine), b.constant("rope.sin", sine), b.constant("mask", causal))
    x = _embed(b, ids, decoder)
    for i in range(decoder.layers):
        q, k, v = _project(b, x, decoder, step, f"model.layers.{i}")
        b.output(k)
        b.output(v)
        x = _finish(b, x, _attend(b, q, k, v, step.mask, f"model.layers.{i}.self_attn"), decoder, f"model.layers.{i}")
    b.output(_logits(b, b.slice(x, 1, sequence - 1, sequence), decoder))
    return b.build()


def decode(name: str, batch: int, seed: int, *, decoder: Decoder, context: int) -> Graph:
    """One token (batch, 1) at `position` (batch,) -> logits (batch, vocabulary), with a KV cache as states.

    Each cache (batch, key heads, context, head width) holds the last `context` tokens, the newest last; it starts at
    zero and the mask hides what is older than the first token.
    """
    b = Builder(name, seed)
    ids = b.input("input", (batch, 1), INT32)
    position = b.input("position", (batch,), INT32)
    cosine, sine = _rotary(context, decoder.head_width)
    filled = np.arange(context)[None, :] >= context - 1 - np.arange(context)[:, None]
    tables = {"rope.cos": cosine, "rope.sin": sine, "mask": np.where(filled, 0.0, _BLOCKED)}
    rows = []
    for table, values in tables.items():
        row = b.op("gather", [b.constant(table, values), position], f"{table}.row", axis=0)
        rows.append(b.reshape(row, (batch, 1, 1, values.shape[1])))
    step = _Step(*rows)
    x = _embed(b, ids, decoder)
    for i in range(decoder.layers):
        q, *new = _project(b, x, decoder, step, f"model.layers.{i}")
        k, v = (_append(b, part, context, f"cache.{i}.{letter}") for part, letter in zip(new, "kv", strict=True))
        x = _finish(b, x, _attend(b, q, k, v, step.mask, f"model.layers.{i}.self_attn"), decoder, f"model.layers.{i}")
    b.output(_logits(b, x, decoder))
    return b.build()


def _rotary(positions: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosines and signed sines (positions, width). Source: Su et al. 2024, doi:10.1016/j.neucom.2023.127063, eq. 34."""
    frequencies = 10000.0 ** (-np.arange(0, width, 2) / width)
    angles = np.arange(positions)[:, None] * frequencies[None, :]
    sine = np.sin(angles)
    return np.tile(np.cos(angles), 2), np.concatenate([-sine, sine], axis=1)


def _embed(b: Builder, ids: str, decoder: Decoder) -> str:
    return b.embedding(ids, decoder.vocabulary, decoder.width, name="model.embed_tokens")


def _logits(b: Builder, x: str, decoder: Decoder) -> str:
    x = b.rms_norm(x, epsilon=_EPSILON, name="model.norm")
    x = b.reshape(x, (b.shape(x)[0], decoder.width))
    return b.op("linear", [x, "model.embed_tokens.weight"], "logits")


def _project(b: Builder, x: str, decoder: Decoder, step: _Step, name: str) -> tuple[str, str, str]:
    """Rotated queries (N, heads, S, D), rotated keys and values (N, key heads, S, D)."""
    x = b.rms_norm(x, epsilon=_EPSILON, name=f"{name}.input_layernorm")
    made = []
    for part, heads in (("q", decoder.heads), ("k", decoder.key_heads), ("v", decoder.key_heads)):
        y = b.linear(x, heads * decoder.head_width, bias=False, gain=1.0, name=f"{name}.self_attn.{part}_proj")
        y = split_heads(b, y, heads)
        made.append(y if part == "v" else _rotate(b, y, step))
    return made[0], made[1], made[2]


def _rotate(b: Builder, x: str, step: _Step) -> str:
    """Pairs (i, i + D/2) of x (N, heads, S, D) turned by the angle of their position."""
    half = b.shape(x)[-1] // 2
    low, high = b.split(x, (half, half), axis=3)
    return b.add(b.mul(x, step.cosine), b.mul(b.concat((high, low), axis=3), step.sine))


def _append(b: Builder, new: str, context: int, name: str) -> str:
    n, heads, _, width = b.shape(new)
    cache = b.input(name, (n, heads, context, width))
    joined = b.concat((b.slice(cache, 2, 1, context), new), axis=2, name=f"{name}.next")
    b.state(joined, name)
    return joined


def _attend(b: Builder, q: str, k: str, v: str, mask: str, name: str) -> str:
    """Attention of (N, heads, S, D); heads that share a key form one more batch axis."""
    n, heads, sequence, width = b.shape(q)
    shared = b.shape(k)[1]
    if shared != heads:
        length = b.shape(k)[2]
        q = b.reshape(q, (n, shared, heads // shared, sequence, width))
        k, v = (b.reshape(part, (n, shared, 1, length, width)) for part in (k, v))
        if len(b.shape(mask)) == 4:
            mask = b.reshape(mask, (n, 1, 1, 1, length))
    mixed = attention(b, q, k, v, mask=mask, name=name)
    return merge_heads(b, mixed if shared == heads else b.reshape(mixed, (n, heads, sequence, width)))


def _finish(b: Builder, x: str, attended: str, decoder: Decoder, name: str) -> str:
    """The rest of a layer: output projection, and the gated feed-forward."""
    x = b.add(x, b.linear(attended, decoder.width, bias=False, gain=1.0, name=f"{name}.self_attn.o_proj"))
    y = b.rms_norm(x, epsilon=_EPSILON, name=f"{name}.post_attention_layernorm")
    gate = b.silu(b.linear(y, decoder.hidden, bias=False, gain=1.0, name=f"{name}.mlp.gate_proj"))
    up = b.linear(y, decoder.hidden, bias=False, gain=1.0, name=f"{name}.mlp.up_proj")
    y = b.linear(b.mul(gate, up), decoder.width, bias=False, gain=1.0, name=f"{name}.mlp.down_proj")
    return b.add(x, y)
