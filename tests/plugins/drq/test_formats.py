"""The formats of DRQ keep the contract of formats, and say what an element takes in memory."""

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.formats import Encoding, Storage
from cosim.plugin import load_registry
from cosim.testing import FormatContract
from cosim_plugins.drq.formats import FLAG, is_sensitive
from cosim_plugins.drq.narrowing import RULES, rule_named


class TestWide(FormatContract):
    @pytest.fixture(params=["drq8", "drq8_round", "drq8_clip"])
    def format(self, request):
        return load_registry().get("formats", request.param)


class TestNarrow(FormatContract):
    @pytest.fixture(params=["drq4", "drq4_round", "drq4_clip"])
    def format(self, request):
        return load_registry().get("formats", request.param)


@pytest.mark.parametrize("lowest", [0, -128, -114, -10])
@pytest.mark.parametrize("name", RULES)
def test_sixteen_levels_nearest_below_or_around(name, lowest):
    values = np.arange(lowest, lowest + 256)
    kept = RULES[name].narrow(values, lowest)
    assert len(np.unique(kept)) == 16
    assert (np.diff(kept) >= 0).all()
    assert kept.min() == RULES[name].base(lowest)
    back = kept * RULES[name].step
    inside = (back > back.min()) & (back < back.max())
    errors = (values - back)[inside]
    assert {"msb": (0, 15), "round": (-8, 7), "clip": (0, 0)}[name] == (errors.min(), errors.max())


def test_the_sign_decides_the_levels():
    assert [rule.narrow(np.array([0, 255]), 0).tolist() for rule in RULES.values()] == [[0, 15], [0, 15], [0, 15]]
    assert RULES["msb"].narrow(np.array([-128, 127]), -128).tolist() == [-8, 7]
    assert RULES["clip"].narrow(np.array([-128, -3, 127]), -128).tolist() == [-8, -3, 7]
    with pytest.raises(DescriptionError, match="narrowing"):
        rule_named("floor", where="here")


@pytest.mark.parametrize("zero", [-128, 0, -14, 100])
@pytest.mark.parametrize("suffix", ["", "_round", "_clip"])
def test_a_code_and_its_flag(suffix, zero):
    formats = load_registry()["formats"]
    wide, narrow = formats[f"drq8{suffix}"], formats[f"drq4{suffix}"]
    encoding = Encoding(wide.name, 9, np.array(0.5), np.array(zero))
    values = (np.arange(-128, 128) - zero) * 0.5
    codes = wide.encode(values, encoding)
    assert is_sensitive(codes).all()
    assert wide.decode(codes, encoding).tolist() == values.tolist()
    small = narrow.encode(codes, encoding).astype(np.uint16)
    assert not is_sensitive(small).any()
    assert small.max() == 15
    expected = wide.rule.step * wide.rule.narrow(np.arange(-128, 128) - zero, -128 - zero) * 0.5
    assert wide.decode(small, encoding).tolist() == expected.tolist()
    assert narrow.encode(small, encoding).tolist() == small.tolist(), "what is narrow stays"
    assert wide.encode(codes, encoding).tolist() == codes.tolist(), "what is wide stays"


def test_zero_points_must_agree():
    wide = load_registry()["formats"]["drq8"]
    encoding = Encoding("drq8", 9, np.ones(2), np.array([0, 1]), axis=0)
    with pytest.raises(DescriptionError, match="zero points differ"):
        wide.decode(np.zeros((2, 3), np.uint16), encoding)


def test_what_elements_take():
    wide = load_registry()["formats"]["drq8"]
    stored = wide.bind(np.array([[FLAG, 3], [FLAG | 7, 0]], np.uint16), Encoding("drq8", 9))
    assert isinstance(stored, Storage)
    assert stored.bits.tolist() == [[8, 4], [8, 4]]
