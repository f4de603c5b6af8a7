"""What a plugin gives so that `cosim validate` can hold predictions against a device that exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cosim.errors import DescriptionError, nearest

if TYPE_CHECKING:
    from cosim.graph.graph import Graph

METRICS: Mapping[str, str] = {
    "latency_ms": "one inference, everything that the source counts",
    "device_ms": "one inference on the accelerator alone",
    "energy_uj": "one inference",
    "power_mw": "while inferring",
    "throughput_fps": "inferences per second with several in flight",
    "active_elements": "elements of an array that have work",
    "buffer_mib": "read from and written to an on-chip buffer, of one inference",
    "dram_mib": "read from and written to DRAM, of one inference",
    "busy_share": "share of all cycles in which an array has work",
}
"""What can be measured -> what it includes."""
ORIGINS = ("datasheet", "derived", "fitted", "structural", "assumed")
COUNTED = ("fitted", "structural")
"""Origins that count as fitted."""


@dataclass(frozen=True)
class Measured:
    """One published measurement.

    Attributes
    ----------
    table
        Which measurements belong together: one board, one software release, one way of measuring.
    network
        As the source names it.
    topology
        What decides the side of a split: all variants and ports of one network share it. Empty where it is excluded.
    metric, value
        One of `METRICS`, in its unit.
    source
        Public document.
    excluded
        Why it is not scored; empty where it is.
    """

    table: str
    network: str
    topology: str
    metric: str
    value: float
    source: str
    excluded: str = ""

    def __post_init__(self) -> None:
        where = f"measurement of {self.network} in {self.table}"
        if self.metric not in METRICS:
            raise DescriptionError(
                f"metric is {self.metric!r}{nearest(self.metric, METRICS)}", where=where, allowed=", ".join(METRICS)
            )
        if not self.value > 0:
            raise DescriptionError(f"value is {self.value}", where=where, allowed="a number above 0")
        if bool(self.topology) == bool(self.excluded):
            raise DescriptionError(
                "a measurement has a topology, or a reason why it is excluded", where=where, allowed="one of the two"
            )


@dataclass(frozen=True)
class Constant:
    """A number of a board's model that no law gives.

    Attributes
    ----------
    name, unit, meaning
        What it is.
    value
        As the source says, or where a fit starts.
    origin
        ``"datasheet"``, ``"derived"`` (by arithmetic from such), ``"fitted"``, ``"assumed"``, or ``"structural"``: a choice
        of the model's structure that was made after measurements were seen, which counts as fitted.
    source
        Where it is from; of a fitted one, what it stands for physically.
    neutral
        Of a fitted one, what it is while nothing is fitted: an efficiency of 1, an overhead of 0.
    low, high
        Ends of a fit.
    """

    name: str
    value: float
    unit: str
    meaning: str
    origin: str
    source: str
    neutral: float = 0.0
    low: float = 0.0
    high: float = float("inf")

    def __post_init__(self) -> None:
        if self.origin not in ORIGINS:
            raise DescriptionError(
                f"origin is {self.origin!r}", where=f"constant {self.name}", allowed=", ".join(ORIGINS)
            )
        if not self.low <= self.value <= self.high:
            raise DescriptionError(
                f"value {self.value} is not between {self.low} and {self.high}", where=f"constant {self.name}"
            )


@dataclass(frozen=True)
class Peaks:
    """What a device reaches at most, for the ideal roofline.

    Attributes
    ----------
    macs_per_s, bytes_per_s
        Of the format that the networks run in, and of the memory that weights and feature maps cross.
    power_mw
        A power from a datasheet, for the baseline of energy; None where there is none.
    source
        Where they are from.
    """

    macs_per_s: float
    bytes_per_s: float
    source: str
    power_mw: float | None = None


@runtime_checkable
class Board(Protocol):
    """A device that exists, what was measured on it, and how cosim models it.

    A board may have `tells`, which is read by `getattr`: what else its page says, lines of Markdown from the sequence of
    `cosim.validate.validation.Line`.

    Attributes
    ----------
    name, summary
        Registered name such as ``"fpga/kv260"``, and one line for the list.
    peaks
        For the baselines.
    constants
        Of the model; empty while there is none.
    hardware
        Name of its hardware description; empty while there is no model.
    """

    name: str
    summary: str
    peaks: Peaks
    constants: Sequence[Constant]
    hardware: str

    def measured(self) -> Sequence[Measured]:
        """Every published measurement, the excluded ones too."""
        ...

    def graph(self, measured: Measured) -> Graph:
        """The network that was measured, in the formats in which it ran."""
        ...

    def parts(self, graph: Graph, measured: Measured, constants: Mapping[str, float]) -> Mapping[str, float]:
        """Parts of the predicted value by name, in the unit of its metric; the prediction is their sum.

        Nothing here may look at `measured.value`: a test hands in other values and expects the same answer.
        """
        ...


@runtime_checkable
class Pooling(Protocol):
    """A board that shares constants with others, such as those of one software stack, declares `pooled` as well."""

    def pooled(self) -> Sequence[Measured]:
        """Measurements of other boards that its constants are fitted on too; they are not scored here."""
        ...
