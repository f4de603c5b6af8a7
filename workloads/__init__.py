"""The network zoo: every network of `NETWORKS` is built in milliseconds, with synthetic weights made from a seed.

Parameters bear the names of the reference implementation named in `source`, so a user's weights fit by name
(`cosim.graph.with_weights`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import Any

from cosim_workloads.rows import ROWS

from cosim.errors import DescriptionError, unknown
from cosim.graph import Graph

__all__ = ["NETWORKS", "Network", "build"]


@dataclass(frozen=True)
class Network:
    """One network of the zoo, called to build it.

    Attributes
    ----------
    name, summary
        Name in the zoo, and one line about it.
    source
        Whose architecture, parameter names and counts it follows.
    builder, arguments
        Place of the family's function (name, batch, seed, **arguments), ``"module:function"`` or ``"module"`` where
        both have one name, imported when it is called; and what this member passes.
    """

    name: str
    summary: str
    source: str
    builder: str = field(repr=False)
    arguments: Mapping[str, Any] = field(repr=False)

    def __call__(self, *, batch: int = 1, seed: int = 0) -> Graph:
        """Build the graph."""
        if batch < 1:
            raise DescriptionError(f"batch is {batch}", where=f"network {self.name}", allowed="an integer >= 1")
        module, _, function = self.builder.partition(":")
        build_family = getattr(import_module(f"{__name__}.{module}"), function or module)
        graph: Graph = build_family(self.name, batch, seed, **self.arguments)
        return graph


NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        name: Network(name, summary, source, builder, MappingProxyType(dict(arguments)))
        for name, (builder, arguments, summary, source) in ROWS.items()
    }
)


def build(name: str, batch: int = 1, seed: int = 0) -> Graph:
    """The graph of a network of the zoo.

    Raises
    ------
    DescriptionError
        For an unknown name, listing all and the nearest.
    """
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    return NETWORKS[name](batch=batch, seed=seed)
