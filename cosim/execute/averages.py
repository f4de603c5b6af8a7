"""Averages as frameworks round them: integer sums over a count, to codes.

`Average` holds sums of raw codes. Rules: ``"raw-away"`` divides raw codes in the input's encoding, halves away from
zero; ``"inside"`` (``"fused"``: in one step) and ``"outside"`` multiply by one float32 and add the zero point before or after
rounding;
``"by-lanes"`` and ``"fused-by-lanes"`` treat vectors and the channels that are left over each in its own way (PyTorch, channels last); ``"dequantised"`` averages real float32 values; ``"q31-away"`` and ``"q31-up"`` are gemmlowp's multipliers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cosim.execute.epilogue import Array, fixed_multipliers

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Average:
    """Sums of `counts` codes, in the framework's own codes.

    Attributes
    ----------
    sums, counts
        Sums of raw codes and how many there are, shapes that broadcast.
    scales, zeros
        Of the input and of the output.
    real
        Sums of decoded values in float32, where a rule wants them.
    channels
        First channel of the tile, and channels of the whole op.
    """

    sums: Integers
    counts: Array
    scales: tuple[float, float]
    zeros: tuple[int, int]
    real: NDArray[np.float32] | None = None
    channels: tuple[int, int] = (0, 1)

    @property
    def centred(self) -> Integers:
        """Sums of codes less their zero points."""
        return self.sums - (self.counts * self.zeros[0]).astype(np.int64)


def _raw_away(average: Average) -> Integers:
    size = (np.abs(average.sums) + (average.counts // 2).astype(np.int64)) // average.counts.astype(np.int64)
    return np.asarray(np.where(average.sums < 0, -size, size), np.int64)


def _factor(average: Average) -> NDArray[np.float32]:
    ratio = np.float32(average.scales[0]) / np.float32(average.scales[1])
    return np.asarray(ratio / average.counts.astype(np.float32), np.float32)


def _inside(average: Average) -> Integers:
    real = average.centred.astype(np.float32) * _factor(average) + np.float32(average.zeros[1])
    return np.asarray(np.rint(real), np.int64)


def _fused(average: Average) -> Integers:
    """Inside, by one fused multiply-add: exact in float64, then cut to float32."""
    real = average.centred * _factor(average).astype(np.float64) + average.zeros[1]
    return np.rint(real.astype(np.float32)).astype(np.int64)


def _outside(average: Average) -> Integers:
    scale = np.float32(average.scales[0]) / (np.float32(average.scales[1]) * average.counts.astype(np.float32))
    real = average.centred.astype(np.float32) * scale.astype(np.float32)
    return np.asarray(np.rint(real) + average.zeros[1], np.int64)


def _by_lanes(average: Average) -> Integers:
    """Vectors of 16 channels add the zero point after rounding, the channels that are left over before it."""
    real = average.centred.astype(np.float32) * _factor(average)
    return _but_the_last(average, np.asarray(np.rint(real) + average.zeros[1], np.int64), _inside(average), 16)


def _fused_by_lanes(average: Average) -> Integers:
    """Vectors of 8 channels multiply and add in one step, the channels that are left over in two."""
    return _but_the_last(average, _fused(average), _inside(average), 8)


def _but_the_last(average: Average, vectors: Integers, last: Integers, lanes: int) -> Integers:
    """`vectors`, and `last` for the channels past the last multiple of `lanes` of the whole op."""
    first, channels = average.channels
    count = max(channels // lanes * lanes - first, 0)
    vectors[:, count:] = last[:, count:]
    return vectors


def _dequantised(average: Average) -> Integers:
    real = average.real
    if real is None:
        real = average.centred.astype(np.float32) * np.float32(average.scales[0])
    mean = real / average.counts.astype(np.float32)
    return np.rint(mean / np.float32(average.scales[1]) + np.float32(average.zeros[1])).astype(np.int64)


def _product(sums: Integers, factor: Integers, shift: Integers, *, away: bool) -> Integers:
    """Product to the upper 32 bits (ties up), then the shift (ties away from zero, or up)."""
    left, right = np.maximum(31 - shift, 0), np.maximum(shift - 31, 0)
    upper = ((sums << left) * factor + (1 << 30)) >> 31
    half = np.where(right > 0, np.left_shift(1, np.maximum(right - 1, 0)), 0)
    if not away:
        return np.asarray((upper + half) >> right, np.int64)
    size = (np.abs(upper) + half) >> right
    return np.asarray(np.where(upper < 0, -size, size), np.int64)


def _q31_away(average: Average) -> Integers:
    """The multiplier of the scales is divided by the count in integers, with as many more bits as the count has."""
    ratio = np.array([average.scales[0] / average.scales[1]])
    (factor,), (shift,) = fixed_multipliers(ratio, "q31")
    counts = np.broadcast_to(average.counts, average.sums.shape).astype(np.int64)
    more = np.floor(np.log2(counts)).astype(np.int64)
    more = np.minimum(np.minimum(more, 32), 31 + (31 - shift))
    smaller = (factor << more) // counts
    return _product(average.centred, smaller, shift + more, away=True) + average.zeros[1]


def _q31_up(average: Average) -> Integers:
    """Raw codes times the multiplier, ties up but away from zero in the channels that vectors of 16 leave over.

    The zero point's share is rounded for itself.
    """
    ratio = np.float32(average.scales[0]) / np.float32(average.scales[1])
    counts = np.broadcast_to(average.counts, average.sums.shape)
    factor, shift = fixed_multipliers(average.scales[0] / (counts * average.scales[1]), "q31")
    share = np.float32(average.zeros[0]) * ratio
    bias = average.zeros[1] - int(np.floor(np.abs(share) + np.float32(0.5)) * np.sign(share))
    vectors, last = (_product(average.sums, factor, shift, away=away) + bias for away in (False, True))
    return _but_the_last(average, vectors, last, 16)


def _raw_inside(average: Average) -> Integers:
    """Raw sums times one float32, plus the zero points as another: XNNPACK's mean."""
    ratio = np.float32(average.scales[0]) / np.float32(average.scales[1])
    return _affine(average, np.asarray(ratio * (np.float32(1) / average.counts.astype(np.float32)), np.float32))


