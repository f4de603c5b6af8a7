"""`Activations`: codes with a stated share of digits and of rows that are zero, for networks whose weights nobody has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim import Given
from cosim.formats import Encoding
from cosim_plugins.smartexchange.booth import DIGITS, digit_counts

_CODES = np.arange(128, dtype=np.int8)  # after a rectifier


@dataclass(frozen=True)
class Activations:
    """Statistics of activations.

    Attributes
    ----------
    digit_sparsity
        Share of Booth digits that are zero; each digit is drawn by itself, so a value is zero with the fourth power.
    zero_rows
        Share of the rows of an image (or of the vectors of a linear layer) that are zero throughout.
    seed
        Of the draws, with the tensor's name.
    """

    digit_sparsity: float
    zero_rows: float = 0.0
    seed: int = 0

    def given(self) -> Given:
        """What `cosim.simulate` takes instead of an execution; its results say that values are synthetic."""
        return Given(self.codes, "synthetic")

    def codes(self, name: str, encoding: Encoding, shape: tuple[int, ...]) -> NDArray[np.int8]:
        """int8 codes (shape) of a tensor with zero point 0: a number of digits is drawn, then a value with so many."""
        key = hashlib.blake2b(f"{self.seed}:{name}".encode(), digest_size=8).digest()
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(key, "little")))
        counts = digit_counts(_CODES)
        known = [_CODES[counts == n] for n in range(DIGITS + 1)]
        share = 1.0 - self.digit_sparsity
        wanted = (generator.random((DIGITS, *shape), dtype=np.float32) < share).sum(axis=0)
        pick = generator.random(shape, dtype=np.float32)
        out = np.zeros(shape, np.int8)
        for n, codes in enumerate(known):
            here = wanted == n
            if n and len(codes):
                out[here] = codes[(pick[here] * len(codes)).astype(np.int64)]
        if self.zero_rows and len(shape) > 1:
            out[generator.random(shape[:-1]) < self.zero_rows] = 0
        return out
