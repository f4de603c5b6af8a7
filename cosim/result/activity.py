"""What a timeline, a roofline and a chart of numerical error are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.result.gaps import CAUSES
from cosim.result.table import Table, table, table_of_rows
from cosim.result.work import Work

if TYPE_CHECKING:
    from cosim.program.program import Program
    from cosim.simulation import Simulation

Int64 = NDArray[np.int64]
SLICES = 240
"""Slices of time that `activity` cuts a run into."""
FS_PER_MS = 1e12
FS_PER_S = 1e15


def activity(work: Work) -> Table:
    """One row per engine and slice of time in which it is busy or stalled; slices are equal parts of the latency.

    `busy_ms` and the stalls add up over the slices to those of `engines`; what is left of a slice is idle.
    """
    machine, times = work.program.machine, work.simulation.times
    edges = np.arange(SLICES + 1, dtype=np.int64) * (times.makespan_fs // SLICES)
    edges[-1] = times.makespan_fs
    found = []
    for position, name in enumerate(machine.engines):
        mine = np.flatnonzero(work.engine == position)
        parts = _parts(work, mine, edges)
        seen = np.flatnonzero(np.sum(list(parts.values()), axis=0))
        found.append(
            {
                "engine": np.full(len(seen), name, object),
                "start_ms": edges[:-1][seen] / FS_PER_MS,
                "end_ms": edges[1:][seen] / FS_PER_MS,
                **{f"{part}_ms": values[seen] / FS_PER_MS for part, values in parts.items()},
            }
        )
    return table({column: np.concatenate([one[column] for one in found]) for column in found[0]})


def _parts(work: Work, commands: Int64, edges: Int64) -> dict[str, Int64]:
    """What an engine did in each slice, shape (slices,) each [fs]; time blocked on a link is the last of a command."""
    times = work.simulation.times
    start, release = times.start_fs[commands], times.release_fs[commands]
    free = release - times.blocked_fs[commands]
    gap, cause, early, early_cause = (values[commands] for values in work.gaps)
    parts = {"busy": _covered(start, free, edges)}
    for number, name in enumerate(CAUSES):
        late, soon = cause == number, (early_cause == number) & (early > 0)
        ready = start - gap + early
        parts[f"stall_{name}"] = _covered(ready[late], start[late], edges)
        parts[f"stall_{name}"] += _covered((start - gap)[soon], ready[soon], edges)
    parts["stall_link"] = parts["stall_link"] + _covered(free, release, edges)
    return parts


def _covered(start: Int64, end: Int64, edges: Int64) -> Int64:
    """Time of each slice that the intervals [start, end), which do not overlap, cover, shape (slices,) [fs]."""
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    whole = np.concatenate([np.zeros(1, np.int64), np.cumsum(end - start)])
    before = np.searchsorted(start, edges, side="right")
    last = np.maximum(before - 1, 0)
    over = np.where(before > 0, np.maximum(end[last] - edges, 0), 0) if len(end) else np.zeros(len(edges), np.int64)
    return np.asarray(np.diff(whole[before] - over), np.int64)


def roofs(work: Work) -> Table:
    """One row per limit of a roofline: MACs per second of each engine that has any, bytes per second of each memory.

    A memory's rate is that of its ports together.
    """
    hardware = work.simulation.hardware
    found: list[dict[str, Any]] = []
    for name, units in work.macs_per_cycle.items():
        if units:
            period = hardware.clocks[hardware.engines[name].clock].period_fs
            found.append({"roof": name, "limits": "engine", "peak_macs_per_s": units / period * FS_PER_S})
    for memory in hardware.memories.values():
        rate = sum(port.unit_bytes / port.unit_fs for port in memory.ports) * FS_PER_S
        if rate:
            found.append({"roof": memory.name, "limits": "memory", "peak_bytes_per_s": rate})
    return table_of_rows(found, ("roof", "limits", "peak_macs_per_s", "peak_bytes_per_s"))


def quality(simulation: Simulation) -> Table:
    """One row per op whose output could be held against float: SQNR, and the largest difference.

    `max_error` is the largest difference over the largest magnitude of the float tensor. No rows where nothing was
    executed.
    """
    from cosim.result.contents import quality_rows

    found = quality_rows(simulation)
    return table(
        {
            **{name: np.array([row[name] for row in found], object) for name in ("op", "kind", "tensor", "format")},
            "is_output": np.array([row["is_output"] for row in found], bool),
            "sqnr_db": np.array([row["sqnr_db"] for row in found], np.float64),
            "max_error": np.array([row["max_error"] for row in found], np.float64),
        }
    )


def tiles(simulation: Simulation) -> NDArray[Any]:
    """The tile of each command as text, such as ``"OY 0:14, OX 0:19"``, shape (commands,): loops that are cut only.

    A move has a box of its tensor instead: ``"0:1, 0:3, 0:30, 0:57"``.
    """
    program = simulation.program
    pairs, which = np.unique(np.stack([program.op, program.box], axis=1), axis=0, return_inverse=True)
    dims = _dims(simulation)
    texts = [_tile(program, op, box, dims) for op, box in pairs.tolist()]
    return np.array(texts, object)[which.reshape(-1)] if texts else np.zeros(0, object)


def _dims(simulation: Simulation) -> list[list[tuple[str, int]]]:
    """Name and extent of the loops of each op of the program."""
    graph = simulation.graph
    known = {op.name: [(dim.name, dim.size) for dim in graph.space(op).dims] for op in graph.ops}
    return [known.get(name, []) for name in simulation.program.ops]


def _tile(program: Program, op: int, box: int, dims: list[list[tuple[str, int]]]) -> str:
    if box < 0:
        return ""
    bounds = program.boxes.box(box).tolist()
    if op < 0 or len(dims[op]) != len(bounds):
        return ", ".join(f"{low}:{high}" for low, high in bounds)
    cut = [
        f"{name} {low}:{high}" for (name, size), (low, high) in zip(dims[op], bounds, strict=True) if high - low < size
    ]
    return ", ".join(cut) or "whole"
