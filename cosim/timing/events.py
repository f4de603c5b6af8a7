"""The event loop of the compiled timer.

Four lists make the cost of an event independent of queues that have nothing to do:

* the agenda, a winner tree over the next due time of each queue and of each resource that someone waits for;
* per resource, the requests parked on it, in the order of starts: when it falls free only the first is tried;
* per engine of several queues, the presented heads in the order of its policy;
* per queue, the queues that wait for one of its commands, the nearest first.

A transfer that meets no rival is scheduled to its end at once; it is cut at the unit in progress when a request
for one of its resources is tried, so the units of an undisturbed transfer are never visited.
"""

from __future__ import annotations

from typing import Any

from cosim.timing.heads import compete, leave, next_head, pass_through, pick, resolve, takes_no_time
from cosim.timing.kernel import first_due, inline, kernel, set_due
from cosim.timing.requests import offer, park, precedes, try_path, unpark
from cosim.timing.starts import start
from cosim.timing.state import IN_UNIT, NEVER, PRESENTED, TO_PRESENT, TO_RELEASE, TO_START


@kernel
def interpret(p: Any, s: Any, out: Any) -> int:
    """Run program `p` from state `s` into the columns `out`; the commands released, or -1 beyond the horizon."""
    done = 0
    for q in range(len(s.queues)):
        row = s.queues[q]
        row.phase = TO_START
        row.next, row.last = p.queue_offset[q], p.queue_offset[q + 1]
        if row.next < row.last:
            set_due(s.agenda, q, 0)
    while s.agenda[0] != NEVER:
        now = s.agenda[0]
        n_todo, n_leaving, n_candidates, n_freed = _take_due(p, s, now)
        done, n_candidates = _release(p, s, out, now, done, n_todo, n_leaving, n_candidates)
        if not _grant(p, s, out, now, n_candidates, n_freed):
            return -1
    return done


@inline
def _take_due(p: Any, s: Any, now: int) -> tuple[int, int, int, int]:
    """Take what is due from the agenda: releases, heads to look at, transfers at a boundary, freed resources."""
    n_todo = n_leaving = n_candidates = n_freed = 0
    n_queues = len(s.queues)
    while s.agenda[0] == now:
        q = first_due(s.agenda, now)
        set_due(s.agenda, q, NEVER)
        if q >= n_queues:
            s.freed[n_freed] = q - n_queues
            n_freed += 1
        elif s.queues[q].phase == TO_RELEASE:
            s.leaving[n_leaving] = q
            n_leaving += 1
        elif s.queues[q].phase == IN_UNIT:
            s.queues[q].presented = now
            n_candidates = offer(s, q, 0, n_candidates)
        else:
            if s.queues[q].phase == TO_START:
                next_head(p, s.queues[q], now, -1)
            s.todo[n_todo] = q
            n_todo += 1
    return n_todo, n_leaving, n_candidates, n_freed


@inline
def _release(
    p: Any, s: Any, out: Any, now: int, done: int, n_todo: int, n_leaving: int, n_candidates: int
) -> tuple[int, int]:
    """Releases and commands that take no time, to a fixpoint; then each engine picks among its heads."""
    n_idle = n_dirty = 0
    while n_leaving or n_todo:
        while n_leaving:
            n_leaving -= 1
            done += 1
            n_todo, n_idle, n_dirty = leave(p, s, out, s.leaving[n_leaving], now, n_todo, n_idle, n_dirty)
        while n_todo:
            n_todo -= 1
            q = s.todo[n_todo]
            row = s.queues[q]
            if row.phase != TO_PRESENT and not resolve(p, s, out, q, now):
                continue
            row.phase = PRESENTED
            row.fresh = 1
            if takes_no_time(p.services[row.service]):
                s.idle[n_idle] = q
                n_idle += 1
            elif row.shared:
                n_dirty = compete(s, q, n_dirty)
            else:
                n_candidates = offer(s, q, 0, n_candidates)
        while n_idle:
            n_idle -= 1
            n_leaving = pass_through(s, out, s.idle[n_idle], now, n_leaving)
    for i in range(n_dirty):
        n_candidates = pick(s, s.dirty[i], n_candidates)
    return done, n_candidates


@inline
def _grant(p: Any, s: Any, out: Any, now: int, n_candidates: int, n_freed: int) -> bool:
    """Try the new requests and those parked on freed resources, in the order of starts; False beyond the horizon."""
    tried = 0
    while True:
        q = s.candidates[tried] if tried < n_candidates else -1
        is_parked = False
        for i in range(n_freed):
            resource = s.resources[s.freed[i]]
            other = resource.first_parked
            if other >= 0 and resource.held_until <= now and (q < 0 or precedes(s, other, q)):
                q = other
                is_parked = True
        if q < 0:
            return True
        if is_parked:
            unpark(s, q)
        else:
            tried += 1
        worst, n_candidates = try_path(p, s, q, now, tried, n_candidates)
        if worst >= 0:
            park(s, q, worst)
        elif not start(p, s, out, q, now):
            return False
