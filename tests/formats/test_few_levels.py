"""Binary, ternary and logarithmic formats against their papers' formulas."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.formats import Encoding, fit, quantise
from cosim.plugin import load_registry
from cosim_plugins.formats import few_levels
from cosim_plugins.formats.logarithmic import additive_book, power_of_two
from tests.formats.patterns import SPECIAL, around, random_patterns

WEIGHTS = np.random.default_rng(3).normal(size=(6, 50)) * np.array([[1, 10, 0.1, 1, 1, 3]]).T


def form(name):
    return load_registry().get("formats", name)


@pytest.mark.parametrize("axis", [None, 0])
def test_binary_is_sign_times_mean_magnitude(axis):
    encoding = fit(form("binary"), WEIGHTS, axis=axis)
    mean = np.abs(WEIGHTS).mean(axis=None if axis is None else 1, keepdims=True).astype(np.float32)
    wanted = np.where(WEIGHTS >= 0, mean, -mean)
    np.testing.assert_array_equal(quantise(form("binary"), WEIGHTS, encoding), wanted)
    assert encoding.bits == 1


def test_binary_counts_zero_as_positive():
    assert form("binary").encode(np.array([0.0, -0.0, 1e-45, -1e-45], np.float32), Encoding("binary", 1)).tolist() == [
        1,
        1,
        1,
        0,
    ]


@pytest.mark.parametrize("axis", [None, 0])
def test_ternary_threshold_and_scale(axis):
    encoding = fit(form("ternary"), WEIGHTS, axis=axis)
    got = quantise(form("ternary"), WEIGHTS, encoding)
    for row in range(6):
        part = np.abs(WEIGHTS if axis is None else WEIGHTS[row])
        delta = 0.7 * part.mean()
        alpha = np.float32(part[part > delta].mean())
        wanted = np.where(np.abs(WEIGHTS[row]) > delta, np.sign(WEIGHTS[row]) * alpha, 0)
        np.testing.assert_array_equal(got[row], wanted.astype(np.float32))


def test_ternary_s_threshold_is_strict():
    encoding = Encoding("ternary", 2, np.array(1.0), threshold=np.array(0.5))
    assert quantise(form("ternary"), np.array([0.5, -0.5, 0.51, -0.51]), encoding).tolist() == [0, 0, 1, -1]
    with pytest.raises(DescriptionError, match="NaN has no code"):
        form("ternary").encode(np.array([np.nan]), encoding)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 2.0**-140, 1e38, 0.1 + 2.0**-60])
def test_large_tensors_are_compared_with_the_threshold(threshold):
    """By comparisons of patterns: as small tensors, whose numbers are compared."""
    near = around([threshold, -threshold])
    values = np.resize(np.concatenate([random_patterns(20_000, finite=True), near, SPECIAL]), few_levels.LARGE + 5000)
    encoding = Encoding("ternary", 2, np.array(1.0), threshold=np.array(threshold))
    wanted = np.where(np.abs(values.astype(np.float64)) > threshold, np.where(values > 0, 1, 3), 0)
    np.testing.assert_array_equal(form("ternary").encode(values, encoding), wanted)
    np.testing.assert_array_equal(form("ternary").encode(values[:9000], encoding), wanted[:9000])
    values[77] = np.nan
    with pytest.raises(DescriptionError, match="NaN has no code"):
        form("ternary").encode(values, encoding)


@pytest.mark.parametrize("name", ["binary", "ternary"])
@pytest.mark.parametrize("block", [8, 50, 64])
def test_a_scale_per_block(name, block):
    encoding = fit(form(name), WEIGHTS, block=block)
    assert encoding.scale.shape == (6, -(-50 // block))
    got = quantise(form(name), WEIGHTS, encoding)
    for row, start in itertools.product(range(6), range(0, 50, block)):
        part = WEIGHTS[row, start : start + block]
        np.testing.assert_array_equal(
            got[row, start : start + block], quantise(form(name), part, fit(form(name), part))
        )


@pytest.mark.parametrize("name", ["binary", "ternary"])
def test_zeros_stay_zeros(name):
    encoding = fit(form(name), np.zeros((2, 3)), axis=0)
    assert not quantise(form(name), np.zeros((2, 3)), encoding).any()


def test_powers_of_two():
    got = form("pot4").table.book.values
    assert sorted(set(np.abs(got).tolist())) == [0.0, *(2.0**-i for i in range(6, -1, -1))]


@pytest.mark.parametrize("terms", [2, 3])
def test_additive_powers_of_two_by_the_paper_s_index_sets(terms):
    """Li et al., equation 5: term i is one of 0, 2^-i, 2^-(i+n), 2^-(i+2n)."""
    sets = [[0.0, *(2.0 ** -(i + j * terms) for j in range(3))] for i in range(terms)]
    sums = {sum(choice) for choice in itertools.product(*sets)}
    book = additive_book(terms)
    assert set(np.abs(book.values).tolist()) == sums
    assert len(sums) == 4**terms
    for code, value in zip(book.codes.tolist(), book.values.tolist(), strict=True):
        parts = [sets[i][code >> (2 * i) & 3] for i in range(terms)]
        assert abs(value) == sum(parts)


def test_logarithms_are_rounded_in_the_exponent():
    log = form("lns8")
    numbers = 2.0 ** np.random.default_rng(0).uniform(-15, 0, 20_000)
    steps = np.rint(8 * np.log2(numbers))  # a double is never near enough to a half to matter, see below
    assert (np.abs(8 * np.log2(numbers) - steps) < 0.5 - 1e-9).all()
    wanted = (2.0 ** (steps / 8)).astype(np.float32)
    np.testing.assert_array_equal(quantise(log, numbers, Encoding("lns8", 8)), wanted)
    np.testing.assert_array_equal(quantise(log, -numbers, Encoding("lns8", 8)), -wanted)


def test_a_product_of_logarithms_is_a_sum_of_codes():
    log = form("lns8")
    a, b = np.array([90, 120, 127]), np.array([100, 127, 127])
    product = log.table.decoded[a].astype(np.float64) * log.table.decoded[b]
    np.testing.assert_array_equal(log.encode(product, Encoding("lns8", 8)), a + b - 127)


def test_log4_rounds_at_the_square_root_of_two():
    beside = np.float32(np.sqrt(0.5))
    below, above = np.nextafter(beside, np.float32(0)), np.nextafter(beside, np.float32(1))
    got = quantise(form("log4"), np.array([below, above], np.float32), Encoding("log4", 4))
    assert got.tolist() == [0.5, 1.0]


@pytest.mark.parametrize(("numerator", "denominator"), [(-1, 2), (-3, 2), (1, 16), (-253, 16), (7, 16)])
def test_bounds_are_the_nearest_doubles(numerator, denominator):
    bound = power_of_two(numerator, denominator)
    below, above = np.nextafter(bound, 0), np.nextafter(bound, np.inf)
    target = Fraction(2) ** numerator * 2**denominator
    assert (
        (Fraction(below) + Fraction(bound)) ** denominator < target < (Fraction(bound) + Fraction(above)) ** denominator
    )
