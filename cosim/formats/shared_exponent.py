"""`SharedExponent`: blocks of elements under one power of two, found when they are encoded."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats.arithmetic import Arithmetic
from cosim.formats.encoding import Encoding
from cosim.formats.format import Codes, checked_range
from cosim.formats.grid import Grid
from cosim.formats.table_format import TableFormat

FLOAT32_MAX = float(np.finfo(np.float32).max)


class SharedExponent:
    """A block format: real = 2^(E - 127) * element, E one byte per block.

    E - 127 is floor(log2(largest magnitude)) less the exponent of the largest element, within [-127, 127]; elements
    are rounded to nearest even and saturate. A code carries E above its element, so that any part of a tensor can be
    decoded alone; in the tensor's size E counts once per block (`Encoding.block_bits`). `split` and `join` separate
    the two. Values are taken as fp32. Source: OCP Microscaling Formats (MX) 1.0, section 6.3; arXiv:2310.10537.

    Parameters
    ----------
    element
        Format of the elements; or their width, for integers times 2^-(bits - 2) without the most negative one.
    block
        Elements under one exponent unless the encoding says otherwise.
    has_nan
        Whether a block with NaN or infinity becomes NaN (E = 255) or is refused.
    """

    tie_rule = "even"
    saturation = "clamp"
    block_bits = 8

    def __init__(
        self,
        name: str,
        summary: str,
        element: TableFormat | int,
        *,
        block: int,
        has_nan: bool,
        arithmetic: Arithmetic,
    ) -> None:
        self.name = name
        self.summary = summary
        self.element = element
        self.bits = element if isinstance(element, int) else element.bits
        self.block = block
        self.has_nan = has_nan
        self.arithmetic = arithmetic
        self.shift = 8 if self.bits <= 8 else 16
        self.storage: np.dtype[np.generic] = np.dtype(np.uint16 if self.bits <= 8 else np.uint32)

    @cached_property
    def largest(self) -> float:
        """Largest element."""
        if isinstance(self.element, int):
            return (2.0 ** (self.bits - 1) - 1) / 2.0 ** (self.bits - 2)
        return self.element.largest

    @cached_property
    def decoded(self) -> NDArray[np.float32]:
        """Value of every element code, shape (2 ** 8,) or (2 ** 16,)."""
        if isinstance(self.element, int):
            codes = np.arange(1 << self.shift)
            return (
                np.where(codes >> (self.shift - 1), codes - (1 << self.shift), codes) / 2.0 ** (self.bits - 2)
            ).astype(np.float32)
        table = self.element.table.decoded
        return np.concatenate([table, np.full((1 << self.shift) - table.size, np.nan, np.float32)])

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
        """Nothing is calibrated: each block finds its exponent. Blocks run along the last axis."""
        checked_range(low, high, self.name)
        return Encoding(self.name, self.bits, block=self.block, block_bits=self.block_bits)

    def fit(self, values: NDArray[np.floating], *, axis: int | None, block: int | None, block_axis: int) -> Encoding:
        """The same, with blocks of `block` elements along `block_axis`."""
        encoding = Encoding(self.name, self.bits, block=block or self.block, block_bits=self.block_bits)
        return replace(encoding, block_axis=block_axis)

    @cached_property
    def _coded(self) -> tuple[int, NDArray[np.uint32], NDArray[np.int64]]:
        """How the compiled loops code an element: kind, entries of cells, numbers of the arithmetic."""
        from cosim.formats import block_kernel as kernel

        none = np.zeros(0, np.uint32)
        if isinstance(self.element, int):
            return kernel.INTEGER, none, np.array([self.bits - 2, 2 ** (self.bits - 1) - 1])
        table = self.element.table
        if isinstance(table.shortcut, Grid):
            return kernel.GRID, none, table.shortcut.numbers
        if table.cells is None:
            raise DescriptionError(
                f"{self.element.name} cannot be the elements of {self.name}",
                allowed="formats of up to 8 bits",
            )
        return kernel.CELLS, table.cells.entries, np.array([table.cells.shift])

    @property
    def _narrow(self) -> Codes:
        """An empty array of the kind that holds the element alone."""
        return np.empty(0, np.uint8 if self.shift == 8 else np.uint16)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Codes with their block's exponent above bit 8 (16 for wide elements)."""
        from cosim.formats import block_kernel as kernel

        rows, block = self._rows(values, encoding)
        out = np.empty(rows.shape, self.storage)
        self._check(kernel.encode(rows, block, self._top, *self._coded, self._narrow, out))
        return from_rows(out, np.shape(values), encoding.block_axis)

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Element times the power of two of its block; NaN for a block without a scale."""
        from cosim.formats import block_kernel as kernel

        codes = np.asarray(codes)
        out = np.empty(codes.shape, np.float32)
        flat = np.ascontiguousarray(codes).reshape(-1)
        kind, _, numbers = self._coded
        kernel.decode(flat, kind, numbers, self.decoded, self._narrow, out.reshape(-1))
        return out

    def quantise(self, values: NDArray[np.floating], encoding: Encoding) -> NDArray[np.float32]:
        """What `values` become, in one pass."""
        from cosim.formats import block_kernel as kernel

        rows, block = self._rows(values, encoding)
        out = np.empty(rows.shape, np.float32)
        self._check(kernel.round_to(rows, block, self._top, *self._coded, self.decoded, self._narrow, out))
        return from_rows(out, np.shape(values), encoding.block_axis)

    def _rows(self, values: NDArray[np.floating], encoding: Encoding) -> tuple[NDArray[np.float32], int]:
        """Rows along the block axis, one long row where no block ends early; and the elements per block."""
        rows, block = as_rows(single(values), encoding.block_axis), self.block_of(encoding)
        return (rows if rows.shape[1] % block else rows.reshape(1, -1)), block

    def _check(self, bad: bool) -> None:
        if bad and not self.has_nan:
            raise DescriptionError(
                f"a block with NaN or infinity has no code in {self.name}", fix="find the op or the data that makes it"
            )

    @property
    def _top(self) -> int:
        """Exponent of the largest element."""
        return int(np.frexp(self.largest)[1]) - 1

    def block_of(self, encoding: Encoding) -> int:
        """Elements per block; `DescriptionError` where the encoding has none or less than 1."""
        if encoding.block is None or encoding.block < 1:
            raise DescriptionError(
                f"the encoding has blocks of {encoding.block}",
                where=f"format {self.name}",
                allowed="1 or more elements",
                fix="make it with calibrate or fit",
            )
        return encoding.block

    def split(self, codes: Codes, encoding: Encoding) -> tuple[Codes, Codes]:
        """Element codes of the tensor's shape, and one exponent code per block along `block_axis`."""
        return split(codes, self.block_of(encoding), encoding.block_axis, self.shift)

    def join(self, elements: Codes, shared: Codes, encoding: Encoding) -> Codes:
        """Codes as `encode` makes them, from what `split` gives."""
        return join(elements, shared, self.block_of(encoding), encoding.block_axis, self.shift).astype(self.storage)


