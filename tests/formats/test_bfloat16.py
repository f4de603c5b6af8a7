"""bf16 and fp16 equal ml_dtypes and gfloat."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.formats.builtin import FORMATS
from cosim.formats.encoding import Encoding
from tests.formats.patterns import SPECIAL, moderate, random_patterns, same_numbers

BF16 = Encoding("bf16", 16)


def test_every_code_and_a_million_numbers_are_those_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    codes = np.arange(1 << 16, dtype=np.uint16)
    with np.errstate(invalid="ignore"):
        same_numbers(FORMATS["bf16"].decode(codes, BF16), codes.view(ml_dtypes.bfloat16).astype(np.float32))
    ties = (np.random.default_rng(0).integers(0, 1 << 16, 100_000).astype(np.uint32) << 16 | 0x8000).view(np.float32)
    values = np.concatenate([random_patterns(500_000), moderate(400_000), ties, SPECIAL])
    with np.errstate(invalid="ignore", over="ignore"):
        wanted = values.astype(ml_dtypes.bfloat16)
    got = FORMATS["bf16"].encode(values, BF16)
    number = ~np.isnan(values)
    np.testing.assert_array_equal(got[number], wanted.view(np.uint16)[number])
    assert np.isnan(FORMATS["bf16"].decode(got[~number], BF16)).all()


@pytest.mark.parametrize(("name", "theirs"), [("bf16", "bfloat16"), ("fp16", "binary16")])
def test_codes_and_a_million_numbers_are_those_of_gfloat(name, theirs):
    gfloat = pytest.importorskip("gfloat")
    from gfloat import formats as known

    form, encoding, info = FORMATS[name], Encoding(name, 16), getattr(known, f"format_info_{theirs}")
    codes = np.arange(1 << 16, dtype=np.uint16)
    same_numbers(form.decode(codes.view(form.storage), encoding), gfloat.decode_ndarray(info, codes.astype(np.int64)))
    values = np.concatenate([random_patterns(500_000, finite=True), moderate(500_000), SPECIAL])
    with np.errstate(over="ignore"):
        found = form.decode(form.encode(values, encoding), encoding)
        same_numbers(found, gfloat.round_ndarray(info, values.astype(np.float64)))


@pytest.mark.parametrize("direction", [np.inf, -np.inf])
def test_double_precision_is_rounded_once(direction):
    half = np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, -1 - 2.0**-8, 1e300, -1e300, 1e-320])
    beside = np.nextafter(half, direction)
    got = FORMATS["bf16"].decode(FORMATS["bf16"].encode(beside, BF16), BF16)
    upper = direction > 0
    assert got[:3].tolist() == [
        1 + (2.0**-7 if upper else 0),
        1 + (2.0**-6 if upper else 2.0**-7),
        -1 - (0 if upper else 2.0**-7),
    ]
    assert got[5] == 0
    assert (FORMATS["bf16"].encode(np.array([np.inf, -np.inf]), BF16) == [0x7F80, 0xFF80]).all()
