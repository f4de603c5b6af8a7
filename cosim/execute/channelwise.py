"""`Channelwise`: a depthwise convolution of pixels, its constant weights laid out for strips of 64 channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cosim.execute.dot import QUAD
from cosim.execute.lanes import CHANNELS, strip_codes, strip_pixels, strip_sums
from cosim.execute.pixels import Bytes
from cosim.execute.rescale import Bounds, Rescale
from cosim.jit import njit

Places = NDArray[np.intp]
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Channelwise:
    """Weights of depthwise windows.

    Attributes
    ----------
    weights
        int8 (blocks * taps * 4 * 64,), see `cosim.execute.lanes`.
    taps
        First byte of each tap, relative to the pixel's (taps,).
    channels, firsts
        Channels, and the first of each block; the last block may overlap the one before.
    row_sums, largest
        Sum of each channel's weights, and a bound of the magnitude of any sum of bytes times weights.
    """

    weights: NDArray[np.int8] = field(repr=False)
    taps: Places = field(repr=False)
    channels: int
    firsts: Places = field(repr=False)
    row_sums: NDArray[np.int64] = field(repr=False)
    largest: int

    @classmethod
    def of(cls, weights: NDArray[np.int8], taps: Places) -> Channelwise:
        """Lay out weights (channels, taps)."""
        channels, count = weights.shape
        firsts = np.arange(0, max(channels - CHANNELS, 0) + CHANNELS, CHANNELS).clip(0, max(channels - CHANNELS, 0))
        out = np.zeros((len(firsts), count, QUAD, CHANNELS), np.int8)
        for block, first in enumerate(firsts.tolist()):
            mine = weights[first : first + CHANNELS].T
            for j in range(QUAD):
                out[block, :, j, j : mine.shape[1] : QUAD] = mine[:, j::QUAD]
        wide = weights.astype(np.int64)
        largest = 255 * int(np.abs(wide).sum(axis=1).max(initial=0))
        return cls(out.reshape(-1), taps, channels, firsts.astype(np.intp), wide.sum(axis=1), largest)

    def spread(self, values: NDArray[Number]) -> NDArray[Number]:
        """Values by channel, in the order of sums of every block."""
        out = np.zeros((len(self.firsts), CHANNELS), values.dtype)
        for block, first in enumerate(self.firsts.tolist()):
            mine = values[first : first + CHANNELS]
            out[block, : len(mine)] = mine
        return np.ascontiguousarray(out.reshape(-1, CHANNELS // QUAD, QUAD).swapaxes(1, 2)).reshape(-1)

    def codes(self, x: Bytes, pixels: Places, rescale: Rescale) -> Bytes:
        """Codes (pixels, channels) of the windows that start at `pixels` of flat `x`."""
        count = len(pixels) * self.channels
        out = np.empty(count + CHANNELS, np.uint8)  # the last pixel may end behind its channels
        _codes(
            x, pixels, self.taps, self.weights, self.channels, self.firsts,
            rescale.bias, rescale.scale, rescale.bounds, out,
        )  # fmt: skip
        return out[:count].reshape(len(pixels), self.channels)

    def sums(self, x: Bytes, pixels: Places, bias: NDArray[np.int32]) -> NDArray[np.int32]:
        """Accumulators (pixels, channels), with `bias` in the order of sums."""
        out = np.empty((len(pixels), self.channels), np.int32)
        _sums(x, pixels, self.taps, self.weights, self.firsts, bias, out)
        return out


@njit
def _codes(
    x: Bytes,
    pixels: Places,
    taps: Places,
    weights: NDArray[np.int8],
    channels: int,
    firsts: Places,
    bias: NDArray[np.int32],
    scale: NDArray[np.float32],
    bounds: Bounds,
    out: Bytes,
) -> None:
    strip, count, size = strip_pixels(), len(pixels), len(taps) * QUAD * CHANNELS
    places, tile = np.empty(strip, np.intp), np.empty(strip * CHANNELS, np.uint8)
    for begin in range(0, count, strip):
        # Pixels come in order: what one of fewer than 64 channels writes behind them is the next one's.
        start = max(min(begin, count - strip), 0)
        for block in range(len(firsts)):
            first = firsts[block]
            for pixel in range(strip):
                places[pixel] = pixels[min(start + pixel, count - 1)] + first
            at, to = block * CHANNELS, start * channels + first
            if count >= strip:
                strip_codes(x, places, taps, weights, block * size, bias, at, scale, bounds, out, to, channels)
                continue
            strip_codes(x, places, taps, weights, block * size, bias, at, scale, bounds, tile, 0, CHANNELS)
            for pixel in range(count):
                for c in range(min(CHANNELS, channels)):
                    out[to + pixel * channels + c] = tile[pixel * CHANNELS + c]


@njit
def _sums(
    x: Bytes,
    pixels: Places,
    taps: Places,
    weights: NDArray[np.int8],
    firsts: Places,
    bias: NDArray[np.int32],
    out: NDArray[np.int32],
) -> None:
    strip, count, size = strip_pixels(), len(pixels), len(taps) * QUAD * CHANNELS
    places, tile = np.empty(strip, np.intp), np.empty(strip * CHANNELS, np.int32)
    wide, lanes = min(CHANNELS, out.shape[1]), CHANNELS // QUAD
    for begin in range(0, count, strip):
        start = max(min(begin, count - strip), 0)
        for block in range(len(firsts)):
            first = firsts[block]
            for pixel in range(strip):
                places[pixel] = pixels[min(start + pixel, count - 1)] + first
            strip_sums(x, places, taps, weights, block * size, bias, block * CHANNELS, tile)
            for pixel in range(min(strip, count)):
                line = out[start + pixel]
                for c in range(wide):
                    line[first + c] = tile[pixel * CHANNELS + (c % QUAD) * lanes + c // QUAD]
