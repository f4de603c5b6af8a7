"""The zoo, built once."""

from __future__ import annotations

import pytest
from cosim_workloads import NETWORKS


@pytest.fixture(scope="session")
def graphs():
    """Every network at batch 1."""
    return {name: network() for name, network in NETWORKS.items()}
