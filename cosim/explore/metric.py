"""What a design is judged by: metrics with their units, and upper limits of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from cosim import units
from cosim.errors import CosimError, DescriptionError, unknown


@dataclass(frozen=True)
class Metric:
    """A number of a design.

    Attributes
    ----------
    name
        As a space calls it.
    column
        As results call it: the name with its unit.
    dimension
        Of the quantities that it is compared with, a key of `cosim.units.UNITS`.
    per_unit
        Canonical units of that dimension in one unit of the column.
    is_more_better
        Less is better otherwise.
    """

    name: str
    column: str
    dimension: str
    per_unit: int
    meaning: str
    is_more_better: bool = False

    @property
    def sign(self) -> int:
        """What makes less of it better: 1 or -1."""
        return -1 if self.is_more_better else 1


ACCURACY = "accuracy"
METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("latency", "latency_ms", "time", 10**12, "one inference, the first [ms]"),
        Metric("energy", "energy_uj", "energy", 10**6, "one inference, the first [uJ]"),
        Metric("area", "area_um2", "area", 1, "of the device [um2]"),
        Metric("memory", "on_chip_bytes", "size", 1, "most bytes reserved in each memory on chip, added [byte]"),
        Metric("traffic", "moved_bytes", "size", 1, "bytes that cross main memory [byte]"),
        Metric(ACCURACY, "accuracy", "ratio", 1, "the metric of the space, on samples held out of its data", True),
    )
}
_LIMIT = re.compile(r"\s*(\w+)\s*(<=|<|>=|>|==|=|!=)\s*(.+?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Limit:
    """A limit of a metric: an upper one, or a lower one where more is better.

    Attributes
    ----------
    value
        In the unit of the metric's column.
    is_strict
        The limit itself is too much.
    """

    metric: Metric
    value: float
    is_strict: bool
    text: str

    def allows(self, value: float) -> bool:
        """Whether a value, in the unit of the column, is within the limit."""
        value, limit = value * self.metric.sign, self.value * self.metric.sign
        return value < limit if self.is_strict else value <= limit


def find_metric(name: str, where: str) -> Metric:
    """The metric of that name or column."""
    for metric in METRICS.values():
        if name in (metric.name, metric.column):
            return metric
    raise unknown("metric", name, METRICS, where=where)


def read_limit(text: object, where: str) -> Limit:
    """The limit that ``"area <= 2 mm2"`` means.

    Raises
    ------
    DescriptionError
        No such metric, a comparison other than ``<`` and ``<=``, or a quantity of another dimension.
    """
    example = "latency <= 5 ms"
    match = _LIMIT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise DescriptionError(
            f"{text!r} is no limit", where=where, allowed="METRIC <= QUANTITY", fix=f"for instance '{example}'"
        )
    name, comparison, quantity = match.groups()
    metric = find_metric(name, where)
    meant = (">", ">=") if metric.is_more_better else ("<", "<=")
    if comparison not in meant:
        raise DescriptionError(
            f"{comparison!r} compares {name} with its limit",
            where=where,
            allowed=f"{', '.join(meant)}: {'more' if metric.is_more_better else 'less'} of it is better",
            fix=f"write '{name} {meant[1]} {quantity}'",
        )
    try:
        value: Fraction = units.parse(quantity, metric.dimension, where=where) / metric.per_unit
    except CosimError as error:
        fix = error.fix or f"for instance '{example}'"
        raise DescriptionError(error.found, where=where, allowed=error.allowed, fix=fix) from error
    return Limit(metric, float(value), comparison == meant[0], " ".join(str(text).split()))
