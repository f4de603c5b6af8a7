"""`FormatContract`: what every number format must keep."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from cosim.errors import CosimError
from cosim.formats import Encoding, Format
from cosim.formats.format import Codes

Reals = NDArray[np.float64]


class FormatContract:
    """Subclass it and give `format`; also `reach` where a calibrated range of [-reach, reach] makes no exact steps.

    A format whose `rounding` is not ``"nearest"`` need not round to the nearest, one whose `has_zero` is false need not
    have a zero. In a block format each number is looked at in the company of the largest, so that scales are alike;
    its codes must decode alone.
    """

    samples = 4096

    @pytest.fixture
    def format(self) -> Format:
        """The format under test."""
        raise NotImplementedError

    @pytest.fixture
    def reach(self, format: Format) -> float:
        """Half of a range in which every step is exact in fp32: `largest` if the format has it, a scale of 1."""
        return float(getattr(format, "largest", 2 ** (format.bits - 1) - 1))

    @pytest.fixture
    def encoding(self, format: Format, reach: float) -> Encoding:
        """Symmetric encoding of [-reach, reach]."""
        return format.calibrate(np.array(-reach), np.array(reach), symmetric=True, axis=None)

    @pytest.fixture
    def values(self, reach: float) -> Reals:
        """Sorted values over the range, dense around 0."""
        generator = np.random.default_rng(0)
        wide = generator.uniform(-reach, reach, self.samples)
        fine = wide * 2.0 ** generator.integers(-12, 0, self.samples)
        return np.sort(np.concatenate([wide, fine, [0.0, -reach, reach]]))

    def test_describes_itself(self, format: Format, encoding: Encoding) -> None:
        assert isinstance(format, Format)
        assert format.summary
        assert "\n" not in format.summary
        assert encoding.format == format.name
        assert encoding.bits == format.bits
        assert format.storage.itemsize * 8 >= format.bits

    def test_codes_are_stored_as_declared(self, format: Format, encoding: Encoding, values: Reals) -> None:
        codes = format.encode(values.reshape(1, -1), encoding)
        assert codes.dtype == format.storage
        assert codes.shape == (1, len(values))
        decoded = format.decode(codes, encoding)
        assert decoded.dtype == np.float32
        assert decoded.shape == codes.shape

    def test_zero_is_exact(self, format: Format, encoding: Encoding) -> None:
        if not getattr(format, "has_zero", True):
            pytest.skip(f"{format.name} has no zero")
        assert _round(format, np.zeros(3), encoding).tolist() == [0.0, 0.0, 0.0]

    def test_rounding_twice_is_rounding_once(self, format: Format, encoding: Encoding, values: Reals) -> None:
        once = _round(format, values, encoding)
        np.testing.assert_array_equal(_round(format, once, encoding), once)

    def test_a_larger_value_never_gets_a_smaller_one(self, format: Format, encoding: Encoding, values: Reals) -> None:
        assert (np.diff(_round(format, values, encoding)) >= 0).all()

    def test_every_value_goes_to_its_nearest(self, format: Format, encoding: Encoding, values: Reals) -> None:
        _skip_unless_nearest(format)
        rounded = _round(format, values, encoding)
        known = np.unique(rounded)
        position = np.clip(np.searchsorted(known, values), 1, len(known) - 1)
        nearest = np.minimum(np.abs(values - known[position - 1]), np.abs(values - known[position]))
        slack = 1e-6 * np.maximum(np.abs(values), np.abs(rounded))  # decoded values are fp32
        assert (np.abs(values - rounded) <= nearest + slack).all()

    def test_halves_follow_the_tie_rule(self, format: Format, encoding: Encoding, reach: float) -> None:
        _skip_unless_nearest(format)
        codes = _neighbours(format, encoding, reach)
        below, above = _decode(format, codes[:-1], encoding), _decode(format, codes[1:], encoding)
        middle = (below + above) / 2
        # Neighbours in fp32 may be so close that their middle is no fp64 sum of the two; keep the exact ones.
        exact = (middle - below == above - middle) & (middle != below)
        assert exact.any()
        low, below, above = codes[:-1][exact], below[exact], above[exact]
        expected = {
            "even": np.where(_bits(low) % 2 == 0, below, above),
            "away": np.where(np.abs(below) > np.abs(above), below, above),
            "up": above,
        }
        assert format.tie_rule in expected
        np.testing.assert_array_equal(_round(format, middle[exact], encoding), expected[format.tie_rule])

    def test_past_the_ends(self, format: Format, encoding: Encoding) -> None:
        ends = np.array([-1e39, 1e39])
        with np.errstate(over="ignore"):
            rounded = _round(format, ends, encoding)
        assert format.saturation in {"clamp", "infinity"}
        assert np.isfinite(rounded).all() == (format.saturation == "clamp")
        assert rounded[0] < 0 < rounded[1]

    def test_nan_never_becomes_a_number(self, format: Format, encoding: Encoding) -> None:
        try:
            decoded = _round(format, np.array([1.0, np.nan]), encoding)
        except (CosimError, ValueError):
            return
        assert np.isnan(decoded[1])

    def test_a_range_of_zeros_decodes_to_zeros(self, format: Format) -> None:
        flat = format.calibrate(np.array(0.0), np.array(0.0), symmetric=True, axis=None)
        assert _round(format, np.zeros(2), flat).tolist() == [0.0, 0.0]

    def test_channels_have_their_own_range(self, format: Format) -> None:
        reach = np.array([1.0, 8.0])
        encoding = format.calibrate(-reach, reach, symmetric=True, axis=0)
        rows = np.stack([np.linspace(-1, 1, 9), np.linspace(-8, 8, 9)])
        rounded = _decode(format, format.encode(rows, encoding), encoding)
        for row, limit in enumerate(reach):
            alone = format.calibrate(np.array(-limit), np.array(limit), symmetric=True, axis=None)
            np.testing.assert_array_equal(rounded[row], _decode(format, format.encode(rows[row], alone), alone))


def _decode(format: Format, codes: Codes, encoding: Encoding) -> Reals:
    return format.decode(codes, encoding).astype(np.float64)


def _round(format: Format, values: Reals, encoding: Encoding) -> Reals:
    return _decode(format, _encode(format, values, encoding), encoding)


def _encode(format: Format, values: Reals, encoding: Encoding) -> Codes:
    """Codes of `values`; of a block format each in a block with the largest number, which settles the scale."""
    if encoding.block is None:
        return format.encode(values, encoding)
    largest = np.full(values.shape, format.largest)  # type: ignore[attr-defined]
    return format.encode(np.stack([values, largest], axis=-1), encoding)[..., 0]


def _skip_unless_nearest(format: Format) -> None:
    rounding = getattr(format, "rounding", "nearest")
    if rounding != "nearest":
        pytest.skip(f"{format.name} rounds by {rounding}")


def _bits(codes: Codes) -> NDArray[np.int64]:
    """Codes as integers: the last bit of a float is that of its mantissa."""
    if codes.dtype.kind == "f":
        codes = codes.view(f"i{codes.dtype.itemsize}")
    return codes.astype(np.int64)


def _neighbours(format: Format, encoding: Encoding, reach: float) -> Codes:
    """Codes in the order of their values, without gaps, shape (codes,)."""
    if format.bits <= 8:
        dense = np.linspace(-reach, reach, 1 << 16)
        finer = [dense * 2.0**-step for step in range(0, 64, 8)]
        codes = np.unique(_encode(format, np.concatenate(finer), encoding))
        return codes[np.argsort(_decode(format, codes, encoding), kind="stable")]
    first = _encode(format, np.array([1.0]), encoding)
    return (_bits(first) + np.arange(64)).astype(f"i{format.storage.itemsize}").view(format.storage)
