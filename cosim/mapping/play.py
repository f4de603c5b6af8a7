"""One tiling of one op, counted and replayed by compiled code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit
from cosim.mapping.kernel import count_moves, list_moves, list_outputs, merge, replay, tile_times

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Masks = NDArray[np.bool_]


@njit
def play(
    order: Ints, trips: Ints, cuts: Ints, levels: Ints, slots: Ints, classes: Ints, radix: Ints, table: Floats,
    sizes: Ints, reduces: Masks, axes: Ints, n_axes: Ints, terms: Ints, moves: Masks, slides: Masks, bits: Floats,
    stream_of: Ints, rates: Floats, latencies: Floats, ports: Ints, period: float,
) -> tuple[float, int, int, Ints]:  # fmt: skip
    """Latency [fs], traffic [byte], commands, and bytes that each operand (the output last) and the sums occupy.

    Parameters
    ----------
    levels, slots
        Of each operand; a level of -1: computed in place, shape (operands,).
    classes, radix, table
        Time of a tile by the classes of its sides [fs], see `tile_times`.
    axes, n_axes, terms
        Per operand its axes (size, offset, divisor, full, first term, stop) and terms (loop, step, moves).
    stream_of
        Stream of moves that each operand belongs to, shape (operands,).
    rates
        Per operand: time of a byte, and of a move's set-up, which overlaps its bytes [fs], shape (operands, 2).
    latencies, ports
        Per stream, until a move's data have arrived [fs], and a number that streams of one port share, shape (streams,).
    period
        Of the engine's clock [fs].
    """
    n = len(levels)
    n_streams = len(latencies)
    tiles = tile_times(order, trips, classes, radix, table)
    n_tiles = len(tiles)
    demand = np.zeros(n + 1, np.int64)
    traffic, commands, room = 0, n_tiles, 0
    for i in range(n - 1):
        if levels[i] >= 0:
            room += count_moves(order, trips, moves[i], levels[i])
    firsts, gates = np.empty(room, np.int64), np.empty(room, np.int64)
    times, setups = np.empty(room), np.empty(room)
    stops = np.zeros(n, np.int64)
    held = 0
    for i in range(n - 1):
        if levels[i] >= 0:
            first, gate, n_bytes, largest, used = list_moves(
                order, trips, cuts, sizes, axes[i], terms[i], n_axes[i], moves[i], slides[i], bits[i], levels[i], slots[i]
            )  # fmt: skip
            for j in range(len(first)):
                firsts[held], gates[held] = first[j], gate[j]
                times[held], setups[held] = n_bytes[j] * rates[i, 0], rates[i, 1]
                traffic += n_bytes[j]
                held += 1
            demand[i] = (largest + 63) // 64 * 64 * used
        stops[i] = held
    commands += held
    out = n - 1
    ends, elements, open_sums = list_outputs(order, trips, cuts, sizes, axes[out], terms[out], n_axes[out], reduces)
    most = 0
    for j in range(len(ends)):
        most = max(most, elements[j])
    demand[n] = (4 * most + 63) // 64 * 64 * max(open_sums, 1)
    needs = np.zeros((n_streams, n_tiles), np.int64)
    queued = held + len(ends)
    all_gates, all_times, all_setups = np.empty(queued, np.int64), np.empty(queued), np.empty(queued)
    starts, counts = np.zeros(n_streams, np.int64), np.zeros(n_streams, np.int64)
    place = 0
    for s in range(n_streams):
        starts[s] = place
        if levels[out] >= 0 and stream_of[out] == s:
            used = min(slots[out], len(ends))
            for j in range(len(ends)):
                stored = int(np.ceil(elements[j] * bits[out] / 8))
                all_gates[place] = ends[j]
                all_times[place], all_setups[place] = stored * rates[out, 0], rates[out, 1]
                traffic += stored
                place += 1
                if j >= used:
                    needs[s, ends[j]] = j + 1 - used
            demand[out] = (int(np.ceil(most * bits[out] / 8)) + 63) // 64 * 64 * used
            commands += len(ends)
        else:
            place = merge(
                s, stream_of, firsts, gates, times, setups, stops, n_tiles, needs[s], all_gates, all_times, all_setups, place
            )  # fmt: skip
        counts[s] = place - starts[s]
    latency = replay(tiles, all_times, all_setups, all_gates, starts, counts, latencies, needs, ports, period)
    return latency, traffic, commands, demand
