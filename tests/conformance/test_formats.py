"""Every registered format keeps the contract."""

from __future__ import annotations

import pytest

from cosim.plugin import load_registry
from cosim.testing import FormatContract


@pytest.mark.parametrize("name", load_registry().names("formats"))
class TestFormats(FormatContract):
    @pytest.fixture
    def format(self, name):
        return load_registry().get("formats", name)
