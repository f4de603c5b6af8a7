"""Every registered device keeps the contract."""

from __future__ import annotations

import pytest

from cosim.plugin import load_registry
from cosim.testing import HardwareContract


@pytest.mark.parametrize("device", load_registry().names("hardware"))
class TestDevices(HardwareContract):
    @pytest.fixture
    def name(self, device):
        return device
