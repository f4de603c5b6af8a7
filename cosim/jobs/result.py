"""`JobsResult`: what a run of jobs found, as tables, a summary, and files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.jobs import account
from cosim.result.provenance import plugins, version
from cosim.result.store import Writer, save_folder, to_json
from cosim.result.table import Table, rows, table_of_rows

if TYPE_CHECKING:
    import pandas as pd

    from cosim.jobs.run import Run
    from cosim.jobs.spec import JobSpec

FS_PER_MS = 1e12
PJ_PER_UJ = 1e6


class JobsResult:
    """What a run of several jobs found. Column names end in their unit.

    Attributes
    ----------
    run
        Everything behind it: programs, times, energy.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def __repr__(self) -> str:
        """The run in one line."""
        facts = ", ".join(f"{row['job']} {row['throughput_fps']:.4g} fps" for row in rows(self.tables["jobs"]))
        return f"<JobsResult: {facts} on {self.run.hardware.name}>"

    @cached_property
    def tables(self) -> dict[str, Table]:
        """``jobs``, ``frames``, ``engines``, ``stalls``, ``places`` as plain columns."""
        run = self.run
        deadlines = [spec.deadline_fs for spec in run.specs]
        frames = account.frames(run.together, run.times, deadlines)
        return {
            "jobs": self._jobs(frames),
            "frames": frames,
            "engines": account.engines(run.together, run.times, list(run.hardware.engines)),
            "stalls": account.stalls(run.together, run.times),
            "places": self._places(),
        }

    def frame(self, name: str) -> pd.DataFrame:
        """One table as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.tables[name])

    @property
    def jobs(self) -> pd.DataFrame:
        """One row per job: throughput, latencies, misses, slowdown, energy."""
        return self.frame("jobs")

    @property
    def frames(self) -> pd.DataFrame:
        """One row per frame: release, start, end, latency, whether its deadline was missed."""
        return self.frame("frames")

    @property
    def engines(self) -> pd.DataFrame:
        """One row per engine: busy by job, idle."""
        return self.frame("engines")

    @property
    def stalls(self) -> pd.DataFrame:
        """One row per engine, job, cause and job behind it."""
        return self.frame("stalls")

    @property
    def places(self) -> pd.DataFrame:
        """One row per job and op: its engine, and why."""
        return self.frame("places")

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Totals and one entry per job; JSON values only."""
        run, total = self.run, self.run.energy.total_pj
        jobs = rows(self.tables["jobs"])
        return {
            "hardware": run.hardware.name,
            "policy": run.policy,
            "jobs": [{key: _plain(value) for key, value in row.items()} for row in jobs],
            "makespan_ms": run.times.makespan_fs / FS_PER_MS,
            "makespan_fs": run.times.makespan_fs,
            "bound_low_ms": run.bounds.low_fs / FS_PER_MS,
            "bound_high_ms": run.bounds.high_fs / FS_PER_MS,
            "bound_limiter": run.bounds.limiter,
            "fairness": account.jain([row["slowdown"] for row in jobs]),
            "missed": int(sum(row["missed"] for row in jobs)),
            "energy_uj": total.value / PJ_PER_UJ,
            "energy_uj_low": total.low / PJ_PER_UJ,
            "energy_uj_high": total.high / PJ_PER_UJ,
            "energy_static_uj": run.energy.static_pj.value / PJ_PER_UJ,
            "energy_boundary": run.energy.boundary,
            "engines": [{key: _plain(value) for key, value in row.items()} for row in rows(self.tables["engines"])],
            "stalls": rows(self.tables["stalls"]),
            "places": self._counted(),
            "commands": len(run.together.program),
            "timer": run.times.timer,
            "is_bit_exact": run.is_exact,
            "provenance": {
                "versions": {"cosim": version(), "numpy": version("numpy")},
                "plugins": plugins(),
                "hardware": run.hardware.digest,
                "graphs": {spec.name: part.original.digest for spec, part in zip(run.specs, run.parts, strict=True)},
                "overrides": dict(run.hardware.overrides),
            },
        }

    def _counted(self) -> dict[str, dict[str, int]]:
        """Job -> engine -> ops that it runs."""
        found: dict[str, dict[str, int]] = {}
        for row in rows(self.tables["places"]):
            mine = found.setdefault(row["job"], {})
            mine[row["engine"]] = mine.get(row["engine"], 0) + 1
        return found

    def to_json(self) -> str:
        """The summary as JSON."""
        return to_json(self.summary)

    def save(self, folder: str | Path, *, trace: bool = False) -> None:
        """Write `summary.json`, one CSV per table and, with `trace`, `trace.json` for https://ui.perfetto.dev.

        Raises `DescriptionError` where the folder cannot be written or holds something else.
        """
        writers: Mapping[str, Writer] = {"trace.json": self._write_trace} if trace else {}
        save_folder(Path(folder), self.summary, self.tables, writers)

    def _write_trace(self, path: Path) -> Path:
        from cosim.timing import write_perfetto

        both = self.run.together
        owner = np.zeros(len(both.program.machine.queues), np.int64)
        owner[both.program.queue] = both.job
        names = [both.jobs[number].name for number in owner.tolist()]
        return write_perfetto(both.program, self.run.times, path, processes=names)

    def _places(self) -> Table:
        plans = [
            (spec, plan) for spec, part in zip(self.run.specs, self.run.parts, strict=True) for plan in part.plan.ops
        ]
        return table_of_rows(
            {"job": spec.name, "op": plan.op, "engine": plan.engine, "reason": "; ".join(plan.reason)}
            for spec, plan in plans
            if plan.engine
        )

    def _jobs(self, frames: Table) -> Table:
        run = self.run
        energy = _energy_by_job(run)
        found = []
        for number, (spec, part) in enumerate(zip(run.specs, run.parts, strict=True)):
            mine = frames["job"] == spec.name
            latency = frames["latency_ms"][mine].tolist()
            ends = frames["end_fs"][mine]
            both, times = run.alone[number]
            single = account.frames(both, times, [None])
            whole = run.whole[number] or part
            mean, mean_alone = float(np.mean(latency)), float(np.mean(single["latency_ms"]))
            found.append(
                {
                    "job": spec.name,
                    "network": part.original.name,
                    "priority": spec.priority,
                    "frames": spec.frames,
                    "period_ms": spec.period_fs / FS_PER_MS if spec.period else np.nan,
                    "deadline_ms": spec.deadline_fs / FS_PER_MS if spec.deadline_fs is not None else np.nan,
                    "throughput_fps": _rate(spec, ends, latency),
                    "latency_mean_ms": mean,
                    "latency_p50_ms": account.percentile(latency, 0.5),
                    "latency_p95_ms": account.percentile(latency, 0.95),
                    "latency_max_ms": max(latency),
                    "missed": int(frames["is_missed"][mine].sum()),
                    "alone_mean_ms": mean_alone,
                    "alone_fps": _rate(spec, single["end_fs"], single["latency_ms"].tolist()),
                    "slowdown": mean / mean_alone if mean_alone else 1.0,
                    "one_frame_ms": part.steady.times.makespan_fs / FS_PER_MS,
                    "one_frame_whole_device_ms": whole.steady.times.makespan_fs / FS_PER_MS,
                    "energy_dynamic_uj": energy[number] / PJ_PER_UJ,
                }
            )
        return table_of_rows(found)


