"""What makes a result another one than the result that it is held against, as blocks of a section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cosim.plugin import Block, Listing, Paragraph
from cosim.plugin.section import Tables
from cosim.report.diff.data import Diff
from cosim.report.diff.screen import CAUSES, FJ_PER_PJ, FS_PER_MS, headlines


@dataclass
class Against:
    """The section that compares with another result: the same lines as `cosim diff`, which add up to the difference."""

    found: Diff
    name: str = "against"
    title: str = "Against another result"
    order: int = 0

    def blocks(self, result: Tables) -> Sequence[Block]:
        """Sentences, then totals, what was asked for, and the difference by cause, op, price and part."""
        found = self.found
        blocks: list[Block] = [Paragraph(f"A is {found.a}; B, of which this page is, is {found.b}.")]
        blocks += [Paragraph(line) for line in headlines(found)]
        blocks.append(_totals(found))
        if found.origins:
            blocks.append(_origins(found))
        if not found.is_equal:
            blocks += [_time(found), _ops(found), _energy(found)]
        if any(line.difference_um2 for line in found.area):
            blocks.append(_area(found))
        return blocks


def _totals(found: Diff) -> Listing:
    lines = found.totals
    return Listing(
        "Totals",
        {
            "total": [f"{line.name} [{line.unit}]" if line.unit else line.name for line in lines],
            "a": [_number(line.a) for line in lines],
            "b": [_number(line.b) for line in lines],
            "difference": [_number(line.difference) for line in lines],
            "times": [_number(line.ratio) for line in lines],
        },
    )


def _origins(found: Diff) -> Listing:
    lines = found.origins
    return Listing(
        "What was asked for",
        {"key": [line.key for line in lines], "a": [line.a for line in lines], "b": [line.b for line in lines]},
    )


def _time(found: Diff) -> Listing:
    rows = found.time_by(lambda line: f"{line.cause}\n{line.engine}")
    return Listing(
        "Latency by what it went to: own work of the main engine, and what it waited for; adds up to the difference",
        {
            "cause": [CAUSES[name.partition("\n")[0]] for name, _, _ in rows],
            "engine": [name.partition("\n")[2] for name, _, _ in rows],
            **_columns([(a, b) for _, a, b in rows], "ms", FS_PER_MS),
        },
    )


def _ops(found: Diff) -> Listing:
    lines = sorted(found.ops, key=lambda line: -abs(line.difference_fs))
    return Listing(
        "Latency by op",
        {
            "op": [line.name or line.op_b or "(none)" for line in lines],
            **_columns([(line.a_fs, line.b_fs) for line in lines], "ms", FS_PER_MS),
            "what_changed": ["; ".join([*([line.note] if line.note else []), *line.changes]) for line in lines],
        },
    )


def _energy(found: Diff) -> Listing:
    lines = [line for line in found.energy if line.difference_fj]
    lines.sort(key=lambda line: -abs(line.difference_fj))
    return Listing(
        "Energy by component and action; lines that differ",
        {
            "component": [line.component for line in lines],
            "action": [line.action for line in lines],
            **_columns([(line.a_fj, line.b_fj) for line in lines], "pj", FJ_PER_PJ),
            "since": [line.reason for line in lines],
        },
    )


def _area(found: Diff) -> Listing:
    lines = sorted((line for line in found.area if line.difference_um2), key=lambda line: -abs(line.difference_um2))
    return Listing(
        "Area; lines that differ",
        {
            "component": [line.component for line in lines],
            "unit": [line.unit for line in lines],
            "a_um2": [line.a_um2 for line in lines],
            "b_um2": [line.b_um2 for line in lines],
            "difference_um2": [line.difference_um2 for line in lines],
        },
    )


def _columns(pairs: Sequence[tuple[int, int]], unit: str, per: float) -> dict[str, list[float]]:
    return {
        f"a_{unit}": [a / per for a, _ in pairs],
        f"b_{unit}": [b / per for _, b in pairs],
        f"difference_{unit}": [(b - a) / per for a, b in pairs],
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
