"""`Encoding`: the format of a tensor together with the side information that decodes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats.regions import Boxes, Int64, Regions
from cosim.formats.storage import Storage

#: Formats whose elements stand for themselves, without side information.
WIDE_FLOATS = frozenset({"fp32", "fp16", "bf16"})


@dataclass(frozen=True, eq=False)
class Encoding:
    """How one tensor is stored.

    Attributes
    ----------
    format
        Name of a registered format, such as ``"fp32"`` or ``"int8"``; of a mixed encoding the names of its parts' with
        ``+``, widest first.
    bits
        Bits per element in memory; of a mixed encoding those of its widest part.
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
    parts
        Encodings that different elements have, each described for the whole tensor; empty where all have this one.
        `cosim.formats.mix` makes a mixed encoding.
    regions
        Which element has which part.
    common
        Encoding in which arrays hold a mixed tensor and in which it is computed on: every part's values are exact in
        it. An integer grid, or fp32.
    storage
        What the cells of a compressed tensor take in memory; None where each element takes `bits`. Arrays hold
        ordinary codes of `format` all the same.
    scale_bits
        Bits in which one scale is stored: 32 for a float, fewer where it is a power of two [bit].
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
    parts: tuple[Encoding, ...] = field(default=(), repr=False)
    regions: Regions | None = field(default=None, repr=False)
    common: Encoding | None = field(default=None, repr=False)
    storage: Storage | None = field(default=None, repr=False)
    scale_bits: int = 32

    @property
    def is_plain(self) -> bool:
        """Whether every element takes `bits` and nothing else is stored with the codes."""
        return not self.is_mixed and not self.shared_bits and self.storage is None

    @property
    def is_mixed(self) -> bool:
        """Whether elements have different encodings."""
        return self.regions is not None

    @property
    def held(self) -> Encoding:
        """Encoding of the codes in arrays: that which all parts have in common, or this one."""
        return self if self.common is None else self.common

    @property
    def formats(self) -> tuple[str, ...]:
        """Names of the formats of all parts, each once."""
        return tuple(dict.fromkeys(part.format for part in self.parts)) or (self.format,)

    @property
    def is_float(self) -> bool:
        """Whether elements are floating-point numbers without side information."""
        return self.format in WIDE_FLOATS

    @property
    def side_bits(self) -> int:
        """Bits of side information that does not depend on values: `scale_bits` per scale, 32 per zero point [bit].

        Of a mixed encoding each part counts with the channels where it occurs.
        """
        if self.parts:
            return sum(self._side_bits_of(number) for number in range(len(self.parts)))
        scales = 0 if self.scale is None else int(np.size(self.scale))
        points = 0 if self.zero_point is None else int(np.size(self.zero_point))
        return self.scale_bits * scales + 32 * points

    def blocks(self, shape: Sequence[int]) -> int:
        """Blocks of a tensor of `shape`; 0 without blocks."""
        if self.block is None or not shape:
            return 0
        extents = list(shape)
        extents[self.block_axis] = -(-extents[self.block_axis] // self.block)
        return math.prod(extents)

    def stored_bits(self, shape: Sequence[int]) -> int:
        """Bits of a tensor of `shape` with all its side information, that of channels included [bit]."""
        boxes = np.array([[(0, extent) for extent in shape]], np.int64).reshape(1, len(shape), 2)
        scales = 0 if self.parts or self.block is None or not self._is_blockwise(self.scale) else self._scale_bits
        return int(self.box_bits(boxes)[0]) - scales * self.blocks(shape) + self.side_bits

    def box_bits(self, boxes: Boxes) -> Int64:
        """Bits of each of `boxes` (n, rank, 2) of the tensor with what its blocks share, shape (n,) [bit].

        That is what moves and takes room in a memory: the codes, one shared exponent or scale for every block that is
        touched, and one flag per cell where values decide which part it is of. Scales and zero points of tensors and
        channels are constants of the op; `stored_bits` has them too.
        """
        boxes = np.asarray(boxes, np.int64)
        if self.storage is not None:
            return self.storage.box_bits(boxes)
        if self.regions is not None and self.regions.part is None:
            return volume(boxes) * self.held.bits + self.regions.cells(boxes)  # any cell may need the widest part
        if self.regions is None:
            blocks = 0 if not self.shared_bits or not boxes.shape[1] else self._blocks_in(boxes)
            return np.asarray(volume(boxes) * self.bits + blocks * self.shared_bits, np.int64)
        total = np.zeros(len(boxes), np.int64)
        for number, part in enumerate(self.parts):
            total += self.regions.counts(boxes, number) * part.bits
            if part.shared_bits:
                blocks = self.regions.counts(boxes, number, part.block, part.block_axis)
                total += blocks * part.shared_bits
        return total

    def box_bytes(self, boxes: Boxes) -> Int64:
        """Bytes of each of `boxes` (n, rank, 2), rounded up to whole ones, shape (n,) [byte]; see `box_bits`."""
        return np.asarray(-(-self.box_bits(boxes) // 8), np.int64)

    def most_bytes(self, extents: Int64, shape: Sequence[int]) -> Int64:
        """Bytes that a box of `extents` (n, rank) may take wherever it lies in a tensor of `shape`, shape (n,) [byte]."""
        extents = np.minimum(np.asarray(extents, np.int64), np.array(shape, np.int64).reshape(-1))
        if self.storage is not None:
            return np.asarray(-(-self.storage.most_bits(extents) // 8), np.int64)
        whole = np.array([[(0, extent) for extent in shape]], np.int64).reshape(1, len(shape), 2)
        if self.regions is not None and self.regions.part is None:
            boxes = np.stack([np.zeros_like(extents), extents], axis=2)
            # Unaligned, a box touches one cell more along each axis than it has cells.
            cells = np.prod([np.searchsorted(s, extents[:, i]) + 1 for i, s in enumerate(self.regions.starts)], axis=0)
            bits = volume(boxes) * self.held.bits + cells
        else:
            bits = np.max([part.most_bits(extents, shape) for part in self.parts or (self,)], axis=0)
        return np.asarray(np.minimum(-(-bits // 8), self.box_bytes(whole)), np.int64)

    def most_bits(self, extents: Int64, shape: Sequence[int]) -> Int64:
        """Bits that a box of `extents` (n, rank) may take if all of it is of this encoding, shape (n,) [bit]."""
        bits = np.prod(extents, axis=1) * self.bits
        if not self.shared_bits or not len(shape):
            return np.asarray(bits, np.int64)
        block, blocks = int(self.block or 1), extents.copy()
        along = extents[:, self.block_axis]
        most = -(-shape[self.block_axis] // block)
        blocks[:, self.block_axis] = np.minimum(np.where(along > 0, (along + 2 * block - 2) // block, 0), most)
        return np.asarray(bits + np.prod(blocks, axis=1) * self.shared_bits, np.int64)

    def whole_blocks(self, boxes: Boxes, shape: Sequence[int]) -> NDArray[np.bool_]:
        """Whether each of `boxes` (n, rank, 2) can be written by itself: it cuts no block, shape (n,)."""
        boxes = np.asarray(boxes, np.int64)
        good = np.ones(len(boxes), np.bool_)
        for part in self.parts or (self,):
            if part.block is not None and len(shape):
                edges = boxes[:, part.block_axis]
                at_end = edges[:, 1] == shape[part.block_axis]
                good &= (edges[:, 0] % part.block == 0) & ((edges[:, 1] % part.block == 0) | at_end)
        if self.regions is not None and self.regions.part is None:
            for axis, start in enumerate(self.regions.starts):
                edges, ends = boxes[:, axis], np.append(start, shape[axis])
                good &= np.isin(edges[:, 0], start) & np.isin(edges[:, 1], ends)
        return good

    @property
    def shared_bits(self) -> int:
        """Bits that are stored once per block: its exponent, scale and zero point [bit]."""
        return (
            0 if self.block is None else self.block_bits + (self._scale_bits if self._is_blockwise(self.scale) else 0)
        )

    @property
    def _scale_bits(self) -> int:
        """Bits of one scale and of its zero point, if there is any that is not 0 [bit]."""
        return self.scale_bits + (32 if self.zero_point is not None and np.any(self.zero_point) else 0)

    def _is_blockwise(self, side: NDArray[Any] | None) -> bool:
        return side is not None and self.axis is None and side.ndim > 0

    def _blocks_in(self, boxes: Boxes) -> Int64:
        """Blocks that each of `boxes` touches, shape (n,)."""
        touched = boxes.copy()
        touched[:, self.block_axis, 0] //= int(self.block or 1)
        touched[:, self.block_axis, 1] = -(-touched[:, self.block_axis, 1] // int(self.block or 1))
        return np.where(volume(boxes) > 0, volume(touched), 0)

    def _side_bits_of(self, number: int) -> int:
        part = self.parts[number]
        bits = part.side_bits
        if part.axis is None or self.regions is None or part.scale is None or part.scale.size == 1:
            return bits
        parts = self.regions.along(part.axis, part.scale.size)
        return bits if parts is None else bits * int((parts == number).sum()) // part.scale.size

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

    def cut(self, box: Boxes) -> Encoding:
        """The encoding of a part of the tensor that is written by itself, `box` (rank, 2) of first and last + 1.

        Raises
        ------
        DescriptionError
            The box begins within a block: its codes would be grouped otherwise.
        """
        for part in self.parts or (self,):
            if part.block is not None and len(box) and box[part.block_axis, 0] % part.block:
                found = f"a part from index {box[part.block_axis, 0]} cuts a block of {part.block}"
                raise _cut_error(part, found, part.block)
        if self.regions is not None and self.regions.part is None and not self.regions.begins_cells(box):
            size = max(int(start[1]) if len(start) > 1 else 1 for start in self.regions.starts)
            raise _cut_error(self, f"a part from index {box[:, 0].tolist()} cuts a region", size)
        return self.clipped(box)

    def seen(self, box: Boxes) -> Encoding:
        """The encoding of a part of the tensor that is only read: it may begin within a block."""
        if self.regions is not None:
            parts = tuple(part.seen(box) for part in self.parts)
            return replace(self.clipped(box), parts=parts, common=self.held.seen(box))
        if self.block is None or not len(box) or not box[self.block_axis, 0] % self.block:
            return self.clipped(box)
        if not any(self._is_blockwise(side) for side in (self.scale, self.zero_point, self.threshold)):
            return self.clipped(box)  # each code carries what its block shares
        low, high = (int(bound) for bound in box[self.block_axis])
        starts = low // self.block * self.block
        outer = box.copy()
        outer[self.block_axis, 0] = starts
        whole = self.clipped(outer)
        sides: dict[str, Any] = {
            name: np.repeat(side, self.block, axis=self.block_axis).take(
                range(low - starts, high - starts), axis=self.block_axis
            )
            for name in ("scale", "zero_point", "threshold")
            if (side := getattr(whole, name)) is not None and side.ndim
        }
        return replace(whole, block=1, **sides)

    def clipped(self, box: Boxes) -> Encoding:
        """Side information of `box` alone, whatever blocks it cuts; use `cut` or `seen`."""
        if self.storage is not None:  # a part of an array is not stored: its cells are those of the whole tensor
            return replace(self, storage=None).clipped(box)
        if self.regions is not None:
            common = self.held.clipped(box)
            cut = replace(self, scale=common.scale, zero_point=common.zero_point, common=common)
            parts = tuple(part.clipped(box) for part in self.parts)
            return replace(cut, parts=parts, regions=self.regions.cut(box))
        if all(side is None or side.size == 1 for side in (self.scale, self.zero_point, self.threshold)):
            return self
        return replace(
            self,
            scale=self._part(self.scale, box),
            zero_point=self._part(self.zero_point, box),
            threshold=self._part(self.threshold, box),
        )

    def key(self) -> bytes:
        """Bytes that differ where blocks, thresholds, parts or storage do; empty where there are none."""
        found = b"" if self.storage is None else b"storage" + self.storage.key()
        if self.scale_bits != 32:
            found += f"scale{self.scale_bits}".encode()
        if self.block is not None:
            found += f"{self.block}{self.block_axis}{self.block_bits}".encode()
        if self.threshold is not None:
            found += self.threshold.tobytes()
        if self.regions is not None:
            for part in (self.held, *self.parts):
                sides = (part.scale, part.zero_point)
                found += f"{part.format}{part.axis}".encode() + part.key()
                found += b"|".join(b"" if side is None else side.tobytes() for side in sides)
            found += self.regions.key()
        return found

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


def _cut_error(encoding: Encoding, found: str, size: int) -> DescriptionError:
    return DescriptionError(
        found,
        where=f"encoding {encoding.format}",
        allowed=f"multiples of {size}" + ("" if encoding.block is None else f" along axis {encoding.block_axis}"),
        fix="tiles that keep blocks whole (`Encoding.whole_blocks`), or run it whole: --execute whole",
    )


def product_format(one: Encoding, other: Encoding) -> str:
    """Name of the products of two operands in actions: ``"int8"`` for like ones, ``"int8xint4"`` for unlike ones."""
    return one.format if one.format == other.format else f"{one.format}x{other.format}"


def volume(boxes: Boxes) -> Int64:
    """Elements in each of `boxes` (n, rank, 2), shape (n,); 0 for an empty one."""
    return np.asarray(np.prod(np.clip(boxes[..., 1] - boxes[..., 0], 0, None), axis=-1), np.int64)


FLOAT32 = Encoding("fp32", 32)
