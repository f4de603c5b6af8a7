"""The paper's printed figures, as carried in ``published.csv`` with their source."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

SOURCE = (
    "T. Tambe et al., Algorithm-Hardware Co-Design of Adaptive Floating-Point Encodings for Resilient Deep Learning "
    "Inference, DAC 2020, doi:10.1109/DAC18072.2020.9218516"
)


@dataclass(frozen=True)
class Published:
    """One printed figure.

    Attributes
    ----------
    part, case, workload, quantity, unit
        Where it stands and what it is of.
    value
        The figure; infinite where the paper prints that a network gave nothing usable.
    evidence
        What it rests on, in the words of `cosim.plugin.Row`.
    """

    part: str
    case: str
    workload: str
    quantity: str
    value: float
    unit: str
    evidence: str
    source: str


@cache
def published() -> tuple[Published, ...]:
    """All of them, in the order of the paper."""
    text = (files("cosim_plugins.adaptivfloat") / "published.csv").read_text(encoding="utf-8")
    return tuple(Published(**{**row, "value": float(row["value"])}) for row in csv.DictReader(text.splitlines()))  # type: ignore[arg-type]


def printed(part: str, case: str, quantity: str, workload: str = "") -> float:
    """The one figure of a part of the paper for a case whose name, and workload, begin so."""
    found = [
        one.value
        for one in published()
        if one.part == part and one.case.startswith(case) and one.quantity == quantity and workload in one.workload
    ]
    (value,) = found
    return value
