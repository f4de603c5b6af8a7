"""A convolution or matrix product as ZigZag sees it: loop sizes, strides, precisions."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod

from cosim.errors import DescriptionError

DIMS = ("N", "K", "C", "OY", "OX", "FY", "FX")
"""Loop letters of a layer; `N` also stands for the rows of a matrix product."""

RELEVANT = {
    "W": ("K", "C", "FY", "FX"),
    "I": ("N", "C", "OY", "OX", "FY", "FX"),
    "O": ("N", "K", "OY", "OX"),
}
"""Loops that touch new elements of an operand; the others use the same elements again."""


@dataclass(frozen=True)
class Layer:
    """One layer: O[N, K, OY, OX] += W[K, C, FY, FX] * I[N, C, IY, IX].

    Parameters
    ----------
    name
        Name of the layer.
    sizes
        Loop sizes in the order of `DIMS`.
    stride, dilation
        Steps of the window (y, x) [element].
    input_size
        Height and width of the input without padding (y, x) [element]; no tile of the input is wider.
    weight_bits, input_bits, sum_bits, output_bits
        Precisions of weights, inputs, partial sums and finished outputs [bit].
    """

    name: str
    sizes: tuple[int, int, int, int, int, int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    input_size: tuple[int, int] | None = None
    weight_bits: int = 8
    input_bits: int = 8
    sum_bits: int = 16
    output_bits: int = 8

    def __post_init__(self) -> None:
        numbers = (*self.sizes, *self.stride, *self.dilation, *(self.input_size or ()))
        bits = (self.weight_bits, self.input_bits, self.sum_bits, self.output_bits)
        if len(self.sizes) != len(DIMS) or min(*numbers, *bits) < 1:
            raise DescriptionError(
                f"sizes {self.sizes}, stride {self.stride}, dilation {self.dilation}, input {self.input_size}, "
                f"bits {bits}",
                where=f"layer {self.name!r}",
                allowed=f"whole numbers of at least 1, one size for each of {', '.join(DIMS)}",
                fix="give every loop a size; a loop that is not there has size 1",
            )

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the layer."""
        return prod(self.sizes)

    @property
    def register_bits(self) -> int:
        """Bits of one output in a register: a sum, unless every output is a single product."""
        return self.sum_bits if prod(self.size(dim) for dim in ("C", "FY", "FX")) > 1 else self.output_bits

    def size(self, dim: str) -> int:
        """Size of the loop `dim`."""
        return self.sizes[DIMS.index(dim)]

    def window(self, axis: int) -> tuple[int, int, int]:
        """How an input axis (0: y, 1: x) is touched: coprime stride and dilation, and its widest extent [element]."""
        stride, dilation = self.stride[axis], self.dilation[axis]
        shared = gcd(stride, dilation)
        stride, dilation = stride // shared, dilation // shared
        whole = touched(self.sizes[3 + axis], self.sizes[5 + axis], stride, dilation)
        limit = whole if self.input_size is None else min(whole, self.input_size[axis])
        return stride, dilation, limit


def touched(outputs: int, taps: int, stride: int, dilation: int) -> int:
    """Different input positions that `outputs` windows of `taps` taps touch along one axis [element].

    `stride` and `dilation` are coprime. Output i and tap j meet the position of output i + dilation and tap
    j - stride again, and no other.
    """
    return outputs * taps - max(0, outputs - dilation) * max(0, taps - stride)
