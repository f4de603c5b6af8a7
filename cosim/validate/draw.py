"""The picture of a validation: predicted against measured, every network a point."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.report.figure import COLOURS
from cosim.validate.validation import MACS, MODEL, ROOFLINE, Line, Validation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKS = {MODEL: "o", MACS: "x", ROOFLINE: "+"}


def picture(validation: Validation) -> bytes:
    """The scatter plot as PNG; the same bytes for the same validation."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    out = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        figure = Figure(dpi=110)
        FigureCanvasAgg(figure)
        scatter(validation, figure)
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def scatter(validation: Validation, figure: Figure) -> None:
    """One panel per table, both axes logarithmic, with lines at equal, twice and half."""
    tables = list(dict.fromkeys(line.measured.table for line in validation.lines))
    columns = min(len(tables), 3)
    rows = -(-len(tables) // columns)
    figure.set_size_inches(4.2 * columns, 3.9 * rows)
    for number, table in enumerate(tables):
        axes = figure.add_subplot(rows, columns, number + 1)
        lines = [line for line in validation.lines if line.measured.table == table]
        _panel(axes, table, lines)
    figure.tight_layout()


def _panel(axes: Any, table: str, lines: list[Line]) -> None:
    theirs = np.array([line.measured.value for line in lines])
    for colour, (name, mark) in zip(COLOURS, MARKS.items(), strict=False):
        known = [i for i, line in enumerate(lines) if name in line.predicted]
        if known:
            ours = [lines[i].predicted[name] for i in known]
            axes.scatter(theirs[known], ours, marker=mark, s=22, color=colour, label=name, linewidths=1.0)
    ends = np.array([theirs.min() / 2, theirs.max() * 2])
    for factor, style in ((1.0, "-"), (2.0, ":"), (0.5, ":")):
        axes.plot(ends, factor * ends, style, color="0.6", linewidth=0.8, zorder=0)
    axes.set(xscale="log", yscale="log", title=table)
    axes.title.set_fontsize(9)
    unit = lines[0].measured.metric.rpartition("_")[2]
    axes.set_xlabel(f"measured [{unit}]")
    axes.set_ylabel(f"predicted [{unit}]")
    axes.legend(fontsize=7, frameon=False)
