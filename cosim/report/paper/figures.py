"""Figures of a run for a paper: the charts of its page, drawn by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.report.figure import COLOURS, SUFFIXES, time_unit
from cosim.report.paper.written import written
from cosim.report.quantity import area, digits, energy, si
from cosim.result import Result
from cosim.result.activity import SLICES
from cosim.result.gaps import CAUSES
from cosim.result.table import rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Busy and the causes of waiting, as the page has them.
TIME_COLOURS = {
    "busy": "#0072B2", "load": "#E69F00", "store": "#D55E00", "compute": "#009E73", "link": "#CC79A7",
    "engine": "#D6C51D", "clock": "#8A939C",
}  # fmt: skip
SPENT = {
    "reads": "#0072B2", "writes": "#56B4E9", "work": "#009E73", "busy": "#CC79A7", "stalled": "#D55E00",
    "idle": "#E69F00", "background": "#D6C51D", "leakage": "#6B7480",
}  # fmt: skip
"""What energy is spent on, in the colours of the page."""
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
_STYLE: Any = {
    "font.size": 8, "axes.titlesize": 9, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.fontsize": 7, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "cosim",
    "pdf.fonttype": 42, "axes.linewidth": 0.6,
}  # fmt: skip


def save(
    draw: Callable[[Figure], None],
    folder: Path,
    name: str,
    size_inches: tuple[float, float],
    suffixes: Sequence[str] = SUFFIXES,
) -> None:
    """Draw once per kind of file: PDF, SVG and PNG; equal data give equal bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for suffix in suffixes:
        with mpl.rc_context(_STYLE):
            figure = Figure(figsize=size_inches, layout="constrained")
            FigureCanvasAgg(figure)
            draw(figure)
            figure.savefig(folder / f"{name}{suffix}", dpi=200, metadata=_METADATA[suffix])


def run_figures(result: Result, folder: Path) -> None:
    """Timeline, roofline, breakdown, memory map and ops of a run."""
    from cosim.report.figure import draw_memory

    ops = len(result.table("ops")["op"])
    if "activity" in result.makers:
        engines = sum(result.table("engines")["commands"] > 0)
        save(lambda figure: _timeline(figure, result), folder, "timeline", (7.0, 0.75 + 0.62 * int(engines)))
    if "roofs" in result.makers:
        save(lambda figure: _roofline(figure, result), folder, "roofline", (4.6, 3.4))
    save(lambda figure: _breakdown(figure, result), folder, "breakdown", (7.0, 2.7))
    save(lambda figure: _ops(figure, result), folder, "ops", (max(4.0, min(10.0, 0.14 * ops + 1)), 3.0))
    for suffix in SUFFIXES:
        draw_memory(result, folder / f"memory{suffix}")


def _timeline(figure: Figure, result: Result) -> None:
    activity = result.table("activity")
    engines = [row for row in rows(result.table("engines")) if row["commands"]]
    axes = figure.subplots(len(engines), 1, sharex=True, squeeze=False)[:, 0]
    parts = ("busy", *CAUSES)
    seen: dict[str, str] = {}
    edges = np.linspace(0.0, result.summary["latency_ms"], SLICES + 1)
    for axis, engine in zip(axes, engines, strict=True):
        mine = activity["engine"] == engine["engine"]
        at = np.searchsorted(edges, (activity["start_ms"][mine] + activity["end_ms"][mine]) / 2) - 1
        below = np.zeros(SLICES + 1)
        for part in parts:
            shares = np.zeros(SLICES + 1)
            shares[at] = activity[f"{part}_ms" if part == "busy" else f"stall_{part}_ms"][mine] / (edges[1] - edges[0])
            if shares.any():
                colour = TIME_COLOURS[part]
                axis.fill_between(edges, below, below + shares, step="post", color=colour, linewidth=0)
                seen[part] = colour
            below = below + shares
        axis.set(ylim=(0, 1), yticks=[], xlim=(0, result.summary["latency_ms"]))
        axis.spines["left"].set_visible(False)
        label = f"{engine['engine']}\n{100 * engine['utilization_temporal']:.1f}% busy"
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=7)
    unit, scale = time_unit(result.summary["latency_ms"])
    axes[-1].xaxis.set_major_formatter(lambda value, _: digits(value * scale))
    axes[-1].set_xlabel(f"time [{unit}]")
    handles = [_patch(colour, part if part == "busy" else f"waits: {part}") for part, colour in seen.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)


