"""Bytes as prepared steps hold them: codes plus 128, channels last where a tensor is an image (N, C, H, W).

The dot product of a processor takes one unsigned operand, and neighbours that it multiplies at once must lie side by
side. Tensors that are no images keep their order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit

Bytes = NDArray[np.uint8]
Codes = NDArray[np.int8]
Pads = tuple[int, int, int, int]

FLIP = np.uint8(0x80)  # exclusive-or with it adds 128, and takes it away
SLACK = 64  # bytes that may be read behind the last pixel


def to_pixels(codes: Codes) -> Bytes:
    """Bytes (N, H, W, C) of codes (N, C, H, W); of other ranks in the same order."""
    if codes.ndim != 4:
        return np.bitwise_xor(np.ascontiguousarray(codes).view(np.uint8), FLIP)
    n, c, h, w = codes.shape
    out = np.empty((n, h, w, c), np.uint8)
    _turn(np.ascontiguousarray(codes).view(np.uint8).reshape(n, c, h * w), out.reshape(n, h * w, c))
    return out


def to_codes(pixels: Bytes) -> Codes:
    """The codes of `to_pixels`."""
    if pixels.ndim != 4:
        return np.bitwise_xor(pixels, FLIP).view(np.int8)
    n, h, w, c = pixels.shape
    out = np.empty((n, c, h, w), np.uint8)
    _turn(np.ascontiguousarray(pixels).reshape(n, h * w, c), out.reshape(n, c, h * w))
    return out.view(np.int8)


def framed(pixels: Bytes, pads: Pads, zero: int) -> Bytes:
    """The image with a frame of `zero` (top, left, bottom, right), flat, with slack at its end."""
    n, h, w, c = pixels.shape
    top, left, bottom, right = pads
    size = n * (h + top + bottom) * (w + left + right) * c
    out = np.empty(size + SLACK, np.uint8)
    image = out[:size].reshape(n, h + top + bottom, w + left + right, c)
    image[:, top : top + h, left : left + w] = pixels
    for edge in (image[:, :top], image[:, top + h :], image[:, :, :left], image[:, :, left + w :]):
        edge[...] = zero
    return out


@njit
def _turn(x: Bytes, out: Bytes) -> None:
    """Swap the last two axes and flip, some rows at a time so that lines stay in the first cache."""
    images, rows, width = x.shape
    for n in range(images):
        for first in range(0, rows, 16):
            last = min(first + 16, rows)
            for column in range(width):
                for row in range(first, last):
                    out[n, column, row] = x[n, row, column] ^ FLIP


@njit
def largest(x: Bytes, kernel: tuple[int, int], strides: tuple[int, int], pads: Pads, low: np.uint8, out: Bytes) -> None:
    """Largest byte of each window of x (N, H, W, C), and at least `low`, in out (N, OY, OX, C)."""
    images, height, width, channels = x.shape
    for n in range(images):
        for oy in range(out.shape[1]):
            for ox in range(out.shape[2]):
                line = out[n, oy, ox]
                line[:] = low
                top, left = oy * strides[0] - pads[0], ox * strides[1] - pads[1]
                for y in range(max(top, 0), min(top + kernel[0], height)):
                    for z in range(max(left, 0), min(left + kernel[1], width)):
                        source = x[n, y, z]
                        for c in range(channels):
                            line[c] = max(line[c], source[c])


@njit
def plane_sums(x: Bytes, out: NDArray[np.int64]) -> None:
    """Sums of x (N, P, C) over P."""
    images, pixels, channels = x.shape
    line = np.empty(channels, np.int32)
    for n in range(images):
        line[:] = 0
        for p in range(pixels):
            for c in range(channels):
                line[c] += x[n, p, c]
        for c in range(channels):
            out[n, c] = line[c]
