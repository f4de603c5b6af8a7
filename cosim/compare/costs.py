"""`Costs`: what a tool says that a product takes, and the parts that add up to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Costs:
    """One product in one tool.

    Attributes
    ----------
    cycles
        All that the tool counts for it.
    parts
        Named parts of `cycles`: they add up to it.
    energy_pj
        None where the tool has none [pJ].
    bound_cycles
        What the tool's own main-memory port needs to carry each operand once; None where it has no such port.
    """

    cycles: float
    parts: Mapping[str, float]
    energy_pj: float | None = None
    bound_cycles: float | None = None


@dataclass(frozen=True)
class PeerResult:
    """A peer's answer for a case.

    Attributes
    ----------
    products
        Name of the product -> its costs.
    cpu_s
        Of the peer's process, on the products of different shape only [s].
    ran
        How many products it was given: one of each shape.
    notes
        What the peer leaves out or does in its own way.
    totals
        Figures of the whole network where the tool gives no products.
    """

    products: Mapping[str, Costs]
    cpu_s: float
    ran: int
    notes: tuple[str, ...] = ()
    totals: Mapping[str, float] = field(default_factory=dict)
