"""Starts: what a granted command does, and how much of its transfer it may do at once."""

from __future__ import annotations

from typing import Any

from cosim.timing.heads import hold_engine
from cosim.timing.kernel import edge, inline, set_due
from cosim.timing.state import ENGINE, IN_UNIT, RESOURCE, TO_RELEASE
from cosim.timing.times import HORIZON_FS


@inline
def start(p: Any, s: Any, out: Any, q: int, now: int) -> bool:
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
        release = edge(max(row.compute_end, arrived), row.period) + service.serial * row.period
        if service.serial > HORIZON_FS // row.period or release < 0 or release > HORIZON_FS:
            return False
    row.phase = TO_RELEASE
    set_due(s.agenda, q, release)
    return True


@inline
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
        hold_engine(s, q)
    row.left = service.units
    row.compute_end = row.moved = now
    if service.cycles > 0:
        row.compute_end = edge(now, row.period) + service.cycles * row.period
        if service.cycles > HORIZON_FS // row.period or row.compute_end < 0 or row.compute_end > HORIZON_FS:
            return False
    return True


@inline
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
            set_due(s.agenda, len(s.queues) + r, now + held)
    if row.left:
        row.phase = IN_UNIT
        set_due(s.agenda, q, now + service.full_fs)
        return False
    row.moved = now + service.tail_fs
    return True
