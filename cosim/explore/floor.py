"""What no mapping of a network goes below on one engine, one memory: the pieces of a design's bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.cost.area import area
from cosim.cost.prices import terms
from cosim.cost.static import standing_mw, waiting_pj
from cosim.graph.graph import Graph
from cosim.hardware.hardware import Engine, Hardware, Memory
from cosim.hardware.technology import Technology
from cosim.mapping.bound import touched_bytes
from cosim.mapping.wiring import carried_bytes
from cosim.plugin.protocols import EngineKind, Floor, Sharp

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
    bound
        Cycles by which the mapper compares engines.
    cycles
        Fewest cycles, set-up of one command included.
    actions
        Fewest counts of each action, name -> (ops,).
    carried
        Fewest bytes that cross the path of the engine while it computes [byte].
    may_vanish
        Whether the engine accepts each op that may be a view instead, shape (such ops,).
    """

    takes: NDArray[np.bool_]
    bound: NDArray[np.int64]
    cycles: NDArray[np.int64]
    actions: Mapping[str, NDArray[np.int64]]
    carried: NDArray[np.int64]
    may_vanish: NDArray[np.bool_]


def work_on(engine: Engine, kind: EngineKind, graph: Graph) -> Work:
    """What every op of `graph` costs at least on `engine`."""
    ops = working_ops(graph)
    takes = np.zeros(len(ops), np.bool_)
    bound, fewest = np.zeros(len(ops), np.int64), np.zeros(len(ops), np.int64)
    actions: dict[str, NDArray[np.int64]] = {}
    for place, op in enumerate(ops):
        if kind.refuses(engine, op, graph) is not None:
            continue
        takes[place], bound[place] = True, kind.bound(engine, op, graph)
        fewest[place] = kind.fewest(engine, op, graph) if isinstance(kind, Sharp) else bound[place]
        for name, count in (kind.least(engine, op, graph) if isinstance(kind, Floor) else {}).items():
            actions.setdefault(name, np.zeros(len(ops), np.int64))[place] = count
    carried = np.zeros(len(ops), np.int64) + carried_bytes(engine, actions)
    others = [op for op in graph.ops if op.kind.name in MAY_VANISH]
    may_vanish = np.array([kind.refuses(engine, op, graph) is None for op in others], np.bool_)
    return Work(takes, bound, fewest + engine.setup_cycles, actions, carried, may_vanish)


@dataclass(frozen=True)
class Compulsory:
    """What every inference, the first, moves across main memory.

    Attributes
    ----------
    read, read_constants, written
        In all, and constants among what is read [byte].
    constants, inputs, outputs
        By op, shape (ops,): bytes of these that an engine which computes from another memory has to be brought, or has
        taken away, and that count for no other op [byte].
    """

    read: int
    read_constants: int
    written: int
    constants: NDArray[np.int64]
    inputs: NDArray[np.int64]
    outputs: NDArray[np.int64]


def compulsory(graph: Graph) -> Compulsory:
    """Bytes of weights, inputs and outputs that cross main memory once at least."""
    needed: dict[str, int] = {}
    readers: dict[str, list[str]] = {}
    for op in graph.ops:
        for number, name in enumerate(op.inputs):
            if name in graph.constants or name in graph.inputs:
                whole = op.kind.is_view and op.kind.name not in MAY_VANISH
                touched = graph.tensors[name].bytes if whole else touched_bytes(op, graph, number)
                needed[name] = max(needed.get(name, 0), touched)
                readers.setdefault(name, []).append(op.name)
    place = {op.name: number for number, op in enumerate(working_ops(graph))}
    constants, inputs, outputs = (np.zeros(len(place), np.int64) for _ in range(3))
    for name, ops in readers.items():
        if len(ops) == 1 and ops[0] in place:  # read by several, it may be brought for any of them
            (constants if name in graph.constants else inputs)[place[ops[0]]] += needed[name]
    makers = {op.output: op.name for op in graph.ops}
    for name in graph.outputs:
        if makers.get(name) in place:
            outputs[place[makers[name]]] += graph.tensors[name].bytes
    total = sum(graph.tensors[name].bytes for name in graph.outputs)
    weights = sum(n_bytes for name, n_bytes in needed.items() if name in graph.constants)
    return Compulsory(sum(needed.values()), weights, total, constants, inputs, outputs)


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
    fs_per_byte
        Of each of its ports, by name [fs/byte].
    """

    areas_um2: tuple[float, ...]
    standing_mw: float
    read_pj: float
    write_pj: float
    fs_per_byte: tuple[tuple[str, float], ...]


def memory_facts(
    memory: Memory, hardware: Hardware, technology: Technology, kinds: Mapping[str, EngineKind]
) -> MemoryFacts:
    """Facts of `memory`, which is one of `hardware`."""
    standing = standing_mw(hardware, technology, kinds)
    return MemoryFacts(
        areas_um2=_areas(memory.name, hardware, technology, kinds),
        standing_mw=standing.get(memory.name, 0.0),
        read_pj=_price(f"{memory.name}.read_bytes", hardware, technology),
        write_pj=_price(f"{memory.name}.write_bytes", hardware, technology),
        fs_per_byte=tuple((port.name, port.unit_fs / port.unit_bytes) for port in memory.ports),
    )


@dataclass(frozen=True)
class EngineFacts:
    """What an engine costs whatever it does.

    Attributes
    ----------
    areas_um2
        Rows of the area report.
    standing_mw
        Leakage.
    waiting_pj
        Of its clocks in a cycle without work.
    prices_pj
        Of each of its own actions.
    """

    areas_um2: tuple[float, ...]
    standing_mw: float
    waiting_pj: float
    prices_pj: Mapping[str, float]


def engine_facts(
    engine: Engine, work: Work, hardware: Hardware, technology: Technology, kinds: Mapping[str, EngineKind]
) -> EngineFacts:
    """Facts of `engine`, which is one of `hardware`."""
    own = [name for name in work.actions if name.partition(".")[0] == engine.name]
    return EngineFacts(
        areas_um2=_areas(engine.name, hardware, technology, kinds),
        standing_mw=standing_mw(hardware, technology, kinds).get(engine.name, 0.0),
        waiting_pj=waiting_pj(engine, hardware, technology, kinds),
        prices_pj={name: _price(name, hardware, technology) for name in own},
    )


@dataclass(frozen=True)
class LinkFacts:
    """What each link takes for a byte, by name: time [fs] and energy [pJ]."""

    fs_per_byte: tuple[tuple[str, float], ...]
    pj_per_byte: tuple[tuple[str, float], ...]


def link_facts(hardware: Hardware, technology: Technology) -> LinkFacts:
    """Facts of all links."""
    links = hardware.links.values()
    return LinkFacts(
        tuple((link.port.name, link.port.unit_fs / link.port.unit_bytes) for link in links),
        tuple((link.name, _price(f"{link.name}.bytes", hardware, technology)) for link in links),
    )


def _price(action: str, hardware: Hardware, technology: Technology) -> float:
    return sum(term.price.value for term in terms(action, hardware, technology))


def _areas(
    component: str, hardware: Hardware, technology: Technology, kinds: Mapping[str, EngineKind]
) -> tuple[float, ...]:
    rows = area(hardware, technology, kinds).rows
    return tuple(row.area_um2.value for row in rows if row.component == component)
