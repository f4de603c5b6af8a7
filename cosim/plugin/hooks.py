"""Hook specifications: everything a plugin may add, one page.

Each hook returns ``{name: factory}``. A factory is called at most once, when its name is first asked for, so
registering costs nothing and a heavy import belongs inside it. Names are unique across all plugins.

>>> from cosim.plugin import hookimpl
>>> @hookimpl
... def cosim_formats():
...     def int6():
...         from acme.formats import Int6
...         return Int6()
...     return {"int6": int6}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources.abc import Traversable
from typing import TypeVar

import pluggy

from cosim.formats import Format
from cosim.graph.op import OpKind
from cosim.plugin.board import Board
from cosim.plugin.functions import Kernel, Metric, Workload
from cosim.plugin.generator import Generator
from cosim.plugin.protocols import Compression, EngineKind, Frontend, HardwareReader, Mapper
from cosim.plugin.reproduction import Reproduction
from cosim.plugin.sampler import SamplerKind
from cosim.plugin.section import ReportSection

PROJECT = "cosim"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

T = TypeVar("T")
Factories = Mapping[str, Callable[[], T]]


@hookspec
def cosim_engine_kinds() -> Factories[EngineKind]:
    """Engine kinds: how something that does work spends cycles and actions on tiles."""


@hookspec
def cosim_formats() -> Factories[Format]:
    """Number formats: what a code means, and how a real number becomes a code."""


@hookspec
def cosim_op_kinds() -> Factories[OpKind]:
    """Op kinds: shape inference and iteration space of an op of the Graph."""


@hookspec
def cosim_kernels() -> Factories[Kernel]:
    """Kernels by op kind: the numbers of one tile."""


@hookspec
def cosim_compressions() -> Factories[Compression]:
    """Compressions: Graph to Graph with other formats, masks or encodings."""


@hookspec
def cosim_frontends() -> Factories[Frontend]:
    """Frontends: readers of network files, chosen by suffix."""


@hookspec
def cosim_mappers() -> Factories[Mapper]:
    """Mappers: Graph and Hardware to Program."""


@hookspec
def cosim_hardware() -> Factories[Traversable]:
    """Hardware descriptions: ``"folder/device"`` to a YAML file."""


@hookspec
def cosim_hardware_readers() -> Factories[HardwareReader]:
    """Hardware readers: other tools' hardware files, chosen by suffix and content."""


@hookspec
def cosim_technologies() -> Factories[Traversable]:
    """Technologies: name to a YAML file of prices, each with its source."""


@hookspec
def cosim_workloads() -> Factories[Workload]:
    """Workloads: name to a builder of a Graph, called with a batch size and a seed."""


@hookspec
def cosim_metrics() -> Factories[Metric]:
    """Metrics: outputs of a network and what they should have been to one number."""


@hookspec
def cosim_reproductions() -> Factories[Reproduction]:
    """Reproductions: papers whose figures are computed again and set beside the printed ones."""


@hookspec
def cosim_boards() -> Factories[Board]:
    """Boards: published measurements of a device that exists, and how cosim models it."""


@hookspec
def cosim_report_sections() -> Factories[ReportSection]:
    """Report sections: what `cosim report` says of a run beside its own sections."""


@hookspec
def cosim_generators() -> Factories[Generator]:
    """Generators: hardware made for a network, from the network and parameters such as a rate."""


@hookspec
def cosim_samplers() -> Factories[SamplerKind]:
    """Samplers: which designs of a space `cosim explore` looks at next, told what came of those before."""
