"""Foldings: the cheapest that reach a rate, or the fastest that fit a part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from cosim.errors import InfeasibleError
from cosim_plugins.finn.resources import Resources, resources
from cosim_plugins.finn.unit import Unit


@dataclass(frozen=True)
class Part:
    """An FPGA: what it has, the process it is made in, and its DRAM in the boards that carry it."""

    has: Resources
    technology: str
    dram_bytes_per_s: float
    source: str


_SEVEN, _PLUS = "AMD DS180, DS190", "AMD DS891"
PARTS: Mapping[str, Part] = {
    "xc7z007s": Part(Resources(14400, 28800, 66, 100), "cmos-28nm", 2.1e9, _SEVEN),
    "xc7z010": Part(Resources(17600, 35200, 80, 120), "cmos-28nm", 2.1e9, _SEVEN),
    "xc7z020": Part(Resources(53200, 106400, 220, 280), "cmos-28nm", 4.2e9, _SEVEN),
    "xc7a100t": Part(Resources(63400, 126800, 240, 270), "cmos-28nm", 1.3e9, _SEVEN),
    "xc7z045": Part(Resources(218600, 437200, 900, 1090), "cmos-28nm", 4.2e9, _SEVEN),
    "xczu3eg": Part(Resources(70560, 141120, 360, 432), "cmos-16nm", 8.5e9, _PLUS),
    "xczu7ev": Part(Resources(230400, 460800, 1728, 624), "cmos-16nm", 19.2e9, _PLUS),
}


def total(units: Sequence[Unit]) -> Resources:
    """Of a whole design; what connects it to a processor and to DRAM is not counted."""
    return reduce(Resources.__add__, map(resources, units), Resources())


def interval(units: Sequence[Unit]) -> int:
    """Cycles between two images: those of the slowest unit."""
    return max(unit.cycles for unit in units)


def folded(units: Sequence[Unit], cycles: int, part: Part) -> tuple[Unit, ...]:
    """Each unit with the cheapest folding that takes at most `cycles`.

    Raises
    ------
    InfeasibleError
        A unit is slower even when nothing is folded.
    """
    return tuple(_cheapest(unit, cycles, part) for unit in units)


def fastest(units: Sequence[Unit], part: Part) -> tuple[Unit, ...]:
    """The foldings of the shortest interval whose estimate fits `part`.

    Raises
    ------
    InfeasibleError
        Even one lane per unit does not fit.
    """
    intervals = sorted({one.cycles for unit in units for one in unit.foldings()})
    possible = max(min(one.cycles for one in unit.foldings()) for unit in units)
    intervals = [cycles for cycles in intervals if cycles >= possible]
    low, high = 0, len(intervals)  # an interval fits if a shorter one does
    while low < high:
        middle = (low + high) // 2
        if total(folded(units, intervals[middle], part)).beyond(part.has):
            low = middle + 1
        else:
            high = middle
    best = folded(units, intervals[min(low, len(intervals) - 1)], part)
    require_fit(best, part)
    return best


def require_fit(units: Sequence[Unit], part: Part) -> None:
    """Raise `InfeasibleError` where the estimate of a design goes beyond a part."""
    needed = total(units)
    name = needed.beyond(part.has)
    if name:
        demand, there = getattr(needed, name), getattr(part.has, name)
        raise InfeasibleError(
            f"the design needs {demand:.0f} {name}, {demand - there:.0f} more than there are",
            where="folding",
            allowed=f"at most {there:.0f} {name}",
            fix="ask for a lower rate, or name a larger part",
        )


def _cheapest(unit: Unit, cycles: int, part: Part) -> Unit:
    able = [one for one in unit.foldings() if one.cycles <= cycles]
    if not able:
        least = min(one.cycles for one in unit.foldings())
        raise InfeasibleError(
            f"op {unit.op} takes {least} cycles per image when nothing is folded, {least - cycles} too many",
            where="folding",
            allowed=f"at most {cycles} cycles",
            fix=f"ask for at most one image in {least} cycles, or raise the clock",
        )
    return min(able, key=lambda one: (_cost(resources(one), part), one.cycles, one.pe))


def _cost(needed: Resources, part: Part) -> float:
    """Shares of the part, added up."""
    has = part.has
    return needed.lut / has.lut + needed.dsp / has.dsp + needed.bram18 / has.bram18
