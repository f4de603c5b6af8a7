"""The complete decision: which tensors stay on chip, which ops run as groups, and the tiling of every op."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cosim.errors import InfeasibleError
from cosim.mapping.fusion import Estimate, Fuser, Fusion
from cosim.mapping.groups import Group
from cosim.mapping.objective import Objective
from cosim.mapping.placement import Span, first_fit, residents, spans
from cosim.mapping.problem import Problem
from cosim.mapping.tiler import Tiler
from cosim.mapping.trial import Trial

RESIDENT_SHARES = (1, 2, 3)  # quarters of an on-chip memory that may hold whole activations

Kept = dict[str, tuple[str, int]]


@dataclass(frozen=True)
class Choice:
    """A complete decision.

    Attributes
    ----------
    residents
        Root tensors that stay on chip -> memory and address.
    staging_start
        First byte behind them in each memory [byte].
    live
        Span of every tensor that has a place of its own.
    trials
        Tiling of every op that runs alone, by its name.
    fusions
        The groups.
    """

    residents: Kept
    staging_start: dict[str, int]
    live: dict[str, Span]
    trials: dict[str, Trial]
    fusions: tuple[Fusion, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What stays on chip and what runs as groups, before any op is tiled.

    Attributes
    ----------
    share
        Quarters of an on-chip memory that may hold whole activations.
    fusions
        The groups that were asked for, as estimated.
    expected
        Latency [fs] and traffic [byte] of the whole network, as estimated.
    """

    share: int
    residents: Kept
    staging_start: dict[str, int]
    live: dict[str, Span]
    fusions: tuple[Estimate, ...]
    expected: tuple[float, float]

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups alone."""
        return tuple(fusion.group for fusion in self.fusions)


def weigh(
    tiler: Tiler,
    fuser: Fuser,
    objective: Objective,
    groups: Sequence[Group] = (),
    shares: Sequence[int] = (0, *RESIDENT_SHARES),
) -> Plan:
    """The plan with these groups and the share of on-chip memory for whole activations that is expected to be best.

    Raises `InfeasibleError` where an op or a group fits nowhere.
    """
    assignments = fuser.problem.assignments
    live = spans(tiler.graph, groups)
    fused = {op.name for group in groups for op in group.ops}
    alone = [assignment for assignment in assignments if assignment.op.name not in fused]
    found: list[Plan] = []
    for share, kept, start in _residents(fuser.problem, live, shares):
        try:
            latency, traffic = tiler.expected(alone, kept, start)
        except InfeasibleError:
            if not kept.keys() - fuser.problem.resident:
                raise
            continue
        estimates = [fuser.expected(group, kept, live) for group in groups]
        fusions = tuple(estimate for estimate in estimates if estimate is not None)
        if len(fusions) == len(estimates):
            latency += sum(estimate.latency_fs for estimate in fusions)
            traffic += sum(estimate.traffic_bytes for estimate in fusions)
            found.append(Plan(share, kept, start, live, fusions, (latency, traffic)))
    if not found:
        raise InfeasibleError("no group fits", where=f"graph {tiler.graph.name}", fix="map it with fuse=none")
    return found[objective.prefer([plan.expected for plan in found])]


def tiled(tiler: Tiler, fuser: Fuser, objective: Objective, plan: Plan) -> Choice:
    """The plan with a tiling for every op."""
    fused = {op.name for group in plan.groups for op in group.ops}
    alone = [assignment for assignment in fuser.problem.assignments if assignment.op.name not in fused]
    fusions = tuple(fuser.tile(group, plan.residents, plan.live, objective) for group in plan.groups)
    trials = tiler.tile(alone, plan.residents, plan.staging_start, objective)
    return Choice(plan.residents, plan.staging_start, plan.live, trials, fusions)


def _residents(
    problem: Problem, live: Mapping[str, Span], shares: Sequence[int]
) -> list[tuple[int, Kept, dict[str, int]]]:
    """Tensors kept on chip within shares of what resident constants leave of each memory; the first byte after them.

    Nothing but the constants leaves the most room: what does not fit then never fits.
    """
    graph, hardware, assignments = problem.graph, problem.hardware, problem.assignments
    local = {a.chosen.operands for a in assignments if a.chosen.operands != hardware.main_memory}
    memories = sorted(name for name in local if name is not None)
    wanted = {memory: residents(graph, assignments, live, memory) for memory in memories}
    found: list[tuple[int, Kept, dict[str, int]]] = []
    for share in shares if problem.keeps_activations else (0,):
        kept: Kept = dict(problem.resident)
        start: dict[str, int] = dict(problem.base)
        for memory in memories:
            base = problem.base.get(memory, 0)
            budget = (hardware.memories[memory].size_bytes - base) * share // 4
            addresses = first_fit(wanted[memory], budget, skip=True) if share else {}
            kept |= {tensor: (memory, base + address) for tensor, address in addresses.items()}
            wholes = [(name, part) for name, part in problem.parts.items() if part.whole in addresses]
            kept |= {name: (memory, base + addresses[part.whole] + part.offset) for name, part in wholes}
            start[memory] = base + max((address + live[t].n_bytes for t, address in addresses.items()), default=0)
        if not any((kept, start) == (other, begin) for _, other, begin in found):
            found.append((share, kept, start))
    return found
