"""What the pictures of the examples share: one look, and files that are the same every time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito: told apart by every reader
BLUE, VERMILION, GREEN, PINK, ORANGE, SKY, YELLOW, GREY = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#999999",
)  # fmt: skip
INK, PALE = "#222222", "#DDDDDD"
LOOK = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888",
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": "#555555", "ytick.color": "#555555",
    "lines.solid_capstyle": "round",
}  # fmt: skip


def panels(width: float, height: float, rows: int, columns: int, **more: Any) -> tuple[Figure, Any]:
    """A figure of so many inches and its axes, shape (rows, columns)."""
    with rc_context(LOOK):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False, **more)


def head(axes: Axes, title: str, x: str = "", y: str = "") -> None:
    """What a panel shows, and the names of its axes."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK)
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)


def key(figure: Figure, marks: Mapping[str, str], columns: int, *, mark: str = "■") -> None:
    """Below the panels: text -> colour, in so many columns."""
    lines = -(-len(marks) // columns)
    height = 0.19 / figure.get_figheight()  # of one line, as a share of the figure
    for number, (text, colour) in enumerate(marks.items()):
        x, y = 0.012 + number % columns / columns, height * (lines - number // columns - 0.6)
        figure.text(x, y, mark, color=colour, fontsize=10, va="center")
        figure.text(x + 0.14 / figure.get_figwidth(), y, text, color=INK, fontsize=9, va="center")
    figure.set_layout_engine("constrained", rect=(0, height * (lines + 0.3), 1, 1 - height * (lines + 0.3)))


def label(axes: Axes, x: float, y: float, text: str, **more: Any) -> None:
    """Text beside a point, a few dots away from it."""
    given = {"xytext": (6, 0), "va": "center", "fontsize": 8, **more}
    axes.annotate(text, (x, y), textcoords="offset points", **given)


def save(figure: Figure, folder: Path | str, name: str) -> Path:
    """Write FOLDER/NAME.png without date or version: equal figures give equal bytes."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    with rc_context(LOOK):
        figure.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
    return folder / f"{name}.png"
