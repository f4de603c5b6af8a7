"""Quantities at the boundary: exact, round-tripping, and refused with a remedy."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim import units
from cosim.errors import DescriptionError


@pytest.mark.parametrize(
    ("text", "dimension", "expected"),
    [
        ("64 KiB", "size", 65536),
        ("64 kB", "size", 64000),
        ("1 GiB", "size", 2**30),
        ("1 GB", "size", 10**9),
        ("12.8 GB/s", "rate", 12_800_000_000),
        ("12.8 Gbit/s", "rate", 1_600_000_000),
        ("1 MiB/s", "rate", 2**20),
        ("16 B/cycle", "rate per cycle", 16),
        ("1 GHz", "frequency", 10**9),
        ("100 ns", "time", 10**8),
        ("1 fs", "time", 1),
        ("5 us", "time", 5 * 10**9),
        ("5 µs", "time", 5 * 10**9),
        ("0.2 pJ", "energy", Fraction(1, 5)),
        ("9 fJ", "energy", Fraction(9, 1000)),
        ("0.8 V", "voltage", Fraction(4, 5)),
        ("800 mV", "voltage", Fraction(4, 5)),
        ("3 mW", "power", 3),
        ("3 W", "power", 3000),
        ("128 bit", "width", 128),
        ("32 cycles", "cycles", 32),
        ("1.5 mm", "length", Fraction(3, 2)),
        ("16 nm", "length", Fraction(16, 10**6)),
        ("80 fJ/bit/mm", "energy per bit and length", Fraction(8, 100)),
        ("2 mm2", "area", 2_000_000),
        ("1_000 B", "size", 1000),
        ("1e3 B", "size", 1000),
    ],
)
def test_known_quantities_are_exact(text, dimension, expected):
    assert units.parse(text, dimension) == expected


@given(st.integers(1, 2**50))
def test_plain_bytes_round_trip(n):
    assert units.size_bytes(f"{n} B") == n


@given(st.integers(1, 2**50))
def test_bytes_for_people_are_within_half_a_thousandth(n):
    again = units.parse(units.bytes_text(n), "size")
    assert abs(again - n) <= Fraction(n, 1000) / 2


@given(st.integers(1, 999), st.sampled_from(["B", "KiB", "MiB", "GiB"]))
def test_round_sizes_read_as_written(n, unit):
    text = f"{n} {unit}"
    assert units.bytes_text(units.size_bytes(text)) == text


@given(st.integers(0, units.HORIZON_FS))
def test_times_for_people_are_within_half_a_thousandth(fs):
    again = units.parse(units.time_text(fs), "time")
    assert abs(again - fs) <= Fraction(fs, 1000) / 2


@given(st.integers(1, 999), st.sampled_from(["fs", "ps", "ns", "us", "ms", "s"]))
def test_round_times_read_as_written(n, unit):
    text = f"{n} {unit}"
    assert units.time_text(units.duration_fs(text).value) == text


@given(st.fractions(min_value=Fraction(1, 1000), max_value=1000, max_denominator=1000))
def test_si_and_binary_prefixes_keep_their_ratio(number):
    decimal = f"{float(number):.6f}"
    assert units.parse(f"{decimal} KiB", "size") * 1000 == units.parse(f"{decimal} kB", "size") * 1024


@given(st.integers(1, 10**7), st.integers(1, 10**6))
def test_time_of_a_unit_is_the_nearest_integer(megabytes_per_s, n_bytes):
    time = units.unit_time_fs(n_bytes, units.rate(f"{megabytes_per_s} MB/s"))
    exact = Fraction(n_bytes * 10**15, megabytes_per_s * 10**6)
    assert abs(time.value - exact) <= Fraction(1, 2)
    assert time.exact == exact
    assert time.is_exact == (exact.denominator == 1)


@pytest.mark.parametrize(("text", "expected"), [("0.5 fs", 0), ("1.5 fs", 2), ("2.5 fs", 2), ("2.51 fs", 3)])
def test_halves_round_to_even(text, expected):
    assert units.duration_fs(text).value == expected


def test_period_of_an_awkward_frequency_is_rounded_once_and_says_so():
    period = units.period_of("600 MHz")
    assert period.value == 1_666_667
    assert not period.is_exact
    assert period.relative_error == pytest.approx(2e-7)
    assert units.period_of("1 GHz").is_exact


def test_rate_per_cycle_follows_the_clock():
    bandwidth = units.rate("16 B/cycle")
    assert units.unit_time_fs(64, bandwidth, period_fs=1_000_000).value == 4_000_000
    assert units.unit_time_fs(64, bandwidth, period_fs=500_000).value == 2_000_000


@pytest.mark.parametrize(
    ("call", "text", "message", "allowed"),
    [
        (units.size_bytes, "64", "has no unit", "KiB"),
        (units.size_bytes, 64, "has no unit", "KiB"),
        (units.size_bytes, "64 KB", "ambiguous", "KiB"),
        (units.size_bytes, "64 ns", "a unit of time, not of size", "KiB"),
        (units.size_bytes, "64 MiBs", "did you mean 'MiB'", "KiB"),
        (units.size_bytes, "-64 B", "is -64", "at least 1 B"),
        (units.size_bytes, "0 B", "is 0", "at least 1 B"),
        (units.size_bytes, "0.5 B", "is 0.5", "whole number"),
        (units.size_bytes, "many B", "does not begin with a number", "KiB"),
        (units.size_bytes, True, "is not a quantity", "KiB"),
        (units.rate, "12.8 GB", "a unit of size, not of rate", "GB/s"),
        (units.rate, "0 GB/s", "is not positive", "more than 0"),
        (units.period_of, "1 ns", "a unit of time, not of frequency", "GHz"),
        (units.period_of, "1e10 GHz", "faster than 1 fs", "GHz"),
        (units.duration_fs, "-1 ns", "is negative", "0 or more"),
        (units.duration_fs, "20 cycles", "counts cycles of no clock", "a time"),
        (units.duration_fs, "3 h", "not a known unit", "ms"),
        (units.duration_fs, "1e4 s", "beyond the horizon", "shorter"),
        (units.count_cycles, "1.5 cycles", "is 1.5", "whole number"),
        (units.width_bits, "16 KiB", "a unit of size, not of width", "bit"),
    ],
)
def test_wrong_quantities_name_place_fault_and_what_is_allowed(call, text, message, allowed):
    with pytest.raises(DescriptionError) as raised:
        call(text, where="file.yaml: key")
    assert message in raised.value.found
    assert allowed in (raised.value.allowed or "")
    assert raised.value.where == "file.yaml: key"


def test_rate_per_cycle_without_a_clock_is_refused():
    with pytest.raises(DescriptionError, match="no clock is named"):
        units.unit_time_fs(64, units.rate("16 B/cycle"), where="here")


def test_a_unit_faster_than_a_femtosecond_is_refused():
    with pytest.raises(DescriptionError, match="less than 1 fs"):
        units.unit_time_fs(1, units.rate("1e7 TB/s"))


def test_a_huge_exponent_is_refused_not_computed():
    with pytest.raises(DescriptionError):
        units.size_bytes("1e999999999 B")
