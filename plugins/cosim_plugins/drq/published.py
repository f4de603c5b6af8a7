"""The figures of the paper that can be read in public, from `published.csv` beside this file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

NETWORKS = ("alexnet", "vgg16", "resnet18", "resnet50", "inception_v3", "mobilenet_v2")
"""The networks of the paper's charts, by their names in the zoo."""
SYSTEMS = ("Eyeriss", "BitFusion", "OLAccel", "DRQ")
IMAGENET = "ILSVRC-2012"


@dataclass(frozen=True)
class Figure:
    """One published figure.

    Attributes
    ----------
    part, system, network, data, metric, unit
        Where it stands, and what it is of; `data` is the data set, where one is named.
    text
        As printed or read off.
    evidence
        ``"printed"``, ``"digitised"`` or ``"remembered"``.
    source
        Where it can be read.
    """

    part: str
    system: str
    network: str
    data: str
    metric: str
    text: str
    unit: str
    evidence: str
    source: str

    @property
    def value(self) -> float:
        """The figure as a number."""
        return float(self.text)


@cache
def published() -> tuple[Figure, ...]:
    """All of them, in the order of the file."""
    text = (files("cosim_plugins.drq") / "published.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(Figure(**{("text" if key == "value" else key): value for key, value in row.items()}) for row in rows)


def figure(part: str, system: str, network: str, metric: str, data: str = "") -> Figure:
    """The one figure of these names.

    Raises
    ------
    KeyError
        There is none, or more than one.
    """
    wanted = (part, system, network, metric, data)
    found = [f for f in published() if (f.part, f.system, f.network, f.metric, f.data) == wanted]
    if len(found) != 1:
        message = f"{len(found)} figures of {wanted}"
        raise KeyError(message)
    return found[0]


def time_of(system: str, network: str) -> Figure:
    """Time over that of Eyeriss."""
    return figure("performance chart", system, network, "normalised execution time")


def energy_of(system: str, network: str, part: str = "Total") -> Figure:
    """Energy over all of that of Eyeriss: ``"DRAM"``, ``"Global buffer"``, ``"Core"`` or ``"Total"``."""
    return figure("energy chart", system, network, f"normalised energy {part}")


def share_of(system: str, network: str) -> float:
    """8-bit share of the operations on ImageNet, in [0, 1]."""
    return figure("Fig. 11", system, network, "8-bit share of operations", IMAGENET).value / 100


def region_of(network: str) -> tuple[str, float]:
    """Region and average threshold of Table III."""
    region = figure("Table III", "DRQ", network, "region size").text
    return region, figure("Table III", "DRQ", network, "average threshold").value
