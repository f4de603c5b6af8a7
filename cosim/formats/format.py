"""The contract of a number format."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats.arithmetic import Arithmetic, float_arithmetic, integer_arithmetic
from cosim.formats.encoding import Encoding

Codes = NDArray[np.generic]
SMALLEST_SCALE = 2.0**-126  # the smallest normal fp32 number: below it digits are lost, and many units flush to zero


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

    A format may have more, which is read by `getattr`:

    ``arithmetic``
        `Arithmetic` of one multiply-accumulate, from which a technology without a row of its own derives a price.
    ``rounding``
        ``"nearest"`` where it is missing; otherwise how its bounds lie.
    ``has_zero``
        False where 0 has no code (binary).
    ``largest``
        The magnitude that a scale of 1 reaches.
    ``sums``
        numpy dtype of partial sums of products, where a kernel for the format does not sum in fp32.
    ``fit(values, *, axis, block, block_axis)``
        `Encoding` fitted to the values themselves where their range is not enough; see `cosim.formats.fit`.
    ``kernel(kind, operands)``
        Kernel that computes ops of `kind` as hardware for this format does, where the first two operands have the
        formats `operands` (this one first); None where decoding and summing in fp32 will do. The kernel's
        ``accumulator`` is the dtype of its partial sums; fp32 where it has none.
    ``bind(codes, encoding)``
        `Storage` of a computed tensor whose bytes its values decide (run lengths); `encoding` says the most.
    """

    name: str
    summary: str
    bits: int
    storage: np.dtype[np.generic]
    tie_rule: str
    saturation: str

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
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
        described = np.finfo(storage)
        self.largest = float(described.max)
        self.arithmetic = float_arithmetic(bits, described.nexp, described.nmant)

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
        """A float format needs no side information."""
        return Encoding(self.name, self.bits)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Round to nearest even."""
        return np.asarray(values).astype(self.storage)

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Widen to fp32."""
        return np.asarray(codes).astype(np.float32)


class BrainFloat:
    """bfloat16: the upper half of an fp32 number, kept as its 16-bit pattern.

    Source: Kalamkar et al. 2019, arXiv:1905.12322.
    """

    tie_rule = "even"
    saturation = "infinity"
    name = "bf16"
    bits = 16
    storage: np.dtype[np.generic] = np.dtype(np.uint16)
    summary = "bfloat16: the exponent of fp32 with 7 fraction bits; arithmetic in fp32, rounded when stored"
    largest = float.fromhex("0x1.fep127")
    arithmetic = float_arithmetic(16, 8, 7)

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
        """A float format needs no side information."""
        return Encoding(self.name, self.bits)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Round to nearest even; a NaN keeps its sign."""
        from cosim.formats import kernel

        single = np.ascontiguousarray(odd_float32(np.asarray(values)))
        out = np.empty(single.shape, np.uint16)
        kernel.bfloat16_codes(single.reshape(-1).view(np.uint32), out.reshape(-1))
        return out

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Append sixteen zeros."""
        from cosim.formats import kernel

        codes = np.asarray(codes)
        out = np.empty(codes.shape, np.float32)
        kernel.bfloat16_values(np.ascontiguousarray(codes).reshape(-1), out.reshape(-1).view(np.uint32))
        return out


def odd_float32(values: NDArray[np.generic]) -> NDArray[np.float32]:
    """`values` as fp32; what is not representable goes to the neighbour with an odd pattern.

    Rounding the result again, to at most 22 fraction bits, equals rounding once.
    Source: Boldo and Melquiond, IEEE Trans. Computers 2008, doi:10.1109/TC.2007.70819.
    """
    if values.dtype == np.float32:
        return values  # type: ignore[return-value]
    wide = values.astype(np.float64)
    with np.errstate(over="ignore"):
        single = wide.astype(np.float32)
    back = single.astype(np.float64)
    bits = single.view(np.uint32) - (np.abs(back) > np.abs(wide)).astype(np.uint32)  # towards zero
    inexact = (back != wide) & ~np.isnan(wide)
    return np.asarray(np.where(inexact, bits | np.uint32(1), bits)).astype(np.uint32).view(np.float32)


