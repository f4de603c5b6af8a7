"""`AdaptivFloat`: the format, with an exponent bias per tensor, channel or vector that calibration finds.

>>> import numpy as np
>>> from cosim.formats import fit, quantise
>>> form = AdaptivFloat(4, 2)
>>> weights = np.array([-1.17, 2.71, -1.60, 0.43])  # the first row of figure 3 of the paper
>>> encoding = fit(form, weights)
>>> form.biases(encoding).item()
-2
>>> quantise(form, weights, encoding).tolist()
[-1.0, 3.0, -1.5, 0.375]
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats import Arithmetic, Codes, Encoding, Format, TableFormat, checked_range, checked_scale
from cosim.plugin import Kernel
from cosim_plugins.adaptivfloat.book import VARIANTS, Layout, book
from cosim_plugins.adaptivfloat.rounding import Rounding

Reals = NDArray[np.float64]
LEAST = -126  # exponent of the smallest normal fp32 number: below it levels would lose digits
ROUNDINGS = {
    "paper": "nearest, from half of the smallest up",
    "script": "nearest, zero below the smallest",
    "flexasr": "nearest, zero below 2^bias",
}
_LOG = logging.getLogger("cosim.plugins.adaptivfloat")


@dataclass(frozen=True)
class Register:
    """Where the exponent bias of a tensor is kept: an unsigned field with a fixed offset.

    Attributes
    ----------
    bits, offset
        Width of the field [bit], and the bias that its 0 means. 3 bits from -10 on in FlexASR; the processing element
        of the paper has 4 bits and does not say where they begin.
    """

    bits: int = 8
    offset: int = -128

    def held(self, biases: NDArray[np.int64], name: str) -> NDArray[np.int64]:
        """The nearest biases that the field can hold; a line in the log where that is another one."""
        low, high = self.offset, self.offset + (1 << self.bits) - 1
        held = np.clip(biases, low, high)
        if not np.array_equal(held, biases):
            beyond = biases[held != biases]
            _LOG.warning(
                "%s: %d exponent biases from %d to %d do not fit a register of %d bits from %d to %d and saturate",
                *(name, beyond.size, beyond.min(), beyond.max(), self.bits, low, high),
            )
        return held


class AdaptivFloat(TableFormat):
    """Sign, exponent and fraction under one exponent bias per tensor; a tensor's largest magnitude decides the bias.

    An encoding's scale is 2^(bias - m), a power of two: the real value of level 1 (see `book`). Products of two such
    tensors are sums of integers, which its kernels compute as the HFINT processing element does.

    Parameters
    ----------
    bits, exponent_bits
        Width n of a code and e of its exponent [bit]; the fraction has m = n - e - 1.
    variant
        ``"paper"``, ``"script"`` or ``"flexasr"``, see `book.VARIANTS`.
    register
        Where biases are kept; the one of FlexASR for its variant and 8 bits, which hold any bias, for the others.

    Raises
    ------
    DescriptionError
        Widths that leave no fraction field or no number, or that fp32 cannot hold.
    """

    def __init__(
        self, bits: int, exponent_bits: int, variant: str = "paper", *, register: Register | None = None
    ) -> None:
        name = name_of(bits, exponent_bits, variant)
        least = 2 if variant == "script" else 1
        if not (least <= exponent_bits <= 6 and exponent_bits < bits <= 16):
            raise DescriptionError(
                f"{bits} bits with {exponent_bits} of exponent",
                where=f"format {name}",
                allowed=f"4 to 16 bits, {least} to 6 of exponent, and fewer than all",
            )
        self.layout = layout = Layout(bits, exponent_bits, variant)
        self.register = register or (Register(3, -10) if variant == "flexasr" else Register())
        m = layout.fraction_bits
        wide = 2 * layout.top + 2 * m
        super().__init__(
            name,
            bits,
            f"{bits}-bit AdaptivFloat, {exponent_bits} exponent bits, bias per tensor: {VARIANTS[variant].split(':')[0]}",
            partial(book, layout),
            tie_rule="up" if variant == "flexasr" else "even" if layout.is_even else "away",
            saturation="clamp",
            arithmetic=Arithmetic(
                (m + 1, m + 1),
                exponent_bits,
                shift_bits=wide + 2,
                adder_bits=wide + 8,
                operand_bits=bits,
                note="one shift per output undoes the biases; the adder is that of 256 terms",
            ),
            rounding=ROUNDINGS[variant],
            shortcut=Rounding(layout, m),
        )

    @cached_property
    def levels(self) -> NDArray[np.int64]:
        """Signed integer of every code, shape (2 ** bits,); a value is its level times the scale."""
        return self.layout.levels()

    def calibrate(self, low: Reals, high: Reals, *, symmetric: bool, axis: int | None) -> Encoding:
        """The bias that takes the larger magnitude of `low` and `high` into the top binade; 0 for a range of zeros.

        Algorithm 1 of the paper, line 2: bias = floor(log2(largest magnitude)) - (2^e - 1).
        """
        low, high = checked_range(low, high, self.name)
        reach = np.maximum(np.abs(low), np.abs(high))
        # frexp is exact; a rounded logarithm is off by one just below powers of two.
        wanted = np.where(reach > 0, np.frexp(reach)[1] - 1 - self.layout.top, 0)
        m = self.layout.fraction_bits
        held = self.register.held(np.asarray(wanted, np.int64)[reach > 0], self.name)
        biases = np.zeros(reach.shape, np.int64)
        biases[reach > 0] = held
        scale = np.exp2(np.maximum(biases - m, LEAST).astype(np.float64))
        return Encoding(self.name, self.bits, scale, None, axis, scale_bits=self.register.bits)

    def biases(self, encoding: Encoding) -> NDArray[np.int64]:
        """Exponent bias of every tensor, channel or vector, the shape of the encoding's scale.

        Raises `DescriptionError` where a scale is no power of two.
        """
        fraction, exponent = np.frexp(_scale(encoding))
        if not (fraction == 0.5).all():
            raise DescriptionError(
                "a scale is no power of two",
                where=f"encoding {self.name}",
                allowed="2^(bias - m)",
                fix="make it with calibrate or fit",
            )
        return np.asarray(exponent - 1 + self.layout.fraction_bits, np.int64)

    def encode(self, values: NDArray[np.floating], encoding: Encoding) -> Codes:
        """Codes; a NaN is refused, infinities become the largest number."""
        values, rule = self._shifted(values, encoding)
        if rule is None:
            return super().encode(values, encoding)
        out = np.empty(values.shape, self.storage)
        flat = np.ascontiguousarray(values, np.float32).reshape(-1)
        self._check(rule.encode(flat.view(np.uint32), out.reshape(-1)))
        return out

    def quantise(self, values: NDArray[np.floating], encoding: Encoding) -> NDArray[np.float32]:
        """What `values` become, in one pass where there is one bias."""
        shifted, rule = self._shifted(values, encoding)
        if rule is None or shifted is not values:
            return self.decode(self.encode(values, encoding), encoding)
        out = np.empty(shifted.shape, np.float32)
        self._check(rule.round(np.ascontiguousarray(shifted, np.float32).reshape(-1).view(np.uint32), out.reshape(-1)))
        return out

    def decode(self, codes: Codes, encoding: Encoding) -> NDArray[np.float32]:
        """Level of each code times its scale: exact where that is a power of two."""
        codes = np.asarray(codes)
        fraction, exponent = np.frexp(_scale(encoding))
        rule = Rounding(self.layout, int(exponent.reshape(-1)[0]) - 1 + self.layout.fraction_bits)
        if exponent.size != 1 or not (fraction == 0.5).all() or not rule.fits or codes.dtype != self.storage:
            return super().decode(codes, encoding)
        out = np.empty(codes.shape, np.float32)
        rule.decode(np.ascontiguousarray(codes).reshape(-1), out.reshape(-1))
        return out

    def kernel(self, kind: str, operands: Sequence[Format]) -> Kernel | None:
        """The HFINT kernel, where both operands are AdaptivFloat and their exact sums fit 64 bits."""
        from cosim_plugins.adaptivfloat.products import kernel

        return kernel(kind, operands)

    def _shifted(
        self, values: NDArray[np.floating], encoding: Encoding
    ) -> tuple[NDArray[np.floating], Rounding | None]:
        """Values and the rule that codes them by shifting: fp32 numbers alone.

        One bias is part of the rule. Of several, each number is first taken to level 1 by its own power of two, which
        fp32 does exactly: what overflows is beyond the largest number, what underflows is a zero.
        """
        values, m = np.asarray(values), self.layout.fraction_bits
        fraction, exponent = np.frexp(_scale(encoding))
        if values.dtype != np.float32 or not (fraction == 0.5).all():
            return values, None  # the code book decides
        if exponent.size == 1:
            rule = Rounding(self.layout, int(exponent.reshape(())) - 1 + m)
            return values, rule if rule.fits else None
        inverse = 1.0 / checked_scale(encoding, values.shape)
        if inverse.max(initial=0.0) > np.finfo(np.float32).max:
            return values, None
        with np.errstate(over="ignore", under="ignore"):
            return values * inverse.astype(np.float32), Rounding(self.layout, m)

    def _check(self, largest: int) -> None:
        if largest > 0x7F800000:
            raise self._no_code()


def _scale(encoding: Encoding) -> Reals:
    """Scales of an encoding; 1 where there is none, as in every code book: codes stand for their levels."""
    return np.asarray(1.0 if encoding.scale is None else encoding.scale, np.float64)


def name_of(bits: int, exponent_bits: int, variant: str = "paper") -> str:
    """Name of a format: ``adaptivfloat8`` is <8, 3> of the paper, ``adaptivfloat4_2_script`` is <4, 2> of the script."""
    field = "" if exponent_bits == 3 else f"_{exponent_bits}"
    return f"adaptivfloat{bits}{field}" + ("" if variant == "paper" else f"_{variant}")


def with_register(form: AdaptivFloat, register: Register) -> AdaptivFloat:
    """The same format with biases kept in another register; codes mean the same."""
    return AdaptivFloat(form.bits, form.layout.exponent_bits, form.layout.variant, register=register)
