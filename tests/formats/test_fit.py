"""Side information per tensor, channel and block; and what cannot be calibrated."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.formats import Encoding, fit, quantise
from cosim.formats.builtin import FORMATS
from cosim.plugin import load_registry

WEIGHTS = (np.random.default_rng(5).normal(size=(4, 30)) * np.array([[1], [20], [0.01], [3]])).astype(np.float32)
REGISTRY = load_registry()
# Other installed plugins answer for theirs.
FORMS = {
    name: form for name, form in REGISTRY["formats"].items() if REGISTRY.owner("formats", name).distribution == "cosim"
}
SCALED = ("int4", "int8", "uint8", "fp8_e4m3", "fp4_e2m1", "pot4", "lns8")
EVERY = tuple(FORMS)


@pytest.mark.parametrize("name", ["int2", "int3", "int4", "int7", "int8", "int16", "uint8"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_integers_by_the_formula(name, symmetric):
    form, bits = FORMS[name], FORMS[name].bits
    encoding = fit(form, WEIGHTS, axis=0, symmetric=symmetric)
    low, high = np.minimum(WEIGHTS.min(1), 0).astype(np.float64), np.maximum(WEIGHTS.max(1), 0).astype(np.float64)
    first = 0 if name == "uint8" else -(2 ** (bits - 1))
    if symmetric:
        scale = (np.maximum(-low, high) / (2 ** (bits - 1) - 1)).astype(np.float32).astype(np.float64)
        zero = np.full(4, first + 2 ** (bits - 1))
    else:
        scale = ((high - low) / (2**bits - 1)).astype(np.float32).astype(np.float64)
        zero = np.clip(np.rint(first - low / scale), first, first + 2**bits - 1)
    np.testing.assert_array_equal(encoding.scale, scale)
    np.testing.assert_array_equal(encoding.zero_point, zero)
    codes = form.encode(WEIGHTS, encoding).astype(np.int64)
    wanted = np.clip(np.rint(WEIGHTS / scale[:, None]) + zero[:, None], first, first + 2**bits - 1)
    np.testing.assert_array_equal(codes, wanted)
    if symmetric:
        assert (np.abs(codes - zero[:, None]) <= 2 ** (bits - 1) - 1).all()


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("block", [1, 7, 10, 30, 64])
def test_a_scale_per_group_is_the_scale_of_the_group(name, block):
    form = FORMS[name]
    encoding = fit(form, WEIGHTS, block=block)
    assert encoding.scale.shape == (4, -(-30 // block))
    got = quantise(form, WEIGHTS, encoding)
    for row in range(4):
        for start in range(0, 30, block):
            part = WEIGHTS[row, start : start + block]
            np.testing.assert_array_equal(got[row, start : start + block], quantise(form, part, fit(form, part)))


@pytest.mark.parametrize("name", SCALED)
def test_groups_along_another_axis(name):
    form = FORMS[name]
    along = quantise(form, WEIGHTS, fit(form, WEIGHTS, block=3, block_axis=0))
    turned = quantise(form, WEIGHTS.T, fit(form, WEIGHTS.T, block=3))
    np.testing.assert_array_equal(along, turned.T)


@pytest.mark.parametrize("name", SCALED)
def test_a_part_of_a_tensor_has_its_part_of_the_scales(name):
    form = FORMS[name]
    for encoding in (
        fit(form, WEIGHTS),
        fit(form, WEIGHTS, axis=0),
        fit(form, WEIGHTS, axis=1),
        fit(form, WEIGHTS, block=5),
    ):
        whole = quantise(form, WEIGHTS, encoding)
        box = np.array([[1, 3], [10, 23]])
        part = encoding.cut(box)
        np.testing.assert_array_equal(quantise(form, WEIGHTS[1:3, 10:23], part), whole[1:3, 10:23])
    with pytest.raises(DescriptionError, match="cuts a block of 5"):
        fit(form, WEIGHTS, block=5).cut(np.array([[0, 4], [3, 20]]))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nothing_is_fitted_to_numbers_that_are_none(name, bad):
    values = WEIGHTS.copy()
    values[2, 2] = bad
    with pytest.raises(DescriptionError, match="1 of 120 values to calibrate on are NaN or infinite"):
        fit(FORMS[name], values)


@pytest.mark.parametrize("name", [name for name in EVERY if name not in {"fp32", "fp16", "bf16"}])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_range_must_be_finite(name, bad):
    with pytest.raises(DescriptionError, match="NaN or infinity"):
        FORMS[name].calibrate(np.array(-1.0), np.array(bad), symmetric=True, axis=None)
    with pytest.raises(DescriptionError, match="ends below its beginning"):
        FORMS[name].calibrate(np.array(1.0), np.array(-1.0), symmetric=True, axis=None)


@pytest.mark.parametrize("name", [*SCALED, "ternary", "nvfp4"])
@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_must_be_positive(name, scale):
    encoding = Encoding(name, FORMS[name].bits, np.array(scale), block=16)
    with pytest.raises(DescriptionError, match="a scale is"):
        FORMS[name].encode(WEIGHTS, encoding)
    with pytest.raises(DescriptionError, match="a scale is"):
        FORMS[name].decode(np.zeros(3, FORMS[name].storage), encoding)


@pytest.mark.parametrize("name", EVERY)
def test_zeros_are_exact(name):
    zeros = np.zeros((3, 8), np.float32)
    encoding = fit(FORMS[name], zeros)
    assert not quantise(FORMS[name], zeros, encoding).any()


@pytest.mark.parametrize("name", SCALED)
def test_the_tiniest_range_has_a_scale(name):
    tiny = np.array([1e-45, -1e-45, 0.0], np.float32)
    encoding = fit(FORMS[name], tiny)
    assert encoding.scale > 0
    assert np.isfinite(quantise(FORMS[name], tiny, encoding)).all()


@pytest.mark.parametrize("name", ["int8", "int12"])
def test_a_tiny_range_is_covered(name):
    """A subnormal scale would have too few digits: the ends would be clipped, and not alike."""
    ends = np.array([-4.015e-42, 4.015e-42], np.float32)
    form = FORMS[name]
    codes = form.encode(ends, fit(form, ends))
    assert codes[0] == -codes[1]
    assert fit(form, ends).scale >= np.finfo(np.float32).tiny


def test_what_cannot_be_meant():
    with pytest.raises(DescriptionError, match="no values"):
        fit(FORMS["int8"], np.zeros((0, 3)))
    with pytest.raises(DescriptionError, match="both an axis and a block"):
        fit(FORMS["int8"], WEIGHTS, axis=0, block=4)
    with pytest.raises(DescriptionError, match="a block has 0 elements"):
        fit(FORMS["int8"], WEIGHTS, block=0)
    with pytest.raises(DescriptionError, match="needs a scale"):
        FORMS["int8"].encode(WEIGHTS, Encoding("int8", 8))


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding("int8", 8, np.ones(5), None, 0),  # five scales for four channels
        Encoding("int8", 8, np.ones(4), None, 2),  # no such axis
        Encoding("int8", 8, np.ones((4, 3))),  # as if per block, without a block
        Encoding("int8", 8, np.ones((4, 3)), block=5),  # 30 / 5 is 6
    ],
)
def test_side_information_must_fit(encoding):
    with pytest.raises(DescriptionError, match="does not fit a tensor"):
        FORMATS["int8"].encode(WEIGHTS, encoding)
