"""Figures of the reproduction, drawn on a matplotlib Figure that somebody else made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim_plugins.smartexchange.reproduce_devices import DENSE, LIKE, OURS, PARTS, SPARSITY, SWEEP, Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cosim_plugins.smartexchange.reproduce_digits import Point

COLOURS = ("#0b3954", "#4f8fba", "#e07a1f", "#7aa95c", "#b8b8b8")


def energy(figure: Figure, runs: Sequence[Run]) -> None:
    """Energy of actions by part, each network relative to the dense array."""
    axes = figure.subplots()
    width = 0.8 / len(LIKE)
    for n, case in enumerate(SPARSITY):
        mine = {run.device: run for run in runs if run.case == case}
        for d, device in enumerate(LIKE):
            bottom = 0.0
            for part, colour in zip(PARTS, COLOURS, strict=True):
                height = mine[device].energy_uj[part] / mine[DENSE].total_uj
                label = part if n == 0 and d == 0 else None
                axes.bar(n + (d - 1.5) * width, height, 0.9 * width, bottom=bottom, color=colour, label=label)
                bottom += height
            axes.text(n + (d - 1.5) * width, bottom + 0.01, LIKE[device][:2], ha="center", fontsize=6)
    _names(figure, [f"{case}\n{share:.0%} zero rows" for case, share in SPARSITY.items()])
    axes.set_ylabel("energy of actions / dense array")
    axes.set_title("bars: Di dense, Ca sparse, Bi bit-serial, Sm SmartExchange", fontsize=8)
    figure.legend(frameon=False, loc="outside upper center", ncols=len(PARTS))


def speed(figure: Figure, runs: Sequence[Run], headline: float) -> None:
    """Speed over the dense array, the published maximum as a line."""
    axes = figure.subplots()
    width = 0.8 / len(LIKE)
    for n, case in enumerate(SPARSITY):
        mine = {run.device: run for run in runs if run.case == case}
        for (d, device), colour in zip(enumerate(LIKE), COLOURS, strict=False):
            height = mine[DENSE].milliseconds / mine[device].milliseconds
            axes.bar(n + (d - 1.5) * width, height, 0.9 * width, color=colour, label=None if n else LIKE[device])
    axes.axhline(headline, color="black", linewidth=0.8, linestyle="--", label=f"published maximum, {headline:g}")
    _names(figure, list(SPARSITY))
    axes.set_ylabel("times faster than the dense array")
    axes.legend(frameon=False)


def accuracy(figure: Figure, points: Sequence[Point]) -> None:
    """Top-1 against compression, with and without retraining."""
    axes = figure.subplots()
    for way, colour, mark in zip(("fp32", "int8", "after training", "retrained"), COLOURS, "sDo^", strict=False):
        mine = [point for point in points if point.way == way]
        x = [point.compression for point in mine]
        y = np.array([point.value for point in mine])
        spread = np.array([[p.value - p.low for p in mine], [p.high - p.value for p in mine]])
        axes.errorbar(x, y, spread, marker=mark, color=colour, capsize=2, label=way)
    axes.set_xlabel("compression of the weights")
    axes.set_ylabel("top-1 [%], digits, 95 % over seeds")
    axes.legend(frameon=False, loc="lower left")


def sweep(figure: Figure, runs: Sequence[Run]) -> None:
    """DRAM energy that coefficients save against what rebuilding costs, over the share of zero rows."""
    axes = figure.subplots()
    mine = sorted(
        (run for run in runs if run.device == OURS and run.digit_sparsity == 0.66 and not run.zero_rows),
        key=lambda run: run.sparsity,
    )
    x = [run.sparsity for run in mine]
    bottom = np.zeros(len(mine))
    for part, colour in zip(PARTS, COLOURS, strict=True):
        height = np.array([run.energy_uj[part] for run in mine]) / 1000
        axes.bar(x, height, 0.08, bottom=bottom, color=colour, label=part)
        bottom += height
    axes.set_xlabel("share of coefficient rows that are zero")
    axes.set_ylabel(f"energy of actions [mJ], {SWEEP}")
    axes.legend(frameon=False)


def errors(figure: Figure, table: Sequence[dict[str, Any]]) -> None:
    """Relative error of seeded layers against their compression."""
    axes = figure.subplots()
    for layer, colour in zip(dict.fromkeys(row["layer"] for row in table), COLOURS, strict=True):
        for swept, line in (("theta", "-"), ("sparsity", "--")):
            mine = [row for row in table if row["layer"] == layer and row["swept"] == swept]
            x, y = [row["compression"] for row in mine], [row["relative_error"] for row in mine]
            label = f"{layer} ({mine[0]['shape']})" if swept == "theta" else None
            axes.plot(x, y, line, marker="o", markersize=3, color=colour, label=label)
    axes.set_xlabel("compression (solid: theta, dashed: stated row sparsity)")
    axes.set_ylabel("relative error of seeded weights")
    axes.legend(frameon=False)


def _names(figure: Figure, names: list[str]) -> None:
    axes = figure.axes[0]
    axes.set_xticks(range(len(names)), names, fontsize=7)
