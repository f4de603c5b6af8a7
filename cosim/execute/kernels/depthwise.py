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
    if accumulator == np.int32 and w.shape[2:] == (3, 3) and strides[1] <= 2 and dilations == (1, 1):
        out = np.empty((x.shape[0], w.shape[0], rows, width), accumulator)
        _three_by_three(np.ascontiguousarray(x), w[:, 0].astype(accumulator), *strides, out)
        return out
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


@njit
def _three_by_three(x: Array, w: Array, sy: int, sx: int, out: Array) -> None:
    """Nine taps in one expression: each sum is written once."""
    images, channels, rows, width = out.shape
    per_group = channels // x.shape[1]
    for n in range(images):
        for k in range(channels):
            plane = x[n, k // per_group]
            a, b, c = w[k, 0, 0], w[k, 0, 1], w[k, 0, 2]
            d, e, f = w[k, 1, 0], w[k, 1, 1], w[k, 1, 2]
            g, h, i = w[k, 2, 0], w[k, 2, 1], w[k, 2, 2]
            for oy in range(rows):
                top, middle, bottom = plane[oy * sy], plane[oy * sy + 1], plane[oy * sy + 2]
                line = out[n, k, oy]
                if sx == 1:
                    for o in range(width):
                        upper = a * np.int32(top[o]) + b * np.int32(top[o + 1]) + c * np.int32(top[o + 2])
                        centre = d * np.int32(middle[o]) + e * np.int32(middle[o + 1]) + f * np.int32(middle[o + 2])
                        lower = g * np.int32(bottom[o]) + h * np.int32(bottom[o + 1]) + i * np.int32(bottom[o + 2])
                        line[o] = upper + centre + lower
                else:
                    for o in range(width):
                        p = 2 * o
                        upper = a * np.int32(top[p]) + b * np.int32(top[p + 1]) + c * np.int32(top[p + 2])
                        centre = d * np.int32(middle[p]) + e * np.int32(middle[p + 1]) + f * np.int32(middle[p + 2])
                        lower = g * np.int32(bottom[p]) + h * np.int32(bottom[p + 1]) + i * np.int32(bottom[p + 2])
                        line[o] = upper + centre + lower
