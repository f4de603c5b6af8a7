"""One tiling of one op, counted and replayed by compiled code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit
from cosim.mapping.kernel import list_moves, list_outputs, merge, replay, tile_times

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
    traffic, commands = 0, n_tiles
    firsts = np.empty(0, np.int64)
    gates = np.empty(0, np.int64)
    times = np.empty(0)
    stops = np.zeros(n, np.int64)
    for i in range(n - 1):
        if levels[i] >= 0:
            first, gate, n_bytes, largest, used = list_moves(
                order, trips, cuts, sizes, axes[i], terms[i], n_axes[i], moves[i], slides[i], bits[i], levels[i], slots[i]
            )  # fmt: skip
            rate = rates[i]
            firsts = np.concatenate((firsts, first))
            gates = np.concatenate((gates, gate))
            times = np.concatenate((times, np.ceil(n_bytes * rate[0])))
            demand[i] = (largest + 63) // 64 * 64 * used
            traffic += n_bytes.sum()
            commands += len(first)
        stops[i] = len(firsts)
    out = n - 1
    ends, elements, open_sums = list_outputs(order, trips, cuts, sizes, axes[out], terms[out], n_axes[out], reduces)
    most = elements.max()
    demand[n] = (4 * most + 63) // 64 * 64 * max(open_sums, 1)
    needs = np.zeros((n_streams, n_tiles), np.int64)
    all_gates = np.empty(0, np.int64)
    all_times = np.empty(0)
    all_setups = np.empty(0)
    counts = np.zeros(n_streams, np.int64)
    for s in range(n_streams):
        members = np.array([i for i in range(n - 1) if levels[i] >= 0 and stream_of[i] == s], np.int64)
        if len(members):
            gate, time, setup, need = merge(firsts, gates, times, rates[:, 1], members, stops, n_tiles)
            needs[s] = need
        elif levels[out] >= 0 and stream_of[out] == s:
            n_bytes = np.ceil(elements * bits[out] / 8).astype(np.int64)
            gate = ends
            time = np.ceil(n_bytes * rates[out, 0])
            setup = np.full(len(ends), rates[out, 1])
            used = min(slots[out], len(ends))
            for j in range(used, len(ends)):
                needs[s, ends[j]] = j + 1 - used
            demand[out] = (n_bytes.max() + 63) // 64 * 64 * used
            traffic += n_bytes.sum()
            commands += len(ends)
        else:
            continue
        counts[s] = len(gate)
        all_gates = np.concatenate((all_gates, gate))
        all_times = np.concatenate((all_times, time))
        all_setups = np.concatenate((all_setups, setup))
    starts = np.cumsum(counts) - counts
    latency = replay(tiles, all_times, all_setups, all_gates, starts, counts, latencies, needs, ports, period)
    return latency, traffic, commands, demand
