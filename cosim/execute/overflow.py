"""`watched`: counts of sums that did not fit, by op, while a graph with deviating sums is executed.

with watched() as counts:
    whole(graph, inputs)
counts["conv1"].overflows
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Overflow:
    """What became of the sums of one op.

    Attributes
    ----------
    sums
        Sums made: one per output, or one per output and tile where a tile sums only part of the terms.
    overflows
        How many left the range of the accumulator on their way; of pairs, how many sums held a pair that saturated; of
        Winograd, how many transformed values wrapped.
    least, most
        Extremes of the running sums, exact or as the accumulator holds them.
    """

    sums: int = 0
    overflows: int = 0
    least: int = 0
    most: int = 0

    @property
    def bits(self) -> int:
        """Bits of a two's complement accumulator that holds all running sums [bit]."""
        return max((~self.least if self.least < 0 else self.least).bit_length(), self.most.bit_length()) + 1

    def add(self, sums: int, overflows: int, least: int, most: int) -> None:
        """Count some more sums."""
        self.sums += sums
        self.overflows += overflows
        self.least, self.most = min(self.least, least), max(self.most, most)


_COUNTS: ContextVar[dict[str, Overflow] | None] = ContextVar("overflow counts", default=None)


@contextmanager
def watched() -> Iterator[dict[str, Overflow]]:
    """Counts by op of everything that is executed inside; empty where all sums are exact."""
    counts: dict[str, Overflow] = {}
    token = _COUNTS.set(counts)
    try:
        yield counts
    finally:
        _COUNTS.reset(token)


def note(op: str, sums: int, overflows: int, least: int = 0, most: int = 0) -> None:
    """Add to the counts of `op`, if anyone watches."""
    counts = _COUNTS.get()
    if counts is not None:
        counts.setdefault(op, Overflow()).add(sums, overflows, least, most)


def overflow_rows(counts: Mapping[str, Overflow]) -> list[dict[str, Any]]:
    """One row per op: op, sums, overflows, least, most, and the needed bits that would have been enough."""
    return [{"op": op, **asdict(found), "needed_bits": found.bits} for op, found in counts.items()]
