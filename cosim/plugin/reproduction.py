"""What a plugin gives so that `cosim reproduce` can set a paper's figures beside cosim's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cosim.errors import DescriptionError, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

EVIDENCE: Mapping[str, str] = MappingProxyType(
    {
        "printed": "a number in the paper",
        "digitised": "read off a figure of the paper",
        "secondary": "a number that another paper or page quotes",
        "remembered": "known, without a place to point to",
        "derived": "computed from numbers that are printed",
        "none": "the paper has no such number",
    }
)
"""What a paper's figure rests on, strongest first."""
ROLES: Mapping[str, str] = MappingProxyType(
    {
        "predicted": "nothing of the model was fitted to it",
        "fitted": "a constant was chosen so that it agrees",
        "input": "taken from the paper as it is",
        "counted": "follows from shapes and formats alone",
        "measured": "computed on real data, a training or an execution",
    }
)
"""How cosim came to its own figure."""
VALUES = ("", "trained", "user", "synthetic")
"""Where the values come from that a figure depends on; empty where it depends on none."""


@dataclass(frozen=True)
class Row:
    """One figure of a paper beside cosim's.

    Attributes
    ----------
    part
        Where in the paper, such as ``"Table 4"``.
    case, quantity, unit
        What the figure is of, such as ``"INT8"``, ``"power"``, ``"mW"``; the unit is empty for a ratio.
    paper, ours
        The two figures in `unit`; None where one does not exist.
    evidence
        What the paper's rests on, one of `EVIDENCE`.
    role
        How ours came about, one of `ROLES`.
    low, high
        95 % interval of ours, where it has one.
    values
        Where the values come from that it depends on: ``"trained"``, ``"user"``, ``"synthetic"``, or empty.
    note
        What else must be said.

    Raises
    ------
    DescriptionError
        An unknown evidence, role or origin, a figure that is no number, evidence for one that is missing, or half
        an interval.
    """

    part: str
    case: str
    quantity: str
    unit: str
    paper: float | None
    ours: float | None
    evidence: str
    role: str
    low: float | None = None
    high: float | None = None
    values: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        where = f"row {self.part}, {self.case}, {self.quantity}"
        for key, allowed in (("evidence", EVIDENCE), ("role", ROLES), ("values", VALUES)):
            found = getattr(self, key)
            if found not in allowed:
                raise DescriptionError(
                    f"{key} is {found!r}{nearest(str(found), allowed)}",
                    where=where,
                    allowed=", ".join(name or "empty" for name in allowed),
                )
        for key in ("paper", "ours", "low", "high"):
            if (value := getattr(self, key)) is not None:
                if not math.isfinite(value):
                    raise DescriptionError(f"{key} is {value}", where=where, allowed="a finite number, or None")
                object.__setattr__(self, key, float(value))  # also of a numpy scalar
        if (self.paper is None) != (self.evidence == "none"):
            raise DescriptionError(
                f"evidence is {self.evidence!r} and the paper's figure {self.paper}",
                where=where,
                allowed="'none' where, and only where, the paper has no figure",
            )
        if (self.low is None) != (self.high is None):
            raise DescriptionError(
                f"the interval is {self.low} to {self.high}", where=where, allowed="both ends or neither"
            )

    @property
    def difference(self) -> float | None:
        """(ours - paper) / |paper|; None where either is missing or the paper's is 0."""
        if self.paper is None or self.ours is None or self.paper == 0:
            return None
        return (self.ours - self.paper) / abs(self.paper)


@dataclass(frozen=True)
class Note:
    """A paragraph of the report: ``"What cannot be reproduced"``, ``"What differs and why"``, ``"Assumptions"``,
    ``"Constants that were fitted"``, or another title.
    """

    title: str
    text: str


@dataclass(frozen=True, eq=False)
class Reproduced:
    """What a reproduction came to.

    Attributes
    ----------
    rows
        The paper's figures beside ours.
    tables
        File name without suffix -> table, written as CSV.
    figures
        File name without suffix -> function that draws on the matplotlib Figure it is given, by its methods alone.
    notes
        Paragraphs in order.
    """

    rows: tuple[Row, ...]
    tables: Mapping[str, DataFrame] = field(default_factory=dict, repr=False)
    figures: Mapping[str, Callable[[Figure], None]] = field(default_factory=dict, repr=False)
    notes: tuple[Note, ...] = ()


@runtime_checkable
class Reproduction(Protocol):
    """A paper whose figures can be computed again.

    Attributes
    ----------
    name, summary
        Registered name and one line about it.
    source
        Citation with DOI.
    extras
        Importable packages it needs beyond cosim's own, such as ``("torch", "sklearn")``.
    """

    name: str
    summary: str
    source: str
    extras: tuple[str, ...]

    def run(self, *, seed: int, progress: Callable[[str, float], None]) -> Reproduced:
        """The figures; the same for the same `seed`. `progress` takes a stage and the fraction done, 0 to 1."""
        ...
