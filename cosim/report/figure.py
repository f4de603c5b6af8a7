"""Figures of a result, drawn by matplotlib without a display."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.report.memory import live_bytes
from cosim.report.quantity import digits, duration, energy, size
from cosim.result import Result
from cosim.result.table import Table, rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
BINS = 600
PEAK_OPS = 3
# Okabe and Ito: told apart by every reader
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#555555")
# No creation date and no random ids: the same result gives the same file
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def draw_summary(result: Result, path: str | Path) -> None:
    """One picture of a run: engines over time, memory over time, energy by component.

    Raises
    ------
    DescriptionError
        A suffix that is none of .png, .svg, .pdf.
    """
    path = Path(path)
    check_suffix(path)
    figure = new_figure(11.0, 5.2)
    panels = figure.subfigures(1, 2, width_ratios=(2.1, 1.0), squeeze=False)
    left, right = panels[0, 0], panels[0, 1]
    engines = [row for row in rows(result.table("engines")) if row["commands"]]
    axes = left.subplots(len(engines) + 1, 1, sharex=True, height_ratios=[1.0] * len(engines) + [1.6], squeeze=False)
    timeline = result.table("timeline")
    end = result.summary["latency_ms"]
    for number, engine in enumerate(engines):
        _activity(axes[number, 0], timeline, engine, end, COLOURS[number % len(COLOURS)])
    _memory_over_time(axes[-1, 0], result, end)
    unit, scale = time_unit(end)
    axes[-1, 0].set_xlabel(f"time [{unit}]")
    axes[-1, 0].xaxis.set_major_formatter(lambda value, _: digits(value * scale))
    axes[0, 0].set_title("share busy, from 0 to 1", loc="left", fontsize=8)
    _energy(right.subplots(), result)
    figure.suptitle(_title(result), x=0.01, ha="left", fontsize=11, fontweight="bold")
    save_figure(figure, path)


def draw_memory(result: Result, path: str | Path) -> None:
    """The memory plan: one picture per memory, ops along x, addresses along y, one box per tensor."""
    from matplotlib.patches import Rectangle

    path = Path(path)
    check_suffix(path)
    placed = [row for row in rows(result.table("memories")) if row["peak_bytes"]]
    figure = new_figure(10.0, 0.8 + 3.2 * max(len(placed), 1))
    axes = figure.subplots(max(len(placed), 1), 1, squeeze=False)
    n_ops = len(result.table("ops")["op"])
    placements = rows(result.table("placements"))
    everywhere = sorted({row["role"] for row in placements})
    for axis, memory in zip(axes[:, 0], placed, strict=False):
        here = [row for row in placements if row["memory"] == memory["memory"]]
        roles = sorted({row["role"] for row in here})
        for row in here:
            width = row["last_op"] - row["first_op"] + 1
            corner = (row["first_op"] - 0.5, row["address_bytes"])
            colour = COLOURS[everywhere.index(row["role"]) % len(COLOURS)]
            axis.add_patch(
                Rectangle(
                    corner, width, row["size_bytes"], facecolor=colour, alpha=0.75, edgecolor="white", linewidth=0.4
                )
            )
        for role in roles:
            axis.plot([], [], "s", color=COLOURS[everywhere.index(role) % len(COLOURS)], label=role)
        top = max(row["address_bytes"] + row["size_bytes"] for row in here) if here else 1
        axis.set(xlim=(-0.5, n_ops - 0.5), ylim=(0, 1.2 * top), ylabel="address")
        _byte_ticks(axis)
        _capacity(axis, memory["size_bytes"])
        axis.set_title(_peak(result, memory), loc="left")
        axis.legend(loc="upper right", fontsize=8, frameon=False, ncols=len(roles))
    axes[-1, 0].set_xlabel("op")
    save_figure(figure, path)


def time_unit(milliseconds: float) -> tuple[str, float]:
    """Unit in which a time has one to three digits before the point, and how many of it are 1 ms."""
    units = (("s", 1e-3), ("ms", 1.0), ("us", 1e3), ("ns", 1e6))
    return next((found for found in units if milliseconds * found[1] >= 1), units[-1])


def check_suffix(path: Path) -> None:
    """Raise `DescriptionError` unless the suffix of `path` is one that is drawn."""
    if path.suffix.lower() not in SUFFIXES:
        raise DescriptionError(f"suffix {path.suffix!r}", where=str(path), allowed=", ".join(SUFFIXES))


def busy_fraction(
    start: NDArray[np.float64], end: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fraction of each bin that the disjoint intervals [start, end) cover, shape (bins,)."""

    def covered(until: NDArray[np.float64]) -> NDArray[np.float64]:
        order = np.searchsorted(starts, until, side="right")
        total = np.concatenate([[0.0], np.cumsum(ends - starts)])[order]
        last = np.maximum(order - 1, 0)
        overhang = np.where(order > 0, np.maximum(ends[last] - until, 0.0), 0.0) if len(starts) else 0.0
        return np.asarray(total - overhang)

    by_start = np.argsort(start, kind="stable")
    starts, ends = start[by_start], end[by_start]
    return np.asarray(np.diff(covered(edges)) / np.diff(edges))


