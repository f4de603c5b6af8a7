"""`Bounds`: what the makespan of a program must lie between, found without simulating it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.errors import SimulationError
from cosim.jit import njit
from cosim.program.program import Program
from cosim.timing.state import Tables, tables
from cosim.timing.times import HORIZON_FS, Int64, Times, beyond_horizon


@dataclass(frozen=True)
class Bounds:
    """Lower and upper bound of the makespan [fs] and what sets the lower one.

    `limiter` is ``"resource NAME"``, ``"engine NAME"`` or ``"dependences"``.
    """

    low_fs: int
    high_fs: int
    limiter: str


def bounds(program: Program) -> Bounds:
    """Bounds of a program's makespan.

    Low: no resource and no engine can do its own work in less, nor can a chain of dependent commands, each as
    quick as if it were alone. High: at every instant before the end the unfinished command with the smallest id is
    served, or rounds up to a clock edge, or waits for another that is served; so the sum of what each command
    takes alone, with its latency and one period per rounding, is never exceeded. Raises `SimulationError` where
    one command alone passes the horizon, or where a wait does not point to a smaller id.
    """
    read = tables(program)
    machine = program.machine
    parts = _durations(program, read)
    held = [_total(column[program.service]) for column in resource_work(program, read).T]
    engine = np.array(machine.queue_engine, np.int64)[program.queue]
    busy = [_total(parts.busy[engine == e]) for e in range(len(machine.engines))]
    lows = [(work, f"resource {name}") for work, name in zip(held, machine.resources, strict=True)]
    lows += [(work, f"engine {name}") for work, name in zip(busy, machine.engines, strict=True)]
    lows.append((_longest_chain(program, read, parts), "dependences"))
    low, limiter = max(lows, key=lambda pair: pair[0])
    return Bounds(low, _total(parts.alone), limiter)


def check_bounds(program: Program, times: Times) -> None:
    """Raise `SimulationError` if a makespan lies outside its bounds: a bug in a timer."""
    limits = bounds(program)
    if not limits.low_fs <= times.makespan_fs <= limits.high_fs:
        raise SimulationError(
            f"the {times.timer} timer found a makespan of {times.makespan_fs} fs",
            allowed=f"{limits.low_fs} fs (set by {limits.limiter}) to {limits.high_fs} fs (all commands one by one)",
            fix="report this as a bug of cosim",
        )


def resource_work(program: Program, read: Tables) -> Int64:
    """Time that one command of each service holds each resource, shape (services, resources) [fs]."""
    work = np.zeros((len(read.services), len(program.machine.resources)), np.int64)
    services = read.services
    full = services["units"] - 1
    for j in range(int((services["path_end"] - services["path_begin"]).max(initial=0))):
        rows = np.flatnonzero(services["path_begin"] + j < services["path_end"])
        at = services["path_begin"][rows] + j
        tail = read.tail_hold[services["tail_hold"][rows] + j]
        work[rows, read.path_resource[at]] = full[rows] * read.full_hold[at] + tail
    return work


@dataclass(frozen=True)
class _Durations:
    """Per command [fs]: its cycles, its units, how long it holds its engine at least, and its share of the high bound."""

    cycles: Int64
    units: Int64
    serial: Int64
    busy: Int64
    alone: Int64


def _durations(program: Program, read: Tables) -> _Durations:
    machine = program.machine
    engine = np.array(machine.queue_engine, np.int64)[program.queue]
    period = np.array(machine.engine_period_fs, np.int64)[engine]
    row = read.services[program.service]
    if np.any(row["cycles"] > HORIZON_FS // period) or np.any(row["serial"] > HORIZON_FS // period):
        raise beyond_horizon()
    cycles, serial = row["cycles"] * period, row["serial"] * period
    units = np.where(row["units"] > 0, (row["units"] - 1) * row["full_fs"] + row["tail_fs"], 0)
    data = np.maximum(cycles, units + row["latency"])
    if np.any(data > HORIZON_FS - serial):
        raise beyond_horizon()
    is_serial = row["serial"] > 0
    edges = (row["cycles"] + row["serial"] > 0).astype(np.int64) + (row["cycles"] > 0) + is_serial
    busy = np.where(is_serial, data + serial, np.maximum(cycles, units))
    return _Durations(cycles, units, serial, busy, data + serial + edges * period)


def _total(values: Int64) -> int:
    """Exact sum of non-negative integers, however large."""
    low = values & np.int64(0xFFFFFFFF)
    return (int((values >> np.int64(32)).sum()) << 32) + int(low.sum())


def _longest_chain(program: Program, read: Tables, parts: _Durations) -> int:
    machine = program.machine
    period = np.array(machine.engine_period_fs, np.int64)[np.array(machine.queue_engine, np.int64)]
    latency = read.services["latency"][program.service]
    found = _chain(
        program.queue, period, parts.cycles, parts.units, parts.serial, latency, read.order, read.queue_offset,
        read.wait_offset, read.wait_queue, read.wait_count, HORIZON_FS,
    )  # fmt: skip
    if found == _PASSED:
        raise beyond_horizon()
    if found < 0:
        raise SimulationError(
            f"command {-1 - found} waits for a command with a larger id, or for more than its queue holds",
            allowed="waits for smaller ids",
            fix="run Program.check() on what the mapper wrote",
        )
    return int(found)


_PASSED = int(np.iinfo(np.int64).min)


@njit
def _chain(
    queue: Any, period: Any, cycles: Any, units: Any, serial: Any, latency: Any, order: Any, queue_offset: Any,
    wait_offset: Any, wait_queue: Any, wait_count: Any, horizon: int,
) -> int:  # fmt: skip
    """The last completion if every engine and path were free at once; negative for what `_longest_chain` refuses."""
    end = np.zeros(len(queue), np.int64)
    release = np.zeros(len(queue_offset), np.int64)
    last_end = np.zeros(len(queue_offset), np.int64)
    makespan = 0
    for c in range(len(queue)):
        q = queue[c]
        p = period[q]
        start = release[q]
        for w in range(wait_offset[c], wait_offset[c + 1]):
            at = queue_offset[wait_queue[w]] + wait_count[w] - 1
            if wait_count[w] <= 0:
                continue
            if at >= queue_offset[wait_queue[w] + 1] or order[at] >= c:
                return -1 - c
            start = max(start, end[order[at]])
        if cycles[c] + serial[c] > 0:
            start = (start + p - 1) // p * p
        moved = start + units[c]
        computed = start + cycles[c]  # a clocked start is on an edge here
        done = max(computed, moved + latency[c])
        if serial[c] > 0:
            done = (done + p - 1) // p * p + serial[c]
        if start > horizon or min(moved, computed, done) < 0 or max(moved, computed, done) > horizon:
            return _PASSED
        release[q] = done if serial[c] > 0 else max(computed, moved)
        last_end[q] = max(last_end[q], done)
        end[c] = last_end[q]
        makespan = max(makespan, end[c])
    return makespan
