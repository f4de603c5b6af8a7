"""Look-up tables, flip-flops, DSPs and block RAMs of a streaming unit, estimated before synthesis.

Source: Blott et al., FINN-R, ACM TRETS 2018, doi:10.1145/3242897, section 4.2, with the constants of the public FINN
compiler (Xilinx/finn, `matrixvectoractivation.py`: 300 LUTs per unit and a factor of 1.1). Flip-flops have no published
formula; theirs here is assumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from cosim_plugins.finn.unit import Unit

SHELL, FACTOR = 300, 1.1
DSP_BITS = 4  # from here on a product of constants is worth a DSP
BINARY = 2  # bits of two binary operands, whose product is one bit: an XNOR, counted (assumed; the paper counts two)
DISTRIBUTED_DEPTH = 128  # weights of so few words stay in LUTs
LUT_RAM = 64  # bits of a LUT as memory


@dataclass(frozen=True)
class Resources:
    """What a design takes of an FPGA, or what a part has; `bram18` in blocks of 18 Kib."""

    lut: float = 0.0
    ff: float = 0.0
    dsp: float = 0.0
    bram18: float = 0.0

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def beyond(self, limit: Resources) -> str:
        """The first resource of which there is more than in `limit`; empty where all fit."""
        return next((f.name for f in fields(self) if getattr(self, f.name) > getattr(limit, f.name)), "")


def resources(unit: Unit) -> Resources:
    """Of a unit and the sliding window in front of it."""
    if not unit.is_product:
        bits = unit.input_bits * unit.pe
        return Resources(SHELL + bits * 2, SHELL + bits * 2) + _window(unit)
    sums = _sum_bits(unit)
    words = unit.rows * unit.columns // (unit.pe * unit.simd)
    is_dsp = min(unit.weight_bits, unit.input_bits) >= DSP_BITS
    pair = unit.weight_bits + unit.input_bits
    is_binary = pair == BINARY
    product = 1 if is_binary else pair
    multiply = 0 if is_dsp else unit.simd * (2 * math.ceil(pair / 6) - 1) * product
    tree = product * (2 * unit.simd - 1)
    levels = 2**unit.output_bits - 1 if unit.output_bits < 8 else 0  # wide results are scaled, not compared
    rounds = unit.rows // unit.pe
    compare = levels * sums * (1 + math.ceil(rounds / LUT_RAM))
    scale = 0 if levels else 4 * sums
    inside = words <= DISTRIBUTED_DEPTH
    weights = unit.pe * unit.simd * unit.weight_bits * math.ceil(words / LUT_RAM) if inside else 0
    lut = SHELL + FACTOR * unit.pe * (multiply + tree + sums + compare + scale) + weights
    # assumed: a register behind each stage of the tree and each operand
    ff = SHELL + unit.pe * (2 * pair * unit.simd + 2 * sums + unit.output_bits) + unit.simd * unit.input_bits
    dsp = unit.pe * unit.simd if is_dsp else 0
    bram = 0 if inside else _bram18(words, unit.simd * unit.weight_bits * unit.pe)
    return Resources(lut, ff, dsp, bram) + _window(unit)


def _sum_bits(unit: Unit) -> int:
    """Width of an accumulator that cannot overflow. Source: Colbert et al., arXiv:2301.13376, equation 2."""
    alpha = math.log2(unit.columns) + unit.weight_bits + unit.input_bits - 1
    return math.ceil(alpha + math.log2(1 + 2**-alpha) + 1)


def _window(unit: Unit) -> Resources:
    """Line buffer of a convolution or pooling: as many rows as the window has, and those that arrive meanwhile."""
    if unit.taps < 2:
        return Resources()
    lanes = unit.simd if unit.is_product else unit.pe
    lanes = max(math.gcd(lanes, unit.width), 1)
    depth, width = unit.width // lanes, lanes * unit.input_bits
    rows = unit.taps + unit.stride
    if depth <= LUT_RAM:
        return Resources(SHELL + rows * width * math.ceil(depth / LUT_RAM), SHELL)
    return Resources(SHELL, SHELL, 0, rows * _bram18(depth, width))


def _bram18(depth: int, width: int) -> int:
    """Blocks of 18 Kib for `depth` words of `width` bits, in the shape that a block can take. Source: AMD UG473."""
    shapes = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
    return min(math.ceil(depth / deep) * math.ceil(width / wide) for deep, wide in shapes)
