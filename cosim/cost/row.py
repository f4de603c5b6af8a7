"""`EnergyRow`: one product of a count and a price."""

from __future__ import annotations

from dataclasses import dataclass

from cosim.cost.band import Band, of
from cosim.hardware.technology import Price


@dataclass(frozen=True)
class EnergyRow:
    """One line of an energy bill.

    Attributes
    ----------
    component
        Memory, link or engine.
    verb, part
        What was counted (``"read_bytes"``), and which part of its cost this row is (``"bank"``, ``"wire"``).
    state
        ``"action"`` for counted work; else the state that power was integrated over: ``"leakage"``,
        ``"background"``, ``"busy"``, ``"stalled"``, ``"idle"``.
    count, per
        How many, and of what: ``"byte"``, ``"operation"``, ``"cycle"``, ``"ms"``.
    price
        Energy of one [pJ].
    """

    component: str
    verb: str
    part: str
    state: str
    count: float
    per: str
    price: Price

    @property
    def action(self) -> str:
        """``"component.verb"``."""
        return f"{self.component}.{self.verb}"

    @property
    def energy_pj(self) -> Band:
        """Count times price [pJ]."""
        return of(self.price, self.count)
