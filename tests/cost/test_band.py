"""How bands add."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.cost import Band, combined
from cosim.cost.band import product
from cosim.hardware import Price

numbers = st.floats(1e-3, 1e6)
bands = st.tuples(numbers, st.floats(0, 1), st.floats(0, 10)).map(
    lambda t: Band(t[0], t[0] * (1 - t[1]), t[0] * (1 + t[2]))
)
parts = st.lists(st.tuples(st.sampled_from("abc"), bands), min_size=1, max_size=8)


def test_same_source_adds_linearly_and_independent_ones_in_quadrature():
    """By hand: deviations 3 and 4 below, 6 and 8 above."""
    first, second = Band(10, 7, 16), Band(20, 16, 28)
    assert combined([("x", first), ("x", second)]) == Band(30, 23, 44)
    assert combined([("x", first), ("y", second)]) == Band(30, 25, 40)


def test_two_correlated_and_one_independent_by_hand():
    total = combined([("x", Band(10, 8, 11)), ("x", Band(10, 9, 13)), ("y", Band(5, 1, 8))])
    assert total == Band(25, 25 - math.hypot(3, 4), 25 + math.hypot(4, 3))


@given(parts)
def test_the_sum_is_ordered_and_inside_the_plain_sums(parts):
    total = combined(parts)
    slack = 1e-9 * max(1.0, sum(band.high for _, band in parts))
    assert total.low <= total.value <= total.high
    assert total.value == pytest.approx(sum(band.value for _, band in parts))
    assert total.low >= sum(band.low for _, band in parts) - slack
    assert total.high <= sum(band.high for _, band in parts) + slack


@given(parts)
def test_correlation_never_narrows(parts):
    independent = combined((str(number), band) for number, (_, band) in enumerate(parts))
    correlated = combined(("same", band) for _, band in parts)
    slack = 1e-9 * max(1.0, correlated.high)
    assert correlated.low <= combined(parts).low + slack <= independent.low + 2 * slack
    assert correlated.high >= combined(parts).high - slack >= independent.high - 2 * slack


def test_a_product_combines_relative_deviations_and_keeps_assumptions():
    price = product(Price(2, 1, 4, "um2", "s"), Price(10, 5, 20, "mW/um2", "t", assumed=True), factor=3, unit="mW")
    spread = 2 ** math.sqrt(2)
    assert price.value == 60
    assert (price.low, price.high) == (pytest.approx(60 / spread), pytest.approx(60 * spread))
    assert price.assumed
    assert price.unit == "mW"