def split(codes: Codes, block: int, axis: int, shift: int) -> tuple[Codes, Codes]:
    """The lower `shift` bits, and what the first code of each block has above them."""
    wide = np.asarray(codes).astype(np.uint32)
    elements = (wide & np.uint32((1 << shift) - 1)).astype(f"u{shift // 8}")
    firsts = wide.take(range(0, wide.shape[axis], block), axis=axis)
    return elements, (firsts >> np.uint32(shift)).astype(np.uint8)


def join(elements: Codes, shared: Codes, block: int, axis: int, shift: int) -> NDArray[np.uint32]:
    """The reverse of `split`."""
    wide = np.repeat(np.asarray(shared).astype(np.uint32), block, axis=axis)
    wide = wide.take(range(np.shape(elements)[axis]), axis=axis)
    return np.asarray((wide << np.uint32(shift)) | np.asarray(elements).astype(np.uint32))


def single(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """`values` as fp32; finite ones beyond its range become its ends."""
    values = np.asarray(values)
    if values.dtype.itemsize > 4:
        values = np.where(np.isfinite(values), np.clip(values, -FLOAT32_MAX, FLOAT32_MAX), values)
    return values.astype(np.float32, copy=False)


def as_rows(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Contiguous rows that run along `axis`, shape (rows, n)."""
    if values.ndim < 2:
        return np.ascontiguousarray(values).reshape(1, -1)
    moved = np.ascontiguousarray(np.moveaxis(values, axis, -1))
    return moved.reshape(-1, moved.shape[-1]) if moved.size else moved.reshape(0, 1)


def from_rows(rows: NDArray[Any], shape: tuple[int, ...], axis: int) -> NDArray[Any]:
    """The reverse of `as_rows`."""
    if len(shape) < 2:
        return rows.reshape(shape)
    extents = list(shape)
    last = extents.pop(axis)
    return np.ascontiguousarray(np.moveaxis(rows.reshape(*extents, last), -1, axis))
