"""The tiled mapper: op by op, double-buffered rings, weights prefetched under the op before."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from cosim.errors import InfeasibleError, UnsupportedError, unknown
from cosim.graph.graph import Graph, op_attributes
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.assignment import Assignment, assign
from cosim.mapping.bound import network_bound
from cosim.mapping.emit import Emitter, dma_between, move_action_names
from cosim.mapping.homes import Home, build_homes
from cosim.mapping.placement import residents, roots, spans
from cosim.mapping.tiling import Rates, Search, Staging, ring_bytes
from cosim.plugin.protocols import EngineKind
from cosim.program.assemble import assemble
from cosim.program.draft import Draft
from cosim.program.plan import Mapping, MappingPlan, OpPlan, Tiling

RESIDENT_SHARES = (1, 2, 3)  # quarters of an on-chip memory that may hold whole activations


@dataclass(frozen=True)
class _Choice:
    """A complete decision: which tensors stay on chip, and the tiling of every op."""

    residents: dict[str, tuple[str, int]]
    staging_start: dict[str, int]
    tilings: dict[str, Tiling]
    estimate_fs: int


class TiledMapper:
    """Maps op by op.

    Activations stay on chip where they fit; everything else is staged through rings of two slots, so that moving
    and computing overlap. Two ops use different halves of the staging space in turn, so the weights of an op are
    loaded while the op before computes. The share of the memory kept for whole activations is the one with the
    lowest estimated latency.
    """

    name = "tiled"
    summary = "op by op, double-buffered tiles, activations on chip where they fit"

    def map(self, graph: Graph, hardware: Hardware, kinds: Table[str, EngineKind], options: Table[str, Any]) -> Mapping:
        """The Program and the decisions behind it.

        Raises `UnsupportedError` for an op that no engine takes, `InfeasibleError` where no tile fits, and
        `DescriptionError` for any option: this mapper has none.
        """
        for option in options:
            raise unknown("option", option, (), where=f"mapper {self.name}")
        assignments = assign(graph, hardware, kinds)
        _require_moves(assignments, hardware)
        _require_room(graph, hardware)
        choice = _choose(graph, hardware, kinds, assignments)
        return _emit(graph, hardware, kinds, assignments, choice)


def _require_moves(assignments: tuple[Assignment, ...], hardware: Hardware) -> None:
    main = hardware.main_memory
    moves = {(e.source_memory, e.target_memory) for e in hardware.engines.values() if e.source_memory}
    for assignment in assignments:
        engine = assignment.chosen
        if engine.operands in (None, main):
            continue
        for pair in ((main, engine.operands), (engine.operands, main)):
            if pair not in moves:
                raise UnsupportedError(
                    f"nothing moves data from {pair[0]} to {pair[1]}",
                    where=f"hardware {hardware.name}, engine {engine.name}",
                    fix=f"add an engine of kind dma with from: {pair[0]} and to: {pair[1]}",
                )


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


def _choose(
    graph: Graph, hardware: Hardware, kinds: Table[str, EngineKind], assignments: tuple[Assignment, ...]
) -> _Choice:
    """Try every share of on-chip memory for whole activations; keep the fastest estimate."""
    searches: dict[object, Search] = {}
    # Nothing kept on chip leaves the most room: what does not fit then never fits, and the error says why.
    best = _decide(graph, hardware, kinds, assignments, 0, searches)
    for share in RESIDENT_SHARES:
        try:
            choice = _decide(graph, hardware, kinds, assignments, share, searches)
        except InfeasibleError:
            continue
        if choice.estimate_fs < best.estimate_fs:
            best = choice
    return best


def _decide(
    graph: Graph,
    hardware: Hardware,
    kinds: Table[str, EngineKind],
    assignments: tuple[Assignment, ...],
    share: int,
    searches: dict[object, Search],
) -> _Choice:
    live = spans(graph)
    local = {a.chosen.operands for a in assignments if a.chosen.operands != hardware.main_memory}
    kept: dict[str, tuple[str, int]] = {}
    start: dict[str, int] = {}
    for memory in sorted(name for name in local if name is not None):
        budget = hardware.memories[memory].size_bytes * share // 4
        addresses = residents(graph, assignments, live, memory, budget)
        kept |= {tensor: (memory, address) for tensor, address in addresses.items()}
        start[memory] = max((address + live[t].n_bytes for t, address in addresses.items()), default=0)
    root = roots(graph)
    tilings: dict[str, Tiling] = {}
    for assignment in assignments:
        engine = assignment.chosen
        tilings[assignment.op.name] = _tile_op(
            assignment.op, graph, hardware, engine, kinds[engine.kind], kept, root, start, searches
        )
    return _Choice(kept, start, tilings, sum(tiling.estimate_fs for tiling in tilings.values()))


def _tile_op(
    op: Op,
    graph: Graph,
    hardware: Hardware,
    engine: Engine,
    kind: EngineKind,
    kept: dict[str, tuple[str, int]],
    root: dict[str, str],
    start: dict[str, int],
    searches: dict[object, Search],
) -> Tiling:
    """The tiling of one op within half of the staging space, or within all of it where half is too small."""
    memory = engine.operands or hardware.main_memory

    def is_staged(name: str) -> bool:
        home = kept[root[name]][0] if root[name] in kept else hardware.main_memory
        return home != memory

    staging = Staging(tuple(is_staged(name) for name in op.inputs), is_staged(op.output))
    free = hardware.memories[memory].size_bytes - start.get(memory, 0)
    search = _search(op, graph, hardware, engine, kind, staging, searches)
    if memory == hardware.main_memory:
        return search.best(free)
    try:
        return search.best(_half(free))
    except InfeasibleError:
        return search.best(free)


def _half(free: int) -> int:
    return free // 2 // 64 * 64


def _search(
    op: Op,
    graph: Graph,
    hardware: Hardware,
    engine: Engine,
    kind: EngineKind,
    staging: Staging,
    searches: dict[object, Search],
) -> Search:
    """The search of an op, shared by all that look the same."""
    tensors = [graph.tensors[name] for name in (*op.inputs, op.output)]
    described = tuple((tensor.shape, tensor.encoding.format) for tensor in tensors)
    constant = tuple(name in graph.constants for name in op.inputs)
    key = (op.kind.name, repr(sorted(op_attributes(op).items())), described, constant, engine.name, staging)
    if key not in searches:
        searches[key] = Search(op, graph, hardware, engine, kind, staging, _rates(hardware, engine))
    return searches[key]


def _rates(hardware: Hardware, engine: Engine) -> Rates:
    main, local = hardware.main_memory, engine.operands or hardware.main_memory
    sums = hardware.memories[engine.accumulators].size_bytes if engine.accumulators else 0
    if local == main:
        return Rates(sums, 0.0, 0.0, 0, shared=False)
    load, store = dma_between(hardware, main, local), dma_between(hardware, local, main)
    return Rates(
        accumulator_bytes=sums,
        load_fs_per_byte=_fs_per_byte(hardware, load),
        store_fs_per_byte=_fs_per_byte(hardware, store),
        command_fs=load.setup_cycles * hardware.clocks[load.clock].period_fs,
        shared=bool(set(load.via) & set(store.via)),
    )


def _fs_per_byte(hardware: Hardware, dma: Engine) -> float:
    ports = [hardware.port(step) for step in dma.via]
    return max(port.unit_fs / port.unit_bytes for port in ports)


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
    turn: dict[str, int] = {}
    for op in graph.ops:
        if op.name not in by_op:
            plans.append(OpPlan(op.name, op.kind.name, ""))
            continue
        assignment = by_op[op.name]
        engine = assignment.chosen
        tiling = choice.tilings[op.name]
        memory = engine.operands or hardware.main_memory
        base = choice.staging_start.get(memory, 0)
        half = _half(hardware.memories[memory].size_bytes - base)
        turn[memory] = 1 - turn.get(memory, 1)
        needed = _ring_bytes(op, graph, tiling, homes, memory)
        start = base if needed > half else base + turn[memory] * half
        emitter.emit(op, engine, kinds[engine.kind], tiling, start)
        loops = tuple(dim.name for dim in graph.space(op).dims)
        reason = assignment.refusals if assignment.is_fallback else ()
        plans.append(OpPlan(op.name, op.kind.name, engine.name, loops, tiling, reason))
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


def _ring_bytes(op: Op, graph: Graph, tiling: Tiling, homes: Table[str, Home], memory: str) -> int:
    """Bytes of all rings of one op [byte]."""
    staging = Staging(tuple(homes[name].memory != memory for name in op.inputs), homes[op.output].memory != memory)
    return ring_bytes(op, graph, tiling, staging)


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