def _patch(colour: str, label: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour, label=label)


def _roofline(figure: Figure, result: Result) -> None:
    axis = figure.subplots()
    memory = result.summary["main_memory"]
    roofs = rows(result.table("roofs"))
    peaks = {row["roof"]: row["peak_macs_per_s"] for row in roofs if row["limits"] == "engine"}
    rates = {row["roof"]: row["peak_bytes_per_s"] for row in roofs if row["limits"] == "memory"}
    memory = memory if memory in rates else next(iter(rates), memory)
    dots = [dot for row in rows(result.table("ops")) if (dot := roofline_dot(row, memory)) is not None]
    if not dots or not rates:
        axis.text(0.5, 0.5, "no op has MACs, or no memory a rate", ha="center", transform=axis.transAxes)
        return
    rate, peak = rates[memory], max(peaks.values(), default=math.inf)
    known = [dot["intensity"] for dot in dots if math.isfinite(dot["intensity"])] or [1.0]
    known += [peak / rate] if peaks else []
    edge = max(known) * 4
    kinds = sorted({dot["kind"] for dot in dots})
    most = max(dot["critical_ms"] for dot in dots) or 1.0
    for number, kind in enumerate(kinds):
        these = [dot for dot in dots if dot["kind"] == kind]
        x = [min(dot["intensity"], edge) for dot in these]
        area_ = [8 + 90 * dot["critical_ms"] / most for dot in these]
        axis.scatter(x, [dot["rate"] for dot in these], s=area_, color=COLOURS[number % len(COLOURS)], alpha=0.75,
                     edgecolors="white", linewidths=0.4, label=kind, zorder=3)  # fmt: skip
    low = min(known) / 2
    ridge = min(peak / rate, edge * 1.3)
    axis.plot([low, ridge, edge * 1.3], [rate * low, rate * ridge, rate * ridge], color="black", linewidth=1)
    if peaks:
        name = max(peaks, key=lambda one: peaks[one])
        axis.annotate(
            f"{name} {si(peak, 'MAC/s')}",
            (edge * 1.3, peak),
            (0, 3),
            ha="right",
            va="bottom",
            fontsize=7,
            textcoords="offset points",
        )
    axis.annotate(
        f"{memory} {si(rate, 'B/s')}",
        (low, rate * low),
        (8, 0),
        ha="left",
        va="bottom",
        fontsize=7,
        textcoords="offset points",
    )
    axis.set(
        xscale="log",
        yscale="log",
        xlabel=f"MACs per byte of {memory}",
        ylabel="MACs per second",
        xlim=(low, edge * 1.3),
    )
    axis.legend(frameon=False, loc="lower right")


def roofline_dot(row: Mapping[str, Any], memory: str) -> dict[str, Any] | None:
    """Intensity [MACs per byte of `memory`] and rate [MACs per second] of an op; None for one without MACs."""
    spent_ms = row["busy_ms"] + row["stall_ms"]
    if not row["macs"] or not spent_ms:
        return None
    n_bytes = row[f"{memory}_read_bytes"] + row[f"{memory}_write_bytes"]
    return {
        "op": row["op"],
        "kind": row["kind"],
        "intensity": row["macs"] / n_bytes if n_bytes else math.inf,
        "rate": row["macs"] / (spent_ms * 1e-3),
        "critical_ms": row["critical_ms"],
    }


def _breakdown(figure: Figure, result: Result) -> None:
    left, right = figure.subplots(1, 2)
    by_component: dict[str, dict[str, float]] = {}
    for row in rows(result.table("actions")):
        part = spent_on(row["state"], row["action"])
        parts = by_component.setdefault(row["component"], {})
        parts[part] = parts.get(part, 0.0) + row["energy_pj"]
    _stack(left, by_component, energy, f"energy, {result.summary['energy_boundary']}")
    by_unit: dict[str, dict[str, float]] = {}
    for row in rows(result.table("areas")):
        by_unit.setdefault(row["component"], {})[row["unit"].replace("_", " ")] = row["area_um2"]
    _stack(right, by_unit, area, "area")


