"""Elements of a tile, by operand: whole elements for edges that may hold broken passes of the array."""

from __future__ import annotations

from fractions import Fraction

from cosim.compare.zigzag.layer import DIMS, Layer, touched
from cosim.compare.zigzag.machine import ZigZagMachine


def passes(layer: Layer, machine: ZigZagMachine) -> tuple[int, ...]:
    """Sizes of the temporal loops in the order of `DIMS`: K and C in passes of the array."""
    units = {"K": machine.k_units, "C": machine.c_units}
    return tuple(-(-size // units.get(dim, 1)) for dim, size in zip(DIMS, layer.sizes, strict=True))


def channels(layer: Layer, machine: ZigZagMachine, dim: str) -> Fraction:
    """Channels of one pass along `dim` (K or C), on average over the passes."""
    return Fraction(layer.size(dim), passes(layer, machine)[DIMS.index(dim)])


def used_pes(layer: Layer, machine: ZigZagMachine) -> int:
    """PEs that work in a pass, on average and rounded."""
    return round(channels(layer, machine, "K") * channels(layer, machine, "C"))


def weight_elements(edges: tuple[int, ...]) -> int:
    """Weights that one PE holds for a tile of `edges`."""
    _, k, c, _, _, fy, fx = edges
    return k * c * fy * fx


def input_elements(layer: Layer, machine: ZigZagMachine, edges: tuple[int, ...]) -> int:
    """Inputs that a tile of `edges` touches, without padding when it is as wide as the input."""
    n, _, c, oy, ox, fy, fx = edges
    y_stride, y_dilation, height = layer.window(0)
    x_stride, x_dilation, width = layer.window(1)
    rows = min(height, touched(oy, fy, y_stride, y_dilation))
    columns = min(width, touched(ox, fx, x_stride, x_dilation))
    return round(n * c * rows * columns * channels(layer, machine, "C"))


def output_elements(layer: Layer, machine: ZigZagMachine, edges: tuple[int, ...]) -> int:
    """Outputs of a tile of `edges`."""
    n, k, _, oy, ox, _, _ = edges
    return round(n * k * oy * ox * channels(layer, machine, "K"))


def sums(edges: tuple[int, ...]) -> int:
    """Sums that one PE holds for a tile of `edges`."""
    n, k, _, oy, ox, _, _ = edges
    return n * k * oy * ox