def _activity(axis: Axes, timeline: Table, row: dict[str, Any], end_ms: float, colour: str) -> None:
    engine, busy = row["engine"], row["utilization_temporal"]
    mine = timeline["engine"] == engine
    edges = np.linspace(0.0, end_ms, BINS + 1)
    start, release = timeline["start_fs"][mine] / 1e12, timeline["release_fs"][mine] / 1e12
    fraction = np.clip(busy_fraction(start, release, edges), 0, 1)
    axis.fill_between(edges[:-1], fraction, step="post", color=colour, linewidth=0)
    axis.set(ylim=(0, 1.05), yticks=[], xlim=(0, end_ms))
    axis.set_ylabel(f"{engine}\n{100 * busy:.0f}% busy", rotation=0, ha="right", va="center", fontsize=8)
    axis.spines[["top", "right", "left"]].set_visible(False)


def _memory_over_time(axis: Axes, result: Result, end_ms: float) -> None:
    ops, placements = result.table("ops"), result.table("placements")
    starts = np.maximum.accumulate(np.nan_to_num(ops["start_ms"], nan=0.0))
    shown = [row for row in rows(result.table("memories")) if row["memory"] != result.summary["main_memory"]]
    for number, memory in enumerate(shown):
        live = live_bytes(placements, memory["memory"], len(starts))
        axis.step(
            [*starts, end_ms],
            [*live, live[-1] if len(live) else 0],
            where="post",
            color=COLOURS[number % len(COLOURS)],
            label=f"{memory['memory']}, {size(memory['size_bytes'])}",
        )
    axis.set(ylim=(0, None), xlim=(0, end_ms))
    _byte_ticks(axis)
    axis.set_ylabel("reserved", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=8, frameon=False, loc="upper right")
    axis.spines[["top", "right"]].set_visible(False)


def _capacity(axis: Axes, size_bytes: int) -> None:
    """A line at the capacity, or a word where it lies far above what is used."""
    if size_bytes <= 2 * axis.get_ylim()[1]:
        axis.set_ylim(0, max(axis.get_ylim()[1], 1.2 * size_bytes))
        axis.axhline(size_bytes, color="black", linewidth=0.8, linestyle="--")
        axis.text(-0.4, size_bytes, f"capacity {size(size_bytes)}", fontsize=8, va="bottom")
    else:
        axis.text(0.005, 0.97, f"capacity {size(size_bytes)}, above", fontsize=8, va="top", transform=axis.transAxes)


def _peak(result: Result, memory: dict[str, Any]) -> str:
    """The peak of a memory and the ops during which it lasts."""
    names = result.table("ops")["op"].tolist()
    live = live_bytes(result.table("placements"), memory["memory"], len(names))
    there = [name for name, held in zip(names, live.tolist(), strict=True) if held == live.max()]
    ops = ", ".join(there[:PEAK_OPS]) + (f" and {len(there) - PEAK_OPS} more" if len(there) > PEAK_OPS else "")
    return f"{memory['memory']}: peak {size(memory['peak_bytes'])} of {size(memory['size_bytes'])}, at {ops}"


def _byte_ticks(axis: Axes) -> None:
    """Three to six ticks at multiples of a power of two."""
    top = max(axis.get_ylim()[1], 1.0)
    step = 2 ** max(0, math.ceil(math.log2(top / 6)))
    axis.set_yticks(np.arange(0, top + 1, step))
    axis.set_ylim(0, top)
    axis.yaxis.set_major_formatter(lambda value, _: size(value))


def _energy(axis: Axes, result: Result) -> None:
    parts = sorted(result.summary["energy_by_component_uj"].items(), key=lambda item: item[1])[-8:]
    names, values = [name for name, _ in parts], np.array([value for _, value in parts])
    axis.barh(names, values, color=COLOURS[0])
    for row, value in enumerate(values):
        axis.text(value, row, f" {energy(value * 1e6)}", va="center", fontsize=8)
    axis.set_xlim(0, 1.3 * max(values.max(initial=0.0), 1e-12))
    axis.set_xlabel("energy [uJ]")
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    summary = result.summary
    low, high = energy(summary["energy_uj_low"] * 1e6), energy(summary["energy_uj_high"] * 1e6)
    total = energy(summary["energy_uj"] * 1e6)
    axis.set_title(f"{total}, {summary['energy_boundary']}\nbetween {low} and {high}", fontsize=9, loc="left")


def _title(result: Result) -> str:
    summary = result.summary
    return f"{summary['network']} on {summary['hardware']}: {duration(summary['latency_ms'])}"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that size [inch]."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure: the same one gives the same bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    with mpl.rc_context({"svg.hashsalt": "cosim"}):
        figure.savefig(path, dpi=120, metadata=_METADATA[path.suffix.lower()])
