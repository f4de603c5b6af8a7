"""Which concats and slices need no copy: those that make the network no slower, as the timers say."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from cosim.errors import InfeasibleError
from cosim.graph.graph import Graph
from cosim.mapping.choose import Plan
from cosim.mapping.fusion import Cost, Fuser
from cosim.mapping.improve import cost_of
from cosim.mapping.joined import with_joins
from cosim.mapping.objective import Objective
from cosim.program.plan import Mapping


@dataclass(frozen=True)
class Mapped:
    """A mapping, and how it was made."""

    fuser: Fuser
    plan: Plan
    mapping: Mapping


Mapper = Callable[[Graph], Mapped]


def joined(plain: Mapped, remap: Mapper, objective: Objective) -> Mapped:
    """The best of several mappings, of those that are no slower than `plain`, in which every concat copies.

    In the first of the others none does that could do without. In the second those copy that `plain` runs in groups,
    whose results never exist as a whole; in the third also those whose results do not stay on chip.
    """
    graph = plain.fuser.graph
    kept = {op.name for group in plain.plan.groups for op in group.ops}
    found, tried = [plain], [graph]
    for without in (set[str](), kept, kept | _spilled(graph, plain)):
        other = with_joins(graph, without)
        if any(_is_alike(other, before) for before in tried):
            continue
        tried.append(other)
        with suppress(InfeasibleError):
            found.append(remap(other))
    costs: list[Cost] = [cost_of(one.mapping.program) for one in found]
    able = [place for place, cost in enumerate(costs) if cost[0] <= costs[0][0]]
    return found[able[objective.prefer([costs[place] for place in able])]]


def _spilled(graph: Graph, mapped: Mapped) -> set[str]:
    """Ops that read or make something that goes through main memory."""
    kept = mapped.plan.residents
    return {op.name for op in graph.ops if any(name not in kept for name in (*op.inputs, op.output))}


def _is_alike(one: Graph, other: Graph) -> bool:
    return [op.kind.is_view for op in one.ops] == [op.kind.is_view for op in other.ops]
