"""cosim: latency, energy, memory and numbers of a neural network on a device, from one schedule.

Every name below is imported when it is first used, so `import cosim` and `cosim --help` stay quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.binding import Given
    from cosim.compress import accuracy, compress
    from cosim.errors import (
        CosimError,
        DescriptionError,
        InfeasibleError,
        PluginError,
        SimulationError,
        UnsupportedError,
    )
    from cosim.formats import Encoding, Format
    from cosim.graph.graph import Graph, Tensor
    from cosim.graph.op import Op
    from cosim.hardware.hardware import Hardware
    from cosim.hardware.technology import Technology
    from cosim.jobs import JobSpec, simulate_jobs
    from cosim.library import load_graph, load_hardware, load_technology
    from cosim.plugin.registry import Registry, load_registry
    from cosim.program.program import Program
    from cosim.report.html import write_report
    from cosim.result import Result, run
    from cosim.result.front import pareto
    from cosim.simulation import Simulation, simulate

__version__ = "0.1.0"

__all__ = [
    "CosimError",
    "DescriptionError",
    "Encoding",
    "Format",
    "Given",
    "Graph",
    "Hardware",
    "InfeasibleError",
    "JobSpec",
    "Op",
    "PluginError",
    "Program",
    "Registry",
    "Result",
    "Simulation",
    "SimulationError",
    "Technology",
    "Tensor",
    "UnsupportedError",
    "accuracy",
    "compress",
    "load_graph",
    "load_hardware",
    "load_registry",
    "load_technology",
    "pareto",
    "run",
    "simulate",
    "simulate_jobs",
    "write_report",
]

# Where each name lives. A test compares it with the imports above, which only type checkers read.
_HOME = {
    "CosimError": "errors",
    "DescriptionError": "errors",
    "Encoding": "formats",
    "Format": "formats",
    "Given": "binding",
    "Graph": "graph.graph",
    "Hardware": "hardware.hardware",
    "InfeasibleError": "errors",
    "JobSpec": "jobs",
    "Op": "graph.op",
    "PluginError": "errors",
    "Program": "program.program",
    "Registry": "plugin.registry",
    "Result": "result",
    "Simulation": "simulation",
    "SimulationError": "errors",
    "Technology": "hardware.technology",
    "Tensor": "graph.graph",
    "UnsupportedError": "errors",
    "accuracy": "compress",
    "compress": "compress",
    "load_graph": "library",
    "load_hardware": "library",
    "load_registry": "plugin.registry",
    "load_technology": "library",
    "pareto": "result.front",
    "run": "result",
    "simulate": "simulation",
    "simulate_jobs": "jobs",
    "write_report": "report.html",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cosim' has no attribute {name!r}")
    value = getattr(import_module(f"cosim.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
