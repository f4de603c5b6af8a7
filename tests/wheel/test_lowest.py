"""The constraints of `make lowest`."""

from __future__ import annotations

import pytest

from tests.wheel.lowest import constraints

TEXT = '[project]\ndependencies = ["numpy>=2.0", "pyyaml>=6.0.1"]\n'


def test_lower_bounds_become_pins():
    assert constraints(TEXT) == ["numpy==2.0", "pyyaml==6.0.1"]


def test_another_form_is_refused():
    with pytest.raises(SystemExit):
        constraints(TEXT.replace(">=2.0", "~=2.0"))
