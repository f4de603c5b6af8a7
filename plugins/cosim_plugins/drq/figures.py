"""The pictures of the reproduction: the paper's charts with ours beside them, and what decides them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cosim_plugins.drq.comparison import OTHERS, Results, ratio
from cosim_plugins.drq.machines import PARTS
from cosim_plugins.drq.published import NETWORKS, SYSTEMS, energy_of, share_of, time_of
from cosim_plugins.drq.stall_study import NETWORK, POLICIES

Draw = Callable[[Figure], None]
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
HATCH = "////"


def time_chart(results: Results) -> Draw:
    """Time over Eyeriss: a bar of ours beside a hatched one of the paper, per network and machine."""

    def draw(figure: Figure) -> None:
        axes: Any = figure.subplots()
        places = np.arange(len(NETWORKS))
        for number, system in enumerate(OTHERS):
            left = places + 0.27 * (number - 1)
            ours = [ratio(results, system, "Eyeriss", n) for n in NETWORKS]
            paper = [time_of(system, n).value for n in NETWORKS]
            colour = COLOURS[number]
            axes.bar(left - 0.06, ours, 0.12, color=colour, label=f"{system}: here")
            axes.bar(
                left + 0.06, paper, 0.12, facecolor="white", edgecolor=colour, hatch=HATCH, label=f"{system}: paper"
            )
        axes.set_xticks(places, NETWORKS)
        axes.set_ylabel("time over Eyeriss")
        axes.set_ylim(0, 0.65)
        axes.set_title("Time of one inference, arrays of equal area (paper: read off its chart)")
        axes.legend(ncols=3, fontsize=8)

    return draw


def energy_chart(results: Results) -> Draw:
    """Energy over all of Eyeriss by part: ours, and hatched the paper's, per network."""

    def draw(figure: Figure) -> None:
        grid: Any = figure.subplots(2, 3, sharey=True)
        for axes, network in zip(grid.reshape(-1), NETWORKS, strict=True):
            whole = results["Eyeriss", network].total_uj
            for side, offset, hatch in (("here", -0.2, ""), ("paper", 0.2, HATCH)):
                bottom = np.zeros(len(SYSTEMS))
                for part, colour in zip(PARTS, COLOURS, strict=False):
                    heights = np.array([
                        results[s, network].energy_uj[part] / whole if side == "here" else energy_of(s, network, part).value
                        for s in SYSTEMS
                    ])  # fmt: skip
                    style: Any = {"color": colour} if side == "here" else {"facecolor": "white", "edgecolor": colour}
                    axes.bar(np.arange(len(SYSTEMS)) + offset, heights, 0.36, bottom=bottom, hatch=hatch,
                             label=f"{part}, {side}", **style)  # fmt: skip
                    bottom += heights
            axes.set_title(network, fontsize=9)
            axes.set_xticks(range(len(SYSTEMS)), SYSTEMS, fontsize=7)
        for axes in grid[:, 0]:
            axes.set_ylabel("energy over Eyeriss")
        grid[0, 2].legend(fontsize=6)

    return draw


def stall_chart(table: pd.DataFrame) -> Draw:
    """Cycles per step over the 8-bit share, for each policy, without order and with regions together."""

    def draw(figure: Figure) -> None:
        orders = list(dict.fromkeys(table.order))
        grid: Any = figure.subplots(1, len(orders), sharey=True)
        shares = [share_of("DRQ", n) for n in NETWORKS]
        for axes, order in zip(grid, orders, strict=True):
            for (policy, depth), colour in zip(POLICIES, COLOURS, strict=False):
                rows = table[(table.policy == policy) & (table.depth == depth) & (table.order == order)]
                label = f"{policy} of {depth}" if depth else policy
                axes.plot(100 * rows.share, rows.cycles_per_step, "o-", markersize=3, color=colour, label=label)
            axes.axvspan(100 * min(shares), 100 * max(shares), color="#dddddd", zorder=0)
            axes.axhline(1.40, color="black", linewidth=0.8, linestyle=":")
            axes.set_title(order, fontsize=9)
            axes.set_xlabel("8-bit share of regions [%]")
        grid[0].set_ylabel(f"cycles per step of the array ({NETWORK})")
        grid[-1].annotate("1.40: if remembered\ncounts hold", (30, 1.38), fontsize=7, ha="right", va="top")
        grid[-1].legend(fontsize=7)
        figure.suptitle("What waiting costs; grey: shares of Fig. 11", fontsize=10)

    return draw


def digits_chart(accuracy: pd.DataFrame, curve: pd.DataFrame) -> Draw:
    """Accuracy of each method on digits, one dot per seed, and accuracy over the share along the threshold."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        methods = list(dict.fromkeys(accuracy.method))
        for place, method in enumerate(methods):
            values = 100 * accuracy[accuracy.method == method].accuracy.to_numpy()
            spread = np.linspace(-0.15, 0.15, len(values))
            left.plot(place + spread, values, "o", markersize=4, color=COLOURS[place])
            left.plot([place - 0.25, place + 0.25], [values.mean()] * 2, color="black", linewidth=1)
        left.set_xticks(range(len(methods)), [method.replace(" ", "\n", 1) for method in methods], fontsize=8)
        left.set_ylabel("accuracy on test digits [%]")
        left.set_title("one dot per training seed, line: mean", fontsize=9)
        for (region, rows), colour in zip(curve.groupby("region"), COLOURS, strict=False):
            rows = rows.sort_values("share_8bit")  # noqa: PLW2901 - the same rows in order
            right.plot(100 * rows.share_8bit, 100 * rows.accuracy, "o-", markersize=3, color=colour, label=f"{region}")
        right.set_xlabel("8-bit share of the products, measured [%]")
        right.set_ylabel("accuracy on test digits [%]")
        right.set_title("along the threshold, no fine-tuning", fontsize=9)
        right.legend(title="region", fontsize=8)

    return draw