def spent_on(state: str, action: str) -> str:
    """What a line of `actions` is: reads, writes, work, or the state that costs power."""
    if state != "action":
        return state
    return "reads" if action.startswith("read") else ("writes" if action.startswith("write") else "work")


def _stack(axis: Axes, found: Mapping[str, Mapping[str, float]], write: Callable[[float], str], title: str) -> None:
    totals = {name: sum(parts.values()) for name, parts in found.items()}
    names = [name for name in sorted(totals, key=lambda one: (totals[one], one)) if totals[name] > 0]
    labels = sorted(
        {part for name in names for part in found[name]},
        key=lambda part: ([*SPENT].index(part) if part in SPENT else 0, part),
    )
    before = np.zeros(len(names))
    for number, label in enumerate(labels):
        values = np.array([found[name].get(label, 0.0) for name in names])
        axis.barh(
            names, values, left=before, color=SPENT.get(label, COLOURS[number % len(COLOURS)]), label=label, height=0.7
        )
        before = before + values
    for place, name in enumerate(names):
        axis.text(totals[name], place, f" {write(totals[name])}", va="center", fontsize=7)
    axis.set_title(title, loc="left")
    axis.set_xlim(0, 1.35 * max(totals.values(), default=1.0))
    axis.set_xticks([])
    axis.spines["bottom"].set_visible(False)
    if labels:
        axis.legend(frameon=False, loc="lower right")


def _ops(figure: Figure, result: Result) -> None:
    ops = result.table("ops")
    upper, lower = figure.subplots(2, 1, sharex=True)
    place = np.arange(len(ops["op"]))
    upper.bar(place, ops["critical_ms"], color=COLOURS[0], width=0.8)
    unit, scale = time_unit(max(float(ops["critical_ms"].max(initial=0.0)), 1e-9))
    upper.yaxis.set_major_formatter(lambda value, _: digits(value * scale))
    upper.set_ylabel(f"critical [{unit}]")
    lower.bar(place, ops["energy_pj"], color=COLOURS[1], width=0.8)
    lower.yaxis.set_major_formatter(lambda value, _: energy(value))
    lower.set_ylabel("energy")
    lower.set_xlabel("op, in order of the network")
    if len(place) <= 40:
        lower.set_xticks(place, ops["op"].tolist(), rotation=90)


def store_figures(store: Path, folder: Path, space: str | None) -> None:
    """The Pareto front in the first two objectives."""
    from cosim.explore.designs import listed

    found = listed(store, space=space)
    save(lambda figure: _pareto(figure, found), folder, "pareto", (4.6, 3.4))


def _pareto(figure: Figure, found: Any) -> None:
    from cosim.explore.metric import METRICS

    axis = figure.subplots()
    columns = [*found.objectives, *(name for name in found.metrics if name not in found.objectives)][:2]
    done = found.frame[found.frame["state"] == "done"]
    if len(columns) < 2 or not len(done):
        axis.text(0.5, 0.5, "no design was evaluated", ha="center", transform=axis.transAxes)
        return
    x, y = columns
    best = done["is_on_front"].to_numpy(bool)
    beyond = ~done["is_allowed"].to_numpy(bool)
    many = len(done) > 3000
    for these, colour, size_, label, above in (
        (~best & ~beyond, "#8A939C", 2 if many else 9, "beaten", 1),
        (~best & beyond, COLOURS[1], 2 if many else 9, "beyond a limit", 1),
        (best, COLOURS[0], 22, "on the front", 3),
    ):
        if these.any():
            axis.scatter(done[x][these], done[y][these], s=size_, color=colour, label=label, linewidths=0, zorder=above,
                         rasterized=many)  # fmt: skip
    titles = {metric.column: metric.name for metric in METRICS.values()}
    for name, scale, one in ((x, axis.set_xscale, axis.xaxis), (y, axis.set_yscale, axis.yaxis)):
        values = done[name].to_numpy()
        if values.min() > 0 and values.max() / values.min() > 8:
            scale("log")
        one.set_major_formatter(partial(_tick, name))
        one.set_label_text(titles.get(name, name))
    axis.legend(frameon=False)


def _tick(name: str, value: float, _: int) -> str:
    """A tick of the axis of a column."""
    return written(name, value)
