"""The queues of one op against each other, to the femtosecond as the timers have it, in compiled code.

A queue runs its commands in order: there is one of moves for each DMA engine, and one of tiles. The rules are those of
`cosim.timing.reference`; as every queue has an engine of its own here and no command takes no time, they are short. Two
kinds of fast-forward change no answer: a transfer that nobody disturbs runs to its end, and transfers that take turns
unit by unit skip the turns that are like the one before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.mapping.compiled import inner

Ints = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max
BLOCKED, TO_PRESENT, PENDING, RUNNING, IN_UNIT, ENDING, IDLE = range(7)
LANE = np.dtype([(name, np.int64) for name in ["period", "latency", "unit", "full", "setup", "shared", "rank"]])
STATE = np.dtype(
    [
        (name, np.int64)
        for name in [
            "phase",
            "due",
            "presented",
            "fresh",
            "refused",
            "left",
            "run_start",
            "run_units",
            "started",
            "computed",
            "moved",
            "free_at",
            "newest",
            "sized",
            "units",
            "tail",
            "head",
            "stop",
            "got",
            "busy",
            "turn_phase",
            "turn_time",
            "turn_left",
            "turn_head",
            "instants",
        ]
    ]
)


class Moves(NamedTuple):
    """All moves, queue after queue.

    Attributes
    ----------
    first, gate, pace
        Of a load: the tile that needs it, the tile that must be done before, and the load of another queue that must
        have arrived before (-1: none). Of a store: nothing, the tile that makes it, and -1.
    n_bytes, arrived
        Bytes [byte], and when they have arrived [fs], -1 before.
    """

    first: Ints
    gate: Ints
    pace: Ints
    n_bytes: Ints
    arrived: Ints


class Tiles(NamedTuple):
    """All tiles: time to compute [fs] and bytes over the engine's path, shape (tiles, 2); their ends [fs]; and which of
    them end an output.
    """

    service: Ints
    end: Ints
    final: Ints


@inner
def edge(time: int, period: int) -> int:
    """The first clock edge at or after a time [fs]."""
    return (time + period - 1) // period * period


@inner
def replay(
    tiles: Tiles, moves: Moves, lanes: Any, state: Any, on_path: Ints, rates: Ints, holds: Ints, held: Ints,
    is_serial: bool, numbers: Ints,
) -> int:  # fmt: skip
    """Time from the first move to the last event [fs], or -1 where it surely exceeds the limit.

    Parameters
    ----------
    lanes
        Per queue (those of loads, that of stores, that of tiles): period of the clock [fs], latency of the path [fs],
        its unit [byte], its time for a unit [fs], time that a move takes at least [fs], the resources that it shares
        with other queues as bits, and the queue that comes at this place where a tie is broken.
    state
        One `STATE` per queue, with its first command and the place after its last.
    on_path, rates
        Whether each queue crosses each resource, shape (queues, resources), and unit [byte] and its time [fs] of each
        resource, shape (resources, 2).
    holds, held
        Room for the time that units hold resources, full ones and last ones, shape (2, queues, resources), and until
        when each resource is held, now and a turn before, shape (2, resources).
    is_serial
        Tiles compute after their bytes have arrived, not meanwhile.
    numbers
        Slots of the output (0: it is not stored) and how many outputs there are; time that all tiles compute [fs]; a
        resource (-1: none) and the time that all moves take there at least [fs]; and the limit [fs].
    """
    used, n_outputs, work = numbers[0], numbers[1], numbers[2]
    busiest, carried, limit = numbers[3], numbers[4], numbers[5]
    n, n_resources = len(lanes), len(rates)
    tiling, storing = n - 1, n - 2
    now, last, outputs, turn_now = 0, 0, 0, -1
    for q in range(n):
        s = state[q]
        s.due, s.sized, s.turn_phase = NEVER, -1, -1
        s.got = s.head
        for r in range(n_resources):
            if on_path[q, r]:
                holds[0, q, r] = max(1, lanes[q].unit // rates[r, 0] * rates[r, 1])
    first_load = state[0].head
    state[tiling].head, state[tiling].stop = 0, len(tiles.end)
    while True:
        # What ends now; transfers at the end of a unit ask again.
        for q in range(n):
            s = state[q]
            if s.due != now:
                continue
            s.due = NEVER
            if s.phase == TO_PRESENT:
                s.phase = PENDING
            elif s.phase == IN_UNIT:
                s.phase, s.presented = PENDING, now
            else:
                s.newest = max(now, s.moved, s.newest)
                last = max(last, s.newest)
                s.busy += now - s.started
                if q == tiling:
                    tiles.end[s.head] = s.newest
                    if outputs < n_outputs and tiles.final[outputs] == s.head:
                        outputs += 1
                else:
                    moves.arrived[s.head] = s.newest
                s.head += 1
                s.phase, s.free_at = BLOCKED, now
        # Heads whose waits have ended.
        n_pending = 0
        state[0].instants += 1
        for q in range(n):
            s = state[q]
            if s.phase == BLOCKED:
                i, ready = s.head, s.free_at
                if i == s.stop:
                    s.phase = IDLE
                    continue
                if q == tiling:
                    is_clocked = tiles.service[i, 0] > 0
                    for p in range(storing):
                        load = state[p]
                        while load.got < load.stop and moves.first[load.got] <= i:
                            load.got += 1
                        if load.head < load.got:
                            ready = -1
                            break
                        if load.got > first_load and (p == 0 or load.got > state[p - 1].stop):
                            ready = max(ready, moves.arrived[load.got - 1])
                    if ready >= 0 and used and outputs >= used and outputs < n_outputs and tiles.final[outputs] == i:
                        arrived = moves.arrived[state[storing].stop - n_outputs + outputs - used]
                        ready = max(ready, arrived) if arrived >= 0 else -1
                else:
                    is_clocked = lanes[q].setup > 0
                    if moves.gate[i] >= 0:
                        ready = max(ready, tiles.end[moves.gate[i]]) if moves.gate[i] < state[tiling].head else -1
                    if moves.pace[i] >= 0 and ready >= 0:
                        arrived = moves.arrived[moves.pace[i]]
                        ready = max(ready, arrived) if arrived >= 0 else -1
                if ready < 0:
                    continue
                s.presented = edge(ready, lanes[q].period) if is_clocked else ready
                s.fresh = 1
                if s.presented > now:
                    s.phase, s.due = TO_PRESENT, s.presented
                else:
                    s.phase = PENDING
            if s.phase == PENDING:
                s.refused = 0
                n_pending += 1
        if n_pending:
            # A rival cuts a transfer that was to run to its end.
            for q in range(n):
                s, lane = state[q], lanes[q]
                if s.phase != RUNNING or not lane.shared:
                    continue
                rivals = 0
                for p in range(n):
                    if state[p].phase == PENDING:
                        rivals |= lanes[p].shared & lane.shared
                if not rivals:
                    continue
                unit = min((now - s.run_start) // lane.full, s.run_units - 1)
                begin = s.run_start + unit * lane.full
                if unit > 0 and begin == now:
                    s.left, s.phase, s.presented, s.due, s.refused = (s.run_units - unit, PENDING, now, NEVER, 0)
                    n_pending += 1
                    continue
                s.left = s.run_units - 1 - unit
                s.phase = IN_UNIT if s.left else ENDING
                if s.left:
                    s.due = begin + lane.full
                for r in range(n_resources):
                    if on_path[q, r]:
                        held[0, r] = begin + holds[0 if s.left else 1, q, r]
        # Starts, in the order of asking: all of a path or nothing.
        while n_pending:
            q = -1
            for k in range(n):
                p = lanes[k].rank
                if (
                    state[p].phase == PENDING
                    and not state[p].refused
                    and (q < 0 or state[p].presented < state[q].presented)
                ):
                    q = p
            if q < 0:
                break
            s, lane = state[q], lanes[q]
            for r in range(n_resources):
                if on_path[q, r] and held[0, r] > now:
                    s.refused = 1
            if s.refused:
                continue
            n_pending -= 1
            if q == tiling:
                cycles, n_bytes = tiles.service[s.head, 0], tiles.service[s.head, 1]
            else:
                cycles, n_bytes = lane.setup, moves.n_bytes[s.head]
            later = is_serial and q == tiling
            if s.fresh:
                s.fresh, s.started, s.computed, s.left = 0, now, now, 0
                if cycles and not later:
                    s.computed = edge(now, lane.period) + cycles
                if q == tiling:
                    if now > limit - work:
                        return -1
                    work -= cycles
                elif busiest >= 0 and on_path[q, busiest]:
                    if now > limit - carried:
                        return -1
                    carried -= n_bytes * rates[busiest, 1] // rates[busiest, 0]
                if n_bytes:
                    if s.sized != n_bytes:
                        s.sized, s.units, s.tail = (n_bytes, (n_bytes + lane.unit - 1) // lane.unit, 0)
                        rest = n_bytes - (s.units - 1) * lane.unit
                        for r in range(n_resources):
                            if on_path[q, r]:
                                size, time = rates[r, 0], rates[r, 1]
                                holds[1, q, r] = max(1, rest // size * time + (rest % size * time + size - 1) // size)
                                s.tail = max(s.tail, holds[1, q, r])
                    s.left = s.units
            moved = now
            s.phase = ENDING
            if s.left:
                is_alone = s.left > 1
                for p in range(n):
                    if p != q and state[p].phase == PENDING and lanes[p].shared & lane.shared:
                        is_alone = False
                if is_alone:
                    s.phase, s.run_start, s.run_units = RUNNING, now, s.left
                    moved = now + (s.left - 1) * lane.full + s.tail
                    s.left = 0
                else:
                    s.left -= 1
                    for r in range(n_resources):
                        if on_path[q, r]:
                            held[0, r] = now + holds[0 if s.left else 1, q, r]
                    if s.left:
                        s.phase, s.due = IN_UNIT, now + lane.full
                        continue
                    moved = now + s.tail
            s.moved = moved + lane.latency if n_bytes else moved
            s.due = max(s.computed, moved)
            if later:
                s.due = edge(max(s.computed, s.moved), lane.period) + cycles
        # Turns like the one before are skipped, as long as nothing else happens and no transfer ends.
        q = 0
        while q < n and state[q].phase != IN_UNIT and (state[q].phase != PENDING or state[q].fresh):
            q += 1
        if q < n and state[q].phase == IN_UNIT and state[q].due == now + lanes[q].full:
            delta, turns, is_same = now - turn_now, NEVER, turn_now >= 0
            for p in range(n):
                s, since = state[p], 0
                if s.phase == IN_UNIT:
                    since = s.due - now
                elif s.phase == PENDING:
                    since = s.presented - now
                elif s.due < NEVER and delta > 0:
                    turns = min(turns, (s.due - now - 1) // delta)
                if s.turn_phase != s.phase or s.turn_time != since or s.turn_head != s.head:
                    is_same = False
                if s.phase in (IN_UNIT, PENDING):
                    spent = s.turn_left - s.left
                    if spent < 0:
                        is_same = False
                    elif spent > 0:
                        turns = min(turns, (s.left - 1) // spent)
                s.turn_phase, s.turn_time, s.turn_head = s.phase, since, s.head
            for r in range(n_resources):
                since = max(held[0, r] - now, 0)
                if held[1, r] != since:
                    is_same = False
                held[1, r] = since
            if is_same and turns > 0 and turns < NEVER:
                for p in range(n):
                    s = state[p]
                    if s.phase in (IN_UNIT, PENDING):
                        s.left -= turns * (s.turn_left - s.left)
                        if s.phase == IN_UNIT:
                            s.due += turns * delta
                        else:
                            s.presented += turns * delta
                for r in range(n_resources):
                    if held[0, r] > now:
                        held[0, r] += turns * delta
                now += turns * delta
            turn_now = now
            for p in range(n):
                state[p].turn_left = state[p].left
        following = NEVER
        for q in range(n):
            time = state[q].due
            if state[q].phase == PENDING:
                time = now
                for r in range(n_resources):
                    if on_path[q, r]:
                        time = max(time, held[0, r])
            following = min(following, time)
        if following == NEVER:
            return last
        now = following


@inner
def steady(
    stride: int, trips: int, first: int, count: int, every: int, tiles: Tiles, moves: Moves, begins: Ints, lanes: Any
) -> int:  # fmt: skip
    """Time that `every` more rounds of a loop take, each time that the loop runs [fs]; -1: that is not known.

    A round is `stride` tiles, and the loop has `trips` of them. If in each of `count` rounds from the round `first` on
    everything ends as much later as `every` rounds before, then that many more behind them take as long.
    """
    n_outer, ahead = len(tiles.end) // (stride * trips), stride * every
    total = 0
    for outer in range(n_outer):
        start = (outer * trips + first) * stride
        delta = tiles.end[start + ahead] - tiles.end[start]
        if delta % lanes[len(lanes) - 1].period:
            return -1
        for tile in range(start, start + count * stride):
            if tiles.end[tile + ahead] - tiles.end[tile] != delta:
                return -1
        total += delta
    for q in range(len(lanes) - 1):
        i, stop = begins[q], begins[q + 1]
        key = moves.gate if q == len(lanes) - 2 else moves.first
        for outer in range(n_outer):
            start = (outer * trips + first) * stride
            delta = tiles.end[start + ahead] - tiles.end[start]
            if lanes[q].setup and delta % lanes[q].period:
                return -1
            while i < stop and key[i] < start:
                i += 1
            j = i
            while j < stop and key[j] < start + ahead:
                j += 1
            n = j - i
            while i < stop and key[i] < start + count * stride:
                later = i + n
                if later >= stop or key[later] != key[i] + ahead or moves.arrived[later] - moves.arrived[i] != delta:
                    return -1
                i += 1
    return total
