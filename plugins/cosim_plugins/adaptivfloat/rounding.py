"""`Rounding`: AdaptivFloat codes by shifting fp32 patterns, the same as the code book and without a look-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.formats import Codes
from cosim_plugins.adaptivfloat.book import Layout

_BIAS, _FRACTION = 127, 23  # of fp32


@dataclass(frozen=True)
class Rounding:
    """The rule of a layout for tensors with one exponent bias.

    Attributes
    ----------
    layout
        Fields and variant.
    bias
        Exponent bias: the smallest binade begins at 2^bias.
    """

    layout: Layout
    bias: int

    @property
    def fits(self) -> bool:
        """Whether all numbers and bounds are normal fp32 numbers, so that shifting patterns is exact."""
        return self.bias - 1 > -_BIAS and self.bias + self.layout.top <= _BIAS

    def numbers(self) -> NDArray[np.uint32]:
        """What the compiled loops take.

        Bits to drop; pattern of 2^bias without them; pattern of the largest number; that of the first number that is
        not zero; least code from there on; and what is added to a half: the last bit kept, 1 for either sign.
        """
        m, variant = self.layout.fraction_bits, self.layout.variant
        start = (_BIAS + self.bias) << _FRACTION
        top = ((_BIAS + self.bias + self.layout.top + 1) << _FRACTION) - (1 << (_FRACTION - m))
        smallest = start + ((1 << (_FRACTION - m)) if m else (1 << _FRACTION))
        begin = {"paper": smallest - (1 << _FRACTION), "script": start + (2 << _FRACTION), "flexasr": start}[variant]
        even = int(self.layout.is_even)
        halves = (even, int(not even), int(not even and variant != "flexasr"))
        shift = _FRACTION - m
        return np.array([shift, start >> shift, top, begin, int(variant == "paper"), *halves], np.uint32)

    def encode(self, patterns: NDArray[np.uint32], out: Codes) -> int:
        """Write the code of each fp32 pattern; the largest magnitude met, as a pattern."""
        from cosim_plugins.adaptivfloat import rounding_kernel as kernel

        return int(kernel.encode(patterns, self.numbers(), self.layout.bits, out))

    def decode(self, codes: Codes, out: NDArray[np.float32]) -> bool:
        """Write the value of each code; always True."""
        from cosim_plugins.adaptivfloat import rounding_kernel as kernel

        shift, base = self.numbers()[:2]
        kernel.decode(codes, shift, base, self.layout.bits, self.layout.first, out.view(np.uint32))
        return True

    def round(self, patterns: NDArray[np.uint32], out: NDArray[np.float32]) -> int:
        """Write what each fp32 pattern becomes, as `encode`."""
        from cosim_plugins.adaptivfloat import rounding_kernel as kernel

        return int(kernel.rounded(patterns, self.numbers(), out.view(np.uint32)))
