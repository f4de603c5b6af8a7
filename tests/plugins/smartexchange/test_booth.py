"""Booth digits are numbers again, and are counted rightly."""

from __future__ import annotations

import numpy as np

from cosim_plugins.smartexchange.booth import digit_counts, digits_of
from cosim_plugins.smartexchange.statistics import Activations


def test_digits_make_the_value():
    for value in range(-128, 128):
        digits = digits_of(value)
        assert len(digits) == 4
        assert set(digits) <= {-2, -1, 0, 1, 2}
        assert sum(digit * 4**place for place, digit in enumerate(digits)) == value
    for value in range(-255, 256):
        assert sum(digit * 4**place for place, digit in enumerate(digits_of(value, 5))) == value


def test_counts():
    values = np.arange(-128, 128, dtype=np.int8)
    wanted = [sum(digit != 0 for digit in digits_of(int(value))) for value in values]
    assert digit_counts(values).tolist() == wanted
    assert (digit_counts(values) == 0).sum() == 1  # zero alone has none
    shifted = digit_counts(values, -128)  # 0 .. 255
    assert shifted[0] == 0
    assert shifted[255] == 2  # 255 = 256 - 1


def test_stated_statistics_are_met():
    """66 % of the digits are zero: 1.36 digits per value, the figure of the paper's notes for MobileNetV2."""
    codes = Activations(0.66, seed=3).codes("x", None, (1, 64, 40, 40))
    assert codes.dtype == np.int8
    assert abs(digit_counts(codes).mean() - 1.36) < 0.01
    assert (codes >= 0).all()
    rows = Activations(0.66, zero_rows=0.27).codes("x", None, (1, 64, 40, 40)).any(axis=3)
    assert abs((~rows).mean() - 0.27) < 0.02
    again = Activations(0.66, seed=3).codes("x", None, (1, 64, 40, 40))
    np.testing.assert_array_equal(codes, again)
