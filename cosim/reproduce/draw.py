"""Figures of a reproduction as PNG and SVG, the same bytes every time."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cosim.errors import CosimError, PluginError
from cosim.plugin.reproduction import EVIDENCE, Row
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
        shown.sort(key=lambda row: parts.index(row.part))
        figure.set_size_inches(8.0, min(max(2.5, 1.5 + 0.11 * len(shown)), 14.0))
        axes = figure.subplots()
        for number, evidence in enumerate(EVIDENCE):
            at = [i for i, row in enumerate(shown) if row.evidence == evidence]
            if at:
                values = [100 * (shown[i].difference or 0.0) for i in at]
                filled = COLOURS[number] if evidence == "printed" else "white"
                label = f"{evidence} ({len(at)})"
                axes.plot(values, at, "o", markersize=4, color=COLOURS[number], markerfacecolor=filled, label=label)
        axes.axvline(0.0, color="black", linewidth=0.8)
        firsts = [next(i for i, row in enumerate(shown) if row.part == part) for part in parts]
        for first in firsts[1:]:
            axes.axhline(first - 0.5, color="0.85", linewidth=0.8)
        axes.set_yticks(firsts, parts)
        axes.set_ylim(max(len(shown), 1) - 0.5, -0.5)
        axes.set_xscale("symlog", linthresh=10.0)
        reach = max([10.0, *(abs(100 * (row.difference or 0.0)) for row in shown)])
        axes.set_xlim(-1.3 * reach, 1.3 * reach)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("(ours - paper) / paper [%]")
        if shown:
            axes.legend(title="the paper's figure is", loc="best", fontsize=8)

    return draw


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
