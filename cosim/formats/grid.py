"""`Grid`: a minifloat by arithmetic, the same as its table and faster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[Any]
U32 = NDArray[np.uint32]


class Shortcut(Protocol):
    """Arithmetic that gives the codes of a table without looking at it; `Table.prove` holds it to the code book.

    Within each sign it must never fall where its argument grows: then being right on both sides of every bound is
    being right everywhere.
    """

    def encode(self, patterns: U32, out: Codes) -> int:
        """Write the code of each fp32 pattern, any code for a NaN; the largest magnitude met, as a pattern."""
        ...

    def decode(self, codes: Codes, out: NDArray[np.float32]) -> bool:
        """Write the value of each code; False if this is left to the table."""
        ...

    def round(self, patterns: U32, out: NDArray[np.float32]) -> int | None:
        """Write what each fp32 pattern becomes, as `encode`; None if this is left to `encode` and `decode`."""
        ...


@dataclass(frozen=True)
class Grid:
    """Sign, exponent and fraction with subnormals, bias ``2^(e - 1) - 1``; halves to even, saturating.

    Attributes
    ----------
    exponent_bits, fraction_bits
        Widths of the fields [bit].
    last
        Code of the largest number; magnitudes above it are NaN.
    """

    exponent_bits: int
    fraction_bits: int
    last: int

    @property
    def numbers(self) -> NDArray[np.int64]:
        """What the compiled loops take: fraction bits, biased fp32 exponent of the smallest normal number, fp32
        pattern of the largest number, width, and its code.
        """
        least = 129 - (1 << (self.exponent_bits - 1))
        top = (self.last << (23 - self.fraction_bits)) + ((least - 1) << 23)
        return np.array([self.fraction_bits, least, top, 1 + self.exponent_bits + self.fraction_bits, self.last])

    def encode(self, patterns: U32, out: Codes) -> int:
        """Codes; NaN as if beyond the largest number."""
        from cosim.formats import grid_kernel as kernel

        fraction, least, top, width, _ = self.numbers.tolist()
        return int(kernel.encode(patterns, fraction, least, top, width, out))

    def decode(self, codes: Codes, out: NDArray[np.float32]) -> bool:
        """Values; always True."""
        from cosim.formats import grid_kernel as kernel

        fraction, least, _, width, last = self.numbers.tolist()
        kernel.decode(codes, fraction, least, last, width, out.view(np.uint32))
        return True

    def round(self, patterns: U32, out: NDArray[np.float32]) -> int:
        """What numbers become; NaN as if beyond the largest number."""
        from cosim.formats import grid_kernel as kernel

        fraction, least, top, _, _ = self.numbers.tolist()
        return int(kernel.rounded(patterns, fraction, least, top, out.view(np.uint32)))
