"""Heads of queues: when a command is ready and presented, which head an engine lets compete, and releases."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.timing.kernel import edge, inline, set_due
from cosim.timing.requests import end_run, offer, unpark
from cosim.timing.state import BLOCKED, ENGINE, NONE, QUEUE, TO_PRESENT, WAIT


@inline
def next_head(p: Any, row: Any, now: int, before: int) -> None:
    """Make the next command of a queue its head: so far only its predecessor determines when it is ready."""
    row.phase = BLOCKED
    if row.next < row.last:
        row.command = p.order[row.next]
        row.service = p.service[row.command]
        row.wait = p.wait_offset[row.command]
        row.ready = now
        row.cause = QUEUE if before >= 0 else NONE
        row.cause_id = before


@inline
def resolve(p: Any, s: Any, out: Any, q: int, now: int) -> bool:
    """Look at the waits of a head from where it stopped; whether it is presented now."""
    row = s.queues[q]
    if row.next == row.last:
        return False
    stop = p.wait_offset[row.command + 1]
    while row.wait < stop:
        queue, count = p.wait_queue[row.wait], p.wait_count[row.wait]
        if s.queues[queue].released < count:
            _sleep(s, q, queue, count)
            return False
        row.wait += 1
        if count > 0:
            waited = p.order[p.queue_offset[queue] + count - 1]
            end = out.end[waited]
            key = (np.int64(queue) << 32) | count  # the lowest queue wins a tie; the predecessor wins over all
            is_tie = end == row.ready and (row.cause == NONE or (row.cause == WAIT and key < row.wait_key))
            if end > row.ready or is_tie:
                row.ready, row.cause, row.cause_id, row.wait_key = end, WAIT, waited, key
    out.ready[row.command] = row.ready
    service = p.services[row.service]
    row.presented = row.ready
    if service.cycles + service.serial > 0:
        row.presented = edge(row.ready, row.period)
    if row.presented > now:
        row.phase = TO_PRESENT
        set_due(s.agenda, q, row.presented)
        return False
    return True


@inline
def _sleep(s: Any, q: int, queue: int, count: int) -> None:
    """Let a queue sleep until another has released `count` commands; then their ends are known."""
    row = s.queues[q]
    row.phase = BLOCKED
    row.sleeps_for = count
    before, after = -1, s.queues[queue].sleepers
    while after >= 0 and s.queues[after].sleeps_for <= count:
        before, after = after, s.queues[after].next_sleeper
    row.next_sleeper = after
    if before < 0:
        s.queues[queue].sleepers = q
    else:
        s.queues[before].next_sleeper = q


@inline
def takes_no_time(service: Any) -> bool:
    """Whether a command has neither cycles nor bytes to move."""
    return bool(service.cycles + service.serial + service.units == 0)


@inline
def pass_through(s: Any, out: Any, q: int, now: int, n_leaving: int) -> int:
    """Start and release a command that takes no time, unless its engine is held."""
    row = s.queues[q]
    engine = s.engines[row.engine]
    if row.shared and engine.holder >= 0:
        row.next_rival = engine.idlers
        engine.idlers = q
        return n_leaving
    if now > row.presented:
        row.cause, row.cause_id = ENGINE, engine.last_holder
    out.start[row.command] = now
    out.cause[row.command] = row.cause
    out.cause_id[row.command] = row.cause_id
    row.compute_end = row.moved = now
    s.leaving[n_leaving] = q
    return n_leaving + 1


@inline
def leave(p: Any, s: Any, out: Any, q: int, now: int, n_todo: int, n_idle: int, n_dirty: int) -> tuple[int, int, int]:
    """Release a command: its engine, the resources it ran over, and the queues that slept for it."""
    row = s.queues[q]
    service = p.services[row.service]
    command = row.command
    end = now if service.serial > 0 else max(row.compute_end, row.moved + service.latency)
    row.last_end = max(end, row.last_end)
    out.release[command] = now
    out.end[command] = row.last_end
    if row.run_units > 0:
        end_run(p, s, row, service, row.run_units - 1)
    engine = s.engines[row.engine]
    if row.shared and engine.holder == command:
        engine.holder, engine.last_holder, engine.free_at = -1, command, now
        n_dirty = mark(s, row.engine, n_dirty)
        while engine.idlers >= 0:
            s.idle[n_idle] = engine.idlers
            n_idle += 1
            engine.idlers = s.queues[engine.idlers].next_rival
    row.released += 1
    while row.sleepers >= 0 and s.queues[row.sleepers].sleeps_for <= row.released:
        s.todo[n_todo] = row.sleepers
        n_todo += 1
        row.sleepers = s.queues[row.sleepers].next_sleeper
    row.next += 1
    next_head(p, row, now, command)
    s.todo[n_todo] = q
    return n_todo + 1, n_idle, n_dirty


# -- engines of several queues -------------------------------------------------------------------------------------------


@inline
def mark(s: Any, e: int, n_dirty: int) -> int:
    """Have an engine pick among its heads before the starts of this instant."""
    engine = s.engines[e]
    if engine.is_dirty or engine.holder >= 0:
        return n_dirty
    engine.is_dirty = 1
    s.dirty[n_dirty] = e
    return n_dirty + 1


@inline
def compete(s: Any, q: int, n_dirty: int) -> int:
    """Enter a presented head in the list of its engine, in the order of the engine's policy."""
    row = s.queues[q]
    engine = s.engines[row.engine]
    before, after = -1, engine.rivals
    while after >= 0 and s.queues[after].slot < row.slot:
        before, after = after, s.queues[after].next_rival
    row.next_rival = after
    if before < 0:
        engine.rivals = q
    else:
        s.queues[before].next_rival = q
    return int(mark(s, row.engine, n_dirty))


@inline
def pick(s: Any, e: int, n_candidates: int) -> int:
    """Offer the head that the policy of a free engine lets compete; withdraw the one it preferred before."""
    engine = s.engines[e]
    engine.is_dirty = 0
    q = engine.rivals
    if q < 0:
        return n_candidates
    if engine.round_robin:
        while q >= 0 and s.queues[q].slot <= engine.last_slot:
            q = s.queues[q].next_rival
        if q < 0:
            q = engine.rivals
    if engine.picked == q:
        return n_candidates  # still parked on a busy resource
    if engine.picked >= 0:
        unpark(s, engine.picked)
    engine.picked = q
    return int(offer(s, q, 0, n_candidates))


@inline
def hold_engine(s: Any, q: int) -> None:
    """Give a free engine to the head that starts."""
    row = s.queues[q]
    engine = s.engines[row.engine]
    engine.holder, engine.last_slot, engine.picked = row.command, row.slot, -1
    if engine.rivals == q:
        engine.rivals = row.next_rival
        return
    before = engine.rivals
    while s.queues[before].next_rival != q:
        before = s.queues[before].next_rival
    s.queues[before].next_rival = row.next_rival
