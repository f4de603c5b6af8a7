"""Block formats equal gfloat's, and torchao's order of operations written out in numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.formats import Encoding, SharedExponent, fit, quantise
from cosim.plugin import load_registry
from tests.formats.patterns import moderate, same_numbers

GFLOAT = {
    "mxfp8_e4m3": "mxfp8_e4m3",
    "mxfp8_e5m2": "mxfp8_e5m2",
    "mxfp6_e2m3": "mxfp6_e2m3",
    "mxfp6_e3m2": "mxfp6_e3m2",
    "mxfp4": "mxfp4_e2m1",
    "mxint8": "mxint8",
}
BLOCKED = (*GFLOAT, "bfp4", "bfp8", "bfp16", "nvfp4")
LEVELS = {"fp8_e4m3": (8, 448.0), "mxint8": (0, 127 / 64)}


def block_format(name):
    form = load_registry().get("formats", name)
    return form, form.calibrate(np.array(-1.0), np.array(1.0), symmetric=True, axis=None)


def blocks(n, width, seed=0):
    """Rows of blocks of very different size, zeros and a row of zeros among them, shape (n, width)."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, width)) * 2.0 ** rng.integers(-20, 20, (n, 1)) * 2.0 ** rng.integers(-6, 1, (n, width))
    values[rng.random((n, width)) < 0.05] = 0.0
    values[0] = 0.0
    return values.astype(np.float32)


@pytest.mark.parametrize("name", GFLOAT)
def test_blocks_are_those_of_gfloat(name):
    pytest.importorskip("gfloat")
    from gfloat import RoundMode, quantize_block
    from gfloat import formats as known
    from gfloat.block import compute_scale_amax

    form, encoding = block_format(name)
    info = getattr(known, f"format_info_{GFLOAT[name]}")
    values = blocks(1000, 32)
    decoded = form.decode(form.encode(values, encoding), encoding)
    for row, found in zip(values.astype(np.float64), decoded, strict=True):
        if not row.any():
            same_numbers(found, row)
            continue
        wanted = quantize_block(info, row, compute_scale_amax, RoundMode.TiesToEven)
        if name == "mxint8":  # gfloat has -128; we keep the symmetric range of the specification's advice
            limit = 127 / 64 * 2.0 ** np.floor(np.log2(np.abs(row).max()))
            wanted = np.clip(wanted, -limit, limit)
        np.testing.assert_array_equal(found.astype(np.float64), wanted)


@pytest.mark.parametrize(
    ("name", "bits", "block"), [("mxint8", 8, 32), ("bfp4", 4, 16), ("bfp8", 8, 16), ("bfp16", 16, 16)]
)
def test_integers_under_an_exponent_by_hand(name, bits, block):
    form, encoding = block_format(name)
    values = blocks(200, 3 * block + 5, seed=2)
    decoded = form.decode(form.encode(values, encoding), encoding)
    for start in range(0, values.shape[1], block):
        part = values[:, start : start + block].astype(np.float64)
        exponent = np.frexp(np.abs(part).max(axis=1, keepdims=True))[1] - 1.0
        step = 2.0 ** (exponent - (bits - 2))
        limit = 2 ** (bits - 1) - 1
        wanted = np.clip(np.rint(part / step), -limit, limit) * step
        np.testing.assert_array_equal(decoded[:, start : start + block], wanted.astype(np.float32))


