"""Minifloats equal ml_dtypes and gfloat: every code, and a million numbers with ties and special ones."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.formats import Encoding, Grid
from cosim.plugin import load_registry
from cosim_plugins.formats.minifloat import minifloat, minifloat_book
from tests.formats.patterns import million, moderate, random_patterns, same_numbers

NAMES = {
    "fp8_e4m3": ("float8_e4m3fn", "ocp_e4m3"),
    "fp8_e5m2": ("float8_e5m2", "ocp_e5m2"),
    "fp6_e2m3": ("float6_e2m3fn", "ocp_e2m3"),
    "fp6_e3m2": ("float6_e3m2fn", "ocp_e3m2"),
    "fp4_e2m1": ("float4_e2m1fn", "ocp_e2m1"),
}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def form(name):
    return load_registry().get("formats", name)


def unscaled(form):
    return Encoding(form.name, form.bits)


def numbers_for(form):
    values = million(form.table.book)
    return values if form.table.book.nan else values[~np.isnan(values)]


def test_arithmetic_replaces_the_look_up(form):
    assert isinstance(form.table.shortcut, Grid)


def test_codes_decode_as_in_ml_dtypes(name, form):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    codes = np.arange(1 << form.bits, dtype=np.uint8)
    wanted = codes.view(getattr(ml_dtypes, NAMES[name][0])).astype(np.float32)
    decoded = form.decode(codes, unscaled(form))
    if name == "fp8_e5m2":  # saturating: the patterns of infinity are no codes
        decoded = np.where(np.isinf(wanted), wanted, decoded)
    same_numbers(decoded, wanted)


def test_a_million_numbers_encode_as_in_ml_dtypes(name, form):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = numbers_for(form)
    clamped = np.where(np.isnan(values), values, np.clip(values, -form.largest, form.largest)).astype(np.float32)
    with np.errstate(invalid="ignore"):
        wanted = clamped.astype(getattr(ml_dtypes, NAMES[name][0]))
    codes = form.encode(values, unscaled(form))
    with np.errstate(invalid="ignore"):
        same_numbers(form.decode(codes, unscaled(form)), wanted.astype(np.float32))
    number = ~np.isnan(values)
    np.testing.assert_array_equal(codes[number], wanted.view(np.uint8)[number])


@pytest.mark.parametrize(
    ("exponent", "fraction", "specials", "overflow", "dtype"),
    [
        (4, 3, "nan", "nan", "float8_e4m3fn"),
        (5, 2, "ieee", "infinity", "float8_e5m2"),
        (3, 4, "ieee", "infinity", "float8_e3m4"),
    ],
)
def test_without_saturation_overflow_is_that_of_ml_dtypes(exponent, fraction, specials, overflow, dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    form = minifloat("test", exponent, fraction, specials=specials, overflow=overflow)
    values = million(form.table.book)
    decoded = form.decode(form.encode(values, unscaled(form)), unscaled(form))
    with np.errstate(over="ignore", invalid="ignore"):  # NaN
        wanted = values.astype(getattr(ml_dtypes, dtype)).astype(np.float32)
    same_numbers(decoded, wanted)


def test_codes_and_numbers_are_those_of_gfloat(name, form):
    pytest.importorskip("gfloat")
    from gfloat import decode_ndarray, encode_ndarray, round_ndarray
    from gfloat import formats as known

    info = getattr(known, f"format_info_{NAMES[name][1]}")
    codes = np.arange(1 << form.bits)
    wanted = decode_ndarray(info, codes)
    decoded = form.decode(codes.astype(np.uint8), unscaled(form))
    same_numbers(np.where(np.isinf(wanted), wanted, decoded), wanted)
    values = np.concatenate([random_patterns(300_000, finite=True), moderate(700_000)])
    rounded = round_ndarray(info, values.astype(np.float64), sat=True)
    codes = form.encode(values, unscaled(form))
    same_numbers(form.decode(codes, unscaled(form)), rounded)
    np.testing.assert_array_equal(codes, encode_ndarray(info, rounded))


def test_the_published_halves_of_e2m1():
    form = load_registry().get("formats", "fp4_e2m1")
    halves = np.array([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, -5.0], np.float32)
    decoded = form.decode(form.encode(halves, unscaled(form)), unscaled(form))
    assert decoded.tolist() == [0.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0, -4.0]


def test_ends():
    assert [minifloat_book(e, f).largest for e, f in ((2, 3), (3, 2), (2, 1))] == [7.5, 28.0, 6.0]
    assert minifloat_book(4, 3, specials="nan").largest == 448.0
    assert minifloat_book(5, 2, specials="ieee").largest == 57344.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_nan_without_a_code_is_refused(dtype):
    form = load_registry().get("formats", "fp6_e3m2")
    with pytest.raises(DescriptionError, match="NaN has no code in fp6_e3m2"):
        form.encode(np.array([1.0, np.nan], dtype), unscaled(form))


def test_double_precision_is_rounded_once(form):
    """Just beside a half in fp64: through fp32 it would look like a half."""
    bounds = form.table.book.bounds
    bounds = bounds[np.abs(bounds) > 0]
    for direction in (np.inf, -np.inf):
        beside = np.nextafter(bounds, direction)
        wanted = form.table.book.encode(beside)
        np.testing.assert_array_equal(form.encode(beside, unscaled(form)), wanted)
        upper = form.table.book.codes[1 + np.searchsorted(form.table.book.bounds, bounds)]
        assert (np.array_equal(wanted, upper)) == (direction > 0)
