"""What is published, from `published.csv`: each figure with its public source and what it rests on."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from cosim.errors import DescriptionError


@dataclass(frozen=True)
class Figure:
    """One published figure.

    Attributes
    ----------
    evidence
        ``"printed"``, ``"secondary"`` or ``"remembered"``, as in `cosim.plugin.Row`.
    verified
        Whether it was read in the primary source or in the authors' code.
    """

    part: str
    system: str
    case: str
    quantity: str
    value: float
    unit: str
    verified: bool
    source: str
    evidence: str


@cache
def figures() -> tuple[Figure, ...]:
    """All figures of the file whose value is a number."""
    text = (files("cosim_plugins.smartexchange") / "published.csv").read_text(encoding="utf-8")
    found = []
    for row in csv.DictReader(text.splitlines()):
        try:
            value = float(row["value"])
        except ValueError:
            continue  # "16 KB x 32 banks"
        known = {key: row[key] for key in ("part", "system", "case", "quantity", "unit", "source", "evidence")}
        found.append(Figure(value=value, verified=row["verified"] == "yes", **known))
    return tuple(found)


def figure(system: str, case: str, quantity: str) -> Figure:
    """The figure of exactly these names, or of the only quantity that begins so; `DescriptionError` if there is none."""
    same = [f for f in figures() if (f.system, f.case) == (system, case) and f.quantity.startswith(quantity)]
    if len(same) != 1:
        raise DescriptionError(f"{len(same)} published figures are called {system}, {case}, {quantity}")
    return same[0]
