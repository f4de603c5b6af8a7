"""Iteration spaces: the named loops of an op, and which box of each operand a box of loops touches.

A *box* is half-open: ``bounds[..., d, 0] <= index < bounds[..., d, 1]``. A *tile* is a box of the iteration
space. All functions are vectorised over tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.int64]


class Role(Enum):
    """What cutting a dimension means."""

    PARALLEL = "parallel"  # tiles write different output elements
    REDUCTION = "reduction"  # tiles add to the same output elements
    WHOLE = "whole"  # must stay in one piece (the row of a softmax)


@dataclass(frozen=True)
class Dim:
    """One loop: its name in the field's letters (N K C OY OX FY FX, GEMM M N K), extent and role."""

    name: str
    size: int
    role: Role = Role.PARALLEL


@dataclass(frozen=True)
class Axis:
    """One axis of an operand as a function of the loops.

    The index of the operand is ``(sum(coefficient * loop) + offset) / divisor`` and is clipped to
    ``[0, size)``. An axis without terms is touched as a whole by every tile (`full`) or, when `offset`
    fixes it, at one index.

    Attributes
    ----------
    size
        Extent of the operand along this axis.
    terms
        Pairs (position of the loop in the space, coefficient >= 0).
    offset
        Added to the sum; negative for padding.
    divisor
        1, or the up-sampling factor of a transposed convolution or resize.
    full
        The whole axis is touched whatever the tile.
    """

    size: int
    terms: tuple[tuple[int, int], ...] = ()
    offset: int = 0
    divisor: int = 1
    full: bool = False


@dataclass(frozen=True)
class Access:
    """Box of loops -> box of one operand."""

    axes: tuple[Axis, ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of the operand."""
        return tuple(axis.size for axis in self.axes)

    def reach(self, tiles: Boxes) -> Boxes:
        """Boxes touched before clipping, shape (tiles, axes, 2); they may overhang into padding."""
        tiles = np.asarray(tiles, np.int64)
        out = np.empty((tiles.shape[0], len(self.axes), 2), np.int64)
        for position, axis in enumerate(self.axes):
            if axis.full:
                out[:, position] = 0, axis.size
                continue
            low = np.full(tiles.shape[0], axis.offset, np.int64)
            high = low.copy()
            for loop, coefficient in axis.terms:
                low += coefficient * tiles[:, loop, 0]
                high += coefficient * (tiles[:, loop, 1] - 1)
            if axis.divisor != 1:
                low = -(-low // axis.divisor)
                high = high // axis.divisor
            out[:, position, 0] = low
            out[:, position, 1] = high + 1
        return out

    def boxes(self, tiles: Boxes) -> Boxes:
        """Boxes of the operand that exist, shape (tiles, axes, 2); an empty box has high <= low."""
        sizes = np.array(self.shape, np.int64).reshape(-1, 1)
        return np.minimum(np.maximum(self.reach(tiles), 0), sizes)

    def overhang(self, tiles: Boxes) -> Boxes:
        """Elements of padding before and after each axis, shape (tiles, axes, 2), never negative."""
        reach = self.reach(tiles)
        sizes = np.array(self.shape, np.int64)
        before = np.clip(-reach[:, :, 0], 0, None)
        after = np.clip(reach[:, :, 1] - sizes, 0, None)
        return np.stack([before, after], axis=2)

    def loops(self) -> frozenset[int]:
        """Positions of the loops that move this operand: all others reuse it."""
        return frozenset(loop for axis in self.axes for loop, _ in axis.terms)


@dataclass(frozen=True)
class Space:
    """The iteration space of one op.

    Attributes
    ----------
    dims
        Loops, outermost first by convention.
    inputs
        One access per operand, in the order of the op's inputs.
    output
        Access of the only output.
    macs_per_point
        Multiply-accumulates at one point: 1 for convolutions and matrix products, 0 otherwise.
    exclusive
        Pairs (a, b) of loop positions: a tile may cut b only where its extent of a is 1 (groups and the
        channels inside a group: their hull would cover elements that the kernel never touches).
    """

    dims: tuple[Dim, ...]
    inputs: tuple[Access, ...]
    output: Access
    macs_per_point: int = 0
    exclusive: tuple[tuple[int, int], ...] = ()

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Extent of each loop."""
        return tuple(dim.size for dim in self.dims)

    @property
    def whole(self) -> Boxes:
        """The one tile that is the whole op, shape (1, dims, 2)."""
        sizes = np.array(self.sizes, np.int64)
        return np.stack([np.zeros_like(sizes), sizes], axis=1)[None]

    @property
    def points(self) -> int:
        """Number of points of the space."""
        return int(np.prod([dim.size for dim in self.dims], dtype=object)) if self.dims else 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole op."""
        return self.points * self.macs_per_point

    def index(self, name: str) -> int:
        """Position of the loop called `name`."""
        return [dim.name for dim in self.dims].index(name)

    def reductions(self) -> tuple[int, ...]:
        """Positions of the reduction loops."""
        return tuple(i for i, dim in enumerate(self.dims) if dim.role is Role.REDUCTION)


def volume(boxes: Boxes) -> NDArray[np.int64]:
    """Elements in each box, shape (...,); 0 for an empty one."""
    extents = np.clip(boxes[..., 1] - boxes[..., 0], 0, None)
    return np.asarray(np.prod(extents, axis=-1), np.int64)
