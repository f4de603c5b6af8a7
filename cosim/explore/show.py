"""An exploration for a terminal, as JSON, as CSV and as a picture."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.explore.exploration import Exploration, Point
from cosim.explore.metric import METRICS, Metric
from cosim.report.figure import COLOURS, check_suffix
from cosim.report.quantity import area, duration, energy, size
from cosim.result.store import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 40  # designs of the front in the table
SCALES: Mapping[str, Callable[[float], str]] = {
    "latency_ms": duration,
    "energy_uj": lambda uj: energy(uj * 1e6),
    "area_um2": area,
    "accuracy": lambda share: f"{share:.4g}",
}


def quantity(column: str, value: float) -> str:
    """A metric as people read it."""
    return SCALES.get(column, size)(value)


def counts(found: Exploration) -> dict[str, int]:
    """What became of the designs."""
    return {
        "enumerated": found.enumerated,
        "bounded": found.bounded,
        "bounded_beyond_limits": found.beyond_limit,
        "simulated": found.simulated,
        "recalled": found.recalled,
        "infeasible": found.count("infeasible"),
        "failed": found.count("failed"),
        "beyond_limits": sum(point.record.state == "done" and not point.is_allowed for point in found.points),
        "on_front": len(found.front),
        "executed": found.executed,
        "executions_recalled": found.executions_recalled,
    }


def sentence(found: Exploration) -> str:
    """The counts, as a line."""
    n = counts(found)
    executed = ""
    if n["executed"] or n["executions_recalled"]:
        executed = f"; {n['executed']:,} networks executed for accuracy, {n['executions_recalled']:,} from the store"
    near = f"; front within {found.tolerance:.3g} of the exact one, by --tolerance" if found.tolerance else ""
    return (
        f"{n['enumerated']:,} designs: {n['bounded']:,} bounded away ({n['bounded_beyond_limits']:,} beyond a limit), "
        f"{n['simulated']:,} evaluated, {n['recalled']:,} from the store; {n['infeasible']:,} infeasible, "
        f"{n['failed']:,} failed; {n['on_front']:,} on the front{executed}{near}"
    )


def render(found: Exploration) -> list[Any]:
    """The front, what became of all designs, and the first reasons of those that failed."""
    from cosim.report.grid import grid

    axes = [axis.name for axis in found.space.axes]
    columns = _columns(found)
    metrics = {metric.column: metric.name for metric in METRICS.values()}
    out = grid(
        f"{found.space.name}: designs that no other beats in " + ", ".join(m.name for m in found.space.objectives),
        [*(f"@{name}" for name in axes), *(f"#{metrics[column]}" for column in columns)],
        caption=sentence(found),
    )
    for point in found.front[:SHOWN]:
        values = [quantity(column, point.record.metrics[column]) for column in columns]
        out.add_row(*(point.choices[name] for name in axes), *values)
    notes = [f"and {len(found.front) - SHOWN} more; --csv FILE has all"] if len(found.front) > SHOWN else []
    for state in ("infeasible", "failed"):
        these = [point for point in found.points if point.record.state == state]
        if these:
            first = f"{_named(these[0])}: {these[0].record.error}"
            notes.append(f"{len(these)} {state}, the first {first}")
    return [out, *notes]


def as_json(found: Exploration, store: Path | None) -> dict[str, Any]:
    """The front and the counts."""
    return {
        "space": found.space.name,
        "digest": found.space.digest,
        "store": None if store is None else str(store),
        "objectives": [metric.column for metric in found.space.objectives],
        "limits": [limit.text for limit in found.space.limits],
        "counts": counts(found),
        "tolerance": found.tolerance,
        "seconds": round(found.seconds, 3),
        "bounding_seconds": round(found.bounding_seconds, 3),
        "front": [_row(point) for point in found.front],
        "not_done": [
            {"choices": dict(p.choices), "state": p.record.state, "error": p.record.error}
            for p in found.points
            if p.record.state != "done"
        ],
    }


def write_csv(found: Exploration, path: Path) -> None:
    """Every evaluated design: its values, metrics, state, and whether it is on the front."""
    axes = [axis.name for axis in found.space.axes]
    columns = sorted({column for point in found.points for column in point.record.metrics})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*axes, *columns, "is_allowed", "is_on_front", "state", "error", "key"])
    for point in found.points:
        record = point.record
        values = [repr(record.metrics[column]) if column in record.metrics else "" for column in columns]
        chosen = [point.choices[name] for name in axes]
        flags = [int(point.is_allowed), int(point.is_on_front)]
        writer.writerow([*chosen, *values, *flags, record.state, record.error or "", record.key])
    write_file(path, lambda place: _write(place, text.getvalue()))


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8", newline="\n")


def draw(found: Exploration, path: Path) -> None:
    """The first two objectives, a third as colour; the front with a ring, other evaluated designs faint."""
    framed(path, lambda figure: _scatter(found, figure))


def framed(path: Path, fill: Callable[[Figure], None]) -> None:
    """A figure that is the same bytes every time, written whole or not at all."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_suffix(path)
    with mpl.rc_context({"svg.hashsalt": "cosim"}):
        figure = Figure(figsize=(7.2, 4.8), dpi=130)
        FigureCanvasAgg(figure)
        fill(figure)
        metadata = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        kind = path.suffix.lower()
        write_file(path, lambda place: figure.savefig(place, format=kind[1:], metadata=metadata[kind]))


