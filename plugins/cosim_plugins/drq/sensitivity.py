"""The predictor of DRQ: which regions of a feature map are sensitive, by their mean against a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats import Regions


@dataclass(frozen=True, eq=False)
class Sensitivity(Regions):
    """Regions of a feature map of which values decide: part 1 is sensitive (8 bits), part 0 is not (4 bits).

    A region is sensitive where the mean of its integers is above the threshold: noise on large values hurts most.
    Sums are integers, so a mean that equals the threshold is told from one that is above it.

    Attributes
    ----------
    threshold
        In 8-bit integers, real value / scale.
    scale
        Real value of one integer.
    inclusive
        A mean that equals the threshold is sensitive too.
    inverted
        Sensitive are the regions below: the mask as Fig. 4 of the paper prints it, against its own text.
    full
        Elements by which a sum is divided; 0 divides a region at the edge by the elements that it has.

    Source: Song et al., ISCA 2020, doi:10.1109/ISCA45697.2020.00086, section III.
    """

    threshold: float = 0.0
    scale: float = 1.0
    inclusive: bool = False
    inverted: bool = False
    full: int = 0

    def decide(self, values: NDArray[np.floating]) -> NDArray[np.uint8]:
        """1 for each sensitive region of real `values`, else 0; shape (regions along each axis)."""
        total = np.rint(np.asarray(values, np.float64) / self.scale)
        count = np.ones(())
        for axis, start in enumerate(self.starts):
            total = np.add.reduceat(total, start, axis=axis)
            count = np.multiply.outer(count, np.diff(start, append=values.shape[axis]))
        limit = self.threshold * (self.full or count)
        above = total >= limit if self.inclusive else total > limit
        return (above ^ self.inverted).astype(np.uint8)

    def key(self) -> bytes:
        """Bytes that differ where the regions or the predictor do."""
        settings = (self.threshold, self.scale, self.inclusive, self.inverted, self.full)
        return super().key() + repr(settings).encode()


def region_of(shape: Sequence[int], size: tuple[int, int], *, across: bool) -> tuple[int, ...]:
    """Elements of a region along each axis of a tensor.

    An image (N, C, H, W) has regions of `size` rows and columns, of one channel or `across` all of them; a map that is
    smaller is one region. Anything else is taken as maps of one pixel: each feature is a region.
    """
    if len(shape) != 4:
        return (1, *(1,) * (len(shape) - 2), shape[-1] if across else 1) if len(shape) > 1 else (1,) * len(shape)
    rows, columns = size
    return (1, shape[1] if across else 1, min(rows, shape[2]), min(columns, shape[3]))


def parse_region(text: str, *, where: str) -> tuple[int, int]:
    """Rows and columns of ``"4x16"``; raises `DescriptionError` for anything else."""
    rows, sign, columns = text.partition("x")
    if not (sign and rows.isdecimal() and columns.isdecimal() and int(rows) and int(columns)):
        raise DescriptionError(f"region is {text!r}", where=where, allowed="rows x columns, such as 4x16")
    return int(rows), int(columns)
