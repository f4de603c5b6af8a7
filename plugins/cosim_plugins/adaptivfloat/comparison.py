"""The accuracies of tables 2 and 3 as tables, ranks and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pandas as pd

from cosim.plugin import Row
from cosim_plugins.adaptivfloat.accuracy import BOTH, SPREADS, WEIGHTS_ONLY, Score, ranks
from cosim_plugins.adaptivfloat.contenders import NAMES
from cosim_plugins.adaptivfloat.published import Published, published
from cosim_plugins.training import interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = 360
COLOURS = dict(zip(NAMES, ("#7f7f7f", "#9467bd", "#1f77b4", "#2ca02c", "#d62728"), strict=True))
CASES = [("Table 2", "W", bits, stage) for bits in WEIGHTS_ONLY for stage in ("PTQ", "QAR")]
CASES += [("Table 3", "W/A", bits, "QAR") for bits in BOTH]


def table(scores: Sequence[Score]) -> pd.DataFrame:
    """Mean accuracy over seeds with its 95 % interval, one row per network, format, bits and stage."""
    groups: dict[tuple[object, ...], list[float]] = {}
    for s in scores:
        groups.setdefault((s.network, s.coded, s.bits, s.stage, s.spread, s.format), []).append(s.correct)
    made = []
    for key, found in groups.items():
        low, high = interval(found, IMAGES)
        names = ("network", "coded", "bits", "stage", "spread", "format")
        made.append({**dict(zip(names, key, strict=True)), "accuracy": fmean(found), "low": low, "high": high})
    return pd.DataFrame(made)


def ours(scores: Sequence[Score], coded: str, bits: int, stage: str, spread: int = 0) -> dict[str, list[float]]:
    """Per format its mean rank over the networks, one entry per seed."""
    mine = [s for s in scores if (s.coded, s.bits, s.stage, s.spread) == (coded, bits, stage, spread)]
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for seed in sorted({s.seed for s in mine}):
        networks = sorted({s.network for s in mine})
        each = [
            ranks({s.format: s.correct for s in mine if s.seed == seed and s.network == network})
            for network in networks
        ]
        for name in NAMES:
            found[name].append(fmean(one[name] for one in each))
    return found


def paper(part: str, bits: int, stage: str) -> dict[str, float]:
    """Per format its mean rank over the paper's three networks; word errors are better when smaller."""
    end = f"W{bits}" if part == "Table 2" else f"W{bits}/A{bits}"
    mine = [one for one in published() if one.part == part and one.case.endswith(f" {end}")]
    mine = [one for one in mine if one.quantity.endswith(f" {stage}")]
    each = [ranks(_values([one for one in mine if one.workload == w])) for w in dict.fromkeys(o.workload for o in mine)]
    return {name: fmean(one[name] for one in each) for name in NAMES}


def _values(found: Sequence[Published]) -> dict[str, float]:
    return {one.case.split()[0]: -one.value if one.quantity.startswith("WER") else one.value for one in found}


def rows(scores: Sequence[Score]) -> list[Row]:
    """AdaptivFloat's rank among the five formats, the paper's and ours; last, at four bits, on weights further apart."""
    made = []
    for part, coded, bits, stage in CASES:
        what = f"W{bits}" if coded == "W" else f"W{bits}/A{bits}"
        mine = ours(scores, coded, bits, stage)["AdaptivFloat"]
        made.append(
            _row(part, f"{what} {stage}", paper(part, bits, stage), mine, "other networks and data than the paper's")
        )
    for spread in SPREADS:
        mine = ours(scores, "W", 4, "spread", spread)["AdaptivFloat"]
        note = "the CNN alone; the paper's networks are wide by themselves"
        case = f"W4 PTQ, channels scaled by up to 2^{spread} either way"
        made.append(_row("Table 2", case, paper("Table 2", 4, "PTQ"), mine, note))
    return made


def _row(part: str, case: str, theirs: dict[str, float], mine: Sequence[float], note: str) -> Row:
    low, high = (1 + 4 * end for end in interval([(rank - 1) / 4 for rank in mine], IMAGES))
    quantity, name = "AdaptivFloat's rank of five, mean over networks", "AdaptivFloat"
    measured = (theirs[name], fmean(mine), "derived", "measured", low, high)
    return Row(part, case, quantity, "", *measured, values="trained", note=note)


def rank_table(scores: Sequence[Score]) -> pd.DataFrame:
    """Mean ranks of all formats in every case, the paper's and ours."""
    made = []
    for part, coded, bits, stage in CASES:
        theirs, mine = paper(part, bits, stage), ours(scores, coded, bits, stage)
        for name in NAMES:
            row = {"part": part, "coded": coded, "bits": bits, "stage": stage, "format": name}
            made.append({**row, "paper": theirs[name], "ours": fmean(mine[name]), "evidence": "derived"})
    return pd.DataFrame(made)


def draw(figure: Figure, found: pd.DataFrame) -> None:
    """Accuracy against bits, a row per network: before retraining, after it, and with activations."""
    networks = list(dict.fromkeys(found["network"]))
    views = (("W", "PTQ", "weights"), ("W", "QAR", "weights, retrained"), ("W/A", "QAR", "and activations, retrained"))
    for row, network in enumerate(networks):
        base = found[(found["network"] == network) & (found["stage"] == "float")]["accuracy"].iloc[0]
        for column, (coded, stage, title) in enumerate(views):
            axes = figure.add_subplot(len(networks), len(views), row * len(views) + column + 1)
            mine = found[(found["network"] == network) & (found["coded"] == coded) & (found["stage"] == stage)]
            _lines(axes, mine, "bits")
            axes.axhline(base, color="black", lw=0.5, ls=":")
            axes.set_title(f"{network}: {title}", fontsize=8)
            if row == len(networks) - 1:
                axes.set_xlabel("bits")
    figure.axes[0].legend(frameon=False, fontsize=7, loc="lower right")


def draw_spread(figure: Figure, found: pd.DataFrame) -> None:
    """Accuracy of coded weights, not retrained, against how far a tensor's channels were scaled apart."""
    mine = found[found["stage"] == "spread"]
    for place, bits in enumerate(sorted(set(mine["bits"]), reverse=True), start=1):
        axes = figure.add_subplot(1, 2, place)
        _lines(axes, mine[mine["bits"] == bits], "spread")
        axes.set_title(f"{mine['network'].iloc[0]}: weights of {bits} bits, not retrained", fontsize=8)
        axes.set_xlabel("channels scaled by up to 2$^{x}$ either way")
    figure.axes[0].legend(frameon=False, fontsize=7, loc="lower left")


def _lines(axes: Any, mine: pd.DataFrame, along: str) -> None:
    for number, name in enumerate(NAMES):
        line = mine[mine["format"] == name]
        spread = [line["accuracy"] - line["low"], line["high"] - line["accuracy"]]
        places = line[along] + 0.06 * (number - 2)  # side by side: intervals overlap
        axes.errorbar(places, line["accuracy"], spread, label=name, color=COLOURS[name], lw=1, marker=".", capsize=2)
    axes.set_xticks(sorted(set(mine[along])))
    axes.set_ylim(0, 1.03)
    axes.set_ylabel("share correct")
