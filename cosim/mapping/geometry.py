"""Bytes of pieces and sets of every candidate at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.formats import Encoding
from cosim.graph.space import Access, Axis, Space
from cosim.mapping.sets import moving, sliding

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Loops = frozenset[int]


@dataclass(frozen=True, eq=False)
class Geometry:
    """One operand of an op under many candidate tiles.

    Attributes
    ----------
    extents, trips
        Tile sizes and numbers of tiles along each loop, shape (rows, loops).
    encoding
        How the operand is stored.
    """

    access: Access
    space: Space
    extents: Ints
    trips: Ints
    encoding: Encoding
    _sets: dict[Loops, Ints] = field(default_factory=dict, repr=False)
    _sweeps: dict[Loops, Ints] = field(default_factory=dict, repr=False)
    _lengths: dict[tuple[Axis, tuple[int, ...]], Ints] = field(default_factory=dict, repr=False)

    @cached_property
    def moves(self) -> Loops:
        """Loops that change which data the operand needs."""
        return moving(self.access, self.space)

    @cached_property
    def slides(self) -> Loops:
        """Taps: loops whose whole window is moved at once."""
        return sliding(self.access, self.space)

    @cached_property
    def bits_per_element(self) -> float:
        """Of the whole operand, what blocks share included [bit]."""
        return stored_bits_per_element(self.encoding, self.access.shape)

    @cached_property
    def whole_bytes(self) -> int:
        """All of the operand [byte]."""
        shape = np.array([self.access.shape], np.int64)
        return int(self.encoding.most_bytes(shape, self.access.shape)[0])

    def set_bytes(self, inner: Loops) -> Ints:
        """Largest set that holds what the loops in `inner` touch, shape (rows,) [byte]."""
        if inner not in self._sets:
            lengths = [np.minimum(self._length(axis, inner), axis.size) for axis in self.access.axes]
            if not lengths:
                lengths = [np.ones(len(self.extents), np.int64)]
            if self.encoding.is_plain:
                self._sets[inner] = -(-np.prod(lengths, axis=0) * self.encoding.bits // 8)
            else:
                self._sets[inner] = self.encoding.most_bytes(np.stack(lengths, axis=1), self.access.shape)
        return self._sets[inner]

    @cached_property
    def density(self) -> Floats:
        """Part of a set that its pieces bring, shape (rows,): a stride may skip the rest."""
        return np.minimum(1.0, self.sweep_bytes(frozenset()) / np.maximum(self.set_bytes(self.moves), 1))

    def set_elements(self, inner: Loops) -> Ints:
        """Elements of the largest set, shape (rows,)."""
        lengths = [np.minimum(self._length(axis, inner), axis.size) for axis in self.access.axes]
        return np.asarray(np.prod(lengths, axis=0), np.int64) if lengths else np.ones(len(self.extents), np.int64)

    def sweep_bytes(self, inner: Loops) -> Ints:
        """All sets of one pass over the data, windows that overlap counted again, shape (rows,) [byte]."""
        if inner not in self._sweeps:
            total = np.ones(len(self.extents), np.int64)
            for axis in self.access.axes:
                total *= self._sweep(axis, inner)
            self._sweeps[inner] = np.ceil(total * self.bits_per_element / 8).astype(np.int64)
        return self._sweeps[inner]

    def _length(self, axis: Axis, inner: Loops) -> Ints:
        wholes = tuple(loop for loop, _ in axis.terms if loop in inner or loop in self.slides)
        if (axis, wholes) not in self._lengths:
            self._lengths[axis, wholes] = self._length_of(axis, wholes)
        return self._lengths[axis, wholes]

    def _length_of(self, axis: Axis, wholes: tuple[int, ...]) -> Ints:
        """What a tile touches along an axis while the loops `wholes` run to their ends, shape (rows,)."""
        if axis.full:
            return np.full(len(self.extents), axis.size, np.int64)
        length = np.ones(len(self.extents), np.int64)
        for loop, coefficient in axis.terms:
            extent = self.space.sizes[loop] if loop in wholes else self.extents[:, loop]
            length += coefficient * (extent - 1)
        return length if axis.divisor == 1 else length // axis.divisor + 1

    def _sweep(self, axis: Axis, inner: Loops) -> Ints:
        moves = [(loop, coefficient) for loop, coefficient in axis.terms if loop in self.moves and loop not in inner]
        covered = np.minimum(self._length(axis, self.moves), axis.size)
        if len(moves) != 1 or axis.full:
            return covered
        loop, step = moves[0]
        if axis.divisor != 1:
            return np.minimum(self._length(axis, inner), axis.size) * self.trips[:, loop]
        others = frozenset(self.moves - {loop})
        window = self._length(axis, others | inner) - step * (self.extents[:, loop] - 1)
        size, trips = self.space.sizes[loop], self.trips[:, loop]
        before = max(0, -axis.offset)
        after = np.maximum(0, axis.offset + step * (size - 1) + window - axis.size)
        return np.where(trips == 1, covered, step * size + trips * (window - step) - before - after)


def stored_bits_per_element(encoding: Encoding, shape: tuple[int, ...]) -> float:
    """Bits per element of a whole tensor of `shape`, what its blocks share included [bit]."""
    if encoding.is_plain:
        return float(encoding.bits)
    whole = np.array([[(0, extent) for extent in shape]], np.int64).reshape(1, len(shape), 2)
    return float(encoding.box_bits(whole)[0]) / max(int(np.prod(shape)), 1)
