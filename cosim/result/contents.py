"""From a simulation to the tables and the summary of its result."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.result import account, activity
from cosim.result.fused import fused
from cosim.result.gaps import CAUSES
from cosim.result.ledger import ledger
from cosim.result.summary import main_engine, summary
from cosim.result.table import Table, table, table_of_rows
from cosim.result.work import Work

if TYPE_CHECKING:
    from cosim.simulation import Simulation

FS_PER_MS = 1e12


def contents(simulation: Simulation) -> tuple[dict[str, Any], dict[str, Callable[[], Table]], dict[str, Table]]:
    """Summary, makers of every table, and the tables that the summary needed already."""
    work = Work(simulation)
    made = {"engines": account.engines(work), "memories": memories(work), "critical_path": critical_path(work)}
    makers: dict[str, Callable[[], Table]] = {
        "ops": lambda: ops(work, made["critical_path"]),
        "mapping": lambda: mapping(work),
        "tensors": lambda: tensors(work),
        "engines": lambda: made["engines"],
        "memories": lambda: made["memories"],
        "links": lambda: account.links(work),
        "actions": lambda: actions(work),
        "op_actions": lambda: op_actions(work),
        "areas": lambda: areas(work),
        "placements": lambda: placements(work),
        "critical_path": lambda: made["critical_path"],
        "ledger": lambda: ledger(work, main_engine(made["engines"])),
        "overflows": lambda: overflows(work),
        "quality": lambda: activity.quality(simulation),
        "roofs": lambda: activity.roofs(work),
        "activity": lambda: activity.activity(work),
        "timeline": lambda: timeline(work),
    }
    return summary(work, made["engines"], made["memories"], made["critical_path"]), makers, made


def ops(work: Work, critical: Table) -> Table:
    """One row per op of the graph, views included (they do nothing), in order.

    `critical_ms` is the op's share of the chain that decides the latency: over all ops it adds up to the latency.
    Stalls are those of the op's engine before and during its computes; bytes and energy include its moves.
    """
    simulation, program = work.simulation, work.program
    graph, hardware = simulation.graph, simulation.hardware
    spans, stalls = account.op_spans(work), account.op_stalls(work)
    rows = {name: position for position, name in enumerate(program.ops)}
    index = np.array([rows.get(op.name, -1) for op in graph.ops], np.int64)
    plans = {plan.op: plan for plan in simulation.plan.ops}
    engines = [plans[op.name].engine if op.name in plans else "" for op in graph.ops]
    periods = np.array([_period_fs(hardware, engine) for engine in engines], np.float64)
    macs = np.array([graph.space(op).macs for op in graph.ops], np.int64)
    units = np.array([work.macs_per_cycle.get(engine, 0.0) for engine in engines])
    with np.errstate(divide="ignore", invalid="ignore"):
        spatial = np.where((units > 0) & (macs > 0), macs * periods / (units * _at(spans["busy_fs"], index)), np.nan)
        elapsed = np.rint((spans["end_fs"] - spans["start_fs"])[index] / periods)
    is_idle = (index < 0) | (_at(spans["commands"], index) == 0)
    energy = [work.energy[i] if i >= 0 else None for i in index]
    columns: dict[str, Any] = {
        "op": [op.name for op in graph.ops],
        "kind": [op.kind.name for op in graph.ops],
        "engine": engines,
        "inputs": [" ".join(op.inputs) for op in graph.ops],
        "output": [op.output for op in graph.ops],
        "fused": _fused(simulation),
        "start_ms": np.where(is_idle, np.nan, spans["start_fs"][index] / FS_PER_MS),
        "end_ms": np.where(is_idle, np.nan, spans["end_fs"][index] / FS_PER_MS),
        "cycles": np.where(is_idle, 0, np.nan_to_num(elapsed)).astype(np.int64),
        "bound_cycles": _bounds(work, engines),
        "busy_cycles": _at(spans["cycles"], index),
        "critical_ms": _critical(critical, [op.name for op in graph.ops]),
        "busy_ms": _at(spans["busy_fs"], index) / FS_PER_MS,
        "stall_ms": _at(spans["stall_fs"], index) / FS_PER_MS,
        "stall_cause": np.where(index >= 0, account.main_causes(stalls)[index], ""),
        **{f"stall_{cause}_ms": _at(lost, index) / FS_PER_MS for cause, lost in stalls.items()},
        "commands": _at(spans["commands"], index),
        "macs": macs,
        "utilization_spatial": spatial,
    }
    for memory in hardware.memories:
        for direction in ("read", "write"):
            columns[f"{memory}_{direction}_bytes"] = _at(work.count(f"{memory}.{direction}_bytes"), index)
    columns["energy_pj"] = [band.value if band else 0.0 for band in energy]
    columns["energy_low_pj"] = [band.low if band else 0.0 for band in energy]
    columns["energy_high_pj"] = [band.high if band else 0.0 for band in energy]
    ratios = {row["op"]: row["sqnr_db"] for row in quality_rows(simulation)}
    columns["sqnr_db"] = np.array([ratios.get(op.name, np.nan) for op in graph.ops], np.float64)
    return table(columns)


def _fused(simulation: Simulation) -> list[str]:
    """Names of the ops of the original network that are part of each op; empty for most."""
    parts: dict[str, list[str]] = {op.name: [] for op in simulation.graph.ops}
    into = fused(simulation.original, simulation.graph)
    for op in simulation.original.ops:
        if op.name in into:
            parts[into[op.name]].append(op.name)
    return [" ".join(names) for names in parts.values()]


def _at(values: Any, index: Any) -> Any:
    """Values of the ops of the graph; 0 for one that the program does not have (a view)."""
    return np.where(index >= 0, np.asarray(values)[index], 0)


def _bounds(work: Work, engines: list[str]) -> list[int]:
    """Cycles below which no tiling of each op goes on its engine; 0 for a view."""
    from cosim.plugin.registry import load_registry

    kinds, simulation = load_registry()["engine_kinds"], work.simulation
    graph, described = simulation.graph, simulation.hardware.engines
    return [
        kinds[described[name].kind].bound(described[name], op, graph) if name else 0
        for op, name in zip(graph.ops, engines, strict=True)
    ]


def _critical(critical: Table, names: list[str]) -> list[float]:
    """Time on the critical path by op [ms]."""
    parts: dict[str, list[float]] = {name: [] for name in [*names, ""]}
    for op, length in zip(critical["op"].tolist(), critical["length_ms"].tolist(), strict=True):
        parts[op].append(length)
    return [math.fsum(parts[name]) for name in names]


def _period_fs(hardware: Any, engine: str) -> float:
    return float(hardware.clocks[hardware.engines[engine].clock].period_fs) if engine else float("nan")


def overflows(work: Work) -> Table:
    """One row per op whose sums deviate from exact ones: how many, how many did not fit, extremes, enough bits."""
    found = work.simulation.overflows or []
    numbers = {
        name: np.array([row[name] for row in found], np.int64)
        for name in ("sums", "overflows", "least", "most", "needed_bits")
    }
    return table({"op": np.array([row["op"] for row in found], str), **numbers})


def quality_rows(simulation: Simulation) -> list[dict[str, Any]]:
    """Rows of the comparison with the float graph; none where nothing was executed."""
    quality: Any = simulation.quality
    if quality is None:
        return []
    return list(quality.to_dict("records")) if hasattr(quality, "to_dict") else list(quality)


def mapping(work: Work) -> Table:
    """One row per op: engine, tile, trips from the outermost loop, what the search expected, why others refused.

    Ops of one `group` run block by block; tile and trips are then those of the largest block.
    """
    names = (
        "op",
        "kind",
        "engine",
        "group",
        "blocks",
        "tile",
        "trips",
        "estimate_ms",
        "bound_ms",
        "traffic_bytes",
        "reason",
    )
    rows = work.simulation.plan.rows()
    numbers = {"estimate_ms": np.nan, "bound_ms": np.nan, "traffic_bytes": 0}
    return table_of_rows([{name: row.get(name, numbers.get(name)) for name in names} for row in rows], names)


def memories(work: Work) -> Table:
    """One row per memory: capacity, most bytes reserved at once, highest address used, bytes read and written."""
    hardware, plan = work.simulation.hardware, work.simulation.plan
    return table_of_rows(
        {
            "memory": memory.name,
            "technology": memory.technology,
            "size_bytes": memory.size_bytes,
            "peak_bytes": plan.peak_bytes(memory.name),
            "extent_bytes": max((p.address + p.n_bytes for p in plan.placements if p.memory == memory.name), default=0),
            "read_bytes": int(work.count(f"{memory.name}.read_bytes").sum()),
            "write_bytes": int(work.count(f"{memory.name}.write_bytes").sum()),
        }
        for memory in hardware.memories.values()
    )


def actions(work: Work) -> Table:
    """One row per product of a count and a price: counted actions first, then power over time."""
    return table_of_rows(
        {
            "component": row.component,
            "action": row.verb,
            "part": row.part,
            "state": row.state,
            "count": row.count,
            "per": row.per,
            "price_pj": row.price.value,
            "price_low_pj": row.price.low,
            "price_high_pj": row.price.high,
            "energy_pj": row.energy_pj.value,
            "energy_low_pj": row.energy_pj.low,
            "energy_high_pj": row.energy_pj.high,
            "source": row.price.source,
            "rule": row.price.rule,
            "is_assumed": row.price.assumed,
        }
        for row in work.simulation.energy.rows
    )


def op_actions(work: Work) -> Table:
    """One row per op and counted line of `actions`: the op's count and energy, its moves included."""
    dynamic = work.simulation.energy.dynamic
    columns = [work.program.actions.index(row.action) for row in dynamic]
    names = ("op", "component", "action", "part", "count", "energy_pj", "energy_low_pj", "energy_high_pj")
    found = []
    for position, op in enumerate((*work.program.ops, "")):
        for row, column in zip(dynamic, columns, strict=True):
            n = int(work.actions[position, column])
            prices = (row.price.value, row.price.low, row.price.high)
            if n:
                found.append((op, row.component, row.verb, row.part, n, *(n * price for price in prices)))
    return table({name: [row[i] for row in found] for i, name in enumerate(names)})


