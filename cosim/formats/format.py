"""The contract of a number format."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats.encoding import Encoding

Codes = NDArray[np.generic]


@runtime_checkable
class Format(Protocol):
    """One number format: what a code means, and how a real number becomes a code.

    Attributes
    ----------
    name, summary
        Registered name and one line for `cosim formats`.
    bits
        Bits per element [bit].
    storage
        numpy dtype in which codes are held in arrays.
    tie_rule, saturation
        How halves are rounded (``"even"``, ``"away"``, ``"up"``) and what happens past the ends.
    """

    name: str
    summary: str
    bits: int
    storage: np.dtype[np.generic]
    tie_rule: str
    saturation: str

    def calibrate(self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None) -> Encoding:
        """Encoding whose range covers [`low`, `high`], scalars or one pair per channel."""
        ...

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Codes of real `values`, same shape."""
        ...

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Real values of `codes`, same shape."""
        ...


class FloatFormat:
    """A floating-point format that numpy stores itself (fp16, fp32): codes are the rounded values."""

    tie_rule = "even"
    saturation = "infinity"

    def __init__(self, name: str, bits: int, storage: str, summary: str) -> None:
        self.name = name
        self.bits = bits
        self.storage: np.dtype[np.generic] = np.dtype(storage)
        self.summary = summary

    def calibrate(self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None) -> Encoding:
        """A float format needs no side information."""
        return Encoding(self.name, self.bits)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Round to nearest even."""
        return np.asarray(values).astype(self.storage)

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Widen to fp32."""
        return np.asarray(codes).astype(np.float32)


class IntegerFormat:
    """A two's complement integer with a scale and a zero point: real = scale * (code - zero_point).

    Source: Jacob et al., CVPR 2018, doi:10.1109/CVPR.2018.00286, equation 1.
    """

    tie_rule = "even"
    saturation = "clamp"

    def __init__(self, name: str, bits: int, storage: str, summary: str) -> None:
        self.name = name
        self.bits = bits
        self.storage: np.dtype[np.generic] = np.dtype(storage)
        self.summary = summary
        self.low = -(1 << (bits - 1))
        self.high = (1 << (bits - 1)) - 1

    def calibrate(self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None) -> Encoding:
        """Smallest scale whose range covers [`low`, `high`] and contains 0 exactly.

        Symmetric ranges use codes -(2^(b-1)-1) .. 2^(b-1)-1 with zero point 0.
        An all-zero range gets scale 1: every code is then 0 and nothing divides by zero.
        """
        low = np.minimum(np.asarray(low, np.float64), 0.0)
        high = np.maximum(np.asarray(high, np.float64), 0.0)
        if symmetric:
            scale = np.maximum(-low, high) / self.high
            scale = np.where(scale > 0, scale, 1.0).astype(np.float32).astype(np.float64)
            return Encoding(self.name, self.bits, scale, np.zeros(scale.shape, np.int64), axis)
        scale = (high - low) / (self.high - self.low)
        scale = np.where(scale > 0, scale, 1.0).astype(np.float32).astype(np.float64)
        zero = np.clip(np.rint(self.low - low / scale), self.low, self.high).astype(np.int64)
        return Encoding(self.name, self.bits, scale, zero, axis)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Divide, round halves to even, add the zero point, clamp; a NaN has no code and is refused."""
        scale, zero = _along_axis(encoding, np.ndim(values))
        codes = np.rint(np.asarray(values, np.float64) / scale) + zero
        if np.isnan(codes).any():
            raise DescriptionError(f"a NaN has no code in {self.name}", fix="find the op or the data that makes it")
        return np.clip(codes, self.low, self.high).astype(self.storage)

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Subtract the zero point and multiply by the scale."""
        scale, zero = _along_axis(encoding, np.ndim(codes))
        return ((np.asarray(codes).astype(np.float64) - zero) * scale).astype(np.float32)


def _along_axis(encoding: Encoding, rank: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if encoding.scale is None:
        message = f"format {encoding.format} needs a scale: calibrate the tensor first"
        raise ValueError(message)
    scale = np.asarray(encoding.scale, np.float64)
    zero = np.zeros_like(scale) if encoding.zero_point is None else np.asarray(encoding.zero_point, np.float64)
    if encoding.axis is None:
        return scale, zero
    shape = [1] * rank
    shape[encoding.axis] = -1
    return scale.reshape(shape), zero.reshape(shape)
