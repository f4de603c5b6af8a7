"""Where the time of ops, engines and links goes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.result.gaps import CAUSES
from cosim.result.table import Table, table_of_rows
from cosim.result.work import Work

Int64 = NDArray[np.int64]
FS_PER_MS = 1e12
LINK = CAUSES.index("link")


def op_spans(work: Work) -> dict[str, Int64]:
    """Per op of the program: first start, last completion, sums over its computes (its commands if it only moves)."""
    program, times = work.program, work.simulation.times
    mine = _own(work)
    group, size = work.owner[mine], len(program.ops) + 1
    start = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(start, group, times.start_fs[mine])
    end = np.zeros(size, np.int64)
    np.maximum.at(end, group, times.end_fs[mine])
    service = program.service[mine]
    held = program.services.cycles[service] + program.services.serial_cycles[service]
    return {
        "start_fs": np.where(start > end, 0, start),
        "end_fs": end,
        "cycles": _sums(group, held, size),
        "busy_fs": _sums(group, work.busy_fs[mine], size),
        "stall_fs": np.sum(list(op_stalls(work).values()), axis=0),
        "commands": _sums(group, np.ones(len(mine), np.int64), size),
    }


def op_stalls(work: Work) -> dict[str, Int64]:
    """Per cause: time that the engine of each op lost before and during its computes, shape (ops + 1,) [fs]."""
    mine = _own(work)
    return _stalls(work, mine, work.owner[mine], len(work.program.ops) + 1)


def main_causes(stalled: dict[str, Int64]) -> NDArray[Any]:
    """The cause that costs most, per group; empty where nothing was lost."""
    names = np.array([*stalled, ""], object)
    lost = np.stack(list(stalled.values()))
    return names[np.where(lost.sum(axis=0) > 0, lost.argmax(axis=0), len(stalled))]


def engines(work: Work) -> Table:
    """One row per engine. Busy, stalled and idle add up to the latency; idle is the time after its last command."""
    simulation, machine = work.simulation, work.program.machine
    size, latency = len(machine.engines), simulation.times.makespan_fs
    everything = np.arange(len(work.program))
    stalled = _stalls(work, everything, work.engine, size)
    busy = _sums(work.engine, work.busy_fs, size)
    commands = np.bincount(work.engine, minlength=size)
    rows = []
    for position, name in enumerate(machine.engines):
        engine = simulation.hardware.engines[name]
        lost = sum(int(values[position]) for values in stalled.values())
        rows.append(
            {
                "engine": name,
                "kind": engine.kind,
                "clock_mhz": 1e9 / machine.engine_period_fs[position],
                "commands": int(commands[position]),
                "macs": work.macs_of_engine(name),
                "busy_ms": int(busy[position]) / FS_PER_MS,
                "stall_ms": lost / FS_PER_MS,
                "idle_ms": (latency - int(busy[position]) - lost) / FS_PER_MS,
                **{f"stall_{cause}_ms": int(values[position]) / FS_PER_MS for cause, values in stalled.items()},
                "utilization_temporal": int(busy[position]) / latency if latency else 0.0,
            }
        )
    return table_of_rows(rows)


def links(work: Work) -> Table:
    """One row per link and memory port: bytes, share of the latency in which they move, rate."""
    from cosim.timing import resource_busy

    simulation, machine = work.simulation, work.program.machine
    busy = resource_busy(work.program, simulation.times)
    latency = simulation.times.makespan_fs
    moved = _bytes_of_paths(work)
    rows = []
    for position, name in enumerate(machine.resources):
        peak = machine.unit_bytes[position] / machine.unit_fs[position] * 1e15
        rows.append(
            {
                "resource": name,
                "size_bytes": int(moved[position]),
                "busy_ms": int(busy[position]) / FS_PER_MS,
                "utilization_temporal": int(busy[position]) / latency if latency else 0.0,
                "average_bytes_per_s": moved[position] / latency * 1e15 if latency else 0.0,
                "peak_bytes_per_s": peak,
            }
        )
    return table_of_rows(rows)


def _bytes_of_paths(work: Work) -> Int64:
    """Bytes that crossed each resource."""
    machine, services = work.program.machine, work.program.services
    times = np.bincount(work.program.service, minlength=len(services))
    moved = np.zeros(len(machine.resources), np.int64)
    for path, resources in enumerate(machine.paths):
        uses = services.path == path
        moved[list(resources)] += int((services.n_bytes[uses] * times[uses]).sum())
    return moved


def _own(work: Work) -> Int64:
    """Commands that are an op's own: its computes, or all of its commands where it only moves."""
    computes = work.program.op >= 0
    has_compute = np.zeros(len(work.program.ops) + 1, bool)
    has_compute[work.owner[computes]] = True
    return np.flatnonzero(computes | ~has_compute[work.owner])


def _stalls(work: Work, commands: Int64, group: Int64, size: int) -> dict[str, Int64]:
    gap, cause, early, early_cause = (values[commands] for values in work.gaps)
    spans = [(cause, gap - early), (early_cause, early)]
    stalled = {
        name: np.sum([_sums(group[why == i], lost[why == i], size) for why, lost in spans], axis=0)
        for i, name in enumerate(CAUSES)
    }
    stalled[CAUSES[LINK]] = stalled[CAUSES[LINK]] + _sums(group, work.simulation.times.blocked_fs[commands], size)
    return stalled


def _sums(group: Int64, values: Int64, size: int) -> Int64:
    """Exact integer sums by group."""
    out = np.zeros(size, np.int64)
    np.add.at(out, group, values)
    return out
