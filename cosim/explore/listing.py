"""A store for a terminal, as JSON, as CSV and as a picture: as many designs as there are, within seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import CosimError, DescriptionError
from cosim.explore.condition import read_condition
from cosim.explore.designs import Listed
from cosim.explore.metric import METRICS, Metric, read_limit
from cosim.explore.show import framed, quantity
from cosim.result.store import write_file

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SHOWN = 40  # designs in the table
STATES = ("done", "infeasible", "failed")


def where(listed: Listed, conditions: Sequence[str]) -> Listed:
    """Designs that meet all conditions: on axes as in a space (``"lanes >= 8"``), or limits of metrics (``"area <= 1 mm2"``).

    Raises
    ------
    DescriptionError
        Something that is neither.
    """
    keep = np.ones(len(listed.frame), np.bool_)
    for text in conditions:
        keep &= _meets(listed, text)
    return replace(listed, frame=listed.frame[keep].reset_index(drop=True))


def _meets(listed: Listed, text: str) -> NDArray[np.bool_]:
    frame, place = listed.frame, f"--where {text!r}"
    try:
        limit = read_limit(text, place)
    except CosimError as first:
        try:
            condition = read_condition(text, list(listed.axes), place)
        except CosimError as error:
            names = [metric.name for metric in METRICS.values()]
            chosen = first if any(text.lstrip().startswith(name) for name in names) else error
            raise DescriptionError(
                chosen.found, where=place, allowed=", ".join([*listed.axes, *names]), fix=chosen.fix
            ) from error
        known: dict[tuple[Any, ...], bool] = {}
        found = np.zeros(len(frame), np.bool_)
        for row, values in enumerate(zip(*(frame[axis] for axis in condition.axes), strict=True)):
            if values not in known:
                known[values] = None not in values and condition.holds(dict(zip(condition.axes, values, strict=True)))
            found[row] = known[values]
        return found
    if limit.metric.column not in frame:
        return np.zeros(len(frame), np.bool_)
    return np.array([limit.allows(value) for value in frame[limit.metric.column]], np.bool_)


def only_front(listed: Listed) -> Listed:
    """The designs that no other beats."""
    return replace(listed, frame=listed.frame[listed.frame["is_on_front"]].reset_index(drop=True))


def sentence(listed: Listed) -> str:
    """How many designs of which kind."""
    states = listed.frame["state"].value_counts()
    parts = [f"{int(states.get(state, 0)):,} {state}" for state in STATES]
    on_front = int(listed.frame["is_on_front"].sum())
    return f"{len(listed.frame):,} designs: {', '.join(parts)}; {on_front:,} on the front"


def render(listed: Listed, *, shown: int = SHOWN) -> list[Any]:
    """A table of the first designs, by the first objective, those of the front first."""
    from cosim.report.grid import grid

    metrics = _metrics(listed)
    out = grid(
        f"{listed.name}: designs", ["@front", *(f"@{name}" for name in listed.axes), *(f"#{m.name}" for m in metrics), "@state"],
        caption=sentence(listed),
    )  # fmt: skip
    for row in ranked(listed).head(shown).to_dict("records"):
        values = ["" if np.isnan(row[m.column]) else quantity(m.column, row[m.column]) for m in metrics]
        chosen = [row[name] or "" for name in listed.axes]
        out.add_row("*" if row["is_on_front"] else "", *chosen, *values, row["state"])
    rest = len(listed.frame) - shown
    return [out, *([f"and {rest:,} more; --csv FILE has all"] if rest > 0 else [])]


def ranked(listed: Listed) -> pd.DataFrame:
    """The designs, those of the front first, then by the first objective."""
    first = _metric(listed.objectives[0])
    frame = listed.frame
    values = frame[first.column] * first.sign if first.column in frame else np.zeros(len(frame))
    order = np.lexsort((np.asarray(values), ~frame["is_on_front"].to_numpy(np.bool_)))
    return frame.iloc[order]


def write_csv(listed: Listed, path: Path) -> None:
    """Every design as `cosim.explore.designs` has it."""
    write_file(path, lambda place: listed.frame.to_csv(place, index=False, lineterminator="\n"))


def draw(listed: Listed, path: Path) -> None:
    """The first two objectives, a third as colour of the front; other designs faint."""
    framed(path, lambda figure: _scatter(listed, figure))


def _scatter(listed: Listed, figure: Figure) -> None:
    from cosim.explore.show import axes_of, coloured

    one, other = (_metric(listed.objectives[min(n, len(listed.objectives) - 1)]) for n in (0, 1))
    axes = axes_of(figure, one, other)
    frame = listed.frame
    done = frame[frame["state"] == "done"]
    faint = done[~done["is_on_front"]]
    if len(faint):
        axes.scatter(faint[one.column], faint[other.column], marker=".", s=4, color="0.7", label="evaluated",
                     rasterized=True, zorder=1)  # fmt: skip
    best = done[done["is_on_front"]].sort_values(one.column)
    if len(best):
        third = _metric(listed.objectives[2]) if len(listed.objectives) > 2 else None
        colour = None if third is None else best[third.column].tolist()
        coloured(figure, axes, best[one.column].tolist(), best[other.column].tolist(), third, colour)
    for metric, scale in ((one, axes.set_xscale), (other, axes.set_yscale)):
        values = done[metric.column].to_numpy() if metric.column in done else np.empty(0)
        values = values[values > 0]
        if len(values) and values.max() > 10 * values.min():
            scale("log")
    axes.set_title(f"{listed.name}: {sentence(listed)}", loc="left", fontsize=9)
    if len(done):
        axes.legend(fontsize=8, frameon=False)
    figure.tight_layout()


def as_json(listed: Listed, *, shown: int | None = None) -> dict[str, Any]:
    """The designs, those of the front first."""
    rows = ranked(listed) if shown is None else ranked(listed).head(shown)
    clean = rows.astype(object).where(rows.notna(), None)
    return {
        "space": listed.name,
        "axes": {name: list(values) for name, values in listed.axes.items()},
        "objectives": list(listed.objectives),
        "limits": list(listed.limits),
        "designs": clean.to_dict("records"),
        "count": len(listed.frame),
    }


def _metrics(listed: Listed) -> list[Metric]:
    names = dict.fromkeys([*listed.objectives, *("latency_ms", "energy_uj", "area_um2")])
    return [_metric(name) for name in names if name in listed.frame]


def _metric(column: str) -> Metric:
    return next(metric for metric in METRICS.values() if metric.column == column)
