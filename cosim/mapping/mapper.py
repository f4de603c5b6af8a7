"""The tiled mapper: op by op, double-buffered rings, weights prefetched under the op before."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import replace
from itertools import accumulate
from typing import Any

from cosim.errors import InfeasibleError
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping.assignment import Assignment, assign
from cosim.mapping.bound import network_bound
from cosim.mapping.cache import Shelf
from cosim.mapping.choose import Choice, choose
from cosim.mapping.emit import Emitter, move_action_names
from cosim.mapping.fusion import Fuser, Fusion
from cosim.mapping.group_emission import GroupEmission
from cosim.mapping.groups import Group
from cosim.mapping.homes import Home, build_homes
from cosim.mapping.objective import Objective
from cosim.mapping.options import read_options
from cosim.mapping.placement import roots, spans
from cosim.mapping.rings import Rings
from cosim.mapping.tiler import Tiler
from cosim.mapping.windows import patterns, spilled
from cosim.mapping.wiring import require_moves
from cosim.plugin.protocols import EngineKind
from cosim.program.assemble import assemble
from cosim.program.draft import Draft
from cosim.program.plan import Mapping, MappingPlan, OpPlan, Tiling
from cosim.timing import compiled

MOST_TRIES = 12  # groups for which a Program is made and timed


class TiledMapper:
    """Maps op by op.

    Activations stay on chip where they fit; everything else is staged through rings, so that moving and computing
    overlap. The rings of an op follow those of the op before, so its weights are loaded while that one computes. The
    share of the memory kept for whole activations is the one with the best expectation.

    Options: see `cosim.mapping.options.Options`.
    """

    name = "tiled"
    summary = "op by op, double-buffered tiles, activations on chip where they fit"

    def map(self, graph: Graph, hardware: Hardware, kinds: Table[str, EngineKind], options: Table[str, Any]) -> Mapping:
        """The Program and the decisions behind it.

        Raises `UnsupportedError` for an op that no engine takes, `InfeasibleError` where no tile fits, and
        `DescriptionError` for an option that there is not.
        """
        chosen = read_options(options)
        assignments = assign(graph, hardware, kinds)
        for assignment in assignments:
            require_moves(hardware, assignment.chosen)
        _require_room(graph, hardware)
        shelf = Shelf() if chosen.cache else None
        tiler = Tiler(graph, hardware, kinds, shelf=shelf, seconds=chosen.seconds)
        fuser = Fuser(graph, hardware, kinds, assignments, shelf)
        choice = choose(tiler, fuser, assignments, chosen.goal)
        mapping = _emit(graph, hardware, kinds, assignments, choice)
        if chosen.fuse == "none":
            return mapping
        return _improved(graph, hardware, kinds, assignments, tiler, fuser, choice, mapping, chosen.goal)


def _require_room(graph: Graph, hardware: Hardware) -> None:
    """Raise `InfeasibleError` where main memory cannot hold the weights and, at some op, its inputs and output."""
    size = hardware.memories[hardware.main_memory].size_bytes
    read = {name for op in graph.ops for name in op.inputs}
    weights = sum(graph.tensors[name].bytes for name in graph.constants if name in read)
    live: dict[int, int] = {}
    for span in spans(graph).values():
        live[span.first_op] = live.get(span.first_op, 0) + span.n_bytes
        live[span.last_op + 1] = live.get(span.last_op + 1, 0) - span.n_bytes
    on_chip = sum(memory.size_bytes for memory in hardware.memories.values()) - size
    most = max(accumulate(live[position] for position in sorted(live)), default=0)
    demand = weights + most - on_chip
    if demand > size:
        raise InfeasibleError(
            f"{graph.name} needs {demand} bytes of {hardware.main_memory} ({weights} for weights, {most} for tensors that "
            f"are alive together, of which at most {on_chip} on chip), {size} are there: {demand - size} bytes too many",
            where=f"hardware {hardware.name}",
            allowed=f"at most {size} bytes",
            fix=f"raise memories.{hardware.main_memory}.size, or lower the batch",
        )


def _improved(
    graph: Graph,
    hardware: Hardware,
    kinds: Table[str, EngineKind],
    assignments: tuple[Assignment, ...],
    tiler: Tiler,
    fuser: Fuser,
    choice: Choice,
    mapping: Mapping,
    objective: Objective,
) -> Mapping:
    """The mapping with groups where that moves less and takes no longer, by the timers' own account."""
    best, cost = mapping, _cost(mapping)
    limit = cost[0]
    groups: tuple[Group, ...] = ()
    tries = MOST_TRIES
    goes_on = True
    while goes_on and tries and spilled(graph, fuser, choice):
        goes_on = False
        for pattern in patterns(graph, tiler, fuser, choice):
            if not tries:
                break
            tries -= 1
            together = tuple(sorted((*groups, *pattern.groups), key=lambda group: group.first))
            try:
                tried = choose(tiler, fuser, assignments, objective, together)
                found = _emit(graph, hardware, kinds, assignments, tried)
            except InfeasibleError:
                continue
            price = _cost(found)
            if price[0] <= limit and price[1] < cost[1] and objective.prefer([cost, price]) == 1:
                best, cost, groups, choice, goes_on = found, price, together, tried, True
                break
    return best


