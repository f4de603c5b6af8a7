"""Requantisation by a FakeQuantize, as OpenVINO's CPU plugin fuses it behind a convolution or a matrix product.

A FakeQuantize knows the two ends of the output's range, not its scale: its multiplier and its shift are made of them,
and round where 1 / scale and the zero point do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.execute.fused import fused
from cosim.execute.requantise import Bounds, rounded
from cosim.jit import njit

Array = NDArray[Any]
Singles = NDArray[np.float32]
LEVELS = np.float32(255)


def multiplier_and_shift(scale: float, zero: int) -> tuple[np.float32, np.float32]:
    """255 / (high - low) and -low * 255 / (high - low) of codes 0 .. 255, in float32 steps."""
    step = np.float32(scale)
    low, high = np.float32(-zero) * step, (LEVELS - np.float32(zero)) * step
    width = np.float32(high - low)
    return np.float32(LEVELS / width), np.float32(-low * LEVELS / width)


@njit
def float_ranged(
    accumulators: Array,
    bias: Singles,
    steps: Singles,
    multiplier: np.float32,
    shift: np.float32,
    tie: int,
    bounds: Bounds,
    out: Array,
) -> None:
    """round(fused((float32(acc) * step + bias) * multiplier + shift))."""
    low, high, offset = np.float32(bounds[1]), np.float32(bounds[2]), bounds[3]
    outer, channels, inner = accumulators.shape
    for o in range(outer):
        for c in range(channels):
            step, addend = steps[c], bias[c]
            for i in range(inner):
                real = np.float32(accumulators[o, c, i]) * step + addend
                value = rounded(fused(real, multiplier, shift), tie)
                out[o, c, i] = np.int64(min(max(value, low), high)) - offset
