"""`Scale`: what a quantised file says of a tensor, and the `Encoding` that it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, UnsupportedError
from cosim.formats import Encoding
from cosim.frontend.lowering.value import Array

BITS = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int32": 32}
"""Types of codes -> bits."""


@dataclass(frozen=True)
class Scale:
    """Side information of a quantised tensor as its file gives it.

    Attributes
    ----------
    dtype
        Type of the codes, such as ``"uint8"``.
    scale
        Real value of one step, () or (channels,).
    zero_point
        Code of zero in the file's type, of the same shape; None for 0.
    axis
        Axis of the channels.
    """

    dtype: str
    scale: NDArray[np.float64]
    zero_point: NDArray[np.int64] | None = None
    axis: int = 0

    def encoding(self, shape: Sequence[int], where: str) -> Encoding:
        """Encoding of a tensor of `shape`; unsigned codes are kept as signed ones, half the range less.

        Raises
        ------
        DescriptionError
            A scale that is not positive and finite, or side information that does not fit the tensor.
        UnsupportedError
            A type that is no integer format.
        """
        if self.dtype not in BITS:
            raise UnsupportedError(f"codes of type {self.dtype}", where=where, allowed=", ".join(BITS))
        scale = np.asarray(self.scale, np.float64)
        if scale.size == 0 or not (np.isfinite(scale).all() and (scale > 0).all()):
            found = "no scale" if scale.size == 0 else f"scale {float(scale.reshape(-1)[_worst(scale)])}"
            raise DescriptionError(
                found, where=where, allowed="positive, finite scales", fix="quantise the model again"
            )
        zero = np.zeros(scale.shape, np.int64) if self.zero_point is None else np.asarray(self.zero_point, np.int64)
        if zero.size != scale.size or max(scale.ndim, zero.ndim) > 1:
            raise DescriptionError(
                f"scale of shape {scale.shape} with zero point of shape {zero.shape}",
                where=where,
                allowed="one each, or one each per channel",
                fix="scales of blocks are not read: quantise per tensor or per channel",
            )
        bits = BITS[self.dtype]
        offset = 1 << (bits - 1) if self.dtype.startswith("u") else 0
        zero = zero - offset
        lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        if zero.min() < lowest or zero.max() > highest:
            raise DescriptionError(
                f"zero point {int(zero.min() if zero.min() < lowest else zero.max()) + offset} is no {self.dtype}",
                where=where,
                allowed=f"{lowest + offset} .. {highest + offset}",
            )
        name = f"int{bits}"
        if scale.size == 1:
            return Encoding(name, bits, scale.reshape(()), zero.reshape(()))
        axis = self._axis(shape, scale.size, where)
        return Encoding(name, bits, scale, zero, axis)

    def _axis(self, shape: Sequence[int], channels: int, where: str) -> int:
        rank = len(shape)
        if not -rank <= self.axis < rank:
            raise DescriptionError(
                f"scales run along axis {self.axis} of a tensor of shape {tuple(shape)}",
                where=where,
                allowed=f"{-rank} .. {rank - 1}",
            )
        axis = self.axis % rank
        if shape[axis] != channels:
            raise DescriptionError(
                f"{channels} scales along axis {axis} of shape {tuple(shape)}", where=where, allowed=f"{shape[axis]}"
            )
        return axis


def _worst(scale: NDArray[np.float64]) -> int:
    return int(np.argmin(np.isfinite(scale) & (scale > 0)))


def signed(codes: Array) -> Array:
    """Codes as signed integers: unsigned ones less half their range, which loses nothing."""
    if codes.dtype.kind != "u":
        return codes
    half = 1 << (8 * codes.dtype.itemsize - 1)
    return (codes.astype(np.int64) - half).astype(f"i{codes.dtype.itemsize}")


def is_same(one: Encoding, other: Encoding) -> bool:
    """Whether codes mean the same numbers in both."""

    def zero(encoding: Encoding) -> Array:
        return np.zeros(1, np.int64) if encoding.zero_point is None else encoding.zero_point.reshape(-1)

    if one.scale is None or other.scale is None or one.format != other.format or one.axis != other.axis:
        return False
    return np.array_equal(one.scale, other.scale) and np.array_equal(zero(one), zero(other))