def _cost(mapping: Mapping) -> tuple[float, float]:
    """Latency [fs] and bytes moved [byte] of a program."""
    program = mapping.program
    moved = program.services.n_bytes[program.service[program.op < 0]]
    return float(compiled.simulate(program).makespan_fs), float(moved.sum())


def _emit(
    graph: Graph,
    hardware: Hardware,
    kinds: Table[str, EngineKind],
    assignments: tuple[Assignment, ...],
    choice: Choice,
) -> Mapping:
    names = _action_names(graph, hardware, kinds, assignments)
    draft = Draft(op_names=[op.name for op in graph.ops], tensor_names=list(graph.tensors), action_names=names)
    homes, placements = build_homes(graph, hardware, choice.residents, choice.live, draft)
    _require_addresses(homes, hardware)
    emitter = Emitter(graph, hardware, draft, homes, roots(graph), {name: i for i, name in enumerate(names)})
    for name in graph.inputs:
        home = homes.get(name)
        if home is not None:
            emitter.occupancy[home.memory].claim(home.start, home.stop)
    by_op = {assignment.op.name: assignment for assignment in assignments}
    plans: list[OpPlan] = []
    rings = Rings(hardware, choice.staging_start)
    fused = {op.name: fusion for fusion in choice.fusions for op in fusion.group.ops}
    for position, op in enumerate(graph.ops):
        if op.name in fused and position == fused[op.name].group.first:
            fusion = fused[op.name]
            rings.reserve(fusion.start, fusion.layout.area)
            engines = {a.op.name: a.chosen for a in assignments}
            GroupEmission(emitter, fusion, engines, kinds, rings).run()
            rings.release()
        if op.name not in by_op:
            plans.append(OpPlan(op.name, op.kind.name, ""))
            continue
        assignment = by_op[op.name]
        engine = assignment.chosen
        loops = tuple(dim.name for dim in graph.space(op).dims)
        reason = assignment.refusals if assignment.is_fallback else ()
        if op.name in fused:
            group = fused[op.name].group
            tiling = _of_all_blocks(fused[op.name], op.name)
            plans.append(
                OpPlan(op.name, op.kind.name, engine.name, loops, tiling, reason, group.name, group.n_blocks)
            )
            continue
        trial = choice.trials[op.name]
        emitter.emit(op, engine, kinds[engine.kind], trial.tiling, rings.bases(engine, trial))
        plans.append(OpPlan(op.name, op.kind.name, engine.name, loops, trial.tiling, reason))
    program = assemble(draft, hardware.machine())
    bound_fs, bound_by = network_bound(graph, hardware, kinds, assignments)
    plan = MappingPlan("tiled", tuple(plans), (*placements, *emitter.placements), bound_fs, bound_by)
    return Mapping(program, plan)


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


def _action_names(
    graph: Graph, hardware: Hardware, kinds: Table[str, EngineKind], assignments: tuple[Assignment, ...]
) -> list[str]:
    names: dict[str, None] = {}
    for engine in hardware.engines.values():
        if engine.source_memory:
            names |= dict.fromkeys(move_action_names(hardware, engine))
        else:
            names |= dict.fromkeys(f"{step}.bytes" for step in engine.via if step in hardware.links)
    for assignment in assignments:
        whole = graph.space(assignment.op).whole
        names |= dict.fromkeys(kinds[assignment.chosen.kind].actions(assignment.chosen, assignment.op, graph, whole))
    return list(names)
