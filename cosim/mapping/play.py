"""One tiling of one op, counted and replayed by compiled code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.jit import njit
from cosim.mapping.listing import Loops, Operands, Scratch, all_tiles, bytes_of, list_moves, list_outputs, list_tiles
from cosim.mapping.replay import NEVER, STATE, Moves, Tiles, replay, steady

Ints = NDArray[np.int64]
Masks = NDArray[np.bool_]
IRREGULAR = -2
MOST_ROUNDS = 4  # after which a loop that is played in part must repeat itself
LAG = 2  # a load waits for the one this many places before it, where another queue moves that; as in `OpEmission`


@njit
def play(
    order: Ints, trips: Ints, grid: Ints, folded: int, fold_at: int, more: int, holds: Ints, radix: Ints, table: Ints,
    limit: int, sizes: Ints, reduces: Masks, axes: Ints, n_axes: Ints, terms: Ints, moving: Masks, slides: Masks,
    bits: NDArray[np.float64], queue_of: Ints, lanes: NDArray[np.void], on_path: Ints, rates: Ints, is_paced: bool,
    is_serial: bool,
) -> tuple[int, int, Ints, Ints, Ints, Ints, int]:  # fmt: skip
    """Latency [fs], commands, bytes of memory, bytes moved, those of them that were played, busy time [fs], and effort.

    The bytes of memory are those that each operand (the output last) and the sums occupy, shape (operands + 1,); the
    bytes moved are those of each operand; the busy time is that of each queue; the effort is the
    number of things done on the way. The latency is -1 where it surely exceeds
    `limit` (all else may then be 0), and `IRREGULAR` where a folded loop is not as regular as it looks.

    Parameters
    ----------
    order, trips, folded, fold_at, more, sizes
        See `Loops`.
    grid
        Low and high ends of the tiles along each loop, and their kinds, shape (3, loops, tiles).
    holds
        Level (-1: computed in place) and slots of each operand, shape (operands, 2).
    radix, table
        Time of a tile [fs] and bytes that cross its engine's path by the kinds of its sides, see `list_tiles`.
    axes, n_axes, terms, moving, slides, bits
        See `Operands`.
    queue_of
        Queue that moves each operand: those of loads, then that of stores; shape (operands,).
    lanes, on_path, rates, is_serial
        See `replay`.
    is_paced
        Loads of several queues keep the order of need.
    """
    loops = Loops(order, trips, np.empty(len(order), np.int64), grid[0], grid[1], sizes, folded, fold_at, more)
    data = Operands(axes, n_axes, terms, moving, slides, bits)
    n, n_loops = len(holds), len(order)
    out, n_queues = n - 1, len(lanes)
    demand, moved, played = (np.zeros(n + 1, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64))
    busy = np.zeros(n_queues, np.int64)
    most_slots = 1
    for i in range(n):
        most_slots = max(most_slots, holds[i, 1])
    room = Scratch(
        np.zeros(n_loops, np.int64), np.zeros(n_loops, np.int64), np.zeros(n_loops, np.bool_), np.zeros(n_loops, np.bool_),
        np.zeros(n_loops, np.bool_), np.zeros(axes.shape[1], np.int64), np.zeros(axes.shape[1], np.int64),
        np.zeros(most_slots, np.int64),
    )  # fmt: skip
    n_tiles, n_outputs = 1, 1
    for at in range(n_loops - 1, -1, -1):
        loop = order[at]
        loops.strides[loop] = n_tiles
        n_tiles *= trips[loop]
        n_outputs *= 1 if reduces[loop] else trips[loop]
    tiles = np.empty((n_tiles, 2), np.int64)
    work = list_tiles(loops, grid[2], radix, table, room, tiles)
    if work > limit:
        return -1, 0, demand, moved, played, busy, n_tiles
    ends, elements = np.empty(n_outputs, np.int64), np.empty(n_outputs, np.int64)
    most, open_sums, stored, n_stores = list_outputs(data, loops, reduces, room, ends, elements)
    commands = all_tiles(loops)
    demand[n] = (4 * most + 63) // 64 * 64 * max(open_sums, 1)
    space = 0
    for i in range(out):
        count = 1 if holds[i, 0] >= 0 else 0
        for at in range(n_loops):
            if at < holds[i, 0] or moving[i, order[at]]:
                count *= trips[order[at]]
        space += count
    first, gate, size = (np.empty(space, np.int64), np.empty(space, np.int64), np.empty(space, np.int64))
    stops, begins = np.zeros(n + 1, np.int64), np.zeros(n_queues + 1, np.int64)
    for i in range(out):
        stops[i + 1] = stops[i]
        if holds[i, 0] >= 0:
            stops[i + 1], demand[i], moved[i], count = list_moves(
                i, holds[i, 0], holds[i, 1], data, loops, room, first, gate, size, stops[i]
            )
            commands += count
            begins[queue_of[i] + 1] += stops[i + 1] - stops[i]
    held, used = stops[out], 0
    if holds[out, 0] >= 0:
        used = min(holds[out, 1], n_outputs)
        demand[out] = (bytes_of(most, bits[out]) + 63) // 64 * 64 * used
        begins[n_queues - 1] = n_outputs
        moved[out] = stored
        commands += n_stores
    # The resource that must work longest.
    busiest, carried = -1, 0
    for r in range(len(rates)):
        time = 0
        for i in range(n):
            if on_path[queue_of[i], r]:
                time += moved[i] * rates[r, 1] // rates[r, 0]
        if time > carried:
            busiest, carried = r, time
    if carried > limit:
        return -1, 0, demand, moved, played, busy, n_tiles + held
    for q in range(n_queues):
        begins[q + 1] += begins[q]
    n_moves = begins[n_queues]
    moves = Moves(
        np.empty(n_moves, np.int64), np.empty(n_moves, np.int64), np.full(n_moves, -1), np.empty(n_moves, np.int64),
        np.full(n_moves, -1),
    )  # fmt: skip
    # The loads in the order of need, each at the end of its queue.
    tails, newest, late = (begins.copy(), np.full((n_queues, 2), -1), np.full((LAG, 2), -1))
    heads = stops.copy()
    for number in range(held):
        i = -1
        for k in range(out):
            if heads[k] < stops[k + 1] and (i < 0 or first[heads[k]] < first[heads[i]]):
                i = k
        j, q = heads[i], queue_of[i]
        place = tails[q]
        moves.first[place], moves.gate[place], moves.n_bytes[place] = (first[j], gate[j], size[j])
        played[i] += size[j]
        if is_paced:
            slot = number % LAG
            if late[slot, 0] >= 0:
                newest[late[slot, 0], 0], newest[late[slot, 0], 1] = (number, late[slot, 1])
            when = -1
            for p in range(n_queues):
                if p != q and newest[p, 0] > when:
                    when, moves.pace[place] = newest[p, 0], newest[p, 1]
            late[slot, 0], late[slot, 1] = q, place
        heads[i] += 1
        tails[q] += 1
    for j in range(n_moves - held):
        place = held + j
        moves.first[place], moves.gate[place] = NEVER, ends[j]
        moves.n_bytes[place] = bytes_of(elements[j], bits[out])
        played[out] += moves.n_bytes[place]
    state = np.zeros(n_queues, STATE)
    for q in range(n_queues):
        state[q].head, state[q].stop = begins[q], begins[q + 1]
    holds, held_until = (np.zeros((2, n_queues, len(rates)), np.int64), np.zeros((2, len(rates)), np.int64))
    rows = Tiles(tiles, np.zeros(n_tiles, np.int64), ends)
    numbers = np.array([used, n_outputs, work, busiest, carried, limit], np.int64)
    latency = replay(rows, moves, lanes, state, on_path, rates, holds, held_until, is_serial, numbers)
    for q in range(n_queues):
        busy[q] = state[q].busy
    if more and latency >= 0:
        added, window = -1, most_slots + 2
        for every in range(1, MOST_ROUNDS + 1):
            for back in range(fold_at - window - every - 1, 1, -2):
                if added < 0 and more % every == 0:
                    turn = steady(loops.strides[folded], trips[folded], back, window, every, rows, moves, begins, lanes)
                    added = turn * (more // every) if turn >= 0 else -1
        latency = latency + added if added >= 0 else IRREGULAR
        if latency > limit:
            latency = -1
    return (latency, commands, demand, moved, played, busy, n_tiles + n_moves + state[0].instants)
