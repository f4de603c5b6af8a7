"""The event loop of the compiled timer.

Four lists make the cost of an event independent of queues that have nothing to do:

* the agenda, a winner tree over the next due time of each queue and of each resource that someone waits for;
* per resource, the requests parked on it, in the order of starts: when it falls free only the first is tried;
* per engine of several queues, the presented heads in the order of its policy;
* per queue, the queues that wait for one of its commands, the nearest first.

A transfer that meets no rival is scheduled to its end at once; `_interrupt` cuts it at the unit in progress when
a request for one of its resources is tried, so the units of an undisturbed transfer are never visited.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.jit import njit
from cosim.timing.state import BLOCKED, IN_UNIT, NEVER, PRESENTED, TO_PRESENT, TO_RELEASE, TO_START
from cosim.timing.times import HORIZON_FS

NONE, QUEUE, WAIT, ENGINE, RESOURCE = range(5)


@njit
def interpret(p: Any, s: Any, out: Any) -> int:
    """Run program `p` from state `s` into the columns `out`; the commands released, or -1 beyond the horizon."""
    done = 0
    for q in range(len(s.queues)):
        row = s.queues[q]
        row.phase = TO_START
        row.next, row.last = p.queue_offset[q], p.queue_offset[q + 1]
        if row.next < row.last:
            _set_due(s.agenda, q, 0)
    n_queues = len(s.queues)
    half = len(s.agenda) // 2
    while s.agenda[1] != NEVER:
        now = s.agenda[1]
        n_todo = n_leaving = n_idle = n_candidates = n_freed = n_dirty = 0
        while s.agenda[1] == now:
            leaf = 1
            while leaf < half:
                leaf = 2 * leaf + (s.agenda[2 * leaf] != now)
            leaf -= half
            _set_due(s.agenda, leaf, NEVER)
            if leaf >= n_queues:
                s.freed[n_freed] = leaf - n_queues
                n_freed += 1
            elif s.queues[leaf].phase == TO_RELEASE:
                s.leaving[n_leaving] = leaf
                n_leaving += 1
            elif s.queues[leaf].phase == IN_UNIT:
                s.queues[leaf].presented = now
                n_candidates = _offer(s, leaf, 0, n_candidates)
            else:
                if s.queues[leaf].phase == TO_START:
                    _next_head(p, s.queues[leaf], now, -1)
                s.todo[n_todo] = leaf
                n_todo += 1

        while True:  # releases and commands that take no time, to a fixpoint
            while n_leaving:
                n_leaving -= 1
                done += 1
                q = s.leaving[n_leaving]
                n_todo, n_idle, n_dirty = _leave(p, s, out, q, now, n_todo, n_idle, n_dirty)
            while n_todo:
                n_todo -= 1
                q = s.todo[n_todo]
                row = s.queues[q]
                if row.phase != TO_PRESENT and not _resolve(p, s, out, q, now):
                    continue
                row.phase = PRESENTED
                row.fresh = 1
                if _takes_no_time(p.services[row.service]):
                    s.idle[n_idle] = q
                    n_idle += 1
                elif row.shared:
                    n_dirty = _compete(s, q, n_dirty)
                else:
                    n_candidates = _offer(s, q, 0, n_candidates)
            while n_idle:
                n_idle -= 1
                q = s.idle[n_idle]
                n_leaving = _pass_through(s, out, q, now, n_leaving)
            if n_leaving == 0:
                break

        for i in range(n_dirty):
            n_candidates = _pick(s, s.dirty[i], n_candidates)

        tried = 0
        while True:  # starts, in their order
            q = s.candidates[tried] if tried < n_candidates else -1
            is_parked = False
            for i in range(n_freed):
                resource = s.resources[s.freed[i]]
                other = resource.first_parked
                if other >= 0 and resource.held_until <= now and (q < 0 or _precedes(s, other, q)):
                    q = other
                    is_parked = True
            if q < 0:
                break
            if is_parked:
                _unpark(s, q)
            else:
                tried += 1
            worst, n_candidates = _try(p, s, q, now, tried, n_candidates)
            if worst >= 0:
                _park(s, q, worst)
            elif not _start(p, s, out, q, now):
                return -1
    return done


# -- the agenda ----------------------------------------------------------------------------------------------


@njit(forceinline=True)
def _set_due(agenda: Any, leaf: int, time: int) -> None:
    i = leaf + len(agenda) // 2
    agenda[i] = time
    while i > 1:
        i >>= 1
        first = min(agenda[2 * i], agenda[2 * i + 1])
        if agenda[i] == first:
            break
        agenda[i] = first


@njit(forceinline=True)
def _edge(time: int, period: int) -> int:
    return (time + period - 1) // period * period


# -- heads of queues -----------------------------------------------------------------------------------------


@njit(forceinline=True)
def _next_head(p: Any, row: Any, now: int, before: int) -> None:
    """Make the next command of a queue its head: so far only its predecessor determines when it is ready."""
    row.phase = BLOCKED
    if row.next < row.last:
        row.command = p.order[row.next]
        row.service = p.service[row.command]
        row.wait = p.wait_offset[row.command]
        row.ready = now
        row.cause = QUEUE if before >= 0 else NONE
        row.cause_id = before


@njit(forceinline=True)
def _resolve(p: Any, s: Any, out: Any, q: int, now: int) -> bool:
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
        row.presented = _edge(row.ready, row.period)
    if row.presented > now:
        row.phase = TO_PRESENT
        _set_due(s.agenda, q, row.presented)
        return False
    return True


@njit(forceinline=True)
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


@njit(forceinline=True)
def _takes_no_time(service: Any) -> bool:
    return service.cycles + service.serial + service.units == 0


@njit(forceinline=True)
def _pass_through(s: Any, out: Any, q: int, now: int, n_leaving: int) -> int:
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


@njit(forceinline=True)
def _leave(
    p: Any, s: Any, out: Any, q: int, now: int, n_todo: int, n_idle: int, n_dirty: int
) -> tuple[int, int, int]:
    """Release a command: its engine, the resources it ran over, and the queues that slept for it."""
    row = s.queues[q]
    service = p.services[row.service]
    command = row.command
    end = now if service.serial > 0 else max(row.compute_end, row.moved + service.latency)
    row.last_end = max(end, row.last_end)
    out.release[command] = now
    out.end[command] = row.last_end
    if row.run_units > 0:
        _end_run(p, s, row, service, row.run_units - 1)
    engine = s.engines[row.engine]
    if row.shared and engine.holder == command:
        engine.holder, engine.last_holder, engine.free_at = -1, command, now
        n_dirty = _mark(s, row.engine, n_dirty)
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
    _next_head(p, row, now, command)
    s.todo[n_todo] = q
    return n_todo + 1, n_idle, n_dirty


# -- engines of several queues -------------------------------------------------------------------------------


@njit(forceinline=True)
def _mark(s: Any, e: int, n_dirty: int) -> int:
    """Have an engine pick among its heads before the starts of this instant."""
    engine = s.engines[e]
    if engine.is_dirty or engine.holder >= 0:
        return n_dirty
    engine.is_dirty = 1
    s.dirty[n_dirty] = e
    return n_dirty + 1


@njit(forceinline=True)
def _compete(s: Any, q: int, n_dirty: int) -> int:
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
    return _mark(s, row.engine, n_dirty)


@njit(forceinline=True)
def _pick(s: Any, e: int, n_candidates: int) -> int:
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
        _unpark(s, engine.picked)
    engine.picked = q
    return _offer(s, q, 0, n_candidates)


@njit(forceinline=True)
def _hold_engine(s: Any, q: int) -> None:
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


# -- requests for resources ----------------------------------------------------------------------------------


@njit(forceinline=True)
def _precedes(s: Any, q: int, other: int) -> bool:
    """Whether the request of one queue is served before that of another."""
    a, b = s.queues[q], s.queues[other]
    return a.presented < b.presented or (a.presented == b.presented and a.rank < b.rank)


@njit(forceinline=True)
def _offer(s: Any, q: int, first: int, n_candidates: int) -> int:
    """Enter a request among those tried at this instant; those before `first` have been tried."""
    i = n_candidates
    while i > first and _precedes(s, q, s.candidates[i - 1]):
        s.candidates[i] = s.candidates[i - 1]
        i -= 1
    s.candidates[i] = q
    return n_candidates + 1


@njit(forceinline=True)
def _park(s: Any, q: int, r: int) -> None:
    """Keep a refused request on the busy resource of its path that is free last."""
    row, resource = s.queues[q], s.resources[r]
    after, before = -1, resource.last_parked
    while before >= 0 and _precedes(s, q, before):
        after, before = before, s.queues[before].before
    row.parked, row.before, row.after = r, before, after
    if before < 0:
        resource.first_parked = q
    else:
        s.queues[before].after = q
    if after < 0:
        resource.last_parked = q
    else:
        s.queues[after].before = q
    _set_due(s.agenda, len(s.queues) + r, resource.held_until)


@njit
def _unpark(s: Any, q: int) -> None:
    row = s.queues[q]
    resource = s.resources[row.parked]
    if row.before < 0:
        resource.first_parked = row.after
    else:
        s.queues[row.before].after = row.after
    if row.after < 0:
        resource.last_parked = row.before
    else:
        s.queues[row.after].before = row.before
    if resource.first_parked < 0:
        _set_due(s.agenda, len(s.queues) + row.parked, NEVER)
    row.parked = -1


@njit(forceinline=True)
def _try(p: Any, s: Any, q: int, now: int, tried: int, n_candidates: int) -> tuple[int, int]:
    """The resource of a request's path that is free last, or -1 if all are free."""
    service = p.services[s.queues[q].service]
    worst, until = -1, now
    for j in range(service.path_begin, service.path_end):
        r = p.path_resource[j]
        runner = s.resources[r].runner
        if runner >= 0 and _interrupt(p, s, runner, q, now):
            n_candidates = _offer(s, runner, tried, n_candidates)
        if s.resources[r].held_until > until:
            worst, until = r, s.resources[r].held_until
    return worst, n_candidates


