"""What a plugin gives so that reports have a section of its own: facts in blocks, which each report draws its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray


@dataclass(frozen=True)
class Paragraph:
    """Plain text."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Pairs of a name and what is true of it."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Listing:
    """A table: column -> its values, all of one length. Names of columns end in their unit, as those of a Result do."""

    caption: str
    columns: Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Bars:
    """A bar per label; a value of infinity is written, not drawn.

    Attributes
    ----------
    unit
        Of the values, empty for a ratio.
    """

    caption: str
    labels: Sequence[str]
    values: Sequence[float]
    unit: str = ""


Block = Paragraph | Facts | Listing | Bars


@runtime_checkable
class Tables(Protocol):
    """What a section is made from: a `cosim.Result`."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """Totals and provenance."""
        ...

    @property
    def makers(self) -> Mapping[str, Any]:
        """Keys are the names of the tables that there are."""
        ...

    def table(self, name: str) -> Mapping[str, NDArray[Any]]:
        """Columns of one table."""
        ...


@runtime_checkable
class ReportSection(Protocol):
    """A section of the report of a run.

    Attributes
    ----------
    name
        Registered name; reports link to it.
    title
        Heading.
    order
        Sections stand in the order of this number, then of their names.
    """

    name: str
    title: str
    order: int

    def blocks(self, result: Tables) -> Sequence[Block]:
        """What it says of a result; none where it has nothing to say, and then it is left out."""
        ...
