"""The decoder: decoding token by token with a KV cache gives what reading the whole prompt gives."""

from __future__ import annotations

import numpy as np
import pytest
from cosim_workloads.llama import STORIES260K, Decoder, _rotary, decode, prefill

from cosim.execute import whole
from cosim.graph import Seeded

TOKENS = np.array([[1, 403, 17, 88, 250]], np.int32)
EQUAL_HEADS = Decoder(width=32, layers=2, heads=4, key_heads=4, hidden=48, vocabulary=512)


def decoded(graph, tokens):
    states = {}
    for position, token in enumerate(tokens[0]):
        values = whole(
            graph, {"input": np.array([[token]], np.int32), "position": np.array([position], np.int32), **states}
        )
        states = {name: values[output] for output, name in graph.states.items()}
    return values["logits"], states


@pytest.mark.parametrize("decoder", [STORIES260K, EQUAL_HEADS], ids=["shared keys", "equal heads"])
@pytest.mark.parametrize("context", [5, 8])
def test_decoding_equals_prefill(decoder, context):
    read = prefill("read", 1, 0, decoder=decoder, sequence=TOKENS.shape[1])
    step = decode("step", 1, 0, decoder=decoder, context=context)
    at_once = whole(read, {"input": TOKENS})
    logits, states = decoded(step, TOKENS)
    np.testing.assert_allclose(logits, at_once["logits"], rtol=1e-4, atol=1e-4)
    keys, values = (at_once[name] for name in read.outputs[:2])
    np.testing.assert_allclose(states["cache.0.k"][:, :, -5:], keys, atol=1e-5)
    np.testing.assert_allclose(states["cache.0.v"][:, :, -5:], values, atol=1e-5)


def test_prefill_is_causal():
    read = prefill("read", 1, 0, decoder=EQUAL_HEADS, sequence=5)
    changed = TOKENS.copy()
    changed[0, 4] = 9
    last = read.outputs[2 * (EQUAL_HEADS.layers - 1)]  # keys of the last layer see every token before
    first, second = (whole(read, {"input": tokens})[last] for tokens in (TOKENS, changed))
    np.testing.assert_array_equal(first[:, :, :4], second[:, :, :4])
    assert (first[:, :, 4] != second[:, :, 4]).any()


def test_both_graphs_have_the_same_weights():
    read = prefill("read", 1, 0, decoder=STORIES260K, sequence=4)
    step = decode("step", 1, 0, decoder=STORIES260K, context=4)
    weights = [{n: c for n, c in g.constants.items() if isinstance(c, Seeded)} for g in (read, step)]
    assert weights[0] == weights[1]
    assert "model.embed_tokens.weight" in weights[0]


def test_caches_are_states():
    step = decode("step", 2, 0, decoder=STORIES260K, context=16)
    assert len(step.states) == 2 * STORIES260K.layers
    assert step.tensors["cache.0.k"].shape == (2, 4, 16, 8)


def test_rotary_tables_turn_pairs_by_their_position():
    cosine, sine = _rotary(6, 8)
    x = np.random.default_rng(0).standard_normal((6, 8))
    turned = x * cosine + np.concatenate([x[:, 4:], x[:, :4]], axis=1) * sine
    angles = np.arange(6)[:, None] * 10000.0 ** (-np.arange(4) / 4)
    expected = (x[:, :4] + 1j * x[:, 4:]) * np.exp(1j * angles)
    np.testing.assert_allclose(turned, np.concatenate([expected.real, expected.imag], axis=1), atol=1e-12)
