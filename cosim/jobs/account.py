"""Tables of a run of jobs: frames, engines, and who made whom wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.program.jobs import Together
from cosim.program.program import Program
from cosim.result.table import Table, table, table_of_rows
from cosim.timing import Cause, Times

Int64 = NDArray[np.int64]
FS_PER_MS = 1e12
FS_PER_S = 1e15
STALLS = ("frame", "data", "engine", "link", "clock")
"""What a queue's next command waits for: the next frame, its job's own data or buffers, the engine or a link that others
hold, the edge of a clock."""


def frames(both: Together, times: Times, deadlines_fs: Sequence[int | None]) -> Table:
    """One row per frame: release, admission, first command, last output; latency runs from release to last output."""
    rows = []
    program, queues = both.program, both.program.machine.queues
    door = np.array([name.rpartition(".")[2] for name in queues], object)[program.queue]
    for number, job in enumerate(both.jobs):
        mine = both.job == number
        released = _last(both.frame, times.end_fs, mine & (door == "release"), job.frames)
        admitted = _last(both.frame, times.end_fs, mine & (door == "admit"), job.frames)
        start = _first(both.frame, times.start_fs, mine & both.is_device, job.frames)
        is_end = mine & (door == "collect")
        end = _last(both.frame, times.end_fs, is_end if is_end.any() else mine & both.is_device, job.frames)
        deadline = deadlines_fs[number]
        for frame in range(job.frames):
            latency = int(end[frame] - released[frame])
            rows.append(
                {
                    "job": job.name,
                    "frame": frame,
                    "release_ms": released[frame] / FS_PER_MS,
                    "admit_ms": admitted[frame] / FS_PER_MS,
                    "start_ms": start[frame] / FS_PER_MS,
                    "end_ms": end[frame] / FS_PER_MS,
                    "latency_ms": latency / FS_PER_MS,
                    "latency_fs": latency,
                    "end_fs": int(end[frame]),
                    "deadline_ms": np.nan if deadline is None else deadline / FS_PER_MS,
                    "is_missed": deadline is not None and latency > deadline,
                }
            )
    return table_of_rows(rows)


def _last(frame: NDArray[np.integer], values: Int64, where: NDArray[np.bool_], n: int) -> Int64:
    out = np.zeros(n, np.int64)
    np.maximum.at(out, frame[where], values[where])
    return out


def _first(frame: NDArray[np.integer], values: Int64, where: NDArray[np.bool_], n: int) -> Int64:
    out = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(out, frame[where], values[where])
    return out


def engines(both: Together, times: Times, names: Sequence[str]) -> Table:
    """One row per engine of the device: how long each job held it; busy and idle add up to the makespan."""
    engine = np.array(both.program.machine.queue_engine, np.int64)[both.program.queue]
    held = np.zeros((len(both.program.machine.engines), len(both.jobs)), np.int64)
    np.add.at(held, (engine, both.job.astype(np.int64)), times.release_fs - times.start_fs)
    rows: list[dict[str, Any]] = []
    for position, name in enumerate(names):
        busy = int(held[position].sum())
        rows.append(
            {
                "engine": name,
                "busy_ms": busy / FS_PER_MS,
                "idle_ms": (times.makespan_fs - busy) / FS_PER_MS,
                "utilization_temporal": busy / times.makespan_fs if times.makespan_fs else 0.0,
                **{f"{job.name}_busy_ms": int(n) / FS_PER_MS for job, n in zip(both.jobs, held[position], strict=True)},
            }
        )
    return table_of_rows(rows)


def stalls(both: Together, times: Times) -> Table:
    """One row per engine, job and cause for which a queue waited, and the job behind it.

    `by_job` is the job that held the engine or the link: the job itself where it waits for its own work, empty where
    several took turns on a link during one transfer.
    """
    program = both.program
    order = program.queue_order
    before = np.zeros(len(program), np.int64)
    before[order[1:]] = times.release_fs[order[:-1]]
    heads = program.queue_offset[:-1][np.diff(program.queue_offset) > 0]
    before[order[heads]] = 0
    engine = np.array(program.machine.queue_engine, np.int64)[program.queue]
    lost: dict[tuple[int, int, int, int], int] = {}
    own = both.job.astype(np.int64)
    frame, data, rest = _waits(both, times, before)
    cause, by = _causes(both, times)
    blocked = np.full(len(program), STALLS.index("link")), np.full(len(program), -1)
    alike = np.zeros(len(program), np.int64)
    for number, other, values in (
        (alike + STALLS.index("frame"), own, frame),
        (alike + STALLS.index("data"), own, data),
        (cause, by, rest),
        (*blocked, times.blocked_fs),
    ):
        _add(lost, np.stack([engine, own, number, other], axis=1), values, both.is_device & (values > 0))
    names = [job.name for job in both.jobs]
    found = sorted(lost.items())
    return table(
        {
            "engine": [program.machine.engines[key[0]] for key, _ in found],
            "job": [names[key[1]] for key, _ in found],
            "cause": [STALLS[key[2]] for key, _ in found],
            "by_job": [names[key[3]] if key[3] >= 0 else "" for key, _ in found],
            "stall_ms": np.array([value / FS_PER_MS for _, value in found], np.float64),
        }
    )


def _add(lost: dict[tuple[int, int, int, int], int], keys: Int64, values: Int64, where: NDArray[np.bool_]) -> None:
    if not where.any():
        return
    distinct, which = np.unique(keys[where], axis=0, return_inverse=True)
    total = np.zeros(len(distinct), np.int64)
    np.add.at(total, which.reshape(-1), values[where])
    for key, value in zip(map(tuple, distinct.tolist()), total.tolist(), strict=True):
        lost[key] = lost.get(key, 0) + value


def _waits(both: Together, times: Times, before: Int64) -> tuple[Int64, Int64, Int64]:
    """The time between two commands of a queue in three parts: until the frame is there, until the command's data and
    room are, until it starts.
    """
    queue = both.program.machine.queues
    is_door = np.array([name.endswith(".admit") for name in queue])[both.program.queue]
    n = max(job.frames for job in both.jobs)
    admitted = np.zeros((len(both.jobs), n), np.int64)
    np.maximum.at(admitted, (both.job[is_door], both.frame[is_door]), times.end_fs[is_door])
    there = np.maximum(np.minimum(admitted[both.job, both.frame], times.start_fs), before)
    ready = np.maximum(np.minimum(times.ready_fs, times.start_fs), there)
    return there - before, ready - there, times.start_fs - ready


def _causes(both: Together, times: Times) -> tuple[Int64, Int64]:
    """Why each command that was ready did not start, as an index in `STALLS`, and the job behind it (-1 for none)."""
    job = both.job.astype(np.int64)
    cause = np.full(len(job), STALLS.index("clock"), np.int64)
    by = job.copy()
    behind = times.cause_id.astype(np.int64)
    held = np.flatnonzero(times.cause == Cause.ENGINE)
    cause[held], by[held] = STALLS.index("engine"), job[behind[held]]
    links = np.flatnonzero(times.cause == Cause.RESOURCE)
    cause[links] = STALLS.index("link")
    for resource in np.unique(behind[links]).tolist():
        mine = links[behind[links] == resource]
        by[mine] = job[_users(both.program, times, resource, times.start_fs[mine])]
    return cause, by


def _users(program: Program, times: Times, resource: int, instants: Int64) -> Int64:
    """Of each instant, the last command over a resource to start before it that held it until then."""
    through = np.array([resource in path for path in program.machine.paths] + [False])
    path = program.services.path[program.service]
    moves = program.services.n_bytes[program.service] > 0
    users = np.flatnonzero(moves & through[np.where(path >= 0, path, -1)])
    users = users[np.argsort(times.start_fs[users], kind="stable")]
    at = np.searchsorted(times.start_fs[users], instants) - 1
    early = np.flatnonzero(times.release_fs[users[at]] < instants)
    while early.size:
        at[early] -= 1
        early = early[(at[early] > 0) & (times.release_fs[users[at[early]]] < instants[early])]
    return np.asarray(users[np.maximum(at, 0)], np.int64)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed: one that occurred."""
    ordered = sorted(values)
    return ordered[max(int(np.ceil(share * len(ordered))) - 1, 0)]


def jain(values: Sequence[float]) -> float:
    """Fairness index of Jain, Chiu and Hawe (1984, DEC-TR-301): 1 where all are equal, 1/n where one has everything."""
    array = np.array(values, np.float64)
    squares = float((array**2).sum())
    return float(array.sum() ** 2 / (len(array) * squares)) if squares else 1.0
