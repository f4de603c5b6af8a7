"""Groups for a whole network: found by estimates, kept only where the timers say that nothing takes longer."""

from __future__ import annotations

import time

import numpy as np

from cosim.errors import InfeasibleError
from cosim.mapping.build import build
from cosim.mapping.choose import Plan, tiled, weigh
from cosim.mapping.fusion import Fuser
from cosim.mapping.groups import Group
from cosim.mapping.objective import Objective
from cosim.mapping.tiler import Tiler
from cosim.mapping.windows import Pattern, patterns, spilled
from cosim.program.plan import Mapping
from cosim.timing import compiled

MOST_STEPS = 16
MOST_TRIES = 6  # Programs that are made and timed
MOST_COMMANDS = 200_000  # of all of these together, after the first


def improved(tiler: Tiler, fuser: Fuser, plan: Plan, mapping: Mapping, objective: Objective) -> Mapping:
    """The mapping, or one with groups that moves less and takes no longer: both Programs are timed."""
    if not spilled(fuser, plan):
        return mapping
    best, cost = mapping, _cost(mapping)
    limit = cost[0]
    tries = min(MOST_TRIES, 1 + MOST_COMMANDS // len(mapping.program)) if len(mapping.program) else 0
    path = _path(tiler, fuser, plan, _moved(mapping), objective)
    for step in path[: -tries - 1 : -1]:  # the last is expected to be best
        try:
            found = build(fuser.problem, tiled(tiler, fuser, objective, step))
        except InfeasibleError:
            continue
        if not _fits(found):
            continue
        price = _cost(found)
        if price[0] <= limit and price[1] < cost[1] and objective.prefer([cost, price]) == 1:
            best, cost = found, price
            break
    return best


def _path(tiler: Tiler, fuser: Fuser, plan: Plan, moved: dict[str, int], objective: Objective) -> list[Plan]:
    """Better and better plans by the estimates, each with one pattern more than the one before: the best there is."""
    found: list[Plan] = []
    proposals: list[Pattern] = []
    is_fresh = False
    while spilled(fuser, plan) and len(found) < MOST_STEPS and time.monotonic() < fuser.deadline:
        if not proposals:
            proposals, is_fresh = patterns(tiler, fuser, plan, moved), True
        tried = [(pattern, _with(tiler, fuser, plan, pattern, objective)) for pattern in proposals]
        better = [(pattern, new) for pattern, new in tried if new is not None and new.expected[1] < plan.expected[1]]
        best = objective.prefer([plan.expected, *(new.expected for _, new in better)])
        if best == 0 and is_fresh:
            break
        if best == 0:
            proposals = []
            continue
        chosen, plan = better[best - 1]
        found.append(plan)
        proposals = [pattern for pattern, _ in better if not pattern.overlaps(chosen)]
        is_fresh = False
    return found


def _with(tiler: Tiler, fuser: Fuser, plan: Plan, pattern: Pattern, objective: Objective) -> Plan | None:
    """The plan with the groups of `pattern` in the place of what they contain; None where that does not fit."""
    try:
        return weigh(tiler, fuser, objective, _joined(plan.groups, pattern))
    except InfeasibleError:
        return None


def _joined(groups: tuple[Group, ...], pattern: Pattern) -> tuple[Group, ...]:
    """All groups in order; those that overlap new ones give way."""
    others = [group for group in groups if not any(new.overlaps(group) for new in pattern.groups)]
    return tuple(sorted((*others, *pattern.groups), key=lambda group: group.first))


def _moved(mapping: Mapping) -> dict[str, int]:
    """Bytes of each tensor that are moved [byte]."""
    program = mapping.program
    moves = program.op < 0
    n_bytes = program.services.n_bytes[program.service[moves]]
    total = np.bincount(program.tensor[moves], n_bytes, len(program.tensors))
    return dict(zip(program.tensors, total.astype(np.int64).tolist(), strict=True))


def _fits(mapping: Mapping) -> bool:
    """Whether every buffer ends inside its memory: blocks at the edge of an image may differ from the one searched."""
    program = mapping.program
    size = np.array(program.machine.memory_bytes, np.int64)[program.buffers.memory]
    return bool((program.buffers.address + program.buffers.capacity <= size).all())


def _cost(mapping: Mapping) -> tuple[float, float]:
    """Latency [fs] and bytes moved [byte] of a program."""
    program = mapping.program
    moved = program.services.n_bytes[program.service[program.op < 0]]
    return float(compiled.simulate(program).makespan_fs), float(moved.sum())
