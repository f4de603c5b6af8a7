"""The moves and tiles of one op, made and replayed by compiled code: the same as `sets`, `sums` and the Program hold.

Every array that describes operands has one row per operand, the output last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Masks = NDArray[np.bool_]
SLACK = 1e-7  # of a clock period, by which a sum of floats may miss an edge


@njit
def strides_of(order: Ints, trips: Ints) -> Ints:
    """Tiles that pass between two neighbours along each loop."""
    strides = np.ones(len(order), np.int64)
    inner = 1
    for place in range(len(order) - 1, -1, -1):
        loop = order[place]
        strides[loop] = inner
        inner *= trips[loop]
    return strides


@njit
def key_loops(order: Ints, trips: Ints, moves: Masks, level: int) -> tuple[Ints, int]:
    """Loops that number the moves of an operand, outermost first, and how many of them number its sets."""
    last = -1
    for place in range(min(level, len(order))):
        if moves[order[place]] and trips[order[place]] > 1:
            last = place
    keys = np.empty(len(order), np.int64)
    n = 0
    for place in range(last + 1):
        keys[n] = order[place]
        n += 1
    outer = n
    for place in range(level, len(order)):
        if moves[order[place]]:
            keys[n] = order[place]
            n += 1
    return keys[:n], outer


@njit
def volume_at(
    index: Ints, whole: Masks, trimmed: Masks, cuts: Ints, sizes: Ints, axes: Ints, terms: Ints, n_axes: int
) -> int:
    """Elements of an operand's box for the tile at `index`.

    Loops in `whole` are taken from end to end; along an axis moved by one loop of `trimmed`, what the tile before it
    has brought already is left out.
    """
    total = 1
    for a in range(n_axes):
        size, offset, divisor, full, first, stop = axes[a]
        if full:
            total *= size
            continue
        low, high = offset, offset
        single, movers = -1, 0
        for t in range(first, stop):
            loop, step, is_mover = terms[t]
            if whole[loop]:
                high += step * (sizes[loop] - 1)
            else:
                low += step * cuts[loop, index[loop]]
                high += step * (cuts[loop, index[loop] + 1] - 1)
            if is_mover:
                movers += 1
                single = t
        if divisor != 1:
            low, high = -(-low // divisor), high // divisor
        high += 1
        if movers == 1:
            loop, step, _ = terms[single]
            if trimmed[loop] and index[loop] > 0:
                before = step * (cuts[loop, index[loop]] - cuts[loop, index[loop] + 1])
                covered = high + before if divisor == 1 else low
                if divisor != 1:
                    covered = _high_before(index, whole, cuts, sizes, terms, first, stop, offset, divisor, loop)
                low = max(low, covered)
        total *= max(min(high, size) - max(low, 0), 0)
    return total


@njit
def _high_before(
    index: Ints, whole: Masks, cuts: Ints, sizes: Ints, terms: Ints, first: int, stop: int, offset: int, divisor: int,
    moved: int,
) -> int:  # fmt: skip
    """Upper end of the box of the tile before, along one axis with a divisor."""
    high = offset
    for t in range(first, stop):
        loop, step, _ = terms[t]
        if whole[loop]:
            high += step * (sizes[loop] - 1)
        elif loop == moved:
            high += step * (cuts[loop, index[loop]] - 1)
        else:
            high += step * (cuts[loop, index[loop] + 1] - 1)
    return high // divisor + 1


@njit
def count_moves(order: Ints, trips: Ints, moves: Masks, level: int) -> int:
    """Moves of an operand, empty ones included."""
    keys, _ = key_loops(order, trips, moves, level)
    n = 1
    for loop in keys:
        n *= trips[loop]
    return n


@njit
def list_moves(
    order: Ints, trips: Ints, cuts: Ints, sizes: Ints, axes: Ints, terms: Ints, n_axes: int, moves: Masks,
    slides: Masks, bits: float, level: int, slots: int,
) -> tuple[Ints, Ints, Ints, int, int]:  # fmt: skip
    """First tile, gate and bytes of every move of an operand, bytes of its largest set, and slots in use."""
    n_loops = len(order)
    strides = strides_of(order, trips)
    keys, outer = key_loops(order, trips, moves, level)
    n_sets, pieces = 1, 1
    for k in range(len(keys)):
        if k < outer:
            n_sets *= trips[keys[k]]
        else:
            pieces *= trips[keys[k]]
    rest = 0  # tiles from the first to the last use of a piece
    inner_rest = 0  # and of a set
    is_key = np.zeros(n_loops, np.bool_)
    for loop in keys:
        is_key[loop] = True
    for loop in range(n_loops):
        if not is_key[loop]:
            rest += (trips[loop] - 1) * strides[loop]
    for k in range(outer, len(keys)):
        inner_rest += (trips[keys[k]] - 1) * strides[keys[k]]
    slots = min(slots, n_sets)
    whole, set_whole = np.zeros(n_loops, np.bool_), np.zeros(n_loops, np.bool_)
    trimmed = np.zeros(n_loops, np.bool_)
    for loop in range(n_loops):
        whole[loop] = set_whole[loop] = slides[loop]
    for k in range(outer, len(keys)):
        set_whole[keys[k]] = True
        trimmed[keys[k]] = True
    never = np.zeros(n_loops, np.bool_)
    n = n_sets * pieces
    first = np.empty(n, np.int64)
    n_bytes = np.empty(n, np.int64)
    index = np.zeros(n_loops, np.int64)
    largest = 0
    for number in range(n):
        left, tile = number, 0
        for k in range(len(keys) - 1, -1, -1):
            index[keys[k]] = left % trips[keys[k]]
            left //= trips[keys[k]]
            tile += index[keys[k]] * strides[keys[k]]
        first[number] = tile
        elements = volume_at(index, whole, trimmed, cuts, sizes, axes, terms, n_axes)
        n_bytes[number] = int(np.ceil(elements * bits / 8))
        if number % pieces == 0:
            elements = volume_at(index, set_whole, never, cuts, sizes, axes, terms, n_axes)
            largest = max(largest, int(np.ceil(elements * bits / 8)))
    gate = np.empty(n, np.int64)
    for number in range(n):
        owner = number // pieces
        gate[number] = -1
        if owner >= slots:
            gate[number] = first[(owner - slots) * pieces] + inner_rest + rest
    kept = 0
    for number in range(n):
        if n_bytes[number] > 0:
            first[kept], gate[kept], n_bytes[kept] = first[number], gate[number], n_bytes[number]
            kept += 1
    return first[:kept], gate[:kept], n_bytes[:kept], largest, slots


@njit
def list_outputs(
    order: Ints, trips: Ints, cuts: Ints, sizes: Ints, axes: Ints, terms: Ints, n_axes: int, reduces: Masks
) -> tuple[Ints, Ints, int]:
    """Tile that ends each output, its elements, and outputs whose sums are open at once (0: none are kept)."""
    n_loops = len(order)
    strides = strides_of(order, trips)
    keys = np.empty(n_loops, np.int64)
    n, rest, slots, cut = 0, 0, 1, False
    for place in range(n_loops):
        loop = order[place]
        if reduces[loop]:
            rest += (trips[loop] - 1) * strides[loop]
            cut |= trips[loop] > 1
        else:
            keys[n] = loop
            n += 1
            if cut:
                slots *= trips[loop]
    count = 1
    for k in range(n):
        count *= trips[keys[k]]
    ends = np.empty(count, np.int64)
    elements = np.empty(count, np.int64)
    index = np.zeros(n_loops, np.int64)
    nothing = np.zeros(n_loops, np.bool_)
    for number in range(count):
        left, tile = number, rest
        for k in range(n - 1, -1, -1):
            index[keys[k]] = left % trips[keys[k]]
            left //= trips[keys[k]]
            tile += index[keys[k]] * strides[keys[k]]
        ends[number] = tile
        elements[number] = volume_at(index, nothing, nothing, cuts, sizes, axes, terms, n_axes)
    return ends, elements, slots if cut else 0


@njit
def tile_times(order: Ints, trips: Ints, classes: Ints, radix: Ints, table: Floats) -> Floats:
    """Time of every tile from the sizes of its sides: `classes[loop, i]` is the class of the i-th tile along a loop."""
    n_tiles = 1
    for loop in range(len(order)):
        n_tiles *= trips[loop]
    times = np.empty(n_tiles)
    index = np.zeros(len(order), np.int64)
    for tile in range(n_tiles):
        place = 0
        for loop in range(len(order)):
            place += classes[loop, index[loop]] * radix[loop]
        times[tile] = table[place]
        for position in range(len(order) - 1, -1, -1):
            loop = order[position]
            index[loop] += 1
            if index[loop] < trips[loop]:
                break
            index[loop] = 0
    return times


@njit
def merge(
    stream: int, stream_of: Ints, firsts: Ints, gates: Ints, times: Floats, setups: Floats, stops: Ints, n_tiles: int,
    need: Ints, gates_out: Ints, times_out: Floats, setups_out: Floats, place: int,
) -> int:  # fmt: skip
    """Write the moves of one stream as one queue from `place` on; return the place after them.

    `need` becomes how many of them must have arrived before each tile.
    """
    fill = np.zeros(n_tiles + 1, np.int64)
    for operand in range(len(stops) - 1):
        if stream_of[operand] == stream:
            for i in range(stops[operand - 1] if operand else 0, stops[operand]):
                fill[firsts[i] + 1] += 1
    for tile in range(n_tiles):
        fill[tile + 1] += fill[tile]
        need[tile] = fill[tile + 1]
    total = int(fill[n_tiles])
    for operand in range(len(stops) - 1):
        if stream_of[operand] == stream:
            for i in range(stops[operand - 1] if operand else 0, stops[operand]):
                at = place + fill[firsts[i]]
                gates_out[at], times_out[at], setups_out[at] = gates[i], times[i], setups[i]
                fill[firsts[i]] += 1
    return place + total


@njit
def replay(
    tiles: Floats, times: Floats, setups: Floats, gates: Ints, starts: Ints, counts: Ints, latency: Floats, needs: Ints,
    ports: Ints, period: float,
) -> float:  # fmt: skip
    """Time from the first move to the last event.

    Stream s owns the moves ``starts[s] : starts[s] + counts[s]``: each starts when the one before has left the path
    and is set up, and tile ``gates[move]`` is done; it has arrived ``latency[s]`` after it has left the path, but not
    before it is set up. A tile starts when ``needs[s, tile]`` moves of every stream have arrived. Tiles, and moves with
    a set-up, start at an edge of the clock. Streams with the same number in `ports` share one port: each gets an equal
    part of it while several move, where the timers let them take turns unit by unit.
    """
    n_streams, n_tiles = len(counts), len(tiles)
    arrived = np.zeros(len(times))
    done = np.zeros(n_streams, np.int64)
    left = np.full(n_streams, -1.0)
    ready_at = np.zeros(n_streams)  # when the newest move is set up
    moving = np.zeros(n_streams, np.int64)  # by port
    now, tile, ends, last = 0.0, 0, -1.0, 0.0
    while True:
        moving[:] = 0
        after = np.inf
        for s in range(n_streams):
            move = starts[s] + done[s]
            if left[s] < 0.0 and done[s] < counts[s] and gates[move] < tile:
                start = max(now, ready_at[s])
                if setups[move] > 0.0:
                    start = np.ceil(start / period - SLACK) * period
                if start <= now:
                    left[s] = times[move]
                    ready_at[s] = now + setups[move]
                else:
                    after = min(after, start)
            if left[s] >= 0.0:
                moving[ports[s]] += 1
        if ends < 0.0 and tile < n_tiles:
            ready = now
            for s in range(n_streams):
                need = needs[s, tile]
                if need > done[s]:
                    ready = np.inf
                elif need > 0:
                    ready = max(ready, arrived[starts[s] + need - 1])
            if ready < np.inf:
                ready = np.ceil(ready / period - SLACK) * period
            if ready <= now:
                ends = now + tiles[tile]
            else:
                after = min(after, ready)
        for s in range(n_streams):
            if left[s] >= 0.0:
                after = min(after, now + left[s] * moving[ports[s]])
        if ends >= 0.0:
            after = min(after, ends)
        if after == np.inf:
            return last
        for s in range(n_streams):
            if left[s] >= 0.0:
                left[s] -= (after - now) / moving[ports[s]]
                if left[s] <= 0.5:
                    left[s] = -1.0
                    arrived[starts[s] + done[s]] = max(after + latency[s], ready_at[s])
                    last = max(last, arrived[starts[s] + done[s]])
                    done[s] += 1
        now = after
        if ends >= 0.0 and ends <= now:
            ends = -1.0
            tile += 1
            last = max(last, now)