class IntegerFormat:
    """An integer with a scale and a zero point: real = scale * (code - zero_point); two's complement if signed.

    Source: Jacob et al., CVPR 2018, doi:10.1109/CVPR.2018.00286, equation 1.
    """

    tie_rule = "even"
    saturation = "clamp"

    def __init__(self, name: str, bits: int, storage: str, summary: str, *, signed: bool = True) -> None:
        self.name = name
        self.bits = bits
        self.storage: np.dtype[np.generic] = np.dtype(storage)
        self.summary = summary
        self.low = -(1 << (bits - 1)) if signed else 0
        self.high = self.low + (1 << bits) - 1
        self.arithmetic: Arithmetic = integer_arithmetic(bits)

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
        """Smallest scale whose range covers [`low`, `high`] and contains 0 exactly.

        Symmetric ranges use 2^b - 1 codes around the middle one: -(2^(b-1)-1) .. 2^(b-1)-1 with zero point 0, or
        1 .. 2^b - 1 with zero point 2^(b-1) where codes are unsigned.
        An all-zero range gets scale 1: every value is then exact and nothing divides by zero.

        Raises
        ------
        DescriptionError
            A bound is NaN or infinite, or `low` above `high`.
        """
        low, high = checked_range(low, high, self.name)
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
        if symmetric:
            scale = positive_scale(np.maximum(-low, high) / ((self.high - self.low) // 2))
            return Encoding(
                self.name, self.bits, scale, np.full(scale.shape, self.high - (self.high - self.low) // 2), axis
            )
        scale = positive_scale((high - low) / (self.high - self.low))
        zero = np.clip(np.rint(self.low - low / scale), self.low, self.high).astype(np.int64)
        return Encoding(self.name, self.bits, scale, zero, axis)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Divide, round halves to even, add the zero point, clamp; a NaN has no code and is refused."""
        scale = checked_scale(encoding, np.shape(values))
        codes = np.rint(np.asarray(values, np.float64) / scale) + _zero(encoding, np.shape(values))
        if np.isnan(codes).any():
            raise DescriptionError(f"a NaN has no code in {self.name}", fix="find the op or the data that makes it")
        return np.clip(codes, self.low, self.high).astype(self.storage)

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Subtract the zero point and multiply by the scale."""
        scale = checked_scale(encoding, np.shape(codes))
        zero = _zero(encoding, np.shape(codes))
        return ((np.asarray(codes).astype(np.float64) - zero) * scale).astype(np.float32)


def checked_range(
    low: NDArray[np.float64], high: NDArray[np.float64], name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both ends of a range as fp64.

    Raises
    ------
    DescriptionError
        One is NaN or infinite, or the low end lies above the high one.
    """
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise DescriptionError(
            "a range to calibrate on holds NaN or infinity",
            where=f"format {name}",
            allowed="finite numbers",
            fix="find the op or the data that makes it",
        )
    if (low > high).any():
        raise DescriptionError("a range ends below its beginning", where=f"format {name}", allowed="low <= high")
    return low, high


def positive_scale(scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scales as the normal fp32 numbers that are stored: 1 for 0, and never too small to have all digits."""
    stored = np.maximum(np.asarray(scale).astype(np.float32).astype(np.float64), SMALLEST_SCALE)
    return np.asarray(np.where(np.asarray(scale) > 0, stored, 1.0))


def checked_scale(encoding: Encoding, shape: tuple[int, ...], *, may_be_zero: bool = False) -> NDArray[np.float64]:
    """The scale of an encoding, ready to broadcast over `shape`.

    Raises
    ------
    DescriptionError
        There is none, or one is zero, negative or not finite.
    """
    where = f"encoding {encoding.format}"
    if encoding.scale is None:
        raise DescriptionError(f"format {encoding.format} needs a scale", where=where, fix="calibrate the tensor first")
    scale = np.asarray(encoding.scale, np.float64)
    good = ((scale >= 0) if may_be_zero else (scale > 0)) & np.isfinite(scale)
    if not good.all():
        bad = scale[~good].reshape(-1)[0]
        raise DescriptionError(f"a scale is {bad:g}", where=where, allowed="positive, finite numbers")
    return encoding.aligned(scale, shape)


def _zero(encoding: Encoding, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if encoding.zero_point is None:
        return np.zeros(())
    return encoding.aligned(np.asarray(encoding.zero_point, np.float64), shape)
