"""Constants: weights that exist as arrays, or that are made from a seed when somebody needs their values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


class Constant(Protocol):
    """Values of a tensor that does not change between inferences. Cost-only runs never call `array`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        ...

    def array(self) -> Array:
        """The values; the caller must not write to them."""
        ...

    def digest(self) -> str:
        """Hash of the content."""
        ...


@dataclass(frozen=True, eq=False)
class Stored:
    """A constant held as an array.

    Attributes
    ----------
    is_table
        Part of the network's definition (a mask, rotary angles) rather than something that training changes.
    """

    values: Array = field(repr=False)
    is_table: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.values.shape

    def array(self) -> Array:
        """The values."""
        return self.values

    def digest(self) -> str:
        """Hash of dtype, shape and bytes."""
        data = np.ascontiguousarray(self.values)
        header = f"{data.dtype.str}{data.shape}".encode()
        return hashlib.blake2b(header + data.tobytes(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Seeded:
    """Normal values made from (name, seed): the same on every machine, and never computed unless asked for.

    Attributes
    ----------
    shape
        Shape of the array.
    name, seed
        Identity of the random stream.
    mean, deviation
        Of the normal distribution.
    """

    shape: tuple[int, ...]
    name: str
    seed: int
    mean: float = 0.0
    deviation: float = 1.0

    def array(self) -> Array:
        """Float32 values of shape `shape`."""
        key = hashlib.blake2b(f"{self.seed}:{self.name}".encode(), digest_size=8).digest()
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(key, "little")))
        values = generator.standard_normal(self.shape, dtype=np.float32)
        return values * np.float32(self.deviation) + np.float32(self.mean)

    def digest(self) -> str:
        """Hash of the recipe."""
        return hashlib.blake2b(repr(self).encode(), digest_size=16).hexdigest()
