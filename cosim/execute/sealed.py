"""`Sealed`: a buffer of a compressed tensor, at its compressed size.

How a compression codes its cells is its own affair; that nothing is moved, kept or overwritten wrongly is ours. So each
cell fills exactly its bits of the memory with a seal, a hash of its codes, and its codes are given out only while the
seal is whole. Whoever reads a cell that something else wrote over, or that never arrived, reads poison.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from cosim.errors import SimulationError
from cosim.execute.call import Array
from cosim.execute.packing import Bytes, Fields, Int64, get_fields, put_fields
from cosim.formats import Encoding, Storage
from cosim.graph.space import Boxes

_WORD = 8  # bits of one field of a seal: fewer than these are left over in each cell


@dataclass(frozen=True, eq=False)
class Sealed:
    """Cells of one buffer; reads, writes and poisons as `Packing` does.

    Attributes
    ----------
    encoding
        Of the whole tensor; it has a `Storage`.
    box
        What the buffer holds of it, shape (axes, 2).
    codes
        What the cells hold, shape of the box.
    """

    encoding: Encoding
    box: Boxes
    codes: Array = field(repr=False)

    @property
    def storage(self) -> Storage:
        """Cells of the whole tensor."""
        if self.encoding.storage is None:
            raise SimulationError(f"{self.encoding.format} is not stored in cells", where="memory")
        return self.encoding.storage

    @cached_property
    def n_bytes(self) -> int:
        """Bytes from the first to the last [byte]."""
        return int(self.encoding.box_bytes(self.box[None])[0])

    def read(self, cells: Bytes, span: tuple[slice, ...], box: Boxes) -> Array:
        """Codes of `box` of the tensor, which is `span` of the buffer; poison where a seal is broken."""
        out = self.codes[span].copy()
        for cell in self._touched(box):
            if not np.array_equal(get_fields(cells, *self._place(cell)), self._seal(cell)):
                out[self._inside(cell, box)] = _poisoned(out)
        return out

    def write(self, cells: Bytes, span: tuple[slice, ...], box: Boxes, codes: Array, place: str) -> None:
        """Put `codes` into `box` of the tensor, and seal its cells anew."""
        self.codes[span] = codes
        for cell in self._touched(box):
            put_fields(cells, *self._place(cell), self._seal(cell))

    def poison(self, cells: Bytes, span: tuple[slice, ...], value: int) -> None:
        """Break the seals of the cells that `span` touches."""
        low = self.box[:, 0]
        box = np.array([[low[axis] + part.start, low[axis] + part.stop] for axis, part in enumerate(span)], np.int64)
        self.codes[span] = _poisoned(self.codes)
        for cell in self._touched(box.reshape(len(span), 2)):
            address, bits = self._place(cell)
            put_fields(cells, address, bits, ~self._seal(cell))

    def _touched(self, box: Boxes) -> Iterator[tuple[int, ...]]:
        """Cells that `box` touches, counted from the buffer's first one."""
        ranges = []
        for start, first, (low, high) in zip(self.storage.starts, self._first, box.tolist(), strict=True):
            begin = int(np.searchsorted(start, low, side="right")) - 1
            ranges.append(range(begin - first, int(np.searchsorted(start, high, side="left")) - first))
        return itertools.product(*ranges)

    @cached_property
    def _first(self) -> list[int]:
        """First cell of the buffer along each axis."""
        lows = self.box[:, 0].tolist()
        return [
            int(np.searchsorted(s, low, side="right")) - 1 for s, low in zip(self.storage.starts, lows, strict=True)
        ]

    @cached_property
    def _bits(self) -> Int64:
        """Bits of the buffer's cells."""
        lasts = [
            int(np.searchsorted(start, high, side="left"))
            for start, high in zip(self.storage.starts, self.box[:, 1].tolist(), strict=True)
        ]
        picked = tuple(slice(first, last) for first, last in zip(self._first, lasts, strict=True))
        return self.storage.bits[picked]

    @cached_property
    def _begins(self) -> Int64:
        """Bit address of the buffer's cells, row-major without gaps."""
        ends = np.cumsum(self._bits.reshape(-1))
        return (ends - self._bits.reshape(-1)).reshape(self._bits.shape)

    def _place(self, cell: tuple[int, ...]) -> tuple[Int64, int]:
        """Bit addresses of the fields of a cell's seal, and their width; what is left over of a word stays as it is."""
        bits, begin = int(self._bits[cell]), int(self._begins[cell])
        width = min(bits, _WORD)
        return begin + width * np.arange(bits // width if width else 0, dtype=np.int64), width

    def _seal(self, cell: tuple[int, ...]) -> Fields:
        """Fields of a cell's seal: the bytes of its hash, again and again, another in each word."""
        address, width = self._place(cell)
        content = np.ascontiguousarray(self.codes[self._inside(cell, self.box)])
        mark = np.frombuffer(hashlib.blake2b(content.tobytes(), digest_size=32).digest(), np.uint8)
        place = np.arange(len(address))
        words = mark[place % len(mark)].astype(np.uint64) ^ place.astype(np.uint64)
        return np.asarray(words & np.uint64((1 << width) - 1), np.uint64)

    def _inside(self, cell: tuple[int, ...], box: Boxes) -> tuple[slice, ...]:
        """Elements of a cell that lie in `box`, counted from the first of `box`."""
        spans = []
        for start, first, number, (low, high) in zip(self.storage.starts, self._first, cell, box.tolist(), strict=True):
            position = first + number
            begin = int(start[position])
            end = int(start[position + 1]) if position + 1 < len(start) else high
            spans.append(slice(max(begin, low) - low, min(end, high) - low))
        return tuple(spans)


def sealed(encoding: Encoding, box: Boxes, dtype: np.dtype[np.generic]) -> Sealed:
    """A buffer into which nothing has been written."""
    shape = tuple((box[:, 1] - box[:, 0]).tolist())
    return Sealed(encoding, box, np.full(shape, _poison_of(dtype), dtype))


def _poison_of(dtype: np.dtype[np.generic]) -> np.generic:
    poison: np.generic = np.frombuffer(bytes([0x7F]) * dtype.itemsize, dtype)[0]
    return poison


def _poisoned(like: Array) -> np.generic:
    return _poison_of(like.dtype)
