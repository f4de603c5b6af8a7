"""`Band`: a number between two bounds, and the rule by which bands add up."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from cosim.hardware.technology import Price

CORRELATION_RULE = (
    "prices with the same source are fully correlated: their deviations add linearly; "
    "independent sources add in quadrature"
)


@dataclass(frozen=True)
class Band:
    """Typical value with bounds, low <= value <= high."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Band:
        """All three scaled by a factor >= 0."""
        return Band(self.value * factor, self.low * factor, self.high * factor)


def of(price: Price, count: float = 1.0) -> Band:
    """Band of `count` times a price."""
    return Band(price.value, price.low, price.high).times(count)


def combined(parts: Iterable[tuple[str, Band]]) -> Band:
    """Sum of (source, band) pairs by `CORRELATION_RULE`.

    With d_s the sum of the deviations of source s, the bound is the value plus or minus sqrt(sum over s of d_s^2),
    for each side on its own. It never leaves the interval of the plain sums.
    """
    values: list[float] = []
    below: dict[str, list[float]] = defaultdict(list)
    above: dict[str, list[float]] = defaultdict(list)
    for source, band in parts:
        values.append(band.value)
        below[source].append(band.value - band.low)
        above[source].append(band.high - band.value)
    total = math.fsum(values)
    down, up = (math.hypot(*(math.fsum(side) for side in sides.values())) for sides in (below, above))
    return Band(total, total - down, total + up)


def product(first: Price, second: Price, *, factor: float, unit: str) -> Price:
    """Price that is `factor` x `first` x `second`, of independent sources: relative deviations in quadrature of logarithms."""
    value = first.value * second.value * factor
    if not value:  # a price of 0 is exact, and has no logarithm
        return Price(0.0, 0.0, 0.0, unit, f"{first.source} x {second.source}", first.assumed or second.assumed)
    down = math.hypot(math.log(first.value / first.low), math.log(second.value / second.low))
    up = math.hypot(math.log(first.high / first.value), math.log(second.high / second.value))
    return Price(
        value,
        value * math.exp(-down),
        value * math.exp(up),
        unit,
        f"{first.source} x {second.source}",
        first.assumed or second.assumed,
        "; ".join(part for part in (first.rule, second.rule, "bands combined in quadrature of logarithms") if part),
    )
