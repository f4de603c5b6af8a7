"""`Exploration`: what a sweep found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cosim.explore.space import Space
from cosim.explore.store import Record


@dataclass(frozen=True)
class Point:
    """A design that was evaluated, here or in an earlier sweep.

    Attributes
    ----------
    index
        Its place among the designs that were enumerated.
    is_allowed
        Within all limits of the space.
    """

    index: int
    choices: Mapping[str, str]
    record: Record
    is_allowed: bool
    is_on_front: bool = False


@dataclass(frozen=True)
class Exploration:
    """What a sweep found.

    Attributes
    ----------
    points
        Every evaluated design, in the order of the enumeration.
    enumerated
        Designs that were looked at.
    bounded
        Never simulated: their bounds are dominated by an evaluated design, or beyond a limit.
    beyond_limit
        Those of `bounded` that are beyond a limit.
    simulated, recalled
        Evaluated now, and found in the store.
    executed, executions_recalled
        Executions for accuracy now, and found in the store.
    tolerance
        Share of an objective that a design had to promise to be looked at; 0: the front is exact.
    seconds
        Wall time, and of it that of the bounds [s].
    """

    space: Space
    points: tuple[Point, ...]
    enumerated: int
    bounded: int
    beyond_limit: int
    simulated: int
    recalled: int
    seconds: float
    bounding_seconds: float
    executed: int = 0
    executions_recalled: int = 0
    tolerance: float = 0.0

    def count(self, state: str) -> int:
        """Evaluated designs of a state."""
        return sum(point.record.state == state for point in self.points)

    @property
    def front(self) -> tuple[Point, ...]:
        """Designs that no other beats, by the first objective."""
        first = self.space.objectives[0]
        best = [point for point in self.points if point.is_on_front]
        return tuple(sorted(best, key=lambda point: (first.sign * point.record.metrics[first.column], point.index)))
