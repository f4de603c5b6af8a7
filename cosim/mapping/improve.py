"""Groups for a whole network: found by estimates, kept only where the timers say that nothing takes longer."""

from __future__ import annotations

import numpy as np

from cosim.errors import InfeasibleError
from cosim.mapping.build import build
from cosim.mapping.choose import Plan, tiled, weigh
from cosim.mapping.fusion import Cost, Fuser
from cosim.mapping.groups import Group
from cosim.mapping.objective import Objective
from cosim.mapping.windows import Pattern, patterns, spilled
from cosim.program.plan import Mapping
from cosim.program.program import Program
from cosim.timing import compiled

MOST_STEPS = 16
MOST_TRIES = 6  # Programs that are made and timed
MOST_COMMANDS = 200_000  # of all of these together, after the first


def improved(fuser: Fuser, plan: Plan, mapping: Mapping, objective: Objective) -> tuple[Mapping, Plan]:
    """The mapping, or one with groups that moves less and takes no longer, and its plan: both Programs are timed."""
    if not spilled(fuser, plan):
        return mapping, plan
    best, chosen, cost = mapping, plan, cost_of(mapping.program)
    limit = cost[0]
    tries = min(MOST_TRIES, 1 + MOST_COMMANDS // len(mapping.program)) if len(mapping.program) else 0
    path = _path(fuser, plan, _moved(mapping), objective)
    if fuser.known.is_late:
        fuser.known.cut_short()
        tries = min(tries, 1)  # what was found by then is still worth one look
    for step in path[: -tries - 1 : -1]:  # the last is expected to be best
        try:
            found = build(fuser.problem, tiled(fuser.tiler, fuser, objective, step))
        except InfeasibleError:
            continue
        if not fits(found.program):
            continue
        price = cost_of(found.program)
        if price[0] <= limit and price[1] < cost[1] and objective.prefer([cost, price]) == 1:
            best, chosen = found, step
            break
    return best, chosen


def _path(fuser: Fuser, plan: Plan, moved: dict[str, int], objective: Objective) -> list[Plan]:
    """Better and better plans by the estimates, each with one pattern more than the one before: the best there is."""
    found: list[Plan] = []
    while spilled(fuser, plan) and len(found) < MOST_STEPS and not fuser.known.is_late:
        steps = _steps(fuser, plan, patterns(fuser, plan, moved), objective, MOST_STEPS - len(found))
        if not steps:
            break
        found += steps
        plan = steps[-1]
    return found


def _steps(fuser: Fuser, plan: Plan, proposals: list[Pattern], objective: Objective, most: int) -> list[Plan]:
    """Plans that take in the best of the proposals, one after the other.

    What a proposal adds is first what it promised, then what it last added to some plan: a plan is weighed only where
    the proposal would be taken for that, and taken only for what it adds to this one.
    """
    found: list[Plan] = []
    gains = [(pattern, pattern.gain) for pattern in proposals]
    tried: dict[int, Plan] = {}
    while gains and len(found) < most and not fuser.known.is_late:
        best = objective.prefer([plan.expected, *(_sum(plan.expected, gain) for _, gain in gains)]) - 1
        if best < 0:
            break
        pattern = gains[best][0]
        if id(pattern) not in tried:
            new = _with(fuser, plan, pattern, objective)
            if new is None or new.expected[1] >= plan.expected[1]:
                del gains[best]
                continue
            tried[id(pattern)] = new
            gains[best] = pattern, _sum(new.expected, plan.expected, -1)
            continue
        plan = tried[id(pattern)]
        found.append(plan)
        gains = [(other, gain) for other, gain in gains if not other.overlaps(pattern)]
        tried.clear()
    return found


def _sum(one: Cost, other: Cost, sign: int = 1) -> Cost:
    return one[0] + sign * other[0], one[1] + sign * other[1]


def _with(fuser: Fuser, plan: Plan, pattern: Pattern, objective: Objective) -> Plan | None:
    """The plan with the groups of `pattern` in the place of what they contain; None where that does not fit."""
    try:
        return weigh(fuser.tiler, fuser, objective, _joined(plan.groups, pattern))
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


def fits(program: Program) -> bool:
    """Whether every buffer ends inside its memory: blocks at the edge of an image may differ from the one searched."""
    size = np.array(program.machine.memory_bytes, np.int64)[program.buffers.memory]
    return bool((program.buffers.address + program.buffers.capacity <= size).all())


def cost_of(program: Program) -> Cost:
    """Latency [fs] and bytes moved [byte] of a program."""
    moved = program.services.n_bytes[program.service[program.op < 0]]
    return float(compiled.simulate(program).makespan_fs), float(moved.sum())
