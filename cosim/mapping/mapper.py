"""The tiled mapper: op by op, double-buffered rings, weights prefetched under the op before."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from cosim.errors import InfeasibleError, unknown
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Hardware
from cosim.mapping.assignment import Assignment, assign
from cosim.mapping.bound import network_bound
from cosim.mapping.emit import Emitter, move_action_names
from cosim.mapping.homes import Home, build_homes
from cosim.mapping.objective import Objective, find_objective
from cosim.mapping.placement import residents, roots, spans
from cosim.mapping.rings import Rings
from cosim.mapping.tiler import Tiler
from cosim.mapping.trial import Trial
from cosim.mapping.wiring import require_moves
from cosim.plugin.protocols import EngineKind
from cosim.program.assemble import assemble
from cosim.program.draft import Draft
from cosim.program.plan import Mapping, MappingPlan, OpPlan

RESIDENT_SHARES = (1, 2, 3)  # quarters of an on-chip memory that may hold whole activations


@dataclass(frozen=True)
class _Choice:
    """A complete decision: which tensors stay on chip, and the tiling of every op with what it needs."""

    residents: dict[str, tuple[str, int]]
    staging_start: dict[str, int]
    trials: dict[str, Trial]


class TiledMapper:
    """Maps op by op.

    Activations stay on chip where they fit; everything else is staged through rings, so that moving and computing
    overlap. The rings of an op follow those of the op before, so its weights are loaded while that one computes. The
    share of the memory kept for whole activations is the one with the best expectation.

    Options: ``objective``, one of `cosim.mapping.objective.OBJECTIVES`.
    """

    name = "tiled"
    summary = "op by op, double-buffered tiles, activations on chip where they fit"

    def map(self, graph: Graph, hardware: Hardware, kinds: Table[str, EngineKind], options: Table[str, Any]) -> Mapping:
        """The Program and the decisions behind it.

        Raises `UnsupportedError` for an op that no engine takes, `InfeasibleError` where no tile fits, and
        `DescriptionError` for any option: this mapper has none.
        """
        objective = read_options(options)
        assignments = assign(graph, hardware, kinds)
        for assignment in assignments:
            require_moves(hardware, assignment.chosen)
        _require_room(graph, hardware)
        choice = _choose(Tiler(graph, hardware, kinds), assignments, objective)
        return _emit(graph, hardware, kinds, assignments, choice)


def read_options(options: Table[str, Any]) -> Objective:
    """The objective that `options` ask for; raises `DescriptionError` for an option that there is not."""
    for option in options:
        if option != "objective":
            raise unknown("option", option, ("objective",), where="mapper tiled")
    return find_objective(str(options.get("objective", "balanced")))


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


def _choose(tiler: Tiler, assignments: tuple[Assignment, ...], objective: Objective) -> _Choice:
    """Try every share of on-chip memory for whole activations; tile for the one that is expected to be best."""
    # Nothing kept on chip leaves the most room: what does not fit then never fits, and the error says why.
    found = [(*_residents(tiler, assignments, 0),)]
    expected = [tiler.expected(assignments, *found[0])]
    for share in RESIDENT_SHARES:
        kept = _residents(tiler, assignments, share)
        if kept in found:
            continue
        try:
            expected.append(tiler.expected(assignments, *kept))
        except InfeasibleError:
            continue
        found.append(kept)
    residents, start = found[objective.prefer(expected)]
    return _Choice(residents, start, tiler.tile(assignments, residents, start, objective))


def _residents(
    tiler: Tiler, assignments: tuple[Assignment, ...], share: int
) -> tuple[dict[str, tuple[str, int]], dict[str, int]]:
    """Tensors kept on chip within a share of each memory, and the first byte after them."""
    graph, hardware = tiler.graph, tiler.hardware
    live = spans(graph)
    local = {a.chosen.operands for a in assignments if a.chosen.operands != hardware.main_memory}
    kept: dict[str, tuple[str, int]] = {}
    start: dict[str, int] = {}
    for memory in sorted(name for name in local if name is not None):
        budget = hardware.memories[memory].size_bytes * share // 4
        addresses = residents(graph, assignments, live, memory, budget)
        kept |= {tensor: (memory, address) for tensor, address in addresses.items()}
        start[memory] = max((address + live[t].n_bytes for t, address in addresses.items()), default=0)
    return kept, start


def _emit(
    graph: Graph,
    hardware: Hardware,
    kinds: Table[str, EngineKind],
    assignments: tuple[Assignment, ...],
    choice: _Choice,
) -> Mapping:
    names = _action_names(graph, hardware, kinds, assignments)
    draft = Draft(op_names=[op.name for op in graph.ops], tensor_names=list(graph.tensors), action_names=names)
    homes, placements = build_homes(graph, hardware, choice.residents, draft)
    _require_addresses(homes, hardware)
    emitter = Emitter(graph, hardware, draft, homes, roots(graph), {name: i for i, name in enumerate(names)})
    for name in graph.inputs:
        home = homes.get(name)
        if home is not None:
            emitter.occupancy[home.memory].claim(home.start, home.stop)
    by_op = {assignment.op.name: assignment for assignment in assignments}
    plans: list[OpPlan] = []
    rings = Rings(hardware, choice.staging_start)
    for op in graph.ops:
        if op.name not in by_op:
            plans.append(OpPlan(op.name, op.kind.name, ""))
            continue
        assignment = by_op[op.name]
        engine = assignment.chosen
        trial = choice.trials[op.name]
        emitter.emit(op, engine, kinds[engine.kind], trial.tiling, rings.bases(engine, trial))
        loops = tuple(dim.name for dim in graph.space(op).dims)
        reason = assignment.refusals if assignment.is_fallback else ()
        plans.append(OpPlan(op.name, op.kind.name, engine.name, loops, trial.tiling, reason))
    program = assemble(draft, hardware.machine())
    bound_fs, bound_by = network_bound(graph, hardware, kinds, assignments)
    plan = MappingPlan("tiled", tuple(plans), (*placements, *emitter.placements), bound_fs, bound_by)
    return Mapping(program, plan)


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
