"""What holds for every registered format and any numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cosim.formats import Encoding, IntegerFormat, SharedExponent, TableFormat, fit, quantise
from cosim.plugin import load_registry

REGISTRY = load_registry()
# Other installed plugins answer for theirs.
FORMS = {
    name: form for name, form in REGISTRY["formats"].items() if REGISTRY.owner("formats", name).distribution == "cosim"
}
ELEMENTWISE = [n for n, form in FORMS.items() if not isinstance(form, SharedExponent) and n != "nvfp4"]
NUMBERS = st.floats(-(2.0**100), 2.0**100, width=32)
VECTORS = arrays.arrays(np.float32, st.integers(1, 70), elements=NUMBERS)
MATRICES = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 5), st.integers(1, 20)), elements=st.floats(-1e3, 1e3, width=32)
)
QUICK = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("name", FORMS)
@QUICK
@given(VECTORS)
def test_rounding_twice_is_rounding_once(name, values):
    form = FORMS[name]
    encoding = fit(form, values)
    with np.errstate(over="ignore"):
        once = quantise(form, values, encoding)
    if not np.isfinite(once).all():  # fp16 has infinities
        return
    np.testing.assert_array_equal(quantise(form, once, encoding), once)


@pytest.mark.parametrize("name", ELEMENTWISE)
@QUICK
@given(VECTORS)
def test_order_is_kept(name, values):
    values = np.sort(values)
    with np.errstate(over="ignore"):
        rounded = quantise(FORMS[name], values, fit(FORMS[name], values)).astype(np.float64)
    assert (rounded[1:] >= rounded[:-1]).all()


@pytest.mark.parametrize("name", FORMS)
@QUICK
@given(MATRICES, st.data())
def test_place_does_not_matter(name, values, data):
    """Reversing rows, transposing, slicing: an element's code depends on what it shares side information with only."""
    form = FORMS[name]
    encoding = fit(form, values)
    codes = form.encode(values, encoding)
    np.testing.assert_array_equal(form.encode(values[::-1], encoding), codes[::-1])
    strided = np.repeat(values, 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(form.encode(strided, encoding), codes)
    row = data.draw(st.integers(0, len(values) - 1))
    np.testing.assert_array_equal(form.decode(codes, encoding)[row], form.decode(codes[row], encoding))


@pytest.mark.parametrize("name", [n for n, f in FORMS.items() if isinstance(f, TableFormat) and f.scaled])
@QUICK
@given(VECTORS)
def test_single_and_double_precision_agree(name, values):
    encoding = fit(FORMS[name], values)
    wide = FORMS[name].encode(values.astype(np.float64), encoding)
    np.testing.assert_array_equal(FORMS[name].encode(values, encoding), wide)


@pytest.mark.parametrize("name", [n for n, f in FORMS.items() if isinstance(f, IntegerFormat) and f.bits <= 16])
@QUICK
@given(st.data())
def test_every_integer_comes_back(name, data):
    form = FORMS[name]
    low = data.draw(st.floats(-1e6, 0, width=32))
    high = data.draw(st.floats(0, 1e6, width=32))
    encoding = form.calibrate(np.array(low), np.array(high), symmetric=data.draw(st.booleans()), axis=None)
    codes = np.arange(form.low, form.high + 1).astype(form.storage)
    np.testing.assert_array_equal(form.encode(form.decode(codes, encoding), encoding), codes)


@pytest.mark.parametrize("name", ["mxfp8_e4m3", "mxfp4", "mxint8", "bfp8"])
@QUICK
@given(VECTORS, st.integers(-20, 20))
def test_powers_of_two_pass_through_a_shared_exponent(name, values, power):
    form = FORMS[name]
    values = np.where(np.abs(values) < 2.0**-60, 0, values).astype(np.float32)
    encoding = fit(form, values)
    moved = quantise(form, np.ldexp(values, power), encoding)
    np.testing.assert_array_equal(moved, np.ldexp(quantise(form, values, encoding), power))


@pytest.mark.parametrize("name", [n for n, f in FORMS.items() if f.tie_rule != "up" and not n.startswith("posit")])
@QUICK
@given(VECTORS)
@example(np.array([np.finfo(np.float32).tiny, 0], np.float32))
def test_signs_are_symmetric(name, values):
    form = FORMS[name]
    encoding = fit(form, values)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(quantise(form, -values, encoding), -quantise(form, values, encoding))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
@pytest.mark.parametrize("name", ["bf16", "fp8_e4m3", "int8", "mxfp4", "nvfp4"])
def test_any_kind_of_real_number_is_taken(name, dtype):
    values = np.array([[1, -2, 3, 0]], dtype)
    encoding = fit(FORMS[name], values)
    np.testing.assert_array_equal(
        FORMS[name].encode(values, encoding), FORMS[name].encode(values.astype(np.float64), encoding)
    )


def test_encodings_are_compared_by_identity():
    one, other = Encoding("int8", 8), Encoding("int8", 8)
    assert one != other
    assert len({one, other}) == 2
