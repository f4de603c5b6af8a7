"""`Encoding`: the format of a tensor together with the side information that decodes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError

#: Formats whose elements stand for themselves, without side information.
WIDE_FLOATS = frozenset({"fp32", "fp16", "bf16"})


@dataclass(frozen=True, eq=False)
class Encoding:
    """How one tensor is stored.

    Attributes
    ----------
    format
        Name of a registered format, such as ``"fp32"`` or ``"int8"``.
    bits
        Bits per element in memory.
    scale
        Real value of one code step, shape () or (channels,), or with `block` one entry per block: the tensor's shape
        with ``ceil(n / block)`` along `block_axis`. None while not calibrated, and where the format needs none.
    zero_point
        Code of the real value 0, same shape as `scale`; None means 0.
    axis
        Axis that `scale` runs along; None for one scale for the whole tensor, or one per block.
    block
        Consecutive elements along `block_axis` that share side information; None without blocks.
    block_axis
        Axis that is cut into blocks; the last one is the default.
    block_bits
        Bits that the codes of one block share, found when they are encoded (a shared exponent) [bit].
    threshold
        Magnitude up to which a value becomes 0, same shape as `scale`; None where the nearest code is taken.
    """

    format: str
    bits: int
    scale: NDArray[np.float64] | None = field(default=None, repr=False)
    zero_point: NDArray[np.int64] | None = field(default=None, repr=False)
    axis: int | None = None
    block: int | None = None
    block_axis: int = -1
    block_bits: int = 0
    threshold: NDArray[np.float64] | None = field(default=None, repr=False)

    @property
    def is_float(self) -> bool:
        """Whether elements are floating-point numbers without side information."""
        return self.format in WIDE_FLOATS

    @property
    def side_bits(self) -> int:
        """Bits of side information that does not depend on values: 32 per scale and 32 per zero point [bit]."""
        scales = 0 if self.scale is None else int(np.size(self.scale))
        points = 0 if self.zero_point is None else int(np.size(self.zero_point))
        return 32 * (scales + points)

    def blocks(self, shape: Sequence[int]) -> int:
        """Blocks of a tensor of `shape`; 0 without blocks."""
        if self.block is None or not shape:
            return 0
        extents = list(shape)
        extents[self.block_axis] = -(-extents[self.block_axis] // self.block)
        return math.prod(extents)

    def stored_bits(self, shape: Sequence[int]) -> int:
        """Bits of a tensor of `shape` with all its side information [bit]."""
        return math.prod(shape) * self.bits + self.blocks(shape) * self.block_bits + self.side_bits

    def aligned(self, side: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
        """Side information (scale, zero point or threshold), so that it broadcasts over a tensor of `shape`.

        Raises
        ------
        DescriptionError
            Its shape is not that of one value, one per channel or one per block.
        """
        if side.size == 1:
            return side.reshape(())
        rank = len(shape)
        if self.axis is not None:
            if side.ndim != 1 or not -rank <= self.axis < rank or side.size != shape[self.axis]:
                raise self._misfit(side, shape, f"one entry per index of axis {self.axis}")
            along = [1] * rank
            along[self.axis] = -1
            return side.reshape(along)
        wanted = list(shape)
        if self.block is not None and rank:
            wanted[self.block_axis] = -(-wanted[self.block_axis] // self.block)
        if self.block is None or list(side.shape) != wanted:
            raise self._misfit(side, shape, "one entry, one per channel with an axis, or one per block")
        wide = np.repeat(side, self.block, axis=self.block_axis)
        return wide.take(range(shape[self.block_axis]), axis=self.block_axis)

    def cut(self, box: NDArray[np.integer]) -> Encoding:
        """The encoding of a part of the tensor, `box` (rank, 2) of first and last + 1.

        Raises
        ------
        DescriptionError
            The box begins within a block: its codes would be grouped otherwise.
        """
        if self.block is not None and box[self.block_axis, 0] % self.block:
            raise DescriptionError(
                f"a part from index {box[self.block_axis, 0]} cuts a block of {self.block}",
                where=f"encoding {self.format}",
                allowed=f"multiples of {self.block} along axis {self.block_axis}",
            )
        if all(side is None or side.size == 1 for side in (self.scale, self.zero_point, self.threshold)):
            return self
        return replace(
            self,
            scale=self._part(self.scale, box),
            zero_point=self._part(self.zero_point, box),
            threshold=self._part(self.threshold, box),
        )

    def _part(self, side: NDArray[Any] | None, box: NDArray[np.integer]) -> NDArray[Any] | None:
        if side is None or side.size == 1:
            return side
        if self.axis is not None:
            return side[int(box[self.axis, 0]) : int(box[self.axis, 1])]
        bounds = box.copy()
        if self.block is not None:
            bounds[self.block_axis] = [box[self.block_axis, 0] // self.block, -(-box[self.block_axis, 1] // self.block)]
        return side[tuple(slice(int(first), int(last)) for first, last in bounds)]

    def _misfit(self, side: NDArray[Any], shape: Sequence[int], allowed: str) -> DescriptionError:
        return DescriptionError(
            f"side information of shape {side.shape} does not fit a tensor of shape {tuple(shape)}",
            where=f"encoding {self.format}",
            allowed=allowed,
        )


FLOAT32 = Encoding("fp32", 32)