@njit
def _interrupt(p: Any, s: Any, runner: int, rival: int, now: int) -> bool:
    """Cut a transfer that was scheduled to its end down to its unit in progress; whether it must ask again now."""
    row = s.queues[runner]
    service = p.services[row.service]
    unit = min((now - row.run_start) // service.full_fs, row.run_units - 1)
    begin = row.run_start + unit * service.full_fs
    if unit > 0 and begin == now:
        row.presented = now
        if _precedes(s, rival, runner):  # it gives way: at a boundary it is a request like any other
            row.left = row.run_units - unit
            _end_run(p, s, row, service, unit - 1)
            _set_due(s.agenda, runner, NEVER)
            return True
    row.left = row.run_units - 1 - unit
    _end_run(p, s, row, service, unit)
    if row.left > 0:
        row.phase = IN_UNIT
        _set_due(s.agenda, runner, begin + service.full_fs)
    return False


@njit(forceinline=True)
def _end_run(p: Any, s: Any, row: Any, service: Any, unit: int) -> None:
    """Write the holds of the given unit of an undisturbed run, which becomes its last one."""
    begin = row.run_start + unit * service.full_fs
    is_tail = unit == row.run_units - 1
    row.run_units = 0
    for j in range(service.path_begin, service.path_end):
        resource = s.resources[p.path_resource[j]]
        resource.runner = -1
        resource.held_until = begin + (
            p.tail_hold[service.tail_hold + j - service.path_begin] if is_tail else p.full_hold[j]
        )


# -- starts --------------------------------------------------------------------------------------------------


@njit(forceinline=True)
def _start(p: Any, s: Any, out: Any, q: int, now: int) -> bool:
    """Start a granted command, or the rest of its transfer; False beyond the horizon."""
    row = s.queues[q]
    service = p.services[row.service]
    if row.fresh:
        row.fresh = 0
        if not _begin(p, s, out, q, now):
            return False
    else:
        out.blocked[row.command] += now - row.presented
    if row.left > 0 and not _move(p, s, q, now):
        return True
    moved = row.moved
    arrived = moved + service.latency
    release = max(row.compute_end, moved)
    if moved < 0 or moved > HORIZON_FS or arrived < 0 or arrived > HORIZON_FS:
        return False
    if service.serial > 0:
        release = _edge(max(row.compute_end, arrived), row.period) + service.serial * row.period
        if service.serial > HORIZON_FS // row.period or release < 0 or release > HORIZON_FS:
            return False
    row.phase = TO_RELEASE
    _set_due(s.agenda, q, release)
    return True


@njit(forceinline=True)
def _begin(p: Any, s: Any, out: Any, q: int, now: int) -> bool:
    """Record the start of a command and begin its cycles."""
    row = s.queues[q]
    service = p.services[row.service]
    if now > row.presented:
        row.cause = RESOURCE
        if row.shared and s.engines[row.engine].free_at == now:
            row.cause, row.cause_id = ENGINE, s.engines[row.engine].last_holder
        else:
            for j in range(service.path_end - 1, service.path_begin - 1, -1):
                if s.resources[p.path_resource[j]].held_until == now:
                    row.cause_id = p.path_resource[j]
    out.start[row.command] = now
    out.cause[row.command] = row.cause
    out.cause_id[row.command] = row.cause_id
    if row.shared:
        _hold_engine(s, q)
    row.left = service.units
    row.compute_end = row.moved = now
    if service.cycles > 0:
        row.compute_end = _edge(now, row.period) + service.cycles * row.period
        if service.cycles > HORIZON_FS // row.period or row.compute_end < 0 or row.compute_end > HORIZON_FS:
            return False
    return True


@njit(forceinline=True)
def _move(p: Any, s: Any, q: int, now: int) -> bool:
    """Move one unit, or all that is left if nobody waits for the path; whether the last unit is on its way."""
    row = s.queues[q]
    service = p.services[row.service]
    begin, end = service.path_begin, service.path_end
    is_alone = row.left > 1
    for j in range(begin, end):
        is_alone = is_alone and s.resources[p.path_resource[j]].first_parked < 0
    if is_alone:
        row.run_start, row.run_units = now, row.left
        for j in range(begin, end):
            s.resources[p.path_resource[j]].runner = q
        row.moved = now + (row.left - 1) * service.full_fs + service.tail_fs
        return True
    row.left -= 1
    for j in range(begin, end):
        r = p.path_resource[j]
        held = p.full_hold[j] if row.left else p.tail_hold[service.tail_hold + j - begin]
        s.resources[r].held_until = now + held
        if s.resources[r].first_parked >= 0:
            _set_due(s.agenda, len(s.queues) + r, now + held)
    if row.left:
        row.phase = IN_UNIT
        _set_due(s.agenda, q, now + service.full_fs)
        return False
    row.moved = now + service.tail_fs
    return True
