"""`Regions`: which part of a mixed encoding each element of a tensor belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError

Int64 = NDArray[np.int64]
Boxes = NDArray[np.int64]
_CHUNK = 1 << 22  # numbers in one temporary of `Regions.counts`


@dataclass(frozen=True, eq=False)
class Layer:
    """What a part covers, painted over what came before.

    Attributes
    ----------
    part
        Number of the part.
    box
        Per axis (first, last + 1).
    mask
        One flag per cell of `region` elements, counted from the origin of the tensor, shape ceil(extent / region)
        along each axis; None where all of the box is meant.
    region
        Elements per flag along each axis.
    """

    part: int
    box: tuple[tuple[int, int], ...]
    mask: NDArray[np.bool_] | None = field(default=None, repr=False)
    region: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Regions:
    """A grid of cells; all elements of a cell are of one part.

    Attributes
    ----------
    starts
        Per axis the first index of each cell, ascending from 0; the last cell ends where the tensor does.
    part
        Number of the part of each cell, shape (cells along each axis); None where values decide.
    above
        Where values decide: a cell whose mean real value is above this is of part 1, else of part 0.
    """

    starts: tuple[Int64, ...]
    part: NDArray[np.uint8] | None
    above: float | None = None

    @classmethod
    def painted(cls, shape: Sequence[int], layers: Sequence[Layer]) -> Regions:
        """The cells of a tensor of `shape`, each of the last layer that covers it, else of part 0.

        Raises
        ------
        DescriptionError
            A box or a mask does not fit the tensor.
        """
        for layer in layers:
            _check_layer(layer, shape)
        starts = tuple(
            np.unique(np.concatenate([[0], *(_edges(layer, axis, extent) for layer in layers)])).astype(np.int64)
            for axis, extent in enumerate(shape)
        )
        part = np.zeros(tuple(len(start) for start in starts), np.uint8)
        for layer in layers:
            inside = tuple(
                slice(int(np.searchsorted(start, first)), int(np.searchsorted(start, last)))
                for start, (first, last) in zip(starts, layer.box, strict=True)
            )
            if layer.mask is None:
                part[inside] = layer.part
                continue
            cells = [start[one] // size for start, one, size in zip(starts, inside, layer.region, strict=True)]
            part[inside] = np.where(layer.mask[np.ix_(*cells)], layer.part, part[inside])
        return cls(starts, part)

    @classmethod
    def decided(cls, shape: Sequence[int], region: Sequence[int], above: float) -> Regions:
        """Cells of `region` elements, of part 1 where the mean of their values is above `above`, else of part 0."""
        starts = tuple(np.arange(0, extent, size, dtype=np.int64) for extent, size in zip(shape, region, strict=True))
        return cls(starts, None, above)

    def members(self, shape: Sequence[int]) -> NDArray[np.uint8]:
        """Number of the part of each element, shape `shape`."""
        if self.part is None:
            raise DescriptionError("values decide which part an element is of", fix="pass them to `members_of`")
        return self._spread(self.part, shape)

    def members_of(self, values: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Number of the part of each element, of a tensor of real `values`."""
        return self.members(values.shape) if self.part is not None else self._spread(self.decide(values), values.shape)

    def decide(self, values: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Number of the part of each cell, from the mean of its `values`."""
        if self.part is not None or self.above is None:
            raise DescriptionError("the parts are known; values do not decide")
        total = np.asarray(values, np.float64)
        count = np.ones(())
        for axis, start in enumerate(self.starts):
            total = np.add.reduceat(total, start, axis=axis)
            count = np.multiply.outer(count, np.diff(start, append=values.shape[axis]))
        return np.asarray(total / count > self.above).astype(np.uint8)

    def cut(self, box: Boxes) -> Regions:
        """The regions of `box` (rank, 2), counted from its first element."""
        spans = []
        starts = []
        for start, (low, high) in zip(self.starts, box.tolist(), strict=True):
            first = int(np.searchsorted(start, low, side="right")) - 1
            last = max(int(np.searchsorted(start, high, side="left")), first + 1)
            spans.append(slice(first, last))
            starts.append(np.maximum(start[first:last] - low, 0))
        part = None if self.part is None else self.part[tuple(spans)]
        return replace(self, starts=tuple(starts), part=part)

    def begins_cells(self, box: Boxes) -> bool:
        """Whether `box` (rank, 2) begins with a cell along every axis."""
        return all(bool(np.isin(low, start)) for start, low in zip(self.starts, box[:, 0].tolist(), strict=True))

    def counts(self, boxes: Boxes, part: int, block: int | None = None, block_axis: int = -1) -> Int64:
        """Elements of `part` in each of `boxes` (n, rank, 2), or blocks along `block_axis`; shape (n,)."""
        if self.part is None:
            raise DescriptionError("values decide how many elements are of a part")
        chosen = (self.part == part).astype(np.int64)
        step = max(1, _CHUNK // max(chosen.size, 1))
        pieces = [self._counted(boxes[i : i + step], chosen, block, block_axis) for i in range(0, len(boxes), step)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)

    def cells(self, boxes: Boxes) -> Int64:
        """Cells that each of `boxes` (n, rank, 2) touches, shape (n,)."""
        touched = np.ones(len(boxes), np.int64)
        for axis, start in enumerate(self.starts):
            first = np.searchsorted(start, boxes[:, axis, 0], side="right") - 1
            last = np.searchsorted(start, boxes[:, axis, 1], side="left")
            touched *= np.where(boxes[:, axis, 1] > boxes[:, axis, 0], last - first, 0)
        return touched

    def along(self, axis: int, length: int) -> NDArray[np.uint8] | None:
        """Number of the part of each index along `axis`, shape (length,); None unless only this axis is cut."""
        axis = axis % len(self.starts)
        if self.part is None or any(len(start) > 1 for other, start in enumerate(self.starts) if other != axis):
            return None
        return np.repeat(self.part.reshape(-1), np.diff(self.starts[axis], append=length))

    def _counted(self, boxes: Boxes, chosen: Int64, block: int | None, block_axis: int) -> Int64:
        found = np.broadcast_to(chosen, (len(boxes), *chosen.shape))
        for axis, start in enumerate(self.starts):
            low = np.maximum(boxes[:, axis, :1], start)
            high = np.minimum(boxes[:, axis, 1:], np.append(start[1:], np.iinfo(np.int64).max))
            blocks = block is not None and axis == block_axis % len(self.starts)
            size = -(-high // int(block or 1)) - low // int(block or 1) if blocks else high - low
            size = np.where(high > low, size, 0)
            found = np.einsum("nc,nc...->n...", size, found)
        return np.asarray(found, np.int64)

    def _spread(self, part: NDArray[np.uint8], shape: Sequence[int]) -> NDArray[np.uint8]:
        for axis, start in enumerate(self.starts):
            part = np.repeat(part, np.diff(start, append=shape[axis]), axis=axis)
        return part

    def key(self) -> bytes:
        """Bytes that differ where the regions do."""
        part = f"{self.above}".encode() if self.part is None else self.part.tobytes()
        return b"|".join([*(start.tobytes() for start in self.starts), part])


def _edges(layer: Layer, axis: int, extent: int) -> Int64:
    first, last = layer.box[axis]
    edges = np.array([first, last], np.int64)
    if layer.mask is not None:
        size = layer.region[axis]
        edges = np.concatenate([edges, np.arange(-(-first // size) * size, last, size)])
    return edges[edges < extent]


def _check_layer(layer: Layer, shape: Sequence[int]) -> None:
    allowed = " x ".join(f"0:{extent}" for extent in shape)
    if len(layer.box) != len(shape):
        raise DescriptionError(f"a region of {len(layer.box)} axes of a tensor of {len(shape)}", allowed=allowed)
    for first, last in layer.box:
        if first >= last:
            raise DescriptionError(f"the region {first}:{last} is empty", allowed=allowed)
    if any(not 0 <= first < last <= extent for (first, last), extent in zip(layer.box, shape, strict=True)):
        found = " x ".join(f"{first}:{last}" for first, last in layer.box)
        raise DescriptionError(f"the region {found} is not in a tensor of shape {tuple(shape)}", allowed=allowed)
    if layer.mask is not None:
        wanted = tuple(-(-extent // size) for extent, size in zip(shape, layer.region, strict=True))
        if layer.mask.shape != wanted:
            raise DescriptionError(
                f"a mask of shape {layer.mask.shape} for regions of {layer.region} elements",
                allowed=f"shape {wanted}, one flag per region of a tensor of shape {tuple(shape)}",
            )
