"""Every registered compression keeps the contract."""

from __future__ import annotations

import pytest

from cosim.plugin import load_registry
from cosim.testing import CompressionContract


@pytest.mark.parametrize("name", load_registry().names("compressions"))
class TestCompressions(CompressionContract):
    @pytest.fixture
    def compression(self, name):
        return load_registry().get("compressions", name)

    @pytest.fixture
    def options(self, name):
        return {"weights": "int8", "activations": "int8"} if name == "formats" else {}
