"""Why two tools differ: the difference of every product, cut into causes that add up to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cosim.compare.comparison import Comparison, Ours
from cosim.compare.costs import Costs

WORTH = 0.005  # of the larger total: causes below it are summed up as "rest"

#: Cause -> what stands behind it.
MEANING: Mapping[str, str] = {
    "array": "the same product in one piece on the two arrays: unrolled loops whose extent is no multiple, fill, drain",
    "tiles": "cosim cuts products that do not fit its buffers: fill and drain per tile, and ragged last tiles",
    "memory": "cosim's array waits for data (+), or its work lies under a neighbour's (-)",
    "stall": "stalls inside the product that the peer counts",
    "onload": "the peer counts the first data on in series, cosim loads them under the product before",
    "offload": "the peer counts the last data off in series, cosim stores them under the product after",
    "others": "ops that are no product, which the peer leaves out",
}


@dataclass(frozen=True)
class Cause:
    """One reason for a difference.

    Attributes
    ----------
    cycles
        How many more cosim counts for it, over all products.
    """

    name: str
    cycles: float
    meaning: str


def causes_of(ours: Ours, theirs: Costs) -> dict[str, float]:
    """Causes of the difference of one product: they add up to cosim's cycles less the peer's."""
    found = {
        "array": ours.whole_cycles - theirs.parts["compute"],
        "tiles": float(ours.busy_cycles - ours.whole_cycles),
        "memory": ours.cycles - ours.busy_cycles,
    }
    return found | {name: -cycles for name, cycles in theirs.parts.items() if name != "compute"}


def main_cause(ours: Ours, theirs: Costs) -> str:
    """The largest cause of one product with its sign, or nothing where the two agree within 0.5 percent."""
    causes = causes_of(ours, theirs)
    name = max(causes, key=lambda cause: abs(causes[cause]))
    if abs(causes[name]) <= WORTH * max(ours.cycles, theirs.cycles):
        return ""
    return f"{name} {causes[name]:+,.0f}"


def causes(comparison: Comparison) -> tuple[Cause, ...]:
    """Causes over the whole network, the largest first; they add up to the difference of the totals."""
    total: dict[str, float] = {}
    for ours, theirs in comparison.products:
        for name, cycles in (causes_of(ours, theirs) if theirs else {"others": ours.cycles}).items():
            total[name] = total.get(name, 0.0) + cycles
    total["others"] = total.get("others", 0.0) + sum(one.cycles for one in comparison.others)
    ordered = sorted(total.items(), key=lambda item: -abs(item[1]))
    return tuple(Cause(name, cycles, MEANING[name]) for name, cycles in ordered if cycles)


def impossible(comparison: Comparison) -> tuple[tuple[str, Costs], ...]:
    """Products for which the peer's cycles are fewer than its own main-memory port needs to carry each operand once."""
    return tuple(
        (ours.op, theirs)
        for ours, theirs in comparison.products
        if theirs and theirs.bound_cycles is not None and theirs.cycles < theirs.bound_cycles
    )
