"""What makes one tiling better than another."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import unknown

if TYPE_CHECKING:
    from cosim.mapping.trial import Trial

Floats = NDArray[np.float64]
SLACK = 0.02  # of the lowest latency: candidates that seem slower are not tried
TOLERANCE = 0.01  # of the best latency that may be given up for less traffic


@dataclass(frozen=True)
class Objective:
    """A way to choose.

    Attributes
    ----------
    tolerance
        Share of the lowest latency that may be given up; among what is left, `key` decides.
    survivors
        Candidates of each order and way of holding that are worth a replay.
    rounds, beam, patience
        Rounds of the local search that follows, candidates whose neighbours each of them tries, and rounds without
        gain before it ends.
    is_thorough
        Try uneven tiles, more slots and other orders too, and all tilings of small ops.
    is_priced
        The key asks for energy.
    """

    name: str
    summary: str
    key: Callable[[Trial], tuple[float, ...]]
    tolerance: float = float("inf")
    survivors: int = 1
    rounds: int = 3
    beam: int = 1
    patience: int = 0
    is_thorough: bool = False
    is_priced: bool = False

    def pick(self, trials: Sequence[Trial]) -> Trial:
        """The best of `trials`, the first of equals."""
        lowest = min(trial.latency_fs for trial in trials)
        return min((t for t in trials if t.latency_fs <= lowest * (1 + self.tolerance)), key=self.key)

    def best_of(self, trials: Sequence[Trial], count: int) -> list[Trial]:
        """The best `count` of `trials`, no two with the same order and levels, the best first.

        Those within the tolerance come before all others.
        """
        if not trials:
            return []
        within = min(trial.latency_fs for trial in trials) * (1 + self.tolerance)
        ranked = sorted(trials, key=lambda t: (0, *self.key(t)) if t.latency_fs <= within else (1, t.latency_fs))
        found: dict[object, Trial] = {}
        for trial in ranked:
            found.setdefault(trial.tiling.scheme, trial)
            if len(found) == count:
                break
        return list(found.values())

    def prefer(self, expected: Sequence[tuple[float, float]]) -> int:
        """Place of the best of several expectations of a network: latency [fs] and traffic [byte]."""
        if self.name == "memory":
            return 0  # the first keeps nothing on chip
        lowest = min(latency for latency, _ in expected)
        near = [i for i, (latency, _) in enumerate(expected) if latency <= lowest * (1 + self.tolerance)]
        if self.name == "edp":
            return min(near, key=lambda i: expected[i][0] * expected[i][1])
        return min(near, key=lambda i: expected[i][::-1])

    def cost(self, latency: Floats, traffic: Floats, energy: Floats) -> Floats:
        """What is to be small among the estimates of many candidates, of any shape: latency, traffic or energy."""
        if not self.is_priced:
            return traffic
        return energy * latency if self.name == "edp" else energy

    def reach(self, lowest_fs: float) -> float:
        """Estimates beyond it [fs] are not worth a replay."""
        return lowest_fs * (1 + max(self.tolerance, SLACK))


OBJECTIVES = {
    objective.name: objective
    for objective in (
        Objective(
            "balanced",
            "least traffic within 1 % of the lowest latency",
            lambda t: (t.traffic_bytes, t.commands, t.latency_fs),
            TOLERANCE,
        ),
        Objective("latency", "lowest latency", lambda t: (t.latency_fs, t.traffic_bytes), 0.0, 2, 30, 2, 2, True),
        Objective(
            "energy",
            "lowest energy",
            lambda t: (t.energy_pj, t.latency_fs),
            survivors=2,
            rounds=8,
            is_thorough=True,
            is_priced=True,
        ),
        Objective(
            "edp",
            "lowest energy times latency",
            lambda t: (t.energy_pj * t.latency_fs, t.latency_fs),
            survivors=2,
            rounds=8,
            is_thorough=True,
            is_priced=True,
        ),
        Objective("memory", "least on-chip memory", lambda t: (sum(n for _, n in t.demand), t.latency_fs)),
    )
}


def find_objective(name: str) -> Objective:
    """The objective called `name`; ``"5%"`` is the least traffic within 5 % of the lowest latency.

    Raises `DescriptionError` where there is none.
    """
    if match := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", name):
        summary = f"least traffic within {match[1]} % of the lowest latency"
        return replace(OBJECTIVES["balanced"], name=name, summary=summary, tolerance=float(match[1]) / 100)
    if name not in OBJECTIVES:
        raise unknown("objective", name, [*OBJECTIVES, "5%"])
    return OBJECTIVES[name]
