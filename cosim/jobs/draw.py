"""A picture of a run of jobs: which job each engine works for over time, and the frames from release to last output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.jobs.result import JobsResult
from cosim.report.figure import COLOURS, busy_fraction, check_suffix, new_figure, save_figure, time_unit
from cosim.report.quantity import digits, duration
from cosim.result.table import rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 800


def draw_jobs(result: JobsResult, path: str | Path) -> None:
    """Engines over time, coloured by job, above the frames of every job.

    Raises `DescriptionError` for a suffix that is none of .png, .svg, .pdf.
    """
    path = Path(path)
    check_suffix(path)
    run = result.run
    names = [job.name for job in run.together.jobs]
    shown = [row for row in rows(result.tables["engines"]) if row["busy_ms"]]
    end = run.times.makespan_fs / 1e12
    figure = new_figure(11.0, 1.2 + 0.5 * len(shown) + 0.8 * len(names))
    heights = [1.0] * len(shown) + [1.6] * len(names)
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    for axis, row in zip(axes, shown, strict=False):
        _engine(axis, result, row, end)
    for number, (axis, name) in enumerate(zip(axes[len(shown) :], names, strict=True)):
        _frames(axis, [row for row in rows(result.tables["frames"]) if row["job"] == name], number)
        axis.set_ylabel(f"frames\nof {name}", rotation=0, ha="right", va="center", fontsize=8)
    unit, scale = time_unit(end)
    axes[-1].set_xlabel(f"time [{unit}]")
    axes[-1].xaxis.set_major_formatter(lambda value, _: digits(value * scale))
    axes[0].set_xlim(0, end)
    for number, name in enumerate(names):
        axes[0].plot([], [], "s", color=_colour(number), label=name)
    axes[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False, ncols=len(names))
    title = f"{run.hardware.name}, {run.policy.replace('_', ' ')}: {duration(end)}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    save_figure(figure, path)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _engine(axis: Axes, result: JobsResult, row: dict[str, Any], end_ms: float) -> None:
    """Share of each bin of time in which an engine is held, jobs on top of one another."""
    both, times = result.run.together, result.run.times
    machine = both.program.machine
    engine = np.array(machine.queue_engine)[both.program.queue] == machine.engines.index(row["engine"])
    edges = np.linspace(0.0, end_ms, BINS + 1)
    bottom = np.zeros(BINS)
    for number in range(len(both.jobs)):
        mine = engine & (both.job == number)
        part = np.clip(busy_fraction(times.start_fs[mine] / 1e12, times.release_fs[mine] / 1e12, edges), 0, 1)
        axis.fill_between(edges[:-1], bottom, bottom + part, step="post", color=_colour(number), linewidth=0)
        bottom = bottom + part
    axis.set(ylim=(0, 1.05), yticks=[])
    label = f"{row['engine']}\n{100 * row['utilization_temporal']:.0f}% busy"
    axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
    axis.spines[["top", "right", "left"]].set_visible(False)


def _frames(axis: Axes, frames: list[dict[str, Any]], number: int) -> None:
    """One bar per frame from release to last output, those that miss their deadline outlined; waiting is pale."""
    lanes: list[float] = []
    for row in frames:
        lane = next((n for n, free in enumerate(lanes) if free <= row["release_ms"]), len(lanes))
        lanes[lane:] = [row["end_ms"], *lanes[lane + 1 :]]
        begin, stop = row["start_ms"], row["end_ms"]
        edge = "black" if row["is_missed"] else "none"
        axis.barh(
            lane, begin - row["release_ms"], left=row["release_ms"], color=_colour(number), alpha=0.25, height=0.8
        )
        axis.barh(lane, stop - begin, left=begin, color=_colour(number), edgecolor=edge, linewidth=0.9, height=0.8)
    axis.set(ylim=(-0.6, max(len(lanes), 1) - 0.4), yticks=[])
    axis.spines[["top", "right", "left"]].set_visible(False)
