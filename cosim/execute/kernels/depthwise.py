"""Depthwise convolution: one input channel per group, compiled."""

from __future__ import annotations

import numpy as np

from cosim.execute.call import Array
from cosim.jit import njit


def depthwise(
    x: Array, w: Array, strides: tuple[int, int], dilations: tuple[int, int], accumulator: np.dtype[np.generic]
) -> Array:
    """Sums (N, G*K, OY, OX) of x (N, G, H, W) and w (G*K, 1, FY, FX) in `accumulator`."""
    rows = (x.shape[2] - dilations[0] * (w.shape[2] - 1) - 1) // strides[0] + 1
    width = (x.shape[3] - dilations[1] * (w.shape[3] - 1) - 1) // strides[1] + 1
    out = np.zeros((x.shape[0], w.shape[0], rows, width), accumulator)
    _accumulate(np.ascontiguousarray(x), w[:, 0].astype(accumulator), *strides, *dilations, out)
    return out


@njit
def _accumulate(x: Array, w: Array, sy: int, sx: int, dy: int, dx: int, out: Array) -> None:
    images, channels, rows, width = out.shape
    per_group = channels // x.shape[1]
    for n in range(images):
        for k in range(channels):
            plane = x[n, k // per_group]
            for oy in range(rows):
                line = out[n, k, oy]
                for fy in range(w.shape[1]):
                    source = plane[oy * sy + fy * dy]
                    for fx in range(w.shape[2]):
                        tap, first = w[k, fy, fx], fx * dx
                        if sx == 1:  # unit stride vectorises
                            for ox in range(width):
                                line[ox] += tap * source[first + ox]
                        else:
                            for ox in range(width):
                                line[ox] += tap * source[first + ox * sx]
