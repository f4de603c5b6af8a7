"""Compiled loops over blocks of minifloats under a minifloat scale, under an fp32 scale of the whole tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.formats import grid_kernel
from cosim.formats.block_kernel import largest_of
from cosim.formats.kernel import INFINITY
from cosim.jit import njit

Codes = NDArray[Any]
U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]
Numbers = NDArray[np.int64]  # of a `Grid`

PIECE = 1024
NARROW = np.dtype(np.uint8)


@njit
def _scales(values: F32, block: int, scale: Any, reach: Any, least: Any, outer: Numbers, factors: F32) -> F32:
    """fp8 value of the scale of each block, rounded from largest / reach / `scale`; NaN for a block that is no number.

    `factors` (blocks,) gets what elements are multiplied by: (1 / scale) / block scale, all in fp32.
    """
    blocks = -(-values.size // block)
    wanted, code = np.empty(blocks, np.float32), np.empty(blocks, NARROW)
    most = np.uint32(outer[2]).view(np.float32)
    for k in range(blocks):
        largest = largest_of(values[k * block : (k + 1) * block].view(np.uint32))
        number = np.float32(np.float32(np.uint32(largest).view(np.float32) / reach) / scale)
        wanted[k] = np.float32(np.nan) if largest >= INFINITY else min(max(number, least), most)
    grid_kernel.encode(wanted.view(np.uint32), outer[0], outer[1], outer[2], outer[3], code)
    found = np.empty(blocks, np.float32)
    grid_kernel.decode(code, outer[0], outer[1], outer[4], outer[3], found.view(np.uint32))
    inverse = np.float32(np.float32(1.0) / scale)
    for k in range(blocks):
        factors[k] = np.float32(inverse / found[k])
        if np.isnan(wanted[k]):
            found[k] = np.float32(np.nan)
    return found


@njit
def _spread(source: F32, block: int, out: F32) -> None:
    for k in range(source.size):
        part, number = out[k * block : (k + 1) * block], source[k]
        for i in range(part.size):
            part[i] = number


@njit
def _codes(
    values: F32, block: int, scale: Any, reach: Any, least: Any, outer: Numbers, inner: Numbers, wide: F32, out: Codes
) -> None:
    """Element codes of a piece; `wide` gets the scale of the block of each element."""
    factors = np.empty(-(-values.size // block), np.float32)
    found = _scales(values, block, scale, reach, least, outer, factors)
    _spread(factors, block, wide)
    near = np.empty(values.size, np.float32)
    for i in range(values.size):
        # A scale near the smallest number has no inverse: zero times infinity must stay zero.
        near[i] = np.float32(values[i] * wide[i]) if values[i] != np.float32(0.0) else values[i]
    grid_kernel.encode(near.view(np.uint32), inner[0], inner[1], inner[2], inner[3], out)
    _spread(found, block, wide)


@njit
def encode(
    values: F32, block: int, scales: F32, reach: Any, least: Any, outer: Numbers, inner: Numbers, out: Codes
) -> None:
    """Code of the block's scale above bit 8 and of the element, (rows, n); one tensor scale per row.

    `reach` is the largest element, `least` the smallest scale of a block; `outer` and `inner` are the `Grid.numbers`
    of scale and element.
    """
    rows, n = values.shape
    step = max(PIECE // block, 1) * block
    wide, code, above = np.empty(step, np.float32), np.empty(step, NARROW), np.empty(step, NARROW)
    nan = np.uint32(outer[4] + 1)
    for row in range(rows):
        for start in range(0, n, step):
            part, found = values[row, start : start + step], out[row, start : start + step]
            here = wide[: part.size]
            _codes(part, block, scales[row], reach, least, outer, inner, here, code[: part.size])
            grid_kernel.encode(here.view(np.uint32), outer[0], outer[1], outer[2], outer[3], above[: part.size])
            for i in range(part.size):
                both = (np.uint32(above[i]) << np.uint32(8)) | np.uint32(code[i])
                found[i] = np.uint32(nan << np.uint32(8)) if np.isnan(here[i]) else both


@njit
def round_to(
    values: F32, block: int, scales: F32, reach: Any, least: Any, outer: Numbers, inner: Numbers, out: F32
) -> None:
    """What every element (rows, n) becomes."""
    rows, n = values.shape
    step = max(PIECE // block, 1) * block
    wide, code = np.empty(step, np.float32), np.empty(step, NARROW)
    for row in range(rows):
        scale = np.float64(scales[row])
        for start in range(0, n, step):
            part, found = values[row, start : start + step], out[row, start : start + step]
            _codes(part, block, scales[row], reach, least, outer, inner, wide[: part.size], code[: part.size])
            grid_kernel.decode(code[: part.size], inner[0], inner[1], inner[4], inner[3], found.view(np.uint32))
            for i in range(part.size):
                found[i] = np.float32(np.float64(np.float32(found[i] * wide[i])) * scale)


@njit
def decode(codes: Codes, scale: float, outer: Numbers, inner: Numbers, out: F32) -> None:
    """Element times block scale, exact in fp32, times `scale`, rounded once."""
    above, element = np.empty(PIECE, NARROW), np.empty(PIECE, NARROW)
    wide = np.empty(PIECE, np.float32)
    for start in range(0, codes.size, PIECE):
        part, found = codes[start : start + PIECE], out[start : start + PIECE]
        m = part.size
        for i in range(m):
            above[i], element[i] = part[i] >> 8, part[i] & 0xFF
        grid_kernel.decode(above[:m], outer[0], outer[1], outer[4], outer[3], wide[:m].view(np.uint32))
        grid_kernel.decode(element[:m], inner[0], inner[1], inner[4], inner[3], found.view(np.uint32))
        for i in range(m):
            found[i] = np.float32(np.float64(np.float32(found[i] * wide[i])) * scale)
