"""Linear resampling of images of codes as frameworks compute it; the result has the input's encoding.

``"q11"`` takes weights of 11 bits and rounds halves up (XNNPACK); ``"q10"`` positions of 10 bits and halves away from
zero (LiteRT's own kernel for int8); ``"float-up"`` and ``"float-up-weights"`` float32 on unsigned codes, halves up (LiteRT's reference and
builtin kernels for uint8); `real` gives real numbers, for which the preset has its way back to codes (ONNX Runtime).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Int64s = NDArray[np.int64]

_ONE, _HALF = np.float32(1), np.float32(0.5)


@dataclass(frozen=True)
class Grid:
    """Output positions `index` along one axis that `size` inputs are stretched to `target` outputs on."""

    index: Int64s
    size: int
    target: int
    align_corners: bool

    @property
    def is_aligned(self) -> bool:
        """Whether the outermost positions of both fall together."""
        return self.align_corners and self.target > 1


@dataclass(frozen=True)
class Image:
    """Codes (..., rows, columns), in the framework's type, and the grids of rows and columns."""

    codes: Array
    rows: Grid
    columns: Grid
    zero: int
    scale: float


def _single(grid: Grid) -> tuple[Int64s, Int64s, NDArray[np.float32]]:
    """Neighbours of each position and the share of the upper one, in float32 steps; positions stay inside."""
    index = grid.index.astype(np.float32)
    if grid.is_aligned:
        ratio, offset = np.float32(grid.size - 1) / np.float32(grid.target - 1), np.float32(0)
    else:
        ratio = np.float32(grid.size) / np.float32(grid.target)
        offset = np.float32(0) if grid.align_corners else _HALF * ratio - _HALF
    place = np.clip(index * ratio + offset, 0, grid.size - 1).astype(np.float32)
    low = np.floor(place).astype(np.int64)
    return low, np.minimum(low + 1, grid.size - 1), place - low.astype(np.float32)


def _q11(image: Image) -> Int64s:
    (top, bottom, down), (start, end, across) = _single(image.rows), _single(image.columns)
    codes = image.codes.astype(np.int64)
    alpha, beta = (np.rint(share * np.float32(1 << 11)).astype(np.int64) for share in (across, down))
    upper, lower = (
        (row[..., start] << 11) + (row[..., end] - row[..., start]) * alpha
        for row in (codes[..., top, :], codes[..., bottom, :])
    )
    return np.asarray(((upper << 11) + (lower - upper) * beta[:, None] + (1 << 21)) >> 22, np.int64)


def _tenths(grid: Grid) -> tuple[Int64s, Int64s, Int64s]:
    """Neighbours of each position and its distance from the lower one, in 1024ths."""
    if grid.is_aligned:
        step = ((grid.size - 1) * 1024 + (grid.target - 1) // 2) // (grid.target - 1)
    else:
        step = (grid.size * 1024 + grid.target // 2) // grid.target
    place = grid.index * step if grid.align_corners else grid.index * step + step // 2 - 512
    low = np.maximum(_truncated(place, 10), 0)
    return low, np.minimum(_truncated(place + 1023, 10), grid.size - 1), place - 1024 * low


def _truncated(values: Int64s, bits: int) -> Int64s:
    return np.asarray(np.where(values >= 0, values >> bits, -(-values >> bits)), np.int64)


def _q10(image: Image) -> Int64s:
    (top, bottom, down), (start, end, across) = _tenths(image.rows), _tenths(image.columns)
    total = _weighted(
        image.codes.astype(np.int64), (top, bottom, 1024 - down, down), (start, end, 1024 - across, across)
    )
    return _truncated(total + np.where(total > 0, 1 << 19, -(1 << 19)), 20)


def _weighted(codes: Array, rows: tuple[Array, ...], columns: tuple[Array, ...]) -> Array:
    """Sum of four neighbours times their shares: rows and columns are (lower, upper, share of each)."""
    (top, bottom, above, below), (start, end, before, after) = rows, columns
    above, below = above[:, None], below[:, None]
    first, second = codes[..., top, :], codes[..., bottom, :]
    total = first[..., start] * above * before
    total = total + second[..., start] * below * before
    total = total + first[..., end] * above * after
    return np.asarray(total + second[..., end] * below * after)


def _floats(grid: Grid) -> tuple[Int64s, Int64s, NDArray[np.float32], NDArray[np.float32]]:
    """Neighbours of each position and their shares in float32; positions may lie outside."""
    index = grid.index.astype(np.float32)
    if grid.is_aligned:
        place = index * (np.float32(grid.size - 1) / np.float32(grid.target - 1))
    else:
        ratio = np.float32(grid.size) / np.float32(grid.target)
        place = index * ratio if grid.align_corners else (index + _HALF) * ratio - _HALF
    low = np.maximum(np.floor(place).astype(np.int64), 0)
    share = place - low.astype(np.float32)
    return low, np.minimum(np.floor(place).astype(np.int64) + 1, grid.size - 1), _ONE - share, share


def _float_up(image: Image) -> Int64s:
    codes = image.codes.astype(np.float32)
    return np.floor(_weighted(codes, _floats(image.rows), _floats(image.columns)) + _HALF).astype(np.int64)


def _float_up_weights(image: Image) -> Int64s:
    total = _by_weights(image.codes.astype(np.float32), _floats(image.rows), _floats(image.columns))
    return np.floor(total + _HALF).astype(np.int64)


def _by_weights(values: Array, rows: tuple[Array, ...], columns: tuple[Array, ...]) -> Array:
    """`_weighted` with both shares multiplied first, row by row."""
    (top, bottom, above, below), (start, end, before, after) = rows, columns
    first, second = values[..., top, :], values[..., bottom, :]
    total = (before * above[:, None]) * first[..., start]
    total = total + (after * above[:, None]) * first[..., end]
    total = total + (before * below[:, None]) * second[..., start]
    return np.asarray(total + (after * below[:, None]) * second[..., end])


def real(image: Image) -> NDArray[np.float32]:
    """Real numbers in float32 of ONNX Runtime's `Resize`."""
    sides = []
    for grid in (image.rows, image.columns):
        index = grid.index.astype(np.float32)
        if grid.size == grid.target:
            place = index
        elif grid.is_aligned:
            place = index * np.float32(grid.size - 1) / np.float32(grid.target - 1)
        elif grid.align_corners:
            place = np.zeros_like(index)
        else:
            place = (index + _HALF) / (np.float32(grid.target) / np.float32(grid.size)) - _HALF
        place = np.clip(place, 0, grid.size - 1).astype(np.float32)
        low = place.astype(np.int64)
        high = np.minimum(low + 1, grid.size - 1)
        # Where both neighbours are one, each gets half.
        upper = np.where(low == high, _HALF, np.abs(place - low.astype(np.float32)))
        lower = np.where(low == high, _HALF, np.abs(place - high.astype(np.float32)))
        sides.append((low, high, lower, upper))
    values = (image.codes.astype(np.float32) - np.float32(image.zero)) * np.float32(image.scale)
    return np.asarray(_by_weights(values, *sides), np.float32)


RESAMPLINGS: Mapping[str, Callable[[Image], Int64s]] = MappingProxyType(
    {"q11": _q11, "q10": _q10, "float-up": _float_up, "float-up-weights": _float_up_weights}
)
