"""Compiled loops over blocks of elements that share a scale.

Work goes in pieces of about a thousand elements: scales are found block by block and spread over the elements, then
everything else runs in long vectorised loops that stay in the first-level cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.formats import grid_kernel
from cosim.formats.kernel import INFINITY, MAGNITUDE, SIGN, by_cell, decode_by_code, left, right
from cosim.jit import njit

Codes = NDArray[Any]
U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]

BIAS = 127  # of the shared exponent; code 255 is NaN
NAN_SCALE = 255
PIECE = 1024
CELLS, GRID, INTEGER = range(3)  # how elements are coded
_ROUNDER = np.float32(1.5 * 2.0**23)  # adding it leaves a small number rounded to an integer


@njit
def largest_of(bits: U32) -> Any:
    """Pattern of the largest magnitude of a block; NaN and infinity are larger than any number."""
    largest = np.uint32(0)
    for i in range(bits.size):
        largest = np.uint32(max(largest, np.uint32(bits[i] & MAGNITUDE)))
    return largest


@njit
def _spread(bits: U32, block: int, top: int, shared: U32) -> bool:
    """Code of the shared exponent of each element, floor(log2(largest)) - top; whether a block is no number."""
    bad = False
    for start in range(0, bits.size, block):
        largest = largest_of(bits[start : start + block])
        code = np.uint32(max(np.int64(largest >> np.uint32(23)) - top, 0))  # type: ignore[arg-type]
        if largest >= INFINITY:
            bad, code = True, np.uint32(NAN_SCALE)
        part, wide = shared[start : start + block], code
        for i in range(part.size):
            part[i] = wide
    return bad


@njit
def _power(code: Any) -> Any:
    """2^(code - 127); NaN for 255."""
    power = np.uint32(max(left(code, np.uint32(23)), np.uint32(0x00400000)))
    return np.uint32(np.uint32(0x7FC00000) if code == np.uint32(NAN_SCALE) else power).view(np.float32)


@njit
def _inverse(code: Any) -> Any:
    """2^(127 - code); 0 for 255."""
    power = left(np.uint32(np.uint32(254) - np.uint32(min(code, np.uint32(254)))), np.uint32(23))
    return np.uint32(np.uint32(0x00400000) if code == np.uint32(254) else power).view(np.float32)


@njit
def _divide(values: F32, shared: U32, out: F32) -> None:
    """Values over their powers: exact, but for digits far below the smallest element, which become 0 anyway."""
    for i in range(values.size):
        out[i] = np.float32(values[i] * _inverse(shared[i]))


@njit
def _multiply(values: F32, shared: U32, out: F32) -> None:
    for i in range(values.size):
        out[i] = np.float32(values[i] * _power(shared[i]))


@njit
def _grid_codes(values: F32, shared: U32, numbers: NDArray[np.int64], out: Codes) -> None:
    """Exponents and codes of minifloats in one go."""
    fraction, width = numbers[0], numbers[3]
    low, rise = np.uint32(numbers[1] << 23), np.uint32((23 - fraction) << 23)
    drop, limit = np.uint32(23 - fraction), np.uint32(numbers[2])
    shift, sign = np.uint32(32 - width), np.uint32(1 << (width - 1))
    for i in range(values.size):
        power = left(np.uint32(np.uint32(254) - shared[i]), np.uint32(23))  # a minifloat reaches 2: codes are below 254
        bits = np.float32(values[i] * np.uint32(power).view(np.float32)).view(np.uint32)
        code = grid_kernel.code_of(np.uint32(bits & MAGNITUDE), low, rise, drop, limit)
        signed = np.uint32(code | np.uint32(right(bits, shift) & sign))
        out[i] = np.uint16(np.uint32(left(shared[i], np.uint32(8)) | signed))


@njit
def _grid_rounded(values: F32, shared: U32, numbers: NDArray[np.int64], out: F32) -> None:
    """What minifloats become, in one go."""
    low, limit, rise = np.uint32(numbers[1] << 23), np.uint32(numbers[2]), np.uint32((23 - numbers[0]) << 23)
    for i in range(values.size):
        power = left(np.uint32(np.uint32(254) - shared[i]), np.uint32(23))
        bits = np.float32(values[i] * np.uint32(power).view(np.float32)).view(np.uint32)
        near = np.float32(grid_kernel.number_of(np.uint32(bits & MAGNITUDE), low, rise, limit))
        signed = np.uint32(near.view(np.uint32) | np.uint32(bits & SIGN))
        out[i] = np.float32(signed.view(np.float32) * _power(shared[i]))


@njit
def _grid_values(codes: Codes, numbers: NDArray[np.int64], out: F32) -> None:
    """Values of exponents and minifloats in one go."""
    fraction, least, width = numbers[0], numbers[1], numbers[3]
    mask, sign = np.uint32((1 << (width - 1)) - 1), np.uint32(32 - width)
    shift, base, normal = np.uint32(23 - fraction), np.uint32((least - 1) << 23), np.uint32(1 << fraction)
    end, step = np.uint32(numbers[4]), np.float32(2.0) ** np.float32(least - 127 - fraction)
    for i in range(codes.size):
        code = np.uint32(codes[i])
        value = np.uint32(
            grid_kernel.value_of(np.uint32(code & np.uint32(0xFF)), mask, shift, base, normal, step, end, sign)
        )
        out[i] = np.float32(value.view(np.float32) * _power(right(code, np.uint32(8))))


@njit
def _integers(values: F32, step: int, limit: int, out: Codes) -> None:
    scale, end = np.float32(1 << step), np.float32(limit)
    for i in range(values.size):
        number = np.float32(min(max(np.float32(values[i] * scale), -end), end))
        out[i] = np.int32(np.float32(np.float32(number + _ROUNDER) - _ROUNDER))


@njit
def _integer_values(codes: Codes, step: int, out: F32) -> None:
    scale, shift = np.float32(1.0) / np.float32(1 << step), np.int32(32 - 8 * codes.itemsize)
    for i in range(codes.size):
        signed = np.int32(np.int32(np.uint32(codes[i]) << np.uint32(shift)) >> shift)
        out[i] = np.float32(np.float32(signed) * scale)


@njit
def element_codes(kind: int, scaled: F32, entries: U32, numbers: NDArray[np.int64], out: Codes) -> None:
    """Code of each element by cells, or as an integer times 2^-numbers[0]."""
    if kind == CELLS:
        by_cell(scaled.view(np.uint32), entries, numbers[0], out)
    else:
        _integers(scaled, numbers[0], numbers[1], out)


@njit
def element_values(kind: int, codes: Codes, decoded: F32, numbers: NDArray[np.int64], out: F32) -> None:
    """Value of each element code, by look-up or as in `element_codes`."""
    if kind == CELLS:
        decode_by_code(codes, decoded, out)
    else:
        _integer_values(codes, numbers[0], out)


@njit
def encode(
    values: F32, block: int, top: int, kind: int, entries: U32, numbers: NDArray[np.int64], narrow: Codes, out: Codes
) -> bool:
    """Shared exponent and element code of every element (rows, n); whether a block held NaN or infinity.

    `narrow` is an empty array of the elements' kind; the exponent is written above its bits.
    """
    met = False
    rows, n = values.shape
    step = max(PIECE // block, 1) * block
    shift = np.uint32(8 * narrow.itemsize)
    shared, scaled, codes = np.empty(step, np.uint32), np.empty(step, np.float32), np.empty(step, narrow.dtype)
    for row in range(rows):
        for start in range(0, n, step):
            part, found = values[row, start : start + step], out[row, start : start + step]
            exponents, elements, near = shared[: part.size], codes[: part.size], scaled[: part.size]
            bad = _spread(part.view(np.uint32), block, top, exponents)
            if kind == GRID:
                _grid_codes(part, exponents, numbers, found)
            else:
                _divide(part, exponents, near)
                element_codes(kind, near, entries, numbers, elements)
                for i in range(part.size):
                    found[i] = np.uint32(left(exponents[i], shift) | np.uint32(elements[i]))
            if bad:
                met = True
                _clear(exponents, shift, found)
    return met


@njit
def _clear(shared: U32, shift: Any, codes: Codes) -> None:
    for i in range(codes.size):
        if shared[i] == NAN_SCALE:
            codes[i] = np.uint32(NAN_SCALE) << shift


@njit
def round_to(
    values: F32,
    block: int,
    top: int,
    kind: int,
    entries: U32,
    numbers: NDArray[np.int64],
    decoded: F32,
    narrow: Codes,
    out: F32,
) -> bool:
    """What every element (rows, n) becomes, NaN throughout a block with NaN or infinity; whether there was one."""
    met = False
    rows, n = values.shape
    step = max(PIECE // block, 1) * block
    shared, scaled, codes = np.empty(step, np.uint32), np.empty(step, np.float32), np.empty(step, narrow.dtype)
    for row in range(rows):
        for start in range(0, n, step):
            part, found = values[row, start : start + step], out[row, start : start + step]
            exponents, elements, near = shared[: part.size], codes[: part.size], scaled[: part.size]
            met |= _spread(part.view(np.uint32), block, top, exponents)
            if kind == GRID:
                _grid_rounded(part, exponents, numbers, found)
            else:
                _divide(part, exponents, near)
                element_codes(kind, near, entries, numbers, elements)
                element_values(kind, elements, decoded, numbers, near)
                _multiply(near, exponents, found)
    return met


@njit
def decode(codes: Codes, kind: int, numbers: NDArray[np.int64], decoded: F32, narrow: Codes, out: F32) -> None:
    """Element value times the power of two of its block, rounded once."""
    if kind == GRID:
        _grid_values(codes, numbers, out)
        return
    elements, shared, near = np.empty(PIECE, narrow.dtype), np.empty(PIECE, np.uint32), np.empty(PIECE, np.float32)
    shift, mask = np.uint32(8 * narrow.itemsize), np.uint32((1 << (8 * narrow.itemsize)) - 1)
    for start in range(0, codes.size, PIECE):
        part, found = codes[start : start + PIECE], out[start : start + PIECE]
        for i in range(part.size):
            elements[i] = np.uint32(np.uint32(part[i]) & mask)
            shared[i] = right(np.uint32(part[i]), shift)
        element_values(kind, elements[: part.size], decoded, numbers, near[: part.size])
        _multiply(near[: part.size], shared, found)
