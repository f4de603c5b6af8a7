"""Posits equal softposit where it has them, and a second reading of the standard everywhere."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from cosim.formats import Encoding
from cosim.plugin import load_registry
from tests.formats.patterns import around, moderate, random_patterns

POSITS = {"posit8_0": (8, 0), "posit8_1": (8, 1), "posit8_2": (8, 2), "posit16_1": (16, 1), "posit16_2": (16, 2)}


def posit(name):
    form = load_registry().get("formats", name)
    return form, Encoding(name, form.bits)


def value_of(pattern, bits, es):
    """Value by arithmetic on the integer pattern, not on its text: posit standard 2022, section 3."""
    if pattern == 0:
        return Fraction(0)
    sign = pattern >> (bits - 1)
    if sign:
        pattern = (1 << bits) - pattern
    at = bits - 2
    first = pattern >> at & 1
    run = 0
    while at >= 0 and (pattern >> at & 1) == first:
        run, at = run + 1, at - 1
    regime = run - 1 if first else -run
    left = max(at, 0)  # bits after the terminator
    rest = pattern & ((1 << left) - 1)
    exponent = rest >> (left - es) if left >= es else rest << (es - left)
    fraction_bits = max(left - es, 0)
    fraction = Fraction(rest & ((1 << fraction_bits) - 1), 1 << fraction_bits)
    value = (1 + fraction) * Fraction(2) ** (regime * (1 << es) + exponent)
    return -value if sign else value


@pytest.mark.parametrize("name", POSITS)
def test_every_code_has_the_value_of_the_standard(name):
    (form, encoding), (bits, es) = posit(name), POSITS[name]
    step = 1 if bits == 8 else 7
    codes = [code for code in range(0, 1 << bits, step) if code != 1 << (bits - 1)]
    decoded = form.decode(np.array(codes), encoding)
    assert [Fraction(float(value)) for value in decoded] == [value_of(code, bits, es) for code in codes]
    assert np.isnan(form.decode(np.array([1 << (bits - 1)]), encoding)).all()


@pytest.mark.parametrize("name", POSITS)
def test_a_number_goes_to_its_neighbour_by_bit_string(name):
    (form, encoding), (bits, es) = posit(name), POSITS[name]
    for number in np.concatenate([np.abs(moderate(300)), [1e-30, 1e30]]).tolist():
        code = int(form.encode(np.array([number]), encoding)[0])
        below = value_of(2 * code - 1, bits + 1, es) if code > 1 else Fraction(0)
        above = value_of(2 * code + 1, bits + 1, es) if code < (1 << (bits - 1)) - 1 else None
        assert below <= Fraction(number)
        assert above is None or Fraction(number) <= above
        assert int(form.encode(np.array([-number]), encoding)[0]) == (1 << bits) - code


@pytest.mark.parametrize("name", POSITS)
def test_halves_go_to_even_patterns(name):
    (form, encoding), (bits, es) = posit(name), POSITS[name]
    codes = np.arange(1, (1 << (bits - 1)) - 1, 1 if bits == 8 else 97)
    halves = np.array([float(value_of(2 * int(code) + 1, bits + 1, es)) for code in codes])
    np.testing.assert_array_equal(form.encode(halves, encoding), codes + codes % 2)


@pytest.mark.parametrize("name", POSITS)
def test_nothing_becomes_zero_or_infinite(name):
    form, encoding = posit(name)
    numbers = np.array([1e-300, -1e-300, 5e-324, 1e300, -1e300, 0.0, -0.0])
    decoded = form.decode(form.encode(numbers, encoding), encoding).astype(np.float64)
    smallest = float(form.table.book.values[form.table.book.values > 0].min())
    assert decoded.tolist() == [smallest, -smallest, smallest, form.largest, -form.largest, 0.0, 0.0]
    not_real = form.encode(np.array([np.nan, np.inf, -np.inf], np.float32), encoding)
    assert (not_real == 1 << (form.bits - 1)).all()


def of_softposit(name):
    """softposit's value of a number, and of a pattern."""
    softposit = pytest.importorskip("softposit")
    bits, es = POSITS[name]
    if es == 2:
        return (
            lambda value: float(softposit.posit_2(value, x=bits)),
            lambda code: float(softposit.posit_2(x=bits, bits=code)),
        )
    make = getattr(softposit, f"posit{bits}")
    return lambda value: float(make(value)), lambda code: float(make(bits=code))


@pytest.mark.parametrize("name", ["posit8_0", "posit16_1", "posit8_2", "posit16_2"])
def test_softposit_agrees(name):
    """Which has posit8 without exponent, posit16 with one bit and any width with two."""
    number, pattern = of_softposit(name)
    form, encoding = posit(name)
    codes = [code for code in range(1 << form.bits) if code != 1 << (form.bits - 1)]
    wanted = np.array([pattern(code) for code in codes], np.float32)
    np.testing.assert_array_equal(form.decode(np.array(codes), encoding), wanted)
    # softposit reads -2^-k below its smallest posit as 0 in places; the standard does not: tested above.
    smallest = float(form.table.book.values[form.table.book.values > 0].min())
    values = np.concatenate(
        [random_patterns(30_000, finite=True), moderate(70_000), around(form.table.book.bounds[::17])]
    )
    values = values[(np.abs(values) >= smallest) & (np.abs(values) <= form.largest)]
    wanted = np.array([number(value) for value in values.tolist()], np.float32)
    np.testing.assert_array_equal(form.decode(form.encode(values, encoding), encoding), wanted)
