"""`TableFormat`: a format of at most 16 bits that is a code book, with or without a scale."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats.arithmetic import Arithmetic
from cosim.formats.cells import Cells, build_cells
from cosim.formats.codebook import CodeBook
from cosim.formats.encoding import Encoding
from cosim.formats.format import Codes, checked_range, checked_scale, positive_scale
from cosim.formats.grid import Shortcut
from cosim.formats.table import Table, build_table

KEPT = 4  # scales whose cells are kept
LARGE = 1 << 17  # numbers from which cells of a scale are worth making


class TableFormat:
    """A format whose codes are looked up: real = scale * value of the code.

    Parameters
    ----------
    book
        Makes the code book, when it is first needed.
    scaled
        Whether calibration gives a scale that takes the largest magnitude to the largest level. Without it, or with
        no scale in the encoding, codes stand for their values.
    rounding
        ``"nearest"``, or how the bounds lie where they are no midpoints.
    shortcut
        Arithmetic that gives the same codes, if there is some; the table proves it.
    """

    def __init__(
        self,
        name: str,
        bits: int,
        summary: str,
        book: Callable[[], CodeBook],
        *,
        tie_rule: str,
        saturation: str,
        arithmetic: Arithmetic,
        scaled: bool = True,
        rounding: str = "nearest",
        has_zero: bool = True,
        shortcut: Shortcut | None = None,
    ) -> None:
        self.name = name
        self.bits = bits
        self.summary = summary
        self.storage: np.dtype[np.generic] = np.dtype(np.uint8 if bits <= 8 else np.uint16)
        self.tie_rule = tie_rule
        self.saturation = saturation
        self.arithmetic = arithmetic
        self.scaled = scaled
        self.rounding = rounding
        self.has_zero = has_zero
        self._book = book
        self._shortcut = shortcut
        self._kept: dict[float, Cells | None] = {}

    @cached_property
    def table(self) -> Table:
        """The proved table."""
        return build_table(self._book(), self.storage, self._shortcut)

    def _scaled_cells(self, scale: float) -> Cells | None:
        """Cells of numbers over `scale`; the last few are kept."""
        if scale in self._kept:
            return self._kept[scale]
        cells = build_cells(self.table.book, scale)
        newest = dict(list(self._kept.items())[1 - KEPT :])
        self._kept = {**newest, scale: cells}  # replaced, never changed: other threads may be reading it
        return cells

    @property
    def largest(self) -> float:
        """Largest finite level, before the scale."""
        return self.table.book.largest

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
        """Scale that takes the larger magnitude of `low` and `high` to the largest level; 1 for a range of zeros."""
        low, high = checked_range(low, high, self.name)
        if not self.scaled:
            return Encoding(self.name, self.bits)
        reach = np.maximum(np.abs(low), np.abs(high))
        return Encoding(self.name, self.bits, positive_scale(reach / self.largest), None, axis)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Code of each value over its scale, decided exactly.

        Raises
        ------
        DescriptionError
            A NaN where NaN has no code, or a scale that is not positive and finite.
        """
        values = np.asarray(values)
        values = values if values.dtype == np.float32 else values.astype(np.float64)
        scale = 1.0
        if encoding.scale is not None:
            aligned = checked_scale(encoding, values.shape)
            if aligned.ndim:
                with np.errstate(invalid="ignore"):  # a NaN stays one
                    values = values.astype(np.float64) / aligned
            else:
                scale = float(aligned)
        return self._codes(values, scale)

    def _codes(self, values: NDArray[np.floating], scale: float) -> Codes:
        from cosim.formats import kernel

        table = self.table
        out = np.empty(values.shape, self.storage)
        flat, found = np.ascontiguousarray(values).reshape(-1), out.reshape(-1)
        single = flat.dtype == np.float32
        if single and scale == 1.0:
            bad = table.encode(flat, found)
        elif single and flat.size >= LARGE and (cells := self._scaled_cells(scale)) is not None:
            bad = kernel.by_cell(flat.view(np.uint32), cells.entries, cells.shift, found) > kernel.INFINITY
        else:
            bad = table.search(flat, scale, found)
        if bad and table.book.nan is None:
            raise self._no_code()
        return out

    def quantise(self, values: NDArray[np.floating], encoding: Encoding) -> NDArray[np.float32]:
        """What `values` become, in one pass where there is no scale."""
        values = np.asarray(values)
        plain = encoding.scale is None and encoding.threshold is None
        if values.dtype != np.float32 or not plain:
            return self.decode(self.encode(values, encoding), encoding)
        out = np.empty(values.shape, np.float32)
        bad = self.table.round(np.ascontiguousarray(values).reshape(-1), out.reshape(-1))
        if bad and self.table.book.nan is None:
            raise self._no_code()
        return out

    def _no_code(self) -> DescriptionError:
        return DescriptionError(f"a NaN has no code in {self.name}", fix="find the op or the data that makes it")

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Value of each code times its scale, rounded once to fp32; NaN where a pattern is no code."""
        one = np.ones(()) if encoding.scale is None else checked_scale(encoding, np.shape(codes))
        return self.values_of(codes, one)

    def values_of(self, codes: Codes, scale: NDArray[np.float64]) -> NDArray[np.float32]:
        """Value of each code times `scale`, which broadcasts over them."""
        from cosim.formats import kernel

        codes = np.asarray(codes)
        out = np.empty(codes.shape, np.float32)
        flat, found = np.ascontiguousarray(codes).reshape(-1), out.reshape(-1)
        if scale.ndim:
            self.table.decode(flat, found)
            return (out.astype(np.float64) * scale).astype(np.float32)
        if scale == 1.0:
            self.table.decode(flat, found)
        else:
            with np.errstate(over="ignore"):
                levels = (self.table.decoded.astype(np.float64) * scale).astype(np.float32)
            kernel.decode_by_code(flat, levels, found)
        return out
