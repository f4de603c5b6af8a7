"""What `cosim jobs` prints: the jobs, the engines, and who made whom wait."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosim.jobs.result import JobsResult
from cosim.report.grid import Column, Grid
from cosim.report.quantity import digits, duration, energy, share
from cosim.result.table import rows

TOP = 10

JOBS = (
    Column("job", is_name=True),
    Column("network", is_name=True, is_optional=True),
    Column("frames", is_number=True),
    Column("period", is_number=True),
    Column("fps", is_number=True),
    Column("latency p50", is_number=True),
    Column("max", is_number=True),
    Column("missed", is_number=True),
    Column("one frame", is_number=True),
    Column("alone", is_number=True),
    Column("slowdown", is_number=True),
)
ENGINES = (
    Column("engine"),
    Column("busy", is_number=True),
    Column("by job", is_text=True),
    Column("ops", is_text=True),
    Column("idle", is_number=True),
)
STALLS = (
    Column("job", is_name=True),
    Column("engine"),
    Column("waits for"),
    Column("held by", is_name=True),
    Column("time", is_number=True),
    Column("of makespan", is_number=True),
)
CAUSES = {"engine": "the engine", "link": "a link or memory port"}


def render(result: JobsResult) -> list[Any]:
    """Tables for a terminal."""
    summary = result.summary
    facts = (
        f"{summary['hardware']}, engines pick by {summary['policy'].replace('_', ' ')}: "
        f"{duration(summary['makespan_ms'])} in all, {energy(summary['energy_uj'] * 1e6)} "
        f"({energy(summary['energy_static_uj'] * 1e6)} of it for time alone)"
    )
    lines: list[Any] = [facts, f"fairness {digits(summary['fairness'])} (Jain's index of the slowdowns; 1 is equal)"]
    if summary["is_bit_exact"] is not None:
        how = "bit by bit" if summary["is_bit_exact"] else "but for the rounding of real sums"
        lines.append(f"every frame's outputs are those of its network by itself, {how}")
    return [*lines, "", _jobs(result), "", _engines(result), "", _stalls(result)]


def _jobs(result: JobsResult) -> Grid:
    caption = (
        "latency: from the release of a frame to its last output; one frame: latency of one by itself; alone: mean latency "
        "of all frames with the same part of the device and no other job; slowdown: mean latency over that"
    )
    grid = Grid("jobs", JOBS, caption=caption)
    for row in rows(result.tables["jobs"]):
        grid.add_row(
            row["job"],
            row["network"],
            str(row["frames"]),
            duration(row["period_ms"]) if not np.isnan(row["period_ms"]) else "-",
            digits(row["throughput_fps"]),
            duration(row["latency_p50_ms"]),
            duration(row["latency_max_ms"]),
            str(row["missed"]) if not np.isnan(row["deadline_ms"]) else "-",
            duration(row["one_frame_ms"]),
            duration(row["alone_mean_ms"]),
            digits(row["slowdown"]),
        )
    return grid


def _engines(result: JobsResult) -> Grid:
    grid = Grid("engines", ENGINES)
    names = [job.name for job in result.run.together.jobs]
    whole, places = result.summary["makespan_ms"], result.summary["places"]
    for row in rows(result.tables["engines"]):
        ops = ", ".join(f"{name} {places[name][row['engine']]}" for name in names if row["engine"] in places[name])
        by = ", ".join(f"{name} {share(row[f'{name}_busy_ms'], whole)}" for name in names if row[f"{name}_busy_ms"])
        grid.add_row(row["engine"], share(row["busy_ms"], whole), by, ops, share(row["idle_ms"], whole))
    return grid


def _stalls(result: JobsResult) -> Any:
    """What others cost each job; waiting for the next frame and for its own work is in the table `stalls`."""
    caption = "time that a command of the job was ready and its engine, or some link of its path, was held"
    grid = Grid("who waits for whom", STALLS, caption=caption)
    found = [row for row in rows(result.tables["stalls"]) if row["by_job"] != row["job"]]
    for row in sorted(found, key=lambda row: -row["stall_ms"])[:TOP]:
        part = share(row["stall_ms"], result.summary["makespan_ms"])
        by = row["by_job"] or "several"
        grid.add_row(row["job"], row["engine"], CAUSES[row["cause"]], by, duration(row["stall_ms"]), part)
    return grid if grid.rows else "no job waits for another"
