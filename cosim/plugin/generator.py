"""What a plugin gives so that hardware can be made for a network: `(graph, parameters) -> hardware`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from cosim.graph.graph import Graph


@dataclass(frozen=True)
class Generated:
    """Hardware made for one network.

    Attributes
    ----------
    document
        The hardware description, as a YAML file would say it.
    mapper, options
        Name of the mapper that knows what to do with it, and the options it must get.
    units
        One row per unit, for tables: keys end in their unit.
    totals
        Of the whole design, for instance its resources and those of the part.
    notes
        What was assumed or left out, a sentence each.
    """

    document: Mapping[str, Any]
    mapper: str
    options: Mapping[str, str] = field(default_factory=dict)
    units: Sequence[Mapping[str, Any]] = ()
    totals: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


@runtime_checkable
class Generator(Protocol):
    """A maker of hardware.

    Attributes
    ----------
    name, summary
        Registered name and one line for the list.
    parameters
        What it takes -> one-line meaning with unit and default.
    """

    name: str
    summary: str
    parameters: Mapping[str, str]

    def generate(self, graph: Graph, parameters: Mapping[str, str]) -> Generated:
        """Hardware for `graph` in its formats.

        Raises `DescriptionError` for a parameter that there is not, `InfeasibleError` where no design does what is asked.
        """
        ...
