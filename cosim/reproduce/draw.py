"""Figures of a reproduction as PNG and SVG, the same bytes every time."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from cosim.errors import CosimError, PluginError
from cosim.plugin.reproduction import EVIDENCE, ROLES, Row
from cosim.report.figure import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE_INCHES = (8.0, 5.0)
DPI = 150
_RC: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9.0,
    "savefig.dpi": DPI,
    "svg.fonttype": "path",
    "svg.hashsalt": "cosim",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
MARKERS = {"predicted": "o", "fitted": "s", "input": "x", "counted": "+", "measured": "^"}
_LEAST = 3.0  # rows that a label needs
_FOOT_INCHES = 0.18  # for a line about evidence


def pictures(name: str, draw: Callable[[Figure], None], rows: Sequence[Row], where: str) -> dict[str, bytes]:
    """``NAME.png`` and ``NAME.svg`` of what `draw` draws, with a line below where not every figure is printed.

    Raises
    ------
    PluginError
        `draw` failed, or drew nothing.
    """
    where = f"{where}, figure {name!r}"
    with _defaults():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        try:
            draw(figure)
            _label(figure, rows)
            made = {f"{name}.png": _saved(figure, "png"), f"{name}.svg": _saved(figure, "svg")}
        except (CosimError, MemoryError):
            raise
        except Exception as error:
            raise PluginError(f"failed: {type(error).__name__}: {error}", where=where) from error
    if not figure.axes:
        raise PluginError("has no axes", where=where, fix="draw on the Figure that is given, not by pyplot")
    return made


def differences(rows: Sequence[Row]) -> Callable[[Figure], None]:
    """The figure that every reproduction has: the relative difference of each row, part by part."""

    def draw(figure: Figure) -> None:
        shown = [row for row in rows if row.difference is not None]
        parts = list(dict.fromkeys(row.part for row in shown))
        places, ends = _bands([sum(row.part == part for row in shown) for part in parts])
        shown.sort(key=lambda row: parts.index(row.part))
        figure.set_size_inches(8.0, min(1.6 + 0.08 * ends[-1], 14.0))
        axes = figure.subplots()
        for i, row in enumerate(shown):
            axes.plot([100 * (row.difference or 0.0)], [places[i]], MARKERS[row.role], **_style(row.evidence))
        axes.axvline(0.0, color="black", linewidth=0.8)
        for end in ends[1:-1]:
            axes.axhline(end, color="0.85", linewidth=0.8)
        axes.set_yticks([(one + other) / 2 for one, other in pairwise(ends)], parts or [""])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(ends[-1], 0.0)
        reach = max([10.0, *(abs(100 * (row.difference or 0.0)) for row in shown)])
        axes.set_xscale("symlog", linthresh=10.0)
        axes.set_xlim(-1.3 * reach, 1.3 * reach)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("(ours - paper) / paper [%]")
        _explain(figure, shown)

    return draw


def _style(evidence: str) -> dict[str, Any]:
    """Colour of the evidence; filled where it is printed."""
    colour = COLOURS[list(EVIDENCE).index(evidence)]
    return {"markersize": 4.5, "color": colour, "markerfacecolor": colour if evidence == "printed" else "white"}


def _explain(figure: Figure, shown: Sequence[Row]) -> None:
    """Legends above: colours are evidence, shapes are roles."""
    from matplotlib.lines import Line2D

    evidence, role = Counter(row.evidence for row in shown), Counter(row.role for row in shown)
    colours = [
        Line2D([], [], ls="", marker="o", label=f"{e} ({evidence[e]})", **_style(e)) for e in EVIDENCE if evidence[e]
    ]
    shapes = [Line2D([], [], ls="", marker=MARKERS[r], color="0.4", label=f"{r} ({role[r]})") for r in ROLES if role[r]]
    if shown:
        options: Any = {"ncols": 3, "fontsize": 8, "title_fontsize": 8}
        figure.legend(handles=colours, title="the paper's figure is", loc="outside upper left", **options)
        figure.legend(handles=shapes, title="ours is", loc="outside upper right", **options)


def _bands(counts: Sequence[int]) -> tuple[list[float], list[float]]:
    """Place of each row, and ends of the band of each part, with room for a label; parts have `counts` rows."""
    places: list[float] = []
    ends = [0.0]
    for count in counts:
        height = max(count + 1.0, _LEAST)
        places += [ends[-1] + height * (i + 1) / (count + 1) for i in range(count)]
        ends.append(ends[-1] + height)
    return places, ends if counts else [0.0, _LEAST]


def _label(figure: Figure, rows: Sequence[Row]) -> None:
    """A line at the foot of a figure: how many of the paper's figures are printed, digitised, secondary..."""
    counts = Counter(row.evidence for row in rows if row.paper is not None)
    if not set(counts) - {"printed"}:
        return
    engine: Any = figure.get_layout_engine()
    if engine is not None:
        foot = _FOOT_INCHES / figure.get_figheight()
        engine.set(rect=(0.0, foot, 1.0, 1.0 - foot))
    text = "figures of the paper, all parts: " + ", ".join(
        f"{counts[name]} {name}" for name in EVIDENCE if counts[name]
    )
    figure.text(0.008, 0.008, f"{text} (see rows.csv)", fontsize=7, color="0.35")


def _saved(figure: Figure, suffix: str) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format=suffix, metadata={"Software": None} if suffix == "png" else {"Date": None})
    return out.getvalue()


@contextmanager
def _defaults() -> Iterator[None]:
    """Settings of matplotlib as it is delivered, whatever the user's own settings are."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield
