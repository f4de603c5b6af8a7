"""What a plugin may add as a plain function: kernels, workloads and metrics."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph


@runtime_checkable
class Kernel(Protocol):
    """The numbers of one tile of one op."""

    def __call__(self, call: Any, /) -> NDArray[Any]:
        """Codes (or partial sums) of the output box of a `cosim.execute.Call`."""
        ...


@runtime_checkable
class Workload(Protocol):
    """A network that can be built at any batch size."""

    def __call__(self, *, batch: int, seed: int) -> Graph:
        """The Graph; `seed` makes its synthetic weights."""
        ...


@runtime_checkable
class Metric(Protocol):
    """A figure of merit."""

    def __call__(self, outputs: NDArray[np.generic], targets: NDArray[np.generic], /) -> float:
        """Figure for `outputs` (batch, ...) against `targets`: labels (batch,) or reference outputs (batch, ...)."""
        ...
