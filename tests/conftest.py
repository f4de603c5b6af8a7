"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# One thread per process: two workers share two cores, and sums of floats keep their order.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# Belongs to a distribution of its own: run from tests/acme_plugin/test_acme.py, once that is installed.
collect_ignore = ["acme_plugin/distribution"]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).resolve().parents[1]
