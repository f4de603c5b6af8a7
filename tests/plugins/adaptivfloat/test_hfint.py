"""The HFINT dot product in integers: exact where it is wide enough, and that the printed width is not always."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import DescriptionError, SimulationError
from cosim.formats import Encoding
from cosim_plugins.adaptivfloat.format import AdaptivFloat
from cosim_plugins.adaptivfloat.hfint import (
    Accumulator,
    hfint_bits,
    hfint_dot,
    hfint_safe_bits,
    integer_bits,
    register_values,
)

WIDTHS = ((8, 3), (4, 3), (4, 2), (8, 4))


def encoding_of(form, bias):
    return Encoding(form.name, form.bits, np.array(2.0 ** (bias - form.layout.fraction_bits)))


def test_widths_are_those_that_the_paper_prints():
    assert (hfint_bits(8, 3, 256), hfint_bits(4, 3, 256)) == (30, 22)
    assert (integer_bits(8, 256, 16), integer_bits(4, 256, 8)) == ((24, 40), (16, 24))


@pytest.mark.parametrize("width", WIDTHS)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), terms=st.integers(1, 300), biases=st.tuples(*[st.integers(-20, 5)] * 2))
def test_the_dot_product_is_that_of_the_decoded_values(width, seed, terms, biases):
    form = AdaptivFloat(*width)
    a, b = np.random.default_rng(seed).integers(0, 2 ** width[0], (2, terms))
    one, other = (encoding_of(form, bias) for bias in biases)
    found = hfint_dot(form, a, b, (one, other))
    # fp64 sums of these products are exact: at most 49 bits.
    wanted = float(form.decode(a, one).astype(np.float64) @ form.decode(b, other).astype(np.float64))
    assert found.value == wanted
    assert found.overflows == 0
    assert found.total == int(form.levels[a] @ form.levels[b])


@pytest.mark.parametrize(("width", "printed", "safe"), [((8, 3), 30, 33), ((4, 3), 22, 24)])
def test_the_printed_width_overflows_and_three_bits_more_do_not(width, printed, safe):
    form = AdaptivFloat(*width)
    assert (hfint_bits(*width, 256), hfint_safe_bits(*width, 256)) == (printed, safe)
    largest = np.full(256, 2 ** (width[0] - 1) - 1)
    encodings = (encoding_of(form, -7),) * 2
    exact = hfint_dot(form, largest, largest, encodings)
    assert hfint_dot(form, largest, largest, encodings, Accumulator(safe, "error")) == exact
    with pytest.raises(SimulationError, match=f"does not fit {safe - 1} bits"):
        hfint_dot(form, largest, largest, encodings, Accumulator(safe - 1, "error"))
    with pytest.raises(SimulationError, match=f"does not fit {printed} bits"):
        hfint_dot(form, largest, largest, encodings, Accumulator(printed, "error"))


def test_what_an_overflow_does_is_a_choice():
    form = AdaptivFloat(8, 3)
    largest, encodings = np.full(256, 127), (encoding_of(form, -7),) * 2
    exact = hfint_dot(form, largest, largest, encodings).total
    wrapped, saturated, counted = (
        hfint_dot(form, largest, largest, encodings, Accumulator(30, policy))
        for policy in ("wrap", "saturate", "count")
    )
    assert wrapped.total == (exact + 2**29) % 2**30 - 2**29 != exact
    assert saturated.total == 2**29 - 1
    assert counted.total == exact
    assert 0 < wrapped.overflows < counted.overflows == saturated.overflows
    with pytest.raises(DescriptionError, match="did you mean 'wrap'"):
        Accumulator(30, "wrp")


def test_the_activation_register_cuts_off_and_clips():
    found = register_values(np.array([2.0**-15, -(2.0**-15), 1.5, 100.0, -100.0]))
    assert found.tolist() == [0.0, -(2.0**-14), 1.5, (2**19 - 1) / 2**14, -(2**19 - 1) / 2**14]
