"""`Packing`: where each element of a buffer lies, bit by bit, and what its codes are as fields of bits.

Elements follow one another in row-major order, lowest bit first, in the width of their part; what their blocks share
(an exponent, a scale) follows behind them, a mixed tensor's parts one behind the other. So a box of the buffer knows its
blocks, and may start anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.execute.call import Array
from cosim.formats import Encoding, Format, mixture
from cosim.formats.builtin import find_format
from cosim.graph.space import Boxes
from cosim.jit import njit

Bytes = NDArray[np.uint8]
Fields = NDArray[np.uint64]
Int64 = NDArray[np.int64]
ONES = (1 << 64) - 1


@dataclass(frozen=True, eq=False)
class _Places:
    """Part, bit address, and bit address of what its block shares, of each element."""

    members: NDArray[np.uint8]
    where: Int64
    shared: Int64


@dataclass(frozen=True, eq=False)
class Packing:
    """Fields of one buffer.

    Attributes
    ----------
    encoding
        Of the whole tensor.
    box
        What the buffer holds of it, shape (axes, 2).
    """

    encoding: Encoding
    box: Boxes
    formats: Mapping[str, Format] = field(repr=False)

    @property
    def leaves(self) -> tuple[Encoding, ...]:
        """Encodings of the fields: those of the parts, or the common one where only values tell the parts apart."""
        if self.encoding.regions is None or self.encoding.regions.part is None:
            return (self.encoding.held,)
        return self.encoding.parts

    @cached_property
    def n_bytes(self) -> int:
        """Bytes from the first to the last [byte]."""
        return int(self.encoding.box_bytes(self.box[None])[0])

    def _places(self, span: tuple[slice, ...]) -> _Places:
        """Of the elements of `span` of the buffer."""
        if len(self.leaves) > 1:
            tables = self._tables
            return _Places(tables.members[span], tables.where[span], tables.shared[span])
        leaf, shape = self.leaves[0], tuple((self.box[:, 1] - self.box[:, 0]).tolist())
        where = leaf.bits * _index(shape, span)
        shared = np.zeros(where.shape, np.int64)
        if leaf.shared_bits and shape:
            ends = leaf.bits * math.prod(shape)
            shared = ends + leaf.shared_bits * _blocks(leaf, self.box)[span]
        return _Places(np.zeros(where.shape, np.uint8), where, shared)

    @cached_property
    def _tables(self) -> _Places:
        """Of all elements: the parts lie one behind the other, each without gaps."""
        shape = tuple((self.box[:, 1] - self.box[:, 0]).tolist())
        members = np.zeros(shape, np.uint8)
        if self.encoding.regions is not None:
            members = self.encoding.regions.cut(self.box).members(shape)
        where, shared, end = np.zeros(shape, np.int64), np.zeros(shape, np.int64), 0
        for number, leaf in enumerate(self.leaves):
            mine = members == number
            count = int(mine.sum())
            where[mine] = end + leaf.bits * np.arange(count)
            end += leaf.bits * count
            if leaf.shared_bits:
                blocks, order = np.unique(_blocks(leaf, self.box)[mine], return_inverse=True)
                shared[mine] = end + leaf.shared_bits * order
                end += leaf.shared_bits * len(blocks)
        return _Places(members, where, shared)

    def read(self, cells: Bytes, span: tuple[slice, ...], box: Boxes) -> Array:
        """Codes of `box` of the tensor, which is `span` of the buffer."""
        places = self._places(span)
        local = self.encoding.seen(box)
        held = find_format(self.encoding.held.format, self.formats).storage
        out = np.zeros(places.members.shape, held)
        for number, leaf in enumerate(self.leaves):
            mine = places.members == number
            if not mine.any():
                continue
            form = find_format(leaf.format, self.formats)
            codes = np.zeros(places.members.shape, form.storage)
            above = get_fields(cells, places.shared[mine], leaf.block_bits) if leaf.block_bits else None
            codes[mine] = from_fields(get_fields(cells, places.where[mine], leaf.bits), above, form)
            np.copyto(out, self._held(codes, local, number), where=mine, casting="unsafe")
        return out

    def write(self, cells: Bytes, span: tuple[slice, ...], box: Boxes, codes: Array, place: str) -> None:
        """Put `codes` into `box` of the tensor; `SimulationError` where they are not codes of their parts."""
        places = self._places(span)
        local = self.encoding.seen(box)
        codes = np.asarray(codes).reshape(places.members.shape)
        for number, leaf in enumerate(self.leaves):
            mine = places.members == number
            if not mine.any():
                continue
            form = find_format(leaf.format, self.formats)
            own = mixture.to_part(codes, local, number, self.formats) if len(self.leaves) > 1 else codes
            elements, above = to_fields(own[mine], leaf, form)
            put_fields(cells, places.where[mine], leaf.bits, elements)
            if above is not None:
                put_fields(cells, places.shared[mine], leaf.block_bits, above)
        kept = self.read(cells, span, box)
        if kept.tobytes() != codes.tobytes() and not np.array_equal(kept, codes, equal_nan=codes.dtype.kind == "f"):
            message = (
                f"values of {self.encoding.format} cannot be stored: they are not codes of their part, or cut a block"
            )
            raise SimulationError(message, where=place, allowed="what an op or `encode` has rounded to the parts")

    def poison(self, cells: Bytes, span: tuple[slice, ...], value: int) -> None:
        """Fill the fields of `span` with `value`, what blocks share with ones."""
        places = self._places(span)
        for number, leaf in enumerate(self.leaves):
            mine = places.members == number
            count = int(mine.sum())
            put_fields(cells, places.where[mine], leaf.bits, np.full(count, value, np.uint64))
            if leaf.block_bits:
                put_fields(cells, places.shared[mine], leaf.block_bits, np.full(count, ONES, np.uint64))

    def _held(self, codes: Array, local: Encoding, number: int) -> Array:
        if len(self.leaves) == 1:
            return codes
        if local.held.format == "fp32":
            return find_format(local.parts[number].format, self.formats).decode(codes, local.parts[number])
        return mixture.from_part(codes, local, number)


def is_packed(encoding: Encoding, storage: np.dtype[np.generic]) -> bool:
    """Whether a tensor's elements in memory differ from those in arrays."""
    return encoding.is_mixed or encoding.shared_bits > 0 or encoding.bits != 8 * storage.itemsize


