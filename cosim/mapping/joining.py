"""Which concats and slices need no copy: those that make the network no slower, as the timers say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cosim.errors import InfeasibleError
from cosim.graph.graph import Graph
from cosim.mapping.build import build
from cosim.mapping.choose import Plan, tiled
from cosim.mapping.fusion import Fuser
from cosim.mapping.groups import Group
from cosim.mapping.improve import cost_of, fits
from cosim.mapping.joined import with_joins
from cosim.mapping.objective import Objective
from cosim.program.plan import Mapping


@dataclass(frozen=True)
class Mapped:
    """A mapping, and how it was made."""

    fuser: Fuser
    plan: Plan
    mapping: Mapping


Planner = Callable[[Graph, Sequence[Group]], tuple[Fuser, Plan]]


def joined(plain: Mapped, planner: Planner, objective: Objective) -> Mapped:
    """The best of two mappings, of which one copies in every concat, and takes no longer than the other.

    There are three ways to do without copies. In the first none is made that could be spared. In the second those
    concats copy that `plain` runs in groups, whose results never exist as a whole; in the third also those whose
    results do not stay on chip. Each keeps the groups of `plain` that it can; the one with the best expectation is
    made and timed, where that is better than what was expected of `plain`.
    """
    graph = plain.fuser.graph
    kept = {op.name for group in plain.plan.groups for op in group.ops}
    found, tried = [(plain.fuser, plain.plan)], [graph]
    for without in (set[str](), kept, kept | _spilled(graph, plain)):
        other = with_joins(graph, without)
        if any(_is_alike(other, before) for before in tried):
            continue
        tried.append(other)
        with suppress(InfeasibleError):
            found.append(planner(other, plain.plan.groups))
    fuser, plan = found[objective.prefer([plan.expected for _, plan in found])]
    if plan is plain.plan:
        return plain
    with suppress(InfeasibleError):
        mapping = build(fuser.problem, tiled(fuser.tiler, fuser, objective, plan))
        costs = cost_of(plain.mapping.program), cost_of(mapping.program)
        if fits(mapping.program) and costs[1][0] <= costs[0][0] and objective.prefer(costs) == 1:
            return Mapped(fuser, plan, mapping)
    return plain


def regrouped(fuser: Fuser, groups: Sequence[Group]) -> list[Group]:
    """Those of the groups of another graph with the same ops that this one allows, too."""
    found = [fuser.group(group.first, group.last, group.outer.along, group.bounds) for group in groups]
    return [group for group in found if group is not None]


def _spilled(graph: Graph, mapped: Mapped) -> set[str]:
    """Ops that read or make something that goes through main memory."""
    kept = mapped.plan.residents
    return {op.name for op in graph.ops if any(name not in kept for name in (*op.inputs, op.output))}


def _is_alike(one: Graph, other: Graph) -> bool:
    return [op.kind.is_view for op in one.ops] == [op.kind.is_view for op in other.ops]
