"""From a complete decision to the Program."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import replace

from cosim.errors import InfeasibleError
from cosim.hardware.hardware import Hardware
from cosim.mapping.bound import network_bound
from cosim.mapping.choose import Choice
from cosim.mapping.emit import Emitter, move_action_names
from cosim.mapping.fusion import Fusion
from cosim.mapping.group_emission import GroupEmission
from cosim.mapping.homes import Home, build_homes
from cosim.mapping.problem import Problem
from cosim.mapping.rings import Rings
from cosim.program.assemble import assemble
from cosim.program.draft import Draft
from cosim.program.plan import Mapping, MappingPlan, OpPlan, Tiling


def build(problem: Problem, choice: Choice) -> Mapping:
    """The Program of `choice`, and the plan behind it; raises `InfeasibleError` where main memory is too small."""
    graph, hardware, kinds = problem.graph, problem.hardware, problem.kinds
    names = _action_names(problem)
    draft = Draft(op_names=[op.name for op in graph.ops], tensor_names=list(graph.tensors), action_names=names)
    homes, placements = build_homes(graph, hardware, choice.residents, choice.live, draft)
    _require_addresses(homes, hardware)
    emitter = Emitter(
        graph, hardware, draft, homes, problem.root, {name: i for i, name in enumerate(names)}, problem.works
    )
    for name in graph.inputs:
        home = homes.get(name)
        if home is not None:
            emitter.occupancy[home.memory].claim(home.start, home.stop)
    rings = Rings(hardware, choice.staging_start)
    begins = {fusion.group.first: fusion for fusion in choice.fusions}
    for position, op in enumerate(graph.ops):
        if position in begins:
            fusion = begins[position]
            rings.reserve(fusion.start, fusion.layout.area)
            GroupEmission(emitter, fusion, problem.engines, kinds, rings).run()
            rings.release()
        elif op.name in choice.trials:
            engine, trial = problem.engines[op.name], choice.trials[op.name]
            emitter.emit(op, engine, kinds[engine.kind], trial.tiling, rings.bases(engine, trial))
    program = assemble(draft, hardware.machine())
    bound_fs, bound_by = network_bound(graph, hardware, kinds, problem.assignments)
    plan = MappingPlan("tiled", _op_plans(problem, choice), (*placements, *emitter.placements), bound_fs, bound_by)
    return Mapping(program, plan)


def _op_plans(problem: Problem, choice: Choice) -> tuple[OpPlan, ...]:
    """The decisions on each op, in the order of the graph."""
    fused = {op.name: fusion for fusion in choice.fusions for op in fusion.group.ops}
    plans: list[OpPlan] = []
    for op in problem.graph.ops:
        if op.name not in problem.by_op:
            plans.append(OpPlan(op.name, op.kind.name, ""))
            continue
        assignment = problem.by_op[op.name]
        group, blocks = "", 1
        if op.name in fused:
            group, blocks = fused[op.name].group.name, fused[op.name].group.n_blocks
            tiling = _of_all_blocks(fused[op.name], op.name)
        else:
            tiling = choice.trials[op.name].tiling
        loops = tuple(dim.name for dim in problem.graph.space(op).dims)
        reason = assignment.refusals if assignment.is_fallback else ()
        plans.append(OpPlan(op.name, op.kind.name, assignment.chosen.name, loops, tiling, reason, group, blocks))
    return tuple(plans)


def _of_all_blocks(fusion: Fusion, op: str) -> Tiling:
    """The tiling of the largest block of an op, with what all blocks cost."""
    tiling, blocks = fusion.trials[op].tiling, fusion.group.n_blocks
    return replace(
        tiling,
        estimate_fs=tiling.estimate_fs * blocks,
        traffic_bytes=tiling.traffic_bytes * blocks,
        bound_fs=tiling.bound_fs,
    )


def _require_addresses(homes: Table[str, Home], hardware: Hardware) -> None:
    """Raise `InfeasibleError` where first fit runs past the end of a memory."""
    for name, memory in hardware.memories.items():
        stop = max((home.stop for home in homes.values() if home.memory == name), default=0)
        if stop > memory.size_bytes:
            raise InfeasibleError(
                f"tensors placed by first fit end at byte {stop} of {name}, which has {memory.size_bytes}: "
                f"{stop - memory.size_bytes} bytes too many",
                where=f"hardware {hardware.name}",
                fix=f"raise memories.{name}.size by at least {stop - memory.size_bytes} bytes, or lower the batch",
            )


def _action_names(problem: Problem) -> list[str]:
    graph, hardware, kinds = problem.graph, problem.hardware, problem.kinds
    names: dict[str, None] = {}
    for engine in hardware.engines.values():
        if engine.source_memory:
            names |= dict.fromkeys(move_action_names(hardware, engine))
        else:
            names |= dict.fromkeys(f"{step}.bytes" for step in engine.via if step in hardware.links)
    for assignment in problem.assignments:
        whole = graph.space(assignment.op).whole
        names |= dict.fromkeys(kinds[assignment.chosen.kind].actions(assignment.chosen, assignment.op, graph, whole))
    return list(names)