def _rate(spec: JobSpec, ends_fs: Any, latency_ms: list[float]) -> float:
    """Frames per second at which outputs come.

    Of a periodic job it counts from the first release to the last output, and for at least all periods; of a backlog from
    the first output to the last, since the first frame fills the pipeline; of a single frame it is one per latency.
    """
    if spec.period:
        window = max(int(ends_fs[-1]), spec.releases_fs[-1] + spec.period_fs) - spec.releases_fs[0]
        return len(ends_fs) * account.FS_PER_S / window
    if len(ends_fs) > 1 and ends_fs[-1] > ends_fs[0]:
        return float((len(ends_fs) - 1) * account.FS_PER_S / int(ends_fs[-1] - ends_fs[0]))
    return 1e3 / latency_ms[0] if latency_ms[0] else 0.0


def _energy_by_job(run: Run) -> list[float]:
    """Energy of the actions of each job [pJ]; power over time belongs to nobody."""
    program = run.together.program
    prices = np.zeros(len(program.actions))
    for row in run.energy.dynamic:
        prices[program.actions.index(row.action)] += row.price.value
    cost = program.services.actions @ prices
    count = np.zeros((len(run.specs), len(program.services)), np.int64)
    np.add.at(count, (run.together.job.astype(np.int64), program.service), 1)
    return [float(value) for value in count @ cost]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value
