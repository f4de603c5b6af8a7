"""Binary and ternary formats, whose scale is a mean and not a largest magnitude.

Sources: Rastegari et al., ECCV 2016 (XNOR-Net), doi:10.1007/978-3-319-46493-0_32; Li et al. 2016 (ternary weight
networks), arXiv:1605.04711.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.formats import (
    Arithmetic,
    CodeBook,
    Codes,
    Encoding,
    TableFormat,
    checked_range,
    checked_scale,
    nearest_book,
    positive_scale,
    statistic,
)
from cosim.formats.cells import INFINITY
from cosim.formats.steps import few_steps

LARGE = 1 << 14  # numbers from which the steps of a threshold are worth making
THRESHOLD = 0.7  # of the mean magnitude, equation 6 of the paper on ternary weights


class Binary(TableFormat):
    """One bit: -scale or +scale, 0 counting as positive; there is no zero but under a scale of 0."""

    def __init__(self) -> None:
        super().__init__(
            "binary",
            1,
            "1-bit sign with the mean magnitude as scale (XNOR-Net); no zero",
            lambda: nearest_book(1, np.array([-1.0, 1.0]), np.array([0, 1]), tie="up"),
            tie_rule="up",
            saturation="clamp",
            arithmetic=Arithmetic((1, 1), adder_bits=32, operand_bits=1, note="an XNOR gate and a population count"),
            has_zero=False,
        )

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
        """Larger magnitude of the range, for want of a mean: `fit` knows the values."""
        low, high = checked_range(low, high, self.name)
        return self._of(np.maximum(np.abs(low), np.abs(high)), axis)

    def fit(self, values: NDArray[np.floating], *, axis: int | None, block: int | None, block_axis: int) -> Encoding:
        """Mean magnitude; 0 for a tensor of zeros, which is then exact."""
        reals = np.abs(np.asarray(values, np.float64))
        count = statistic(np.add, np.ones_like(reals), axis, block, block_axis)
        encoding = self._of(statistic(np.add, reals, axis, block, block_axis) / count, axis)
        return encoding if block is None else replace(encoding, block=block, block_axis=block_axis)

    def _of(self, scale: NDArray[np.float64], axis: int | None) -> Encoding:
        return Encoding(self.name, self.bits, np.where(scale > 0, positive_scale(scale), 0.0), None, axis)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Signs; the scale plays no part."""
        return super().encode(values, Encoding(self.name, self.bits))

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Signs times the scale."""
        one = np.ones(()) if encoding.scale is None else checked_scale(encoding, np.shape(codes), may_be_zero=True)
        return self.values_of(codes, one)


class Ternary(TableFormat):
    """Two bits: -scale, 0 or +scale; values up to a threshold become 0."""

    def __init__(self) -> None:
        super().__init__(
            "ternary",
            2,
            "2-bit -1, 0, 1 with threshold 0.7 x mean magnitude (TWN)",
            lambda: nearest_book(2, np.array([-1.0, 0.0, 1.0]), np.array([3, 0, 1]), tie="even"),
            tie_rule="even",
            saturation="clamp",
            arithmetic=Arithmetic((2, 2), adder_bits=32, operand_bits=2, note="add, subtract or skip"),
        )

    def fit(self, values: NDArray[np.floating], *, axis: int | None, block: int | None, block_axis: int) -> Encoding:
        """Threshold 0.7 x mean magnitude, scale the mean of the magnitudes above it; scale 1 for zeros."""
        reals = np.abs(np.asarray(values, np.float64))
        count = statistic(np.add, np.ones_like(reals), axis, block, block_axis)
        threshold = THRESHOLD * statistic(np.add, reals, axis, block, block_axis) / count
        shape = Encoding(self.name, self.bits, axis=axis, block=block, block_axis=block_axis)
        above = reals > shape.aligned(threshold, reals.shape)
        kept = statistic(np.add, above.astype(np.float64), axis, block, block_axis)
        total = statistic(np.add, reals * above, axis, block, block_axis)
        scale = positive_scale(total / np.maximum(kept, 1.0))
        return replace(shape, scale=scale, threshold=threshold)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Sign of what lies beyond the threshold; the nearest level where the encoding has none."""
        if encoding.threshold is None:
            return super().encode(values, encoding)
        values = np.asarray(values)
        checked_scale(encoding, values.shape)
        threshold = encoding.aligned(np.asarray(encoding.threshold, np.float64), values.shape)
        if threshold.ndim == 0 and values.dtype == np.float32 and values.size >= LARGE:
            return self._beyond(values, float(threshold))
        reals = values.astype(np.float64)
        signs = np.where(np.abs(reals) > threshold, np.sign(reals), np.where(np.isnan(reals), reals, 0.0))
        return super().encode(signs, Encoding(self.name, self.bits))

    def _beyond(self, values: NDArray[np.float32], threshold: float) -> Codes:
        """Sign of what lies beyond one threshold, by comparisons."""
        bounds, closed = np.array([-threshold, threshold]), np.array([True, False])
        steps = few_steps(CodeBook(2, np.array([-1.0, 0.0, 1.0]), np.array([3, 0, 1]), bounds, closed))
        if steps is None:  # three levels, and 0 for either zero: never
            raise SimulationError("three levels have more than four steps")
        out = np.empty(values.shape, self.storage)
        flat = np.ascontiguousarray(values).reshape(-1)
        if steps.encode(flat.view(np.uint32), out.reshape(-1)) > INFINITY:
            raise self._no_code()
        return out