def tensors(work: Work) -> Table:
    """One row per tensor: shape, format, bytes, and what it is to the graph."""
    graph = work.simulation.graph
    return table_of_rows(
        {
            "tensor": tensor.name,
            "part": graph.part(tensor.name).value,
            "shape": "x".join(str(extent) for extent in tensor.shape),
            "format": tensor.encoding.format,
            "size_bytes": tensor.bytes,
            "side_bits": tensor.encoding.side_bits,
        }
        for tensor in graph.tensors.values()
    )


def areas(work: Work) -> Table:
    """One row per kind of unit in a component."""
    return table_of_rows(
        {
            "component": row.component,
            "unit": row.unit,
            "count": float(row.count),
            "area_um2": row.area_um2.value,
            "area_low_um2": row.area_um2.low,
            "area_high_um2": row.area_um2.high,
            "source": row.price.source,
            "rule": row.price.rule,
            "is_assumed": row.price.assumed,
        }
        for row in work.simulation.area.rows
    )


def placements(work: Work) -> Table:
    """One row per reserved range of bytes: what for, where, and during which ops."""
    names = ("what", "role", "memory", "address_bytes", "size_bytes", "first_op", "last_op")
    placed = [
        (p.what, p.role, p.memory, p.address, p.n_bytes, p.first_op, p.last_op) for p in work.simulation.plan.placements
    ]
    placed.sort(key=lambda row: (row[2], row[3], row[5], row[0]))
    return table({name: [row[i] for row in placed] for i, name in enumerate(names)})


