"""What an encoding says about itself, and what changes a graph's digest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.formats import Encoding, fit
from cosim.formats.builtin import FORMATS
from cosim.plugin import load_registry
from cosim.testing import sample_graph


@pytest.mark.parametrize("name", load_registry().names("formats"))
def test_only_wide_floats_stand_for_themselves(name):
    assert Encoding(name, 8).is_float == (name in {"fp32", "fp16", "bf16"})


def test_bits_of_a_tensor():
    assert Encoding("fp16", 16).stored_bits((3, 5)) == 240
    per_channel = Encoding("int8", 8, np.ones(3), np.zeros(3, np.int64), 0)
    assert per_channel.stored_bits((3, 5)) == 120 + 64 * 3
    grouped = fit(FORMATS["int4"], np.ones((2, 64)), block=32)
    assert grouped.blocks((2, 64)) == 4
    assert grouped.stored_bits((2, 64)) == 128 * 4 + 64 * 4
    assert Encoding("int4", 4).blocks((2, 64)) == 0


@pytest.mark.parametrize(
    "change",
    [{"block": 32}, {"block": 32, "block_axis": 0}, {"block": 32, "block_bits": 8}, {"threshold": np.array(0.5)}],
)
def test_every_new_field_is_in_the_digest(change):
    graph = sample_graph(FORMATS["int8"])
    name = graph.ops[0].output
    tensor = graph.tensors[name]
    base = {"block": 32} if len(change) == 2 else {}
    before = graph.with_tensors([replace(tensor, encoding=replace(tensor.encoding, **base))])
    after = graph.with_tensors([replace(tensor, encoding=replace(tensor.encoding, **change))])
    assert before.digest != after.digest
