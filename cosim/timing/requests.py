"""Requests for resources: their order, the list parked on a busy resource, and transfers cut by a rival."""

from __future__ import annotations

from typing import Any

from cosim.timing.kernel import inline, set_due
from cosim.timing.state import IN_UNIT, NEVER


@inline
def precedes(s: Any, q: int, other: int) -> bool:
    """Whether the request of one queue is served before that of another."""
    a, b = s.queues[q], s.queues[other]
    return bool(a.presented < b.presented or (a.presented == b.presented and a.rank < b.rank))


@inline
def offer(s: Any, q: int, first: int, n_candidates: int) -> int:
    """Enter a request among those tried at this instant; those before `first` have been tried."""
    i = n_candidates
    while i > first and precedes(s, q, s.candidates[i - 1]):
        s.candidates[i] = s.candidates[i - 1]
        i -= 1
    s.candidates[i] = q
    return n_candidates + 1


@inline
def park(s: Any, q: int, r: int) -> None:
    """Keep a refused request on the busy resource of its path that is free last."""
    row, resource = s.queues[q], s.resources[r]
    after, before = -1, resource.last_parked
    while before >= 0 and precedes(s, q, before):
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
    set_due(s.agenda, len(s.queues) + r, resource.held_until)


@inline
def unpark(s: Any, q: int) -> None:
    """Take a request from the list of the resource it is parked on."""
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
        set_due(s.agenda, len(s.queues) + row.parked, NEVER)
    row.parked = -1


@inline
def try_path(p: Any, s: Any, q: int, now: int, tried: int, n_candidates: int) -> tuple[int, int]:
    """The resource of a request's path that is free last, or -1 if all are free."""
    service = p.services[s.queues[q].service]
    worst, until = -1, now
    for j in range(service.path_begin, service.path_end):
        r = p.path_resource[j]
        runner = s.resources[r].runner
        if runner >= 0 and _interrupt(p, s, runner, q, now):
            n_candidates = offer(s, runner, tried, n_candidates)
        if s.resources[r].held_until > until:
            worst, until = r, s.resources[r].held_until
    return worst, n_candidates


@inline
def _interrupt(p: Any, s: Any, runner: int, rival: int, now: int) -> bool:
    """Cut a transfer that was scheduled to its end down to its unit in progress; whether it must ask again now."""
    row = s.queues[runner]
    service = p.services[row.service]
    unit = min((now - row.run_start) // service.full_fs, row.run_units - 1)
    begin = row.run_start + unit * service.full_fs
    if unit > 0 and begin == now:
        row.presented = now
        if precedes(s, rival, runner):  # it gives way: at a boundary it is a request like any other
            row.left = row.run_units - unit
            end_run(p, s, row, service, unit - 1)
            set_due(s.agenda, runner, NEVER)
            return True
    row.left = row.run_units - 1 - unit
    end_run(p, s, row, service, unit)
    if row.left > 0:
        row.phase = IN_UNIT
        set_due(s.agenda, runner, begin + service.full_fs)
    return False


@inline
def end_run(p: Any, s: Any, row: Any, service: Any, unit: int) -> None:
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
