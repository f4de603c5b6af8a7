"""Constants of a decomposed network: with their values, or with a stated sparsity alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim_plugins.smartexchange.decompose import Decomposition
from cosim_plugins.smartexchange.slices import Slicing


@dataclass(frozen=True, eq=False)
class Decomposed:
    """A weight tensor that is stored as coefficients and bases; its codes are the rebuilt weights.

    Attributes
    ----------
    parts
        The decomposition.
    recipe
        What it was made from and how, for the hash.
    """

    parts: Decomposition = field(repr=False)
    recipe: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.parts.slicing.shape

    @property
    def slicing(self) -> Slicing:
        """How the tensor is cut into slices."""
        return self.parts.slicing

    @cached_property
    def nonzero_rows(self) -> NDArray[np.bool_]:
        """Rows of coefficients that are not zero, shape (filters, rows)."""
        return np.asarray(self.slicing.per_filter(self.parts.nonzero_rows), np.bool_)

    @cached_property
    def _codes(self) -> NDArray[np.int32]:
        return self.parts.codes()

    def array(self) -> NDArray[Any]:
        """Codes on the filters' grids."""
        return self._codes

    def digest(self) -> str:
        """Hash of the recipe."""
        return hashlib.blake2b(f"decomposed|{self.recipe}".encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, eq=False)
class Stated:
    """A weight tensor of which only the sparsity is known: cost without values.

    Attributes
    ----------
    name
        Of the tensor: seeds which rows are zero.
    kept
        Rows of each slice that are not zero.
    """

    slicing: Slicing
    name: str
    kept: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return self.slicing.shape

    @cached_property
    def nonzero_rows(self) -> NDArray[np.bool_]:
        """Rows that are not zero, drawn evenly from a seed, shape (filters, rows)."""
        slices, height = self.slicing.filters * self.slicing.count, self.slicing.height
        seed = int.from_bytes(hashlib.blake2b(self.name.encode(), digest_size=8).digest(), "little")
        rank = np.argsort(np.random.Generator(np.random.PCG64(seed)).random((slices, height)), axis=1)
        return np.asarray(self.slicing.per_filter(rank < self.kept), np.bool_)

    def array(self) -> NDArray[Any]:
        """Always an error: there are no values."""
        raise DescriptionError(
            f"constant {self.name!r} has a stated sparsity, no values",
            where="compression 'smartexchange'",
            fix="calibrate: run with --execute, or compress with calibrate=True",
        )

    def digest(self) -> str:
        """Hash of what is stated."""
        return hashlib.blake2b(f"stated|{self.slicing}|{self.name}|{self.kept}".encode(), digest_size=16).hexdigest()