def axes_of(figure: Figure, one: Metric, other: Metric) -> Axes:
    """Axes for two metrics, in units that people read."""
    axes = figure.add_subplot()
    axes.set(xlabel=one.name, ylabel=other.name)
    axes.xaxis.set_major_formatter(_ticks(one.column))
    axes.yaxis.set_major_formatter(_ticks(other.column))
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def coloured(
    figure: Figure, axes: Axes, x: Sequence[float], y: Sequence[float], third: Metric | None, colour: Any
) -> None:
    """The front: a line, or rings whose colour is a third metric."""
    if third is None:
        axes.plot(x, y, "o-", color=COLOURS[0], markersize=6, label="front", zorder=2)
        return
    shown = axes.scatter(
        x, y, c=colour, cmap="viridis", s=42, edgecolors="black", linewidths=0.7, label="front", zorder=2
    )
    bar = figure.colorbar(shown, ax=axes)
    bar.set_label(third.name)
    bar.ax.yaxis.set_major_formatter(_ticks(third.column))


def _scatter(found: Exploration, figure: Figure) -> None:
    objectives = found.space.objectives
    first, second = objectives[0], objectives[min(1, len(objectives) - 1)]
    one, other = first.column, second.column
    axes = axes_of(figure, first, second)
    others = [p for p in found.points if p.is_allowed and not p.is_on_front]
    beyond = [p for p in found.points if p.record.state == "done" and not p.is_allowed]
    for points, mark, label in ((others, ".", "evaluated"), (beyond, "x", "beyond a limit")):
        if points:
            axes.scatter(_of(points, one), _of(points, other), marker=mark, s=18, color="0.7", label=label, zorder=1)
    best = found.front
    third = objectives[2] if len(objectives) > 2 else None
    if best:
        colour = None if third is None else _of(best, third.column)
        coloured(figure, axes, _of(best, one), _of(best, other), third, colour)
    _spread(axes, [p for p in found.points if p.record.state == "done"], one, other)
    axes.set_title(
        f"{found.space.name}: {len(best)} of {found.enumerated:,} designs on the front", loc="left", fontsize=10
    )
    if found.points:
        axes.legend(fontsize=8, frameon=False)
    figure.tight_layout()


def _ticks(column: str) -> Callable[[float, float], str]:
    return lambda value, _: quantity(column, value)


def _spread(axes: Axes, points: Sequence[Point], one: str, other: str) -> None:
    """Logarithmic axes where values differ by more than tenfold."""
    for column, scale in ((one, axes.set_xscale), (other, axes.set_yscale)):
        values = [value for value in _of(points, column) if value > 0]
        if values and math.log10(max(values) / min(values)) > 1:
            scale("log")


def _of(points: Sequence[Point], column: str) -> list[float]:
    return [point.record.metrics[column] for point in points]


def _columns(found: Exploration) -> list[str]:
    """Objectives, then what is limited, then the other metrics."""
    first = [metric.column for metric in found.space.objectives] + [limit.metric.column for limit in found.space.limits]
    return list(dict.fromkeys([*first, "latency_ms", "energy_uj", "area_um2"]))


def _named(point: Point) -> str:
    return ", ".join(f"{name} {value}" for name, value in point.choices.items())


def _row(point: Point) -> dict[str, Any]:
    return {"choices": dict(point.choices), **point.record.metrics, "key": point.record.key}