@pytest.mark.parametrize("name", [name for name in GFLOAT if name != "mxint8"])
def test_a_million_elements_are_those_of_gfloat(name):
    """gfloat rounds what is left when the scale of the specification is taken off."""
    gfloat = pytest.importorskip("gfloat")
    from gfloat import formats as known

    form, encoding = block_format(name)
    info = getattr(known, f"format_info_ocp_{GFLOAT[name].removeprefix('mxfp').partition('_')[2]}")
    values = blocks(1_000_000 // 32, 32, seed=7)
    amax = np.abs(values).max(axis=1, keepdims=True).astype(np.float64)
    exponent = np.frexp(np.where(amax > 0, amax, 2.0**-126))[1] - np.frexp(form.largest)[1]
    scale = 2.0 ** np.clip(exponent, -127, 127)
    wanted = gfloat.round_ndarray(info, values / scale, sat=True) * scale
    same_numbers(form.decode(form.encode(values, encoding), encoding), wanted)
    same_numbers(quantise(form, values, encoding), wanted)


@pytest.mark.parametrize("element", ["posit8_1", "lns8", "pot4", "fp8_e4m3"])
@pytest.mark.parametrize("block", [1, 3, 32, 2000])
def test_elements_of_any_narrow_format(element, block):
    inner = load_registry().get("formats", element)
    form = SharedExponent("test", "any elements", inner, block=block, has_nan=True, arithmetic=inner.arithmetic)
    encoding = form.calibrate(np.array(-1.0), np.array(1.0), symmetric=True, axis=None)
    values = blocks(3, 2500, seed=5)
    decoded = form.decode(form.encode(values, encoding), encoding)
    top = np.frexp(form.largest)[1] - 1
    for start in range(0, 2500, block):
        part = values[:, start : start + block].astype(np.float64)
        amax = np.abs(part).max(axis=1, keepdims=True)
        scale = 2.0 ** np.clip(np.frexp(np.where(amax > 0, amax, 2.0**-126))[1] - 1 - top, -127, 127)
        near = (part / scale).astype(np.float32)
        wanted = quantise(inner, near, Encoding(element, inner.bits)).astype(np.float64) * scale
        same_numbers(decoded[:, start : start + block], wanted)
    same_numbers(quantise(form, values, encoding), decoded)


def test_wide_elements_are_refused():
    inner = load_registry().get("formats", "posit16_1")
    form = SharedExponent("test", "too wide", inner, block=4, has_nan=True, arithmetic=inner.arithmetic)
    with pytest.raises(DescriptionError, match="posit16_1 cannot be the elements of test"):
        form.encode(np.ones(4, np.float32), Encoding("test", 16, block=4))


def nvfp4_by_hand(values, tensor_scale):
    """torchao's nvfp4_quantize and back, with ml_dtypes for the casts."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    one, scale = np.float32(1), np.float32(tensor_scale)
    part = values.reshape(-1, 16)
    wanted = np.abs(part).max(axis=1, keepdims=True) / np.float32(6) / scale
    block = np.clip(wanted, np.float32(2.0**-6), np.float32(448)).astype(ml_dtypes.float8_e4m3fn).astype(np.float32)
    scaled = np.clip(part * ((one / scale) / block), np.float32(-6), np.float32(6))
    element = scaled.astype(ml_dtypes.float4_e2m1fn).astype(np.float32)
    return ((element * block).astype(np.float32) * scale).reshape(values.shape)


@pytest.mark.parametrize("two_levels", [True, False])
def test_nvfp4_is_torchao_s(two_levels):
    form, encoding = block_format("nvfp4")
    values = (moderate(64 * 1024) * 0.01).reshape(64, 1024)
    if two_levels:
        encoding = fit(form, values)
        scale = np.float32(np.abs(values).max() / (6 * 448))
        assert float(encoding.scale) == float(scale)
    else:
        encoding, scale = replace(encoding, scale=None), 1.0
    decoded = form.decode(form.encode(values, encoding), encoding)
    same_numbers(decoded, nvfp4_by_hand(values, scale))


def test_nvfp4_with_a_tensor_scale_per_channel():
    form = load_registry().get("formats", "nvfp4")
    values = moderate(4 * 64).reshape(4, 64)
    encoding = fit(form, values, axis=0)
    assert encoding.scale.shape == (4,)
    together = form.decode(form.encode(values, encoding), encoding)
    for row in range(4):
        alone = fit(form, values[row])
        np.testing.assert_array_equal(together[row], form.decode(form.encode(values[row], alone), alone))


@pytest.mark.parametrize("name", BLOCKED)
@pytest.mark.parametrize("shape", [(), (1,), (33,), (2, 40), (3, 40, 5), (0,), (0, 32), (2, 0)])
@pytest.mark.parametrize("axis", [-1, 0])
def test_every_shape_and_block_axis(name, shape, axis):
    form, encoding = block_format(name)
    encoding = replace(encoding, block_axis=axis)
    values = moderate(int(np.prod(shape))).reshape(shape)
    codes = form.encode(values, encoding)
    assert codes.shape == shape
    assert codes.dtype == form.storage
    moved = np.moveaxis(values, axis, -1) if shape else values
    wanted = form.decode(form.encode(moved, replace(encoding, block_axis=-1)), encoding)
    np.testing.assert_array_equal(form.decode(codes, encoding), np.moveaxis(wanted, -1, axis) if shape else wanted)
    if shape and 0 not in shape:
        elements, shared = form.split(codes, encoding)
        assert elements.max() < 1 << (8 if form.bits <= 8 else 16)
        assert shared.size == encoding.blocks(shape)
        np.testing.assert_array_equal(form.join(elements, shared, encoding), codes)


@pytest.mark.parametrize("name", BLOCKED)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_block_with_a_number_that_is_none(name, bad):
    form, encoding = block_format(name)
    values = np.ones((2, form.block), np.float32)
    values[1, 3] = bad
    if name.startswith("bfp"):
        with pytest.raises(DescriptionError, match="NaN or infinity has no code in bfp"):
            form.encode(values, encoding)
        return
    decoded = form.decode(form.encode(values, encoding), encoding)
    assert np.isfinite(decoded[0]).all()
    assert np.isnan(decoded[1]).all()


@pytest.mark.parametrize("name", BLOCKED)
def test_one_pass_gives_what_codes_decode_to(name):
    form, encoding = block_format(name)
    values = np.concatenate([blocks(300, 70), np.ldexp(blocks(100, 70, seed=4), -110), np.ldexp(blocks(9, 70), 80)])
    if not name.startswith("bfp"):
        values[5, 3], values[6, 40] = np.nan, np.inf
    same_numbers(quantise(form, values, encoding), form.decode(form.encode(values, encoding), encoding))


@pytest.mark.parametrize("name", BLOCKED)
def test_the_smallest_and_the_largest_numbers(name):
    form, encoding = block_format(name)
    encoding = replace(encoding, scale=None)
    tiny = np.full(form.block, np.float32(1e-45))
    assert np.isfinite(form.decode(form.encode(tiny, encoding), encoding)).all()
    huge = np.full(form.block, np.finfo(np.float32).max)
    assert np.isfinite(form.decode(form.encode(huge, encoding), encoding)).all()


def test_a_block_costs_its_exponent():
    _, encoding = block_format("mxfp4")
    assert encoding.blocks((4, 100)) == 4 * 4
    assert encoding.stored_bits((4, 100)) == 400 * 4 + 16 * 8
    _, encoding = block_format("nvfp4")
    assert encoding.stored_bits((16,)) == 16 * 4 + 8 + 32


def test_an_encoding_without_blocks_is_refused():
    form, encoding = block_format("mxfp4")
    with pytest.raises(DescriptionError, match="blocks of None"):
        form.encode(np.ones(4, np.float32), replace(encoding, block=None))
