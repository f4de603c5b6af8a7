"""Search for the cheapest chain of tiles, as compiled functions over the tables of a `Lattice`.

A chain has four tiles, any two of which lie one inside the other: the inputs' and the outputs' tile in the SRAM (the
smaller is `low`, the larger `high`), the weight register's, and the block, which is what an output register sums up
or what keeps weights or inputs in place at the array. Only `low` and `high` share a memory, so the search goes
through their pairs and takes the best of the other two from tables of least costs inside or around a tile.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.compare.zigzag.lattice import Floats, Ints
from cosim.jit import njit

Flags = NDArray[np.bool_]
LESS = 1 - 1e-12  # sums of the same parts in another order are no gain


@njit
def strides_of(place: Ints) -> Ints:
    """(7,) how far apart two tiles are whose index in one loop differs by one."""
    strides = np.ones(7, np.int64)
    for dim in range(5, -1, -1):
        strides[dim] = strides[dim + 1] * (place[-1, dim + 1] + 1)
    return strides


@njit
def least_below(cost: Floats, place: Ints, inside: Flags) -> Floats:
    """(tiles,) the least cost of all tiles inside each tile, itself included."""
    least, strides = cost.copy(), strides_of(place)
    for dim in range(7):
        for i in range(len(least) - 1, -1, -1):  # from the largest, so that smaller ones are not yet changed
            at = place[i, dim]
            for small in range(at):
                if inside[dim, small, at]:
                    least[i] = min(least[i], least[i - (at - small) * strides[dim]])
    return least


@njit
def least_above(cost: Floats, place: Ints, inside: Flags) -> Floats:
    """(tiles,) the least cost of all tiles that each tile lies inside of, itself included."""
    least, strides = cost.copy(), strides_of(place)
    for dim in range(7):
        for i in range(len(least)):
            at = place[i, dim]
            for large in range(at + 1, place[-1, dim] + 1):
                if inside[dim, at, large]:
                    least[i] = min(least[i], least[i + (large - at) * strides[dim]])
    return least


@njit
def is_inside(low: int, high: int, place: Ints, inside: Flags) -> bool:
    """Whether tile `low` lies inside tile `high`."""
    for dim in range(7):  # noqa: SIM110 - numba compiles no generators
        if not inside[dim, place[low, dim], place[high, dim]]:
            return False
    return True


@njit
def least_between(low: int, high: int, cost: Floats, place: Ints, inside: Flags, strides: Ints) -> float:
    """The least cost of the tiles between two tiles, both included."""
    at = place[low].copy()
    tile, least = low, cost[low]
    while True:
        dim = 6
        while dim >= 0:  # the next tile, as an odometer that skips edges that do not lie between
            step = at[dim] + 1
            while step <= place[high, dim] and not (
                inside[dim, place[low, dim], step] and inside[dim, step, place[high, dim]]
            ):
                step += 1
            if step <= place[high, dim]:
                tile += (step - at[dim]) * strides[dim]
                at[dim] = step
                break
            tile -= (at[dim] - place[low, dim]) * strides[dim]
            at[dim] = place[low, dim]
            dim -= 1
        if dim < 0:
            return float(least)
        least = min(least, cost[tile])


@njit
def pairs_around_block(
    lows: Ints,
    bound: Floats,
    highs: Ints,
    low_cost: Floats,
    high_cost: Floats,
    low_bits: Ints,
    high_bits: Ints,
    room: int,
    both_below: Floats,
    block_below: Floats,
    weights_above: Floats,
    weights: Floats,
    place: Ints,
    inside: Flags,
    best: float,
) -> tuple[float, int, int]:
    """The pair of least total cost below `best` if the block lies inside both: cost, low, high; or -1, -1.

    `lows` in the order of `bound`, a bound on all that depends on low; `highs` in the order of their cost.
    `both_below`: weights and block, both inside low.
    """
    strides = strides_of(place)
    found = (-1, -1)
    limit = best * LESS
    for low in lows:
        if not bound[low] + high_cost[highs[0]] < limit:
            break
        for high in highs:
            if not bound[low] + high_cost[high] < limit:
                break
            if low_bits[low] + high_bits[high] > room or not is_inside(low, high, place, inside):
                continue
            pair = low_cost[low] + high_cost[high]
            rest = min(both_below[low], block_below[low] + weights_above[high])
            if pair + min(rest, block_below[low] + weights_above[low]) < limit:
                rest = min(rest, block_below[low] + least_between(low, high, weights, place, inside, strides))
            if pair + rest < limit:
                best, found = pair + rest, (low, high)
                limit = best * LESS
    return best, found[0], found[1]


@njit
def pairs_below_block(
    blocks: Ints,
    lows: Ints,
    highs: Ints,
    feed: Floats,
    low_cost: Floats,
    high_cost: Floats,
    low_bits: Ints,
    high_bits: Ints,
    room: int,
    weights_below: Floats,
    weights_above: Floats,
    weights: Floats,
    place: Ints,
    inside: Flags,
    best: float,
) -> tuple[float, int, int]:
    """The pair of least total cost below `best` if low lies inside the block: cost, low, high; or -1, -1.

    `blocks`, `lows` and `highs` in the order of their costs; `lows` need hold no more than parts of blocks.
    """
    strides = strides_of(place)
    found = (-1, -1)
    limit = best * LESS
    least_weights = weights.min()
    for block in blocks:
        so_far = feed[block] + least_weights
        if not so_far + low_cost[lows[0]] + high_cost[highs[0]] < limit:
            break
        for low in lows:
            if not so_far + low_cost[low] + high_cost[highs[0]] < limit:
                break
            if low == block or not is_inside(low, block, place, inside):
                continue
            for high in highs:
                if not so_far + low_cost[low] + high_cost[high] < limit:
                    break
                if low_bits[low] + high_bits[high] > room:
                    continue
                middle, top = block, high
                if not is_inside(block, high, place, inside):
                    if not (is_inside(low, high, place, inside) and is_inside(high, block, place, inside)):
                        continue
                    middle, top = high, block
                rest = min(weights_below[low], weights_above[top])
                rest = min(rest, least_between(low, middle, weights, place, inside, strides))
                rest = min(rest, least_between(middle, top, weights, place, inside, strides))
                cost = feed[block] + low_cost[low] + high_cost[high] + rest
                if cost < limit:
                    best, found = cost, (low, high)
                    limit = best * LESS
    return best, found[0], found[1]


@njit
def completed(
    low: int, high: int, blocks: Ints, order: Ints, feed: Floats, weights: Floats, place: Ints, inside: Flags
) -> tuple[int, int]:
    """The block and the weight tile of least cost that go with a pair; `blocks`, `order` by their costs."""
    best, limit = np.inf, np.inf
    answer = (-1, -1)
    for block in blocks:
        if not feed[block] + weights[order[0]] < limit:
            break
        if not (_are_nested(block, low, place, inside) and _are_nested(block, high, place, inside)):
            continue
        for tile in order:
            if not feed[block] + weights[tile] < limit:
                break
            if (
                _are_nested(tile, block, place, inside)
                and _are_nested(tile, low, place, inside)
                and _are_nested(tile, high, place, inside)
            ):
                best, answer = feed[block] + weights[tile], (block, tile)
                limit = best * LESS
                break
    return answer


@njit
def _are_nested(one: int, other: int, place: Ints, inside: Flags) -> bool:
    return bool(is_inside(one, other, place, inside) or is_inside(other, one, place, inside))
