"""Compiled loops over blocks of elements that share a scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.formats.kernel import INFINITY
from cosim.jit import njit

Codes = NDArray[Any]
U32 = NDArray[np.uint32]

MAGNITUDE = np.uint32(0x7FFFFFFF)
NORMAL = np.uint32(0x00800000)
BIAS = 127  # of the shared exponent; code 255 is NaN
NAN_SCALE = 255
POWERS = np.ldexp(1.0, np.arange(-BIAS, BIAS + 1))


@njit
def _sticky_key(number: float) -> Any:
    """Key of a `Table`, of an fp32 number."""
    u = np.float32(number).view(np.uint32)
    key = (u >> np.uint32(16)) & np.uint32(0xFFFE)
    return key | np.uint32((u & np.uint32(0x1FFFF)) != 0)


@njit
def _largest(bits: U32) -> Any:
    """Pattern of the largest magnitude of a block; NaN and infinity are larger than any number."""
    largest = np.uint32(0)
    for i in range(bits.size):
        largest = max(largest, bits[i] & MAGNITUDE)
    return np.uint32(largest)


@njit
def _shared(largest: Any, top: int) -> Any:
    """Code of the shared exponent: floor(log2(largest)) - top, within the eight bits."""
    if largest < NORMAL:
        return 0
    return max(np.int64(largest >> np.uint32(23)) - top, 0)


@njit
def encode_looked_up(
    values: Any, bits: U32, block: int, top: int, by_key: Codes, shift: int, powers: NDArray[np.float64], out: Codes
) -> bool:
    """Shared exponent and element code of every element (rows, n); whether a block held NaN or infinity."""
    bad = False
    rows, n = bits.shape
    for row in range(rows):
        for start in range(0, n, block):
            stop = min(start + block, n)
            largest = _largest(bits[row, start:stop])
            if largest >= INFINITY:
                bad = True
                out[row, start:stop] = NAN_SCALE << shift
                continue
            shared = _shared(largest, top)
            # Exact in fp32, but for numbers that lose digits far below the smallest element: they become 0 anyway.
            inverse, above = np.float32(powers[2 * BIAS - shared]), np.uint32(shared << shift)
            part, codes = values[row, start:stop], out[row, start:stop]
            for i in range(part.size):
                codes[i] = above | np.uint32(by_key[_sticky_key(part[i] * inverse)])
    return bad


@njit
def round_looked_up(
    values: Any,
    bits: U32,
    block: int,
    top: int,
    rounded: NDArray[np.float32],
    powers: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """What every element (rows, n) becomes; NaN throughout a block with NaN or infinity."""
    rows, n = bits.shape
    for row in range(rows):
        for start in range(0, n, block):
            stop = min(start + block, n)
            largest = _largest(bits[row, start:stop])
            if largest >= INFINITY:
                out[row, start:stop] = np.nan
                continue
            shared = _shared(largest, top)
            inverse, scale = np.float32(powers[2 * BIAS - shared]), np.float32(powers[shared])
            part, found = values[row, start:stop], out[row, start:stop]
            for i in range(part.size):
                found[i] = rounded[_sticky_key(part[i] * inverse)] * scale


@njit
def encode_rounded(
    values: Any, bits: U32, block: int, step: int, limit: float, shift: int, powers: NDArray[np.float64], out: Codes
) -> bool:
    """As `encode_looked_up`, for elements that are integers times 2^-step within [-limit, limit]."""
    bad = False
    mask = (1 << shift) - 1
    rows, n = bits.shape
    for row in range(rows):
        for start in range(0, n, block):
            stop = min(start + block, n)
            largest = _largest(bits[row, start:stop])
            if largest >= INFINITY:
                bad = True
                out[row, start:stop] = NAN_SCALE << shift
                continue
            shared = _shared(largest, 0)
            inverse = powers[2 * BIAS - shared] * np.float64(1 << step)
            part, codes = values[row, start:stop], out[row, start:stop]
            for i in range(part.size):
                number = min(max(np.rint(np.float64(part[i]) * inverse), -limit), limit)
                codes[i] = (shared << shift) | (np.int32(number) & mask)
    return bad


@njit
def decode_shared(
    codes: Codes, decoded: NDArray[np.float32], shift: int, powers: NDArray[np.float64], out: Any
) -> None:
    """Element value times the power of two of its block."""
    mask = (1 << shift) - 1
    for i in range(codes.size):
        code = np.int64(codes[i])
        shared = code >> shift
        if shared == NAN_SCALE:
            out[i] = np.nan
        else:
            out[i] = np.float32(np.float64(decoded[code & mask]) * powers[shared])


@njit
def decode_two_level(codes: Codes, fp8: NDArray[np.float32], fp4: NDArray[np.float32], scale: float, out: Any) -> None:
    """Element times block scale, exact in fp64, times `scale`, rounded once."""
    for i in range(codes.size):
        code = np.int64(codes[i])
        out[i] = np.float32(np.float64(fp4[code & 0xF]) * np.float64(fp8[(code >> 8) & 0xFF]) * scale)


@njit
def encode_two_level(
    values: Any,
    bits: U32,
    block: int,
    tensor_scale: NDArray[np.float32],
    fp8_key: Codes,
    fp8: NDArray[np.float32],
    fp4_key: Codes,
    out: Codes,
) -> None:
    """NVFP4 codes of (rows, n) in fp32 arithmetic; one tensor scale per row."""
    rows, n = bits.shape
    six, least, most = np.float32(6.0), np.float32(2.0**-6), np.float32(448.0)
    for row in range(rows):
        scale = tensor_scale[row]
        for start in range(0, n, block):
            stop = min(start + block, n)
            largest = _largest(bits[row, start:stop])
            if largest >= INFINITY:
                out[row, start:stop] = 0x7F << 8
                continue
            wanted = np.float32(np.float32(np.uint32(largest).view(np.float32) / six) / scale)
            code = fp8_key[_sticky_key(min(max(wanted, least), most))]
            inverse = np.float32(np.float32(np.float32(1.0) / scale) / fp8[code])
            part, codes = values[row, start:stop], out[row, start:stop]
            for i in range(part.size):
                codes[i] = (np.uint32(code) << np.uint32(8)) | np.uint32(fp4_key[_sticky_key(part[i] * inverse)])
