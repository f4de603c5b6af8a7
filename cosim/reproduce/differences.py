"""How far cosim's figures lie from a paper's, by what the paper's rest on and how ours came about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from cosim.plugin.reproduction import EVIDENCE, ROLES, Row


@dataclass(frozen=True)
class Spread:
    """Relative differences of rows that have evidence and role in common.

    Attributes
    ----------
    evidence, role
        What the rows have in common.
    n
        Rows that have both figures.
    median
        Of the magnitudes.
    worst
        The row whose difference is largest in magnitude; the first of equals.
    """

    evidence: str
    role: str
    n: int
    median: float
    worst: Row = field(repr=False)


def spreads(rows: Iterable[Row]) -> tuple[Spread, ...]:
    """One spread per evidence and role that occur, the strongest evidence first, predictions before the others."""
    groups: dict[tuple[str, str], list[tuple[float, Row]]] = {}
    for row in rows:
        if row.difference is not None:
            groups.setdefault((row.evidence, row.role), []).append((abs(row.difference), row))
    order = [(evidence, role) for evidence in EVIDENCE for role in ROLES]
    return tuple(
        Spread(
            *key,
            len(groups[key]),
            median(size for size, _ in groups[key]),
            max(groups[key], key=lambda pair: pair[0])[1],
        )
        for key in order
        if key in groups
    )
