"""What no mapping of a network goes below on one engine, one memory: the pieces of a design's bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.cost.area import area
from cosim.cost.prices import terms
from cosim.cost.static import standing_mw
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Engine, Hardware, Memory
from cosim.hardware.technology import Technology
from cosim.mapping.bound import touched_bytes
from cosim.plugin.protocols import EngineKind, Floor

if TYPE_CHECKING:
    from cosim.graph.op import Op

MAY_VANISH = ("concat", "slice")  # ops that a mapper may turn into views


def working_ops(graph: Graph) -> list[Op]:
    """Ops that some engine runs in every mapping."""
    return [op for op in graph.ops if not op.kind.is_view and op.kind.name not in MAY_VANISH]


@dataclass(frozen=True)
class Work:
    """What each op costs on one engine, arrays of shape (ops,).

    Attributes
    ----------
    takes
        Whether the engine accepts the op.
    cycles
        Fewest cycles, set-up of one command included.
    actions
        Fewest counts of each action, name -> (ops,).
    """

    takes: NDArray[np.bool_]
    bound: NDArray[np.int64]
    cycles: NDArray[np.int64]
    actions: Mapping[str, NDArray[np.int64]]


def work_on(engine: Engine, kind: EngineKind, graph: Graph) -> Work:
    """What every op of `graph` costs at least on `engine`."""
    ops = working_ops(graph)
    takes = np.zeros(len(ops), np.bool_)
    bound = np.zeros(len(ops), np.int64)
    actions: dict[str, NDArray[np.int64]] = {}
    for place, op in enumerate(ops):
        if kind.refuses(engine, op, graph) is not None:
            continue
        takes[place], bound[place] = True, kind.bound(engine, op, graph)
        for name, count in (kind.least(engine, op, graph) if isinstance(kind, Floor) else {}).items():
            actions.setdefault(name, np.zeros(len(ops), np.int64))[place] = count
    return Work(takes, bound, bound + engine.setup_cycles, actions)


def compulsory_bytes(graph: Graph) -> tuple[int, int]:
    """Bytes that every inference, the first, reads from main memory and writes to it [byte]."""
    needed: dict[str, int] = {}
    for op in graph.ops:
        for number, name in enumerate(op.inputs):
            if name in graph.constants or name in graph.inputs:
                whole = op.kind.is_view and op.kind.name not in MAY_VANISH
                touched = graph.tensors[name].bytes if whole else touched_bytes(op, graph, number)
                needed[name] = max(needed.get(name, 0), touched)
    return sum(needed.values()), sum(graph.tensors[name].bytes for name in graph.outputs)


@dataclass(frozen=True)
class MemoryFacts:
    """What a memory costs whatever is done.

    Attributes
    ----------
    areas_um2
        Rows of the area report.
    standing_mw
        Leakage or background.
    read_pj, write_pj
        Per byte.
    bytes_per_fs
        Of all its ports together; 0 where it has none.
    """

    areas_um2: tuple[float, ...]
    standing_mw: float
    read_pj: float
    write_pj: float
    bytes_per_fs: float


def memory_facts(
    memory: Memory, hardware: Hardware, technology: Technology, kinds: Mapping[str, EngineKind]
) -> MemoryFacts:
    """Facts of `memory`, which is one of `hardware`."""
    ports = [port for port in memory.ports if port.unit_fs > 0]
    standing = standing_mw(hardware, technology, kinds)
    return MemoryFacts(
        areas_um2=_areas(memory.name, hardware, technology, kinds),
        standing_mw=standing.get(memory.name, 0.0),
        read_pj=_price(f"{memory.name}.read_bytes", hardware, technology),
        write_pj=_price(f"{memory.name}.write_bytes", hardware, technology),
        bytes_per_fs=sum(port.unit_bytes / port.unit_fs for port in ports),
    )


@dataclass(frozen=True)
class EngineFacts:
    """What an engine costs whatever it does: rows of area, power, and the price of each of its own actions [pJ]."""

    areas_um2: tuple[float, ...]
    standing_mw: float
    prices_pj: Mapping[str, float]


def engine_facts(
    engine: Engine, work: Work, hardware: Hardware, technology: Technology, kinds: Mapping[str, EngineKind]
) -> EngineFacts:
    """Facts of `engine`, which is one of `hardware`."""
    own = [name for name in work.actions if name.partition(".")[0] == engine.name]
    return EngineFacts(
        areas_um2=_areas(engine.name, hardware, technology, kinds),
        standing_mw=standing_mw(hardware, technology, kinds).get(engine.name, 0.0),
        prices_pj={name: _price(name, hardware, technology) for name in own},
    )


def _price(action: str, hardware: Hardware, technology: Technology) -> float:
    return sum(term.price.value for term in terms(action, hardware, technology))


def _areas(
    component: str, hardware: Hardware, technology: Technology, kinds: Mapping[str, EngineKind]
) -> tuple[float, ...]:
    rows = area(hardware, technology, kinds).rows
    return tuple(row.area_um2.value for row in rows if row.component == component)
