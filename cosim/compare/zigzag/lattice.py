"""Every tile that the search considers, and what each memory pays for it: tables, one entry per tile.

A tile is one edge per loop. The edges of a loop of size d are those that are the smallest for their number of trips,
ceil(d / trips); divisors are among them. One tile lies inside another if along every loop its edge divides the other's,
or the other spans the whole loop; then the tiles of both are cut at the same places and each memory's traffic depends
on its own tile alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.compare.zigzag.layer import Layer
from cosim.compare.zigzag.machine import ZigZagMachine
from cosim.compare.zigzag.tile import channels, passes, used_pes
from cosim.jit import njit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
INPUTS, OUTPUTS = 1, 2  # kinds of tile elements; 0 is weights
WEIGHT_LOOPS, INPUT_LOOPS, OUTPUT_LOOPS = 0b1100110, 0b1111101, 0b0011011  # bits in the order of DIMS
REUSES_WEIGHTS, REUSES_INPUTS, REUSES_OUTPUTS = 0b0011001, 0b0000010, 0b1100100  # the other loops of each operand


@dataclass(frozen=True)
class Lattice:
    """The tiles of one layer and their prices.

    Parameters
    ----------
    edges
        Edges per loop, ascending; a tile is one index into each, the last loop's fastest.
    inside
        (7, edges, edges) whether an edge lies inside another.
    place
        (tiles, 7) index of a tile's edge in each loop.
    weights_pj, inputs_pj, outputs_pj
        (tiles,) what register and DRAM, SRAM and DRAM pay if this is the operand's tile in its memory on the chip;
        infinite where it does not fit [pJ].
    feed_pj
        (tiles,) what the array's own accesses cost if these are the innermost loops; infinite where
        they do not keep one operand in place [pJ].
    complete
        (tiles,) whether the tile sums over the whole reduction.
    input_bits, output_elements
        (tiles,) what the tile takes of the SRAM [bit, element].
    fixed_pj
        The part that no choice changes: MACs and the sums that they read and write [pJ].
    """

    edges: tuple[tuple[int, ...], ...]
    inside: NDArray[np.bool_]
    place: Ints
    weights_pj: Floats
    inputs_pj: Floats
    outputs_pj: Floats
    feed_pj: Floats
    complete: NDArray[np.bool_]
    input_bits: Ints
    output_elements: Ints
    fixed_pj: float


def edges_of(size: int, *, every: bool = False) -> tuple[int, ...]:
    """Edges of a loop of `size`: the smallest for each number of trips, or `every` whole number."""
    if every:
        return tuple(range(1, size + 1))
    return tuple(sorted({-(-size // trips) for trips in range(1, size + 1)}))


def lattice(layer: Layer, machine: ZigZagMachine, *, every_edge: bool = False) -> Lattice:
    """The tables of `layer` on `machine`."""
    whole = np.array(passes(layer, machine), np.int64)
    edges = tuple(edges_of(int(size), every=every_edge) for size in whole)
    table = np.zeros((len(edges), max(map(len, edges))), np.int64)
    for row, one in zip(table, edges, strict=True):
        row[: len(one)] = one
    counts = np.array([len(one) for one in edges], np.int64)
    place = np.stack(np.unravel_index(np.arange(counts.prod()), tuple(counts)), axis=1).astype(np.int64)
    tiles = np.take_along_axis(table.T, place, axis=0)
    memories = (machine.weight_register, machine.output_register, machine.sram, machine.dram)
    prices = np.array([(m.read_pj, m.write_pj) for m in memories])
    widths = np.array([(m.bits, m.narrow_bits, m.wide_bits) for m in memories], np.int64)
    bits = np.array([layer.weight_bits, layer.input_bits, layer.sum_bits, layer.output_bits], np.int64)
    axes = np.array([layer.window(0), layer.window(1)], np.int64)
    units = np.array(
        [used_pes(layer, machine), round(channels(layer, machine, "C")), round(channels(layer, machine, "K"))], np.int64
    )
    spread = np.array([layer.size("C") / whole[2], layer.size("K") / whole[1]])
    floats = np.empty((4, len(tiles)))
    whole_numbers = np.empty((2, len(tiles)), np.int64)
    complete = (tiles[:, [2, 5, 6]] == whole[[2, 5, 6]]).all(axis=1)
    _fill(tiles, complete, whole, prices, widths, bits, axes, units, spread, floats, whole_numbers)
    return Lattice(
        edges=edges,
        inside=_divides(table, counts, whole),
        place=place,
        weights_pj=floats[0],
        inputs_pj=floats[1],
        outputs_pj=floats[2],
        feed_pj=floats[3],
        complete=complete,
        input_bits=whole_numbers[0],
        output_elements=whole_numbers[1],
        fixed_pj=_fixed(layer, machine),
    )


def _fixed(layer: Layer, machine: ZigZagMachine) -> float:
    register, pes = machine.output_register, used_pes(layer, machine)
    adds = layer.size("C") * layer.size("FY") * layer.size("FX") > 1
    cycles = int(np.prod(passes(layer, machine), dtype=np.int64))
    words = cycles * pes * register.words(1, layer.register_bits)
    per_access = register.write_pj + (register.read_pj if adds else 0.0)
    return layer.macs * machine.mac_pj + register.accesses(words) * per_access


def _divides(table: Ints, counts: Ints, whole: Ints) -> NDArray[np.bool_]:
    """(7, edges, edges) whether an edge divides a later one or that one spans the loop."""
    small, large = table[:, :, None], table[:, None, :]
    real = np.arange(table.shape[1]) < counts[:, None]
    fits = (large % np.maximum(small, 1) == 0) | (large == whole[:, None, None])
    found: NDArray[np.bool_] = fits & (small <= large) & real[:, :, None] & real[:, None, :]
    return found


@njit
def _elements(kind: int, edge: Ints, axes: Ints, spread: Floats) -> int:
    """Elements of one tile: weights of a PE, inputs or outputs of the array."""
    if kind == 0:
        return int(edge[1] * edge[2] * edge[5] * edge[6])
    if kind == OUTPUTS:
        return int(np.rint(edge[0] * edge[1] * edge[3] * edge[4] * spread[1]))
    extent = edge[0] * edge[2]
    for axis in range(2):
        outputs, taps = edge[3 + axis], edge[5 + axis]
        again = max(0, outputs - axes[axis, 1]) * max(0, taps - axes[axis, 0])
        extent *= min(axes[axis, 2], outputs * taps - again)
    return int(np.rint(extent * spread[0]))


@njit
def _words(
    kind: int, touching: int, edge: Ints, whole: Ints, scale: int, bits: int, narrow: int, axes: Ints, spread: Floats
) -> int:
    """Narrow words of all tiles of `edge`; the last ones of cut loops have their own sizes."""
    cut, once = 0, 1
    for dim in range(7):
        if touching >> dim & 1:
            if whole[dim] % edge[dim]:
                cut |= 1 << dim
        else:
            once *= -(-whole[dim] // edge[dim])
    total, which = 0, cut
    tile = np.empty(7, np.int64)
    while True:  # every subset of the cut loops: those at their last trip
        times = once
        for dim in range(7):
            tile[dim] = edge[dim]
            if touching >> dim & 1:
                if which >> dim & 1:
                    tile[dim] = whole[dim] % edge[dim]
                else:
                    times *= whole[dim] // edge[dim]
        total += times * -(-_elements(kind, tile, axes, spread) * scale * bits // narrow)
        if which == 0:
            return int(total)
        which = (which - 1) & cut


@njit
def _energy(words: int, memory: int, action: int, prices: Floats, widths: Ints) -> float:
    """Price of `words` narrow words in whole accesses [pJ]; action 0 reads, 1 writes."""
    return float((words * widths[memory, 1] // widths[memory, 2]) * prices[memory, action])


@njit
def _feed(edge: Ints, complete: bool, whole: Ints, prices: Floats, widths: Ints, bits: Ints, units: Ints) -> float:
    """What the array's accesses cost if `edge` is the innermost block: it may keep one operand in place [pJ]."""
    shape, blocks, cycles = 0, 1, 1
    for dim in range(7):
        cycles *= whole[dim]
        blocks *= -(-whole[dim] // edge[dim])
        if edge[dim] > 1:
            shape |= 1 << dim
    keeps_weights = shape & ~REUSES_WEIGHTS == 0
    keeps_inputs = shape & ~REUSES_INPUTS == 0
    keeps_outputs = shape & ~REUSES_OUTPUTS == 0
    if not (keeps_weights or keeps_inputs or keeps_outputs):
        return np.inf
    reads = (blocks if keeps_weights else cycles) * -(-bits[0] // widths[0, 1]) * units[0]
    fed = (blocks if keeps_inputs else cycles) * -(-units[1] * bits[1] // widths[2, 1])
    drains = blocks if keeps_outputs else cycles
    width = bits[3] if complete else bits[2]
    handed = drains * -(-width // widths[1, 1]) * units[0]
    column = drains * -(-units[2] * width // widths[2, 1])
    total = _energy(reads, 0, 0, prices, widths) + _energy(fed, 2, 0, prices, widths)
    total += _energy(handed, 1, 0, prices, widths) + _energy(column, 2, 1, prices, widths)
    if not complete:
        total += _energy(handed, 1, 1, prices, widths) + _energy(column, 2, 0, prices, widths)
    return float(total)


@njit
def _fill(
    tiles: Ints,
    complete: NDArray[np.bool_],
    whole: Ints,
    prices: Floats,
    widths: Ints,
    bits: Ints,
    axes: Ints,
    units: Ints,
    spread: Floats,
    floats: Floats,
    whole_numbers: Ints,
) -> None:
    """The prices (weights, inputs, outputs, feed) and sizes (inputs [bit], outputs) of all tiles."""
    for i in range(len(tiles)):
        edge = tiles[i]
        floats[:, i] = np.inf
        if _elements(0, edge, axes, spread) * bits[0] <= widths[0, 0]:
            held = _words(0, WEIGHT_LOOPS, edge, whole, 1, bits[0], widths[0, 1], axes, spread) * units[0]
            read = _words(0, WEIGHT_LOOPS, edge, whole, units[0], bits[0], widths[3, 1], axes, spread)
            floats[0, i] = _energy(held, 0, 1, prices, widths) + _energy(read, 3, 0, prices, widths)
        whole_numbers[0, i] = _elements(INPUTS, edge, axes, spread) * bits[1]
        if whole_numbers[0, i] <= widths[2, 0]:
            held = _words(INPUTS, INPUT_LOOPS, edge, whole, 1, bits[1], widths[2, 1], axes, spread)
            read = _words(INPUTS, INPUT_LOOPS, edge, whole, 1, bits[1], widths[3, 1], axes, spread)
            floats[1, i] = _energy(held, 2, 1, prices, widths) + _energy(read, 3, 0, prices, widths)
        whole_numbers[1, i] = _elements(OUTPUTS, edge, axes, spread)
        if whole_numbers[1, i] * bits[3] <= widths[2, 0]:
            width = bits[3] if complete[i] else bits[2]
            held = _words(OUTPUTS, OUTPUT_LOOPS, edge, whole, 1, width, widths[2, 1], axes, spread)
            sent = _words(OUTPUTS, OUTPUT_LOOPS, edge, whole, 1, width, widths[3, 1], axes, spread)
            floats[2, i] = _energy(held, 2, 0, prices, widths) + _energy(sent, 3, 1, prices, widths)
            if not complete[i]:
                floats[2, i] += _energy(held, 2, 1, prices, widths) + _energy(sent, 3, 0, prices, widths)
        floats[3, i] = _feed(edge, complete[i], whole, prices, widths, bits, units)
