"""How an 8-bit integer becomes a 4-bit one: the three rules that the sources of DRQ leave open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import unknown

Integers = NDArray[np.int32]
LEVELS = 16  # codes of 4 bits
LOWEST = -128  # of an 8-bit code


@dataclass(frozen=True)
class Narrowing:
    """One rule: `v` becomes ``k``, a 4-bit integer whose value is ``step * k``.

    Attributes
    ----------
    name, summary
        As the option ``narrow`` of the compression says it.
    step
        8-bit steps of one 4-bit step: 16 where the upper half of the bits is kept, 1 where values are clipped.
    half
        Added before the division by `step`: 8 rounds halves up, 0 rounds down.
    """

    name: str
    summary: str
    step: int
    half: int = 0

    def base(self, lowest: int) -> int:
        """Smallest 4-bit integer of a tensor whose 8-bit integers begin at `lowest`: 0 if they have no sign."""
        if self.step == 1:
            return 0 if lowest >= 0 else -LEVELS // 2
        return (lowest + self.half) // self.step

    def narrow(self, values: NDArray[Any], lowest: int = LOWEST) -> Integers:
        """4-bit integers of 8-bit integers (real value / scale, so the zero point is 0), same shape."""
        base = self.base(lowest)
        kept = (np.asarray(values, np.int32) + self.half) // self.step
        return np.clip(kept, base, base + LEVELS - 1).astype(np.int32)


RULES: Mapping[str, Narrowing] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            Narrowing("msb", "the upper four bits: divided by 16, rounded down", 16),
            Narrowing("round", "the upper four bits: divided by 16, halves rounded up", 16, 8),
            Narrowing("clip", "clipped to the range of 4 bits", 1),
        )
    }
)
"""The rule ``msb`` is the default: a literal clip would destroy most 8-bit weights. Which one DRQ uses is not known."""


def rule_named(name: str, *, where: str) -> Narrowing:
    """A rule by name; raises `DescriptionError` with the nearest one."""
    if name not in RULES:
        raise unknown("narrowing", name, RULES, where=where)
    return RULES[name]
