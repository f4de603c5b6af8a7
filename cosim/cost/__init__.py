"""Energy and area of a Program: counts times sourced prices, with bands. A reader: it never asks for times itself."""

from cosim.cost.area import AreaReport, AreaRow, area
from cosim.cost.band import CORRELATION_RULE, Band, combined
from cosim.cost.counts import actions_by_op
from cosim.cost.energy import EnergyReport, energy
from cosim.cost.explain import Step, explain_area, explain_energy
from cosim.cost.prices import Term, terms
from cosim.cost.row import EnergyRow

__all__ = [
    "CORRELATION_RULE",
    "AreaReport",
    "AreaRow",
    "Band",
    "EnergyReport",
    "EnergyRow",
    "Step",
    "Term",
    "actions_by_op",
    "area",
    "combined",
    "energy",
    "explain_area",
    "explain_energy",
    "terms",
]
