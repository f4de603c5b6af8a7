"""NVFP4: E2M1 elements, an E4M3 scale per 16 of them, an fp32 scale per tensor.

The order of operations is that of torchao's `nvfp4_quantize`: divide by 6, divide by the tensor scale, clamp to
[2^-6, 448], round to E4M3; multiply values by ((1 / tensor scale) / block scale), all in fp32.
Source: NVIDIA Blackwell architecture, NVFP4; torchao 0.18, `nvfp4_tensor.py`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.formats import Arithmetic, Codes, Encoding, Grid, checked_range, checked_scale, positive_scale
from cosim.formats.shared_exponent import as_rows, from_rows, join, single, split
from cosim_plugins.formats.minifloat import fp4_e2m1, fp8_e4m3

BLOCK = 16
ELEMENT, LEAST = np.float32(6.0), np.float32(2.0**-6)  # largest element, smallest scale of a block
REACH = 6.0 * 448.0  # largest element under the largest block scale


class Nvfp4:
    """Two scales: one per block of 16 in E4M3, one per tensor or channel in fp32.

    A code carries its block's E4M3 scale above bit 8; `split` and `join` separate the two. A block with NaN or
    infinity becomes NaN. Without a scale in the encoding the tensor scale is 1.
    """

    name = "nvfp4"
    summary = "NVIDIA FP4: E2M1 elements, one E4M3 scale per 16, one fp32 scale per tensor"
    bits = 4
    storage: np.dtype[np.generic] = np.dtype(np.uint16)
    tie_rule = "even"
    saturation = "clamp"
    largest = REACH
    block = BLOCK
    block_bits = 8

    @cached_property
    def arithmetic(self) -> Arithmetic:
        """That of E2M1, and a product of two E4M3 scales per block."""
        return replace(fp4_e2m1().arithmetic, note=f"one product of E4M3 scales more per {BLOCK} products")

    @cached_property
    def _numbers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Arithmetic of block scales and of elements, proved with their tables."""
        grids = [form.table.shortcut for form in (fp8_e4m3(), fp4_e2m1())]
        scale, element = (grid.numbers for grid in grids if isinstance(grid, Grid))
        return scale, element

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
        """Tensor scale amax / (6 * 448), per channel where ranges are; blocks run along the last axis."""
        low, high = checked_range(low, high, self.name)
        scale = positive_scale(np.maximum(np.abs(low), np.abs(high)) / REACH)
        return Encoding(self.name, self.bits, scale, None, axis, block=BLOCK, block_bits=self.block_bits)

    def fit(self, values: NDArray[np.floating], *, axis: int | None, block: int | None, block_axis: int) -> Encoding:
        """Tensor scale of the largest magnitude, blocks along `block_axis`."""
        others = None if axis is None else tuple(i for i in range(values.ndim) if i != axis % values.ndim)
        reach = np.abs(values).max(axis=others)
        encoding = self.calibrate(-reach, reach, symmetric=True, axis=axis)
        return replace(encoding, block=block or BLOCK, block_axis=block_axis)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Codes with their block's scale above bit 8."""
        from cosim.formats import two_level_kernel as kernel

        rows, scales = self._rows(values, encoding)
        out = np.empty(rows.shape, self.storage)
        kernel.encode(rows, encoding.block or BLOCK, scales, ELEMENT, LEAST, *self._numbers, out)
        return from_rows(out, np.shape(values), encoding.block_axis)

    def quantise(self, values: NDArray[np.floating], encoding: Encoding) -> NDArray[np.float32]:
        """What `values` become, in one pass."""
        from cosim.formats import two_level_kernel as kernel

        rows, scales = self._rows(values, encoding)
        out = np.empty(rows.shape, np.float32)
        kernel.round_to(rows, encoding.block or BLOCK, scales, ELEMENT, LEAST, *self._numbers, out)
        return from_rows(out, np.shape(values), encoding.block_axis)

    def _rows(
        self, values: NDArray[np.floating], encoding: Encoding
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rows along the block axis, and the tensor scale of each; one long row where nothing tells rows apart."""
        shape, axis = np.shape(values), encoding.block_axis
        rows = as_rows(single(values), axis)
        scales = np.ones(()) if encoding.scale is None else checked_scale(encoding, shape)
        if scales.ndim == 0:
            if rows.shape[1] % (encoding.block or BLOCK) == 0:
                rows = rows.reshape(1, -1)
            return rows, np.full(len(rows), scales, np.float32)
        whole = as_rows(np.broadcast_to(scales.astype(np.float32), shape), axis)
        return rows, np.ascontiguousarray(whole[:, 0] if whole.size else np.ones(len(rows), np.float32))

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Element times block scale (exact) times tensor scale, rounded once."""
        from cosim.formats import two_level_kernel as kernel

        codes = np.asarray(codes)
        scales = np.ones(()) if encoding.scale is None else checked_scale(encoding, codes.shape)
        one = float(scales) if scales.ndim == 0 else 1.0
        out = np.empty(codes.shape, np.float32)
        kernel.decode(np.ascontiguousarray(codes).reshape(-1), one, *self._numbers, out.reshape(-1))
        return out if scales.ndim == 0 else (out.astype(np.float64) * scales).astype(np.float32)

    def split(self, codes: Codes, encoding: Encoding) -> tuple[Codes, Codes]:
        """E2M1 codes of the tensor's shape, and one E4M3 code per block along `block_axis`."""
        return split(codes, encoding.block or BLOCK, encoding.block_axis, 8)

    def join(self, elements: Codes, shared: Codes, encoding: Encoding) -> Codes:
        """Codes as `encode` makes them, from what `split` gives."""
        return join(elements, shared, encoding.block or BLOCK, encoding.block_axis, 8).astype(self.storage)
