"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# One thread per process: two workers share two cores, and sums of floats keep their order.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# Belongs to a distribution of its own: run from tests/acme_plugin/test_acme.py, once that is installed.
collect_ignore = ["acme_plugin/distribution"]


@pytest.fixture(scope="session", autouse=True)
def own_searches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Searches of mappings are kept for the tests alone: no test reads or fills the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COSIM_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).resolve().parents[1]