def _raw_total(average: Average) -> Integers:
    """The same without a division: XNNPACK's sum."""
    return _affine(average, np.asarray(average.scales[0], np.float32) / np.float32(average.scales[1]))


def _affine(average: Average, scale: NDArray[np.float32]) -> Integers:
    share = (average.counts * average.zeros[0]).astype(np.float32) * scale
    real = average.sums.astype(np.float32) * scale + (np.float32(average.zeros[1]) - share)
    return np.asarray(np.rint(real), np.int64)


def _whole(average: Average) -> Average:
    """The same sums as averages of one number each."""
    return replace(average, sums=average.centred, counts=np.float64(1), zeros=(0, average.zeros[1]))  # type: ignore[arg-type]


def _float_away(average: Average) -> Integers:
    """Raw sums times a float32, with the zero point's share as a second float32; halves away from zero."""
    ratio = np.float32(average.scales[0]) / np.float32(average.scales[1])
    share = -np.float32(average.zeros[0]) * ratio * np.asarray(average.counts, np.float32)
    real = (average.sums.astype(np.float32) * ratio + share).astype(np.float64)
    return np.asarray(np.copysign(np.floor(np.abs(real) + 0.5), real) + average.zeros[1], np.int64)


TOTALS: Mapping[str, Callable[[Average], Integers]] = MappingProxyType(
    {
        "raw-inside": _raw_total,
        "q31-away": lambda average: _q31_away(_whole(average)),
        "float-away": _float_away,
    }
)
"""Rules of sums that are not divided."""

AVERAGES: Mapping[str, Callable[[Average], Integers]] = MappingProxyType(
    {
        "raw-away": _raw_away,
        "raw-inside": _raw_inside,
        "inside": _inside,
        "fused": _fused,
        "by-lanes": _by_lanes,
        "fused-by-lanes": _fused_by_lanes,
        "outside": _outside,
        "dequantised": _dequantised,
        "q31-away": _q31_away,
        "q31-up": _q31_up,
    }
)