def from_fields(elements: Fields, above: Fields | None, form: Format) -> Array:
    """Codes from fields of `form.bits`: with their sign, and with what their block shares in the upper half."""
    code_bits = 8 * form.storage.itemsize
    half = code_bits if above is None else code_bits // 2
    signed = form.storage.kind == "i" if above is None else isinstance(getattr(form, "element", None), int)
    if signed:
        shift = np.uint64(64 - form.bits)
        wide = (elements << shift).view(np.int64) >> np.int64(shift)
        elements = wide.view(np.uint64) & np.uint64((1 << half) - 1)
    if above is not None:
        elements = elements | (above << np.uint64(half))
    return elements.astype(f"u{form.storage.itemsize}").view(form.storage)


def to_fields(codes: Array, leaf: Encoding, form: Format) -> tuple[Fields, Fields | None]:
    """Fields of `form.bits`, and of what blocks share where codes carry it."""
    wide = np.ascontiguousarray(codes, form.storage).view(f"u{form.storage.itemsize}").astype(np.uint64)
    elements = wide & np.uint64((1 << form.bits) - 1)
    return elements, (wide >> np.uint64(4 * form.storage.itemsize)) if leaf.block_bits else None


def _index(shape: tuple[int, ...], span: tuple[slice, ...]) -> Int64:
    """Row-major index within `shape` of the elements of `span`."""
    index = np.zeros((1,) * len(shape), np.int64)
    for axis, (extent, part) in enumerate(zip(shape, span, strict=True)):
        along = [1] * len(shape)
        along[axis] = -1
        index = index * extent + np.arange(extent)[part].reshape(along)
    return np.asarray(index)


def _blocks(leaf: Encoding, box: Boxes) -> Int64:
    """Number of the block of each element of `box`, shape of the box."""
    cells = [np.arange(low, high) for low, high in box.tolist()]
    cells[leaf.block_axis] = cells[leaf.block_axis] // int(leaf.block or 1)
    index = np.zeros((1,) * len(cells), np.int64)
    for axis, along in enumerate(cells):
        wide = [1] * len(cells)
        wide[axis] = -1
        index = index * (along[-1] - along[0] + 1) + (along - along[0]).reshape(wide)
    return np.asarray(index)


@njit
def get_fields(cells: Bytes, address: Int64, bits: int) -> Fields:
    """`bits` from each bit address, lowest first."""
    out = np.zeros(address.size, np.uint64)
    for i in range(address.size):
        value, taken, at = np.uint64(0), 0, address[i]
        while taken < bits:
            low = at & 7
            count = min(8 - low, bits - taken)
            part = (np.uint64(cells[at >> 3]) >> np.uint64(low)) & np.uint64((1 << count) - 1)
            value |= part << np.uint64(taken)
            taken += count
            at += count
        out[i] = value
    return out


@njit
def put_fields(cells: Bytes, address: Int64, bits: int, values: Fields) -> None:
    """The lowest `bits` of each value to its bit address; neighbours in a byte stay as they are."""
    for i in range(address.size):
        value, taken, at = values[i], 0, address[i]
        while taken < bits:
            low = at & 7
            count = min(8 - low, bits - taken)
            mask = np.uint64(((1 << count) - 1) << low)
            part = (value >> np.uint64(taken)) << np.uint64(low)
            cells[at >> 3] = np.uint8((np.uint64(cells[at >> 3]) & ~mask) | (part & mask))
            taken += count
            at += count
