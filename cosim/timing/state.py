"""What the compiled timer reads and keeps: flat tables of a program, and one record per queue, engine and resource."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.jit import njit
from cosim.program.program import Program
from cosim.timing.times import HORIZON_FS, Cause, Int64, beyond_horizon

Records = NDArray[np.void]

NEVER = np.iinfo(np.int64).max
"""Due time of what has nothing to do [fs]."""

# Phases of a queue.
BLOCKED, TO_START, TO_PRESENT, PRESENTED, IN_UNIT, TO_RELEASE = range(6)

NONE, QUEUE, WAIT, ENGINE, RESOURCE = (int(cause) for cause in Cause)


def _record(names: str) -> np.dtype[np.void]:
    return np.dtype([(name, np.int64) for name in names.split()])


SERVICE_RECORD = _record("cycles serial units path_begin path_end latency full_fs tail_fs tail_hold")
QUEUE_RECORD = _record(
    "phase command next last service engine period shared rank slot"  # what it runs
    " presented ready cause cause_id wait wait_key"  # its head
    " fresh left compute_end moved run_start run_units"  # its head once started; run_units > 0: runs to its end
    " parked before after"  # the list of a busy resource
    " released last_end sleepers sleeps_for next_sleeper"  # queues that wait for its commands
    " next_rival"  # the list of its engine
)
ENGINE_RECORD = _record("holder last_holder free_at last_slot picked rivals idlers round_robin is_dirty")
RESOURCE_RECORD = _record("held_until runner first_parked last_parked")


class Tables(NamedTuple):
    """The program, ordered for the event loop. `order` holds command ids sorted by queue."""

    order: NDArray[np.int32]
    queue_offset: Int64
    service: NDArray[np.int32]
    wait_offset: Int64
    wait_queue: NDArray[np.int16]
    wait_count: NDArray[np.int32]
    services: Records
    path_resource: Int64
    full_hold: Int64
    tail_hold: Int64


class State(NamedTuple):
    """What changes while time runs. `agenda` is a winner tree over due times: queues, then resources."""

    queues: Records
    engines: Records
    resources: Records
    agenda: Int64
    todo: Int64
    leaving: Int64
    idle: Int64
    candidates: Int64
    freed: Int64
    dirty: Int64


class Columns(NamedTuple):
    """The answer, one value per command."""

    ready: Int64
    start: Int64
    release: Int64
    end: Int64
    blocked: Int64
    cause: NDArray[np.int8]
    cause_id: NDArray[np.int32]


def tables(program: Program) -> Tables:
    """The flat tables of a program. Raises `SimulationError` on an index out of range or a time beyond the horizon."""
    machine = program.machine
    _check_ranges(program)
    offset, order = _sorted_by_queue(program.queue, len(machine.queues))
    path_offset, path_resource, full_hold = _paths(program)
    table = program.services
    services = np.zeros(len(table), SERVICE_RECORD)
    width = max((len(set(p)) for p in machine.paths), default=0)
    tail_hold = np.zeros(max(1, len(table) * width), np.int64)
    _fill_services(
        services, tail_hold, width, table.cycles, table.serial_cycles, table.n_bytes, table.path,
        path_offset, path_resource, full_hold, np.array(machine.path_latency_fs, np.int64),
        np.array(machine.unit_bytes, np.int64), np.array(machine.unit_fs, np.int64), HORIZON_FS,
    )  # fmt: skip
    return Tables(
        order, offset, program.service, program.wait_offset, program.wait_queue, program.wait_count,
        services, path_resource, full_hold, tail_hold,
    )  # fmt: skip


def state(program: Program) -> State:
    """The state before time starts."""
    machine = program.machine
    n_queues, n_engines, n_resources = len(machine.queues), len(machine.engines), len(machine.resources)
    engine = np.array(machine.queue_engine, np.int64)
    priority = np.array(machine.queue_priority, np.int64)

    engines = np.zeros(n_engines, ENGINE_RECORD)
    for name in ("holder", "last_holder", "last_slot", "picked", "rivals", "idlers", "free_at"):
        engines[name] = -1
    engines["round_robin"] = [p == "round_robin" for p in machine.engine_policy]

    queues = np.zeros(n_queues, QUEUE_RECORD)
    for name in ("parked", "before", "after", "sleepers", "next_sleeper", "next_rival"):
        queues[name] = -1
    queues["engine"] = engine
    queues["period"] = np.array(machine.engine_period_fs, np.int64)[engine]
    queues["shared"] = np.bincount(engine, minlength=n_engines)[engine] > 1
    by_priority = np.lexsort((np.arange(n_queues), -priority))
    queues["rank"][by_priority] = np.arange(n_queues)
    is_ranked = np.array([p == "priority" for p in machine.engine_policy], bool)[engine]
    queues["slot"] = np.where(is_ranked, queues["rank"], np.arange(n_queues))

    resources = np.zeros(n_resources, RESOURCE_RECORD)
    for name in ("runner", "first_parked", "last_parked"):
        resources[name] = -1
    leaves = 4
    while leaves < n_queues + n_resources:
        leaves *= 4
    agenda = np.full((4 * leaves - 1) // 3, NEVER, np.int64)
    lists = [np.zeros(n + 1, np.int64) for n in (2 * n_queues, n_queues, n_queues, n_queues, n_resources, n_engines)]
    return State(queues, engines, resources, agenda, *lists)


def columns(n: int) -> Columns:
    """Room for the answer."""
    ready, start, release, end = (np.empty(n, np.int64) for _ in range(4))
    return Columns(ready, start, release, end, np.zeros(n, np.int64), np.empty(n, np.int8), np.empty(n, np.int32))


def _check_ranges(program: Program) -> None:
    machine = program.machine
    limits: list[tuple[str, NDArray[Any], int, int | None]] = [
        ("queue", program.queue, 0, len(machine.queues)),
        ("service", program.service, 0, len(program.services)),
        ("wait_queue", program.wait_queue, 0, len(machine.queues)),
        ("services.path", program.services.path, -1, len(machine.paths)),
        ("services.cycles", program.services.cycles, 0, None),
        ("services.serial_cycles", program.services.serial_cycles, 0, None),
        ("services.n_bytes", program.services.n_bytes, 0, None),
    ]
    for name, values, low, high in limits:
        if len(values) and (values.min() < low or (high is not None and values.max() >= high)):
            raise SimulationError(
                f"{name} has values from {values.min()} to {values.max()}",
                allowed=f"{low} to {high - 1}" if high is not None else f"{low} or more",
                fix="run Program.check() on what the mapper wrote",
            )
    # So far below the horizon that rounding to an edge or adding a latency cannot pass the largest integer.
    longest = [*machine.engine_period_fs, *machine.path_latency_fs]
    longest += [b * f for b, f in zip(machine.unit_bytes, machine.unit_fs, strict=True)]
    if max(longest, default=0) > HORIZON_FS // 200:
        raise beyond_horizon()


def _paths(program: Program) -> tuple[Int64, Int64, Int64]:
    """For each path its resources in ascending order, and how long a full unit holds each [fs]."""
    machine = program.machine
    offset, flat, holds = [0], list[int](), list[int]()
    for path in machine.paths:
        resources = sorted(set(path))
        unit = max((machine.unit_bytes[r] for r in resources), default=1)
        flat += resources
        holds += [max(1, unit // machine.unit_bytes[r] * machine.unit_fs[r]) for r in resources]
        offset.append(len(flat))
    if max(holds, default=0) > HORIZON_FS:
        raise beyond_horizon()
    used = program.services.path[(program.services.n_bytes > 0) & (program.services.path >= 0)]
    empty = np.flatnonzero(np.diff(offset) == 0)
    if np.isin(used, empty).any():
        raise SimulationError(f"path {empty[0]} moves bytes over no link or port", fix="name what it holds")
    return np.array(offset, np.int64), np.array(flat, np.int64), np.array(holds, np.int64)


@njit
def _sorted_by_queue(queue: Any, n_queues: int) -> Any:
    offset = np.zeros(n_queues + 1, np.int64)
    for c in range(len(queue)):
        offset[queue[c] + 1] += 1
    for q in range(n_queues):
        offset[q + 1] += offset[q]
    cursor = offset.copy()
    order = np.empty(len(queue), np.int32)
    for c in range(len(queue)):
        order[cursor[queue[c]]] = c
        cursor[queue[c]] += 1
    return offset, order


@njit
def _fill_services(
    services: Any, tail_hold: Any, width: int, cycles: Any, serial: Any, n_bytes: Any, path: Any,
    path_offset: Any, path_resource: Any, full_hold: Any, latency: Any, unit_bytes: Any, unit_fs: Any, horizon: int,
) -> None:  # fmt: skip
    for s in range(len(services)):
        row = services[s]
        row.cycles = cycles[s]
        row.serial = serial[s]
        row.tail_hold = s * width
        if n_bytes[s] <= 0 or path[s] < 0:
            continue
        begin, end = path_offset[path[s]], path_offset[path[s] + 1]
        unit = 1
        for j in range(begin, end):
            unit = max(unit, unit_bytes[path_resource[j]])
            row.full_fs = max(row.full_fs, full_hold[j])
        row.path_begin, row.path_end, row.latency = begin, end, latency[path[s]]
        row.units = (n_bytes[s] + unit - 1) // unit
        tail = n_bytes[s] - (row.units - 1) * unit
        for j in range(begin, end):
            r = path_resource[j]
            whole, rest = tail // unit_bytes[r], tail % unit_bytes[r]
            held = max(1, whole * unit_fs[r] + (rest * unit_fs[r] + unit_bytes[r] - 1) // unit_bytes[r])
            tail_hold[row.tail_hold + j - begin] = held
            row.tail_fs = max(row.tail_fs, held)
        if row.units - 1 > (horizon - row.tail_fs) // row.full_fs:
            row.cycles = horizon + 1  # no engine has so many cycles before the horizon: refused when it starts
