"""The decisions for a network as they were, but with some constants resident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cosim.graph.op import Op
from cosim.mapping.choose import Choice
from cosim.mapping.fusion import Fusion
from cosim.mapping.grid import Grid
from cosim.mapping.placement import aligned
from cosim.mapping.problem import Problem
from cosim.mapping.sets import loads_of
from cosim.mapping.trial import Trial
from cosim.mapping.wiring import operand_memory


def upheld(choice: Choice, problem: Problem) -> Choice | None:
    """`choice`, made without resident constants, with those of `problem` below everything else.

    Same tiles, same groups; resident operands need no staging. None where the rest does not fit behind them.
    """
    base = problem.base
    kept = {name: (memory, address + base.get(memory, 0)) for name, (memory, address) in choice.residents.items()}
    found = replace(
        choice,
        residents={**problem.resident, **kept},
        staging_start=_behind(base, choice.staging_start),
        trials={op.name: _unstaged(choice.trials[op.name], op, problem) for op in _alone(choice, problem)},
        fusions=tuple(_upheld(fusion, problem) for fusion in choice.fusions),
    )
    return found if _fits(found, problem) else None


def _alone(choice: Choice, problem: Problem) -> list[Op]:
    return [op for op in problem.graph.ops if op.name in choice.trials]


def _behind(base: Mapping[str, int], start: Mapping[str, int]) -> dict[str, int]:
    """First bytes, moved behind the resident constants [byte]."""
    return {name: start.get(name, 0) + base.get(name, 0) for name in {**base, **start}}


def _upheld(fusion: Fusion, problem: Problem) -> Fusion:
    pinned = {name: slots for name, slots in fusion.layout.pinned.items() if name not in problem.resident}
    ops = {op.name: op for op in fusion.group.ops}
    return replace(
        fusion,
        layout=replace(fusion.layout, pinned=pinned),
        start=_behind(problem.base, fusion.start),
        trials={name: _unstaged(trial, ops[name], problem) for name, trial in fusion.trials.items()},
    )


def _unstaged(trial: Trial, op: Op, problem: Problem) -> Trial:
    """The tiling whose resident operands are read in place, and the room that it then needs."""
    holds, demand = list(trial.tiling.holds), dict(trial.demand)
    space = problem.graph.space(op)
    for number, name in enumerate(op.inputs):
        hold = holds[number]
        if name not in problem.resident or hold is None:
            continue
        loads = loads_of(space.inputs[number], Grid.of(space, trial.tiling), hold)
        n_bytes = problem.graph.tensors[name].encoding.box_bytes(loads.sets)
        memory = operand_memory(problem.hardware, problem.engines[op.name], problem.graph, op, number)
        demand[memory] -= aligned(int(n_bytes.max(initial=0))) * loads.slots
        holds[number] = None
    return replace(trial, tiling=replace(trial.tiling, holds=tuple(holds)), demand=tuple(sorted(demand.items())))


def _fits(choice: Choice, problem: Problem) -> bool:
    """Whether the rings of every op end inside their memories; a memory of its own for sums is never short."""
    size = {name: memory.size_bytes for name, memory in problem.hardware.memories.items()}

    def has_room(trial: Trial, start: Mapping[str, int]) -> bool:
        return all(start.get(name, 0) + n_bytes <= size[name] for name, n_bytes in trial.demand)

    alone = all(has_room(trial, choice.staging_start) for trial in choice.trials.values())
    return alone and all(
        has_room(trial, {name: fusion.start.get(name, 0) + fusion.layout.area.get(name, 0) for name in size})
        for fusion in choice.fusions
        for trial in fusion.trials.values()
    )