def critical_path(work: Work) -> Table:
    """One row per command on the chain that decides the latency, in order of time.

    `length_ms` runs to the start of the next command on the chain, so the lengths add up to the latency;
    `follows_by` is why the command started only then.
    """
    from cosim.timing import Cause
    from cosim.timing import critical_path as found

    program, times = work.program, work.simulation.times
    chain = found(program, times)[::-1]
    start = times.start_fs[chain]
    until = np.append(start[1:], times.makespan_fs)
    if len(chain):
        start = np.append(0, start[1:])  # a clock edge before the first start belongs to the first command
    operations = np.array([*program.ops, ""], object)
    tensors = np.array([*program.tensors, ""], object)
    return table(
        {
            "command": chain,
            "engine": np.array(program.machine.engines, object)[work.engine[chain]],
            "op": operations[work.owner[chain]],
            "work": np.where(program.op[chain] < 0, "move", "compute").astype(object),
            "tensor": tensors[program.tensor[chain]],
            "start_ms": start / FS_PER_MS,
            "length_ms": (until - start) / FS_PER_MS,
            "follows_by": np.array([Cause(int(c)).name.lower() for c in times.cause[chain]], object),
        }
    )


def timeline(work: Work) -> Table:
    """One row per command, in the order of ids; times in whole femtoseconds.

    `gap_fs` is what its engine lost before it, `gap_cause` why; of this `early_fs` went by before it was ready, for
    `early_cause`.
    """
    program, times = work.program, work.simulation.times
    ops_ = np.array([*program.ops, ""], object)
    tensors = np.array([*program.tensors, ""], object)
    return table(
        {
            "command": np.arange(len(program)),
            "engine": np.array(program.machine.engines, object)[work.engine],
            "queue": np.array(program.machine.queues, object)[program.queue],
            "op": ops_[work.owner],
            "is_move": program.op < 0,
            "tensor": tensors[program.tensor],
            "ready_fs": times.ready_fs,
            "start_fs": times.start_fs,
            "release_fs": times.release_fs,
            "end_fs": times.end_fs,
            "blocked_fs": times.blocked_fs,
            "gap_fs": work.gaps.gap_fs,
            "gap_cause": np.where(work.gaps.gap_fs > 0, np.array(CAUSES, object)[work.gaps.cause], ""),
            "early_fs": work.gaps.early_fs,
            "early_cause": np.where(work.gaps.early_fs > 0, np.array(CAUSES, object)[work.gaps.early_cause], ""),
            "tile": activity.tiles(work.simulation),
            "cycles": program.services.cycles[program.service] + program.services.serial_cycles[program.service],
            "size_bytes": program.services.n_bytes[program.service],
        }
    )
