"""Groups that were chosen before, kept by content: the same network on the same device is not searched again."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any

from cosim.errors import InfeasibleError
from cosim.mapping.cache import digest_of, sources_of
from cosim.mapping.choose import RESIDENT_SHARES, Plan, weigh
from cosim.mapping.fusion import Fuser
from cosim.mapping.groups import Group
from cosim.mapping.objective import Objective
from cosim.timing import compiled

QUESTION = "groups"


class Recall:
    """The groups of one network on one device for one objective, on a shelf; without a shelf nothing is known."""

    def __init__(self, fuser: Fuser, objective: Objective) -> None:
        self.fuser, self.shelf, self.objective = fuser, fuser.tiler.shelf, objective

    @cached_property
    def digest(self) -> str:
        """Of all that the choice of groups depends on: the whole graph, the device, and the code that chooses."""
        return _digest(self.fuser, self.objective)

    def plan(self) -> Plan | None:
        """The plan with the groups that an earlier run has chosen; None where there was none."""
        if self.shelf is None:
            return None
        answers = self.shelf.load(self.digest)
        groups, share = self._groups(answers.get(QUESTION)), answers.get("share")
        if groups is None or share not in (0, *RESIDENT_SHARES):
            return None
        try:
            return weigh(self.fuser.tiler, self.fuser, self.objective, groups, (share,))
        except InfeasibleError:
            return None

    def keep(self, plan: Plan) -> None:
        """File the groups of `plan`, unless the time was too short to find the best."""
        if self.shelf is not None and not self.fuser.known.is_cut_short:
            rows = [[group.first, group.last, group.outer.along, list(group.bounds)] for group in plan.groups]
            self.shelf.store(self.digest, {QUESTION: rows, "share": plan.share})

    def _groups(self, rows: Any) -> tuple[Group, ...] | None:
        """The groups of an answer; None where it is none."""
        found: list[Group] = []
        graph = self.fuser.graph
        try:
            for first, last, axis, places in rows:
                bounds = tuple(int(place) for place in places)
                begin = found[-1].last + 1 if found else 0
                extent = graph.tensors[graph.ops[last].output].shape[axis]
                is_cut = (bounds[0], bounds[-1]) == (0, extent) and all(a < b for a, b in pairwise(bounds))
                group = self.fuser.group(first, last, axis, bounds) if is_cut and begin <= first < last else None
                if group is None:
                    return None
                found.append(group)
        except (TypeError, ValueError, IndexError):
            return None
        return tuple(found)


def _digest(fuser: Fuser, objective: Objective) -> str:
    graph, hardware, problem = fuser.graph, fuser.hardware, fuser.problem
    number = {name: place for place, name in enumerate(graph.tensors)}
    ops = [(fuser.likeness.described(op), [number[name] for name in (*op.inputs, op.output)]) for op in graph.ops]
    ends = [[number[name] for name in names] for names in (graph.inputs, graph.outputs)]
    states = sorted((number[output], number[held]) for output, held in graph.states.items())
    engines = [
        (
            [(name, value) for name, value in sorted(vars(engine).items()) if name not in {"source", "parameters"}],
            sorted((name, repr(value)) for name, value in engine.parameters.items()),
        )
        for engine in hardware.engines.values()
    ]
    memories = [(m.name, m.size_bytes, m.ports) for m in hardware.memories.values()]
    kinds = sorted({engine.kind for engine in hardware.engines.values()})
    return digest_of(
        QUESTION,
        ops,
        ends,
        states,
        engines,
        memories,
        list(hardware.links.values()),
        list(hardware.clocks.values()),
        hardware.main_memory,
        sorted(problem.resident.items()),
        (problem.keeps_activations, problem.fuses_post_ops),
        (objective.name, objective.tolerance),
        [sources_of(type(fuser.problem.kinds[kind])) for kind in kinds],
        sources_of(compiled),
    )
