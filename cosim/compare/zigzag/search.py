"""The loop nest of least energy under ZigZag's ruler, over more nests than orders of prime factors give.

A nest is a chain of tiles, each inside the next: the block that an output register sums up (or that keeps weights or
inputs in place at the array), and the tiles of the weight register, of the inputs and of the outputs in the SRAM, in
any order. What each costs depends on its own tile alone (see `lattice`), and only inputs and outputs share a memory;
so the chain of least cost is found by going through pairs of those, cheapest first, until none can be better (see
`chains`). It is the least of all chains, not a heuristic's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.compare.zigzag.chains import (
    completed,
    least_above,
    least_below,
    pairs_around_block,
    pairs_below_block,
)
from cosim.compare.zigzag.lattice import Floats, Ints, Lattice, lattice
from cosim.compare.zigzag.layer import DIMS, Layer
from cosim.compare.zigzag.machine import TPU_LIKE, ZigZagMachine
from cosim.compare.zigzag.nest import Inside, Loop, LoopNest
from cosim.compare.zigzag.ruler import Breakdown, energy
from cosim.errors import InfeasibleError, UnsupportedError


@dataclass(frozen=True)
class Optimum:
    """The nest of least energy, its energy, and how many tiles per memory the search chose from."""

    nest: LoopNest
    breakdown: Breakdown
    tiles: int

    @property
    def energy_pj(self) -> float:
        """Whole energy [pJ]."""
        return self.breakdown.total_pj


@dataclass(frozen=True)
class Chain:
    """Indices of the chosen tiles and what the chain costs [pJ], without the fixed part."""

    cost_pj: float
    block: int
    weights: int
    inputs: int
    outputs: int


def best_energy(layer: Layer, machine: ZigZagMachine = TPU_LIKE, *, every_edge: bool = False) -> Optimum:
    """The nest of `layer` on `machine` that takes least energy by `ruler.energy`.

    Parameters
    ----------
    layer, machine
        What is computed, and where.
    every_edge
        Try every whole edge of a tile, not only the smallest for each number of trips. Slow for large layers; what it
        may gain are single words of blocks that do not fill theirs.

    Raises
    ------
    UnsupportedError
        An output register that does not hold exactly one output.
    InfeasibleError
        No tile fits.
    """
    if machine.output_register.bits // layer.register_bits != 1:
        raise UnsupportedError(
            f"an output register of {machine.output_register.bits} bit for outputs of {layer.register_bits} bit",
            where=f"layer {layer.name!r}",
            allowed="a register of one output; outputs that sum nothing up are narrower than sums",
            fix="price nests of your own with `ruler.energy`",
        )
    tiles = lattice(layer, machine, every_edge=every_edge)
    chain = best_chain(tiles, layer, machine)
    if chain is None:
        raise InfeasibleError(
            f"no tile fits: {machine.weight_register.bits} bit per weight register, {machine.sram.bits} bit of SRAM",
            where=f"layer {layer.name!r}",
            allowed="one weight per PE, and the inputs and outputs of one pass of the array",
            fix="give the machine larger memories",
        )
    nest = nest_of(chain, tiles, layer, machine)
    return Optimum(nest, energy(nest), len(tiles.place))


def best_chain(tiles: Lattice, layer: Layer, machine: ZigZagMachine) -> Chain | None:
    """The chain of least cost, or None if none is legal.

    Sums of `sum_bits` go through the SRAM unless the block sums everything up; then outputs do, which are smaller:
    both cases are searched.
    """
    best: Chain | None = None
    for feed, width in (
        (tiles.feed_pj, layer.sum_bits),
        (np.where(tiles.complete, tiles.feed_pj, np.inf), layer.output_bits),
    ):
        for inputs_inside in (True, False):
            limit = np.inf if best is None else best.cost_pj
            low = (tiles.inputs_pj, tiles.input_bits)
            high = (tiles.outputs_pj, tiles.output_elements * width)
            found = _best_pair(tiles, feed, *((low, high) if inputs_inside else (high, low)), machine.sram.bits, limit)
            if found is not None:
                cost, lower, upper, block, weights = found
                inputs, outputs = (lower, upper) if inputs_inside else (upper, lower)
                best = Chain(cost, block, weights, inputs, outputs)
    return best


def _best_pair(
    tiles: Lattice, feed: Floats, low: tuple[Floats, Ints], high: tuple[Floats, Ints], room: int, limit: float
) -> tuple[float, int, int, int, int] | None:
    """Cost, low, high, block and weight tile of the best chain below `limit`; `low` and `high`: prices, bits."""
    nested, weights = (tiles.place, tiles.inside), tiles.weights_pj
    block_below = least_below(feed, *nested)
    weights_below, weights_above = least_below(weights, *nested), least_above(weights, *nested)
    both_below = least_below(np.minimum(weights + block_below, feed + weights_below), *nested)
    bound = low[0] + np.minimum(both_below, block_below + weights_above)
    highs = _cheapest_first(high[0])
    taken = (low[0], high[0], low[1], high[1], room)
    cost, lower, upper = pairs_around_block(
        _cheapest_first(bound), bound, highs, *taken, both_below, block_below, weights_above, weights, *nested, limit
    )
    pure = np.flatnonzero(np.isfinite(tiles.feed_pj))  # blocks, and with each all tiles inside it
    blocks = pure[np.argsort(feed[pure], kind="stable")]
    lows = pure[np.argsort(low[0][pure], kind="stable")]
    cost, lower_still, upper_still = pairs_below_block(
        blocks, lows, highs, feed, *taken, weights_below, weights_above, weights, *nested, cost
    )
    if lower_still >= 0:
        lower, upper = lower_still, upper_still
    if lower < 0:
        return None
    order = np.argsort(weights, kind="stable")
    block, tile = completed(lower, upper, blocks, order, feed, weights, *nested)
    return cost, int(lower), int(upper), int(block), int(tile)


def _cheapest_first(cost: Floats) -> Ints:
    """(tiles,) order of ascending cost, larger tiles before smaller ones of equal cost."""
    order: Ints = len(cost) - 1 - np.argsort(cost[::-1], kind="stable")
    return order


def nest_of(chain: Chain, tiles: Lattice, layer: Layer, machine: ZigZagMachine) -> LoopNest:
    """The loops between the tiles of `chain`, innermost first."""
    last = len(tiles.place) - 1
    order = sorted(
        {chain.block, chain.weights, chain.inputs, chain.outputs, last},
        key=lambda tile: (int(tiles.place[tile].sum()), tile),
    )
    edge = [1] * len(DIMS)
    loops: list[Loop] = []
    reached: dict[int, int] = {}
    for tile in order:
        for dim in (6, 5, 2, 4, 3, 0, 1):  # reductions first, then positions, then output channels
            wanted = tiles.edges[dim][tiles.place[tile, dim]]
            if wanted > edge[dim]:
                loops.append(Loop(DIMS[dim], -(-wanted // edge[dim])))
                edge[dim] = wanted
        reached[tile] = len(loops)
    sums_up = all(tiles.place[chain.block, dim] == 0 for dim in range(len(DIMS)) if DIMS[dim] not in ("C", "FY", "FX"))
    register = reached[chain.block] if sums_up else 0
    # An outputs' tile inside the block is moved no more often than the block's sums are.
    sram = max(register, reached[chain.outputs])
    inside = Inside(reached[chain.weights], reached[chain.inputs], register, sram)
    return LoopNest(layer, machine, tuple(loops), inside)
