"""Compiled loops for formats of four levels or less, without tables; every loop is vectorised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.formats.kernel import MAGNITUDE
from cosim.jit import njit

Codes = NDArray[Any]
U32 = NDArray[np.uint32]


@njit
def encode(bits: U32, points: U32, codes: Codes, out: Codes) -> Any:
    """Code of each fp32 pattern by comparing it with four patterns; the largest magnitude, as a pattern."""
    first, second, third = points[1], points[2], points[3]
    zero, one, two, three = np.uint8(codes[0]), np.uint8(codes[1]), np.uint8(codes[2]), np.uint8(codes[3])
    largest = np.uint32(0)
    for i in range(bits.size):
        u = bits[i]
        largest = np.uint32(max(largest, np.uint32(u & MAGNITUDE)))
        code = one if u >= first else zero
        upper = three if u >= third else two
        out[i] = upper if u >= second else code
    return largest


@njit
def decode(codes: Codes, levels: NDArray[np.float32], out: Any) -> None:
    """Value of each code, one of four."""
    zero, one, two, three = levels[0], levels[1], levels[2], levels[3]
    for i in range(codes.size):
        code = np.uint32(codes[i])
        odd = np.uint32(code & np.uint32(1)) != np.uint32(0)
        lower, upper = one if odd else zero, three if odd else two
        out[i] = upper if np.uint32(code & np.uint32(2)) != np.uint32(0) else lower


@njit
def rounded(bits: U32, points: U32, values: NDArray[np.float32], out: Any) -> Any:
    """As `encode`, with the value of each run in place of its code."""
    first, second, third = points[1], points[2], points[3]
    zero, one, two, three = values[0], values[1], values[2], values[3]
    largest = np.uint32(0)
    for i in range(bits.size):
        u = bits[i]
        largest = np.uint32(max(largest, np.uint32(u & MAGNITUDE)))
        value = one if u >= first else zero
        upper = three if u >= third else two
        out[i] = upper if u >= second else value
    return largest
