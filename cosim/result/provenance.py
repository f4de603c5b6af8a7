"""Where a number came from: versions, plugins, seeds, hashes, overrides, command line."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from cosim.plugin.registry import load_registry

if TYPE_CHECKING:
    from cosim.simulation import Simulation

_NUMERIC = ("numpy", "numba", "simpy", "onnx")


def version(distribution: str = "cosim") -> str:
    """Version of an installed distribution, ``"not installed"`` for one that runs from a folder of sources."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def plugins() -> list[str]:
    """Distributions that register cosim plugins, as ``"name version: entry point"``, sorted."""
    return sorted({f"{plugin.distribution} {plugin.version}: {plugin.name}" for plugin in load_registry().plugins})


def provenance(simulation: Simulation) -> dict[str, Any]:
    """Everything that is needed to get the same numbers again."""
    graph, settings = simulation.graph, dict(simulation.settings)
    return {
        "versions": {"cosim": version(), "python": platform.python_version()} | {n: version(n) for n in _NUMERIC},
        "plugins": plugins(),
        "seeds": {"seed": settings.pop("seed", 0)},
        "hashes": {
            "graph": simulation.original.digest,
            "graph_as_executed": graph.digest,
            "hardware": simulation.hardware.digest,
            "technology": simulation.technology.digest,
        },
        "overrides": dict(simulation.hardware.overrides),
        "command_line": settings.pop("command_line", None),
        "settings": settings,
        "network": list(graph.provenance),
        "notes": [*simulation.hardware.notes, *simulation.technology.rules],
    }
