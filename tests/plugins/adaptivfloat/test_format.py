"""AdaptivFloat against the paper's figure 3, against slow renderings of three published rules, and its contract."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import DescriptionError
from cosim.formats import Encoding, fit, quantise
from cosim.plugin import load_registry
from cosim.testing import FormatContract
from cosim_plugins.adaptivfloat.format import AdaptivFloat, Register, name_of
from tests.plugins.adaptivfloat.slow import RULES

FIGURE_3 = np.array(
    [[-1.17, 2.71, -1.60, 0.43], [-1.14, 2.05, 1.01, 0.07], [0.16, -0.03, -0.89, -0.87], [-0.04, -0.39, 0.64, -2.89]],
    np.float32,
)
FIGURE_3_CODED = np.array(
    [[-1, 3, -1.5, 0.375], [-1, 2, 1, 0], [0, -0.0, -1, -0.75], [-0.0, -0.375, 0.75, -3]], np.float32
)
WIDTHS = ((4, 2), (4, 3), (5, 3), (6, 3), (7, 3), (8, 2), (8, 3), (8, 4))
LAYOUTS = [(*width, variant) for variant in RULES for width in WIDTHS]
WIDE = Register()


def form_of(bits, exponent_bits, variant="paper"):
    return AdaptivFloat(bits, exponent_bits, variant, register=WIDE)


def bits_of(values):
    return np.asarray(values, np.float32).view(np.uint32)


@pytest.mark.parametrize("name", ["adaptivfloat8", "adaptivfloat4_2", "adaptivfloat4_script", "adaptivfloat8_flexasr"])
class TestContract(FormatContract):
    @pytest.fixture
    def format(self, name):
        return load_registry().get("formats", name)


def test_figure_3_of_the_paper_bit_by_bit():
    form = load_registry().get("formats", "adaptivfloat4_2")
    encoding = fit(form, FIGURE_3)
    assert form.biases(encoding).tolist() == -2
    np.testing.assert_array_equal(bits_of(quantise(form, FIGURE_3, encoding)), bits_of(FIGURE_3_CODED))
    codes = form.encode(FIGURE_3, encoding)
    np.testing.assert_array_equal(bits_of(form.decode(codes, encoding)), bits_of(FIGURE_3_CODED))


def test_the_script_does_not_give_figure_3():
    form = form_of(4, 2, "script")
    found = quantise(form, FIGURE_3, fit(form, FIGURE_3))
    differ = np.sort(FIGURE_3[found != FIGURE_3_CODED])
    np.testing.assert_array_equal(differ, np.sort(np.array([0.43, -0.87, -0.89, 0.64, -0.39], np.float32)))


def test_codes_have_the_sign_on_top_and_the_fraction_below():
    form = form_of(4, 2)
    encoding = replace(fit(form, np.array([3.0])), scale=np.array(0.125))  # bias -2, m = 1
    assert form.decode(np.array([0b0000, 0b1000, 0b0001, 0b0010, 0b0111, 0b1111]), encoding).tolist() == [
        *(0.0, -0.0, 0.375, 0.5, 3.0, -3.0)
    ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: name_of(*layout))
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_every_number_goes_where_the_slow_rule_takes_it(layout, data):
    form, rule = form_of(*layout), RULES[layout[2]]
    bias = data.draw(st.integers(-100, 100))
    encoding = Encoding(form.name, form.bits, np.array(2.0 ** (bias - form.layout.fraction_bits)))
    known = np.unique(form.decode(form.table.book.codes, encoding)).astype(np.float64)
    middle = (known[1:] + known[:-1]) / 2  # halves, and what lies just beside them
    seed = data.draw(st.integers(0, 99))
    spread = np.random.default_rng(seed).standard_normal(40) * 2.0 ** (bias + np.arange(40) % 12 - 2)
    values = np.concatenate([known, middle, spread, known * 1.7]).astype(np.float32)
    values = np.concatenate([values, np.nextafter(values, np.float32(0)), -values])
    wanted = np.array([rule(float(v), layout[0], layout[1], bias) for v in values], np.float32)
    np.testing.assert_array_equal(bits_of(quantise(form, values, encoding)), bits_of(wanted))
    np.testing.assert_array_equal(bits_of(form.decode(form.encode(values, encoding), encoding)), bits_of(wanted))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_paper_s_rule_gives_the_nearest_number_of_the_table(width):
    form = form_of(*width)
    for seed in range(4):
        generator = np.random.default_rng(seed)
        values = (generator.standard_normal(5000) * 10.0 ** generator.uniform(-3, 3)).astype(np.float32)
        encoding = fit(form, values)
        table = np.unique(form.decode(np.arange(2 ** width[0]), encoding)).astype(np.float64)
        found = quantise(form, values, encoding).astype(np.float64)
        assert np.isin(found, table).all()
        best = np.abs(values.astype(np.float64)[:, None] - table[None]).min(axis=1)
        np.testing.assert_array_equal(np.abs(values - found), best)


@pytest.mark.parametrize("layout", [*LAYOUTS, (16, 3, "paper"), (16, 3, "script")], ids=lambda one: name_of(*one))
def test_shifting_patterns_equals_the_code_book(layout):
    form = form_of(*layout)
    generator = np.random.default_rng(1)
    patterns = generator.integers(0, 2**32, 20000, dtype=np.uint32)
    values = patterns[(patterns & 0x7FFFFFFF) < 0x7F800000].view(np.float32)
    for bias in (-118, -60, -3, 0, 40, 100):
        encoding = Encoding(form.name, form.bits, np.array(2.0 ** (bias - form.layout.fraction_bits)))
        np.testing.assert_array_equal(form.encode(values, encoding), form.encode(values.astype(np.float64), encoding))


@pytest.mark.parametrize("layout", [(8, 3, "paper"), (4, 3, "paper"), (4, 2, "script"), (8, 3, "flexasr")])
def test_a_bias_per_channel_or_vector_is_that_of_each_alone(layout):
    form = form_of(*layout)
    values = np.random.default_rng(2).standard_normal((6, 20)).astype(np.float32) * np.logspace(-6, 6, 6)[:, None]
    values = values.astype(np.float32)
    rows = [quantise(form, row, fit(form, row)) for row in values]
    np.testing.assert_array_equal(quantise(form, values, fit(form, values, axis=0)), rows)
    by_vector = quantise(form, values, fit(form, values, block=8))
    for start in (0, 8, 16):
        for row in range(6):
            part = values[row, start : start + 8]
            np.testing.assert_array_equal(by_vector[row, start : start + 8], quantise(form, part, fit(form, part)))


def test_decoding_by_shifting_equals_the_table_of_levels():
    for layout in [*LAYOUTS, (16, 3, "script")]:
        form = form_of(*layout)
        codes = np.arange(2 ** layout[0]).astype(form.storage)
        for bias in (-100, -3, 0, 60):
            encoding = Encoding(form.name, form.bits, np.array(2.0 ** (bias - form.layout.fraction_bits)))
            found = form.decode(codes, encoding)
            wanted = (form.table.book.decoded().astype(np.float64) * encoding.scale).astype(np.float32)
            np.testing.assert_array_equal(bits_of(found), bits_of(wanted))


def test_values_of_codes_come_back_as_the_same_codes():
    for layout in LAYOUTS:
        form = form_of(*layout)
        encoding = fit(form, np.array([0.7]))
        codes = form.encode(form.decode(form.table.book.codes.astype(form.storage), encoding), encoding)
        np.testing.assert_array_equal(codes, form.table.book.codes)


@pytest.mark.parametrize("power", [-20, -1, 0, 1, 7])
def test_the_top_binade_holds_the_largest_magnitude_next_to_powers_of_two(power):
    form = form_of(8, 3)
    one = np.float32(2.0**power)
    for value, exponent in ((one, power), (np.nextafter(one, np.float32(0)), power - 1), (-one, power)):
        assert form.biases(fit(form, np.array([value]))).tolist() == exponent - 7


def test_a_tensor_of_zeros_has_bias_zero_and_zero_codes():
    form = form_of(8, 3)
    encoding = fit(form, np.zeros(5))
    assert form.biases(encoding).tolist() == 0
    assert form.encode(np.zeros(5, np.float32), encoding).tolist() == [0] * 5


def test_a_bias_that_its_register_cannot_hold_saturates_and_is_logged(caplog):
    form = AdaptivFloat(8, 3, "flexasr")  # biases -10 to -3
    with caplog.at_level(logging.WARNING, logger="cosim.plugins.adaptivfloat"):
        held = fit(form, np.array([1.0]))
        assert not caplog.records
        low, high = fit(form, np.array([2.0**-9])), fit(form, np.array([100.0]))
    assert [int(form.biases(e)) for e in (held, low, high)] == [-7, -10, -3]
    assert len(caplog.records) == 2
    assert "do not fit a register of 3 bits from -10 to -3" in caplog.text
    # The largest number is then that of the bias that is held.
    assert float(quantise(form, np.float32([100.0]), high)[0]) == 2.0**4 * (2 - 1 / 16)


def test_a_bias_takes_the_bits_of_its_register():
    form = AdaptivFloat(4, 3, register=Register(4, -15))
    values = np.random.default_rng(0).standard_normal((4, 64))
    assert fit(form, values).side_bits == 4
    by_vector = fit(form, values, block=16)
    assert by_vector.stored_bits((4, 64)) == 4 * 64 * 4 + 16 * 4  # 4.25 bits per weight
    assert int(by_vector.box_bits(np.array([[[0, 1], [0, 32]]]))[0]) == 32 * 4 + 2 * 4


def test_nan_and_impossible_widths_are_refused():
    form = form_of(8, 3)
    for values in (np.array([1.0, np.nan], np.float32), np.array([1.0, np.nan])):
        with pytest.raises(DescriptionError, match="NaN has no code"):
            form.encode(values, Encoding(form.name, 8, np.array(1.0)))
    assert form.encode(np.float32([np.inf, -np.inf]), Encoding(form.name, 8, np.array(1.0))).tolist() == [0x7F, 0xFF]
    for bits, exponent_bits, variant in ((3, 3, "paper"), (17, 3, "paper"), (8, 1, "script"), (8, 7, "paper")):
        with pytest.raises(DescriptionError, match="exponent"):
            AdaptivFloat(bits, exponent_bits, variant)
    with pytest.raises(DescriptionError, match="did you mean 'paper'"):
        AdaptivFloat(8, 3, "papr")


def test_the_script_and_the_paper_agree_within_the_script_s_range():
    values = np.random.default_rng(0).standard_normal(50_000).astype(np.float32)
    for width, least in (((8, 3), 0.04), ((4, 2), 0.3)):
        one, other = form_of(*width), form_of(*width, "script")
        encoding = fit(one, values)
        differ = quantise(one, values, encoding) != quantise(other, values, encoding)
        assert differ.mean() > least
        assert (np.abs(values[differ]) < 2.0 ** (int(one.biases(encoding)) + 2)).all()
