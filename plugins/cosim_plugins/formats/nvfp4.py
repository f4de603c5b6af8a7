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

from cosim.formats import Arithmetic, Codes, Encoding, checked_range, checked_scale, positive_scale
from cosim.formats.shared_exponent import as_rows, from_rows, join, single, split
from cosim.formats.table import Table
from cosim_plugins.formats.minifloat import fp4_e2m1, fp8_e4m3

BLOCK = 16
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
    def _tables(self) -> tuple[Table, Table]:
        return fp8_e4m3().table, fp4_e2m1().table

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
        from cosim.formats import block_kernel as kernel

        fp8, fp4 = self._tables
        shape, axis = np.shape(values), encoding.block_axis
        rows = as_rows(single(values), axis)
        scales = np.ones((), np.float32) if encoding.scale is None else checked_scale(encoding, shape)
        whole = np.broadcast_to(np.asarray(scales, np.float32), shape or (1,))
        per_row = np.ascontiguousarray(as_rows(whole, axis)[:, 0] if whole.size else np.ones(0, np.float32))
        out = np.empty(rows.shape, self.storage)
        kernel.encode_two_level(
            rows, rows.view(np.uint32), encoding.block or BLOCK, per_row, fp8.by_key, fp8.decoded, fp4.by_key, out
        )
        return from_rows(out, shape, axis)

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Element times block scale (exact) times tensor scale, rounded once."""
        from cosim.formats import block_kernel as kernel

        fp8, fp4 = self._tables
        codes = np.asarray(codes)
        scales = np.ones(()) if encoding.scale is None else checked_scale(encoding, codes.shape)
        one = float(scales) if scales.ndim == 0 else 1.0
        out = np.empty(codes.shape, np.float32)
        flat = np.ascontiguousarray(codes).reshape(-1)
        kernel.decode_two_level(flat, fp8.decoded, fp4.decoded, one, out.reshape(-1))
        return out if scales.ndim == 0 else (out.astype(np.float64) * scales).astype(np.float32)

    def split(self, codes: Codes, encoding: Encoding) -> tuple[Codes, Codes]:
        """E2M1 codes of the tensor's shape, and one E4M3 code per block along `block_axis`."""
        return split(codes, encoding.block or BLOCK, encoding.block_axis, 8)

    def join(self, elements: Codes, shared: Codes, encoding: Encoding) -> Codes:
        """Codes as `encode` makes them, from what `split` gives."""
        return join(elements, shared, encoding.block or BLOCK, encoding.block_axis, 8).astype(self.storage)
