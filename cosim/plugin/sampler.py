"""What a sampler of designs is: it proposes, and is told what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Sampler(Protocol):
    """Proposes designs as positions of values, and learns from their objectives.

    The same seed and the same answers give the same proposals.
    """

    def ask(self, count: int) -> NDArray[np.int32]:
        """Designs worth a look, shape (at most `count`, axes); what was proposed before is not evaluated again."""
        ...

    def tell(self, codes: NDArray[np.int32], objectives: NDArray[np.float64]) -> None:
        """Objectives of designs, shapes (designs, axes) and (designs, objectives); less is better in all.

        A row of NaN is a design that cannot be. For a design that its bounds rule out, these are told.
        """
        ...


@runtime_checkable
class SamplerKind(Protocol):
    """Makes a sampler for one sweep."""

    def __call__(self, *, choices: Sequence[int], objectives: int, seed: int) -> Sampler:
        """A sampler over axes with so many values each, shape (axes,)."""
        ...
