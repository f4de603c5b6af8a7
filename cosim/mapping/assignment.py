"""Which engine runs which op: the first that accepts it, fastest bound first; host cores last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cosim.errors import UnsupportedError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.plugin.protocols import EngineKind

NOWHERE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Assignment:
    """The engine of one op, None where nothing takes it, and why others refused."""

    op: Op
    engine: Engine | None
    refusals: tuple[str, ...]
    is_fallback: bool = False

    @property
    def chosen(self) -> Engine:
        """The engine; raises `UnsupportedError` where nothing takes the op."""
        if self.engine is None:
            raise UnsupportedError(
                "no engine runs it: " + "; ".join(self.refusals),
                where=f"op {self.op.name} ({self.op.kind.name})",
                fix="add an engine kind that accepts it by the hook cosim_engine_kinds, or a host_core with this format",
            )
        return self.engine


def assign(
    graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind], places: Mapping[str, str] = NOWHERE
) -> tuple[Assignment, ...]:
    """Engine of every op that is not a view, in the order of the graph.

    An engine whose operands are in main memory is a fallback and asked last, unless all engines compute there. `places`
    names the engine of some ops, as `cosim.mapping.places` finds it.
    """
    ops = [op for op in graph.ops if not op.kind.is_view]
    return tuple(_assign(op, graph, hardware, kinds, places.get(op.name)) for op in ops)


def is_alone(hardware: Hardware) -> bool:
    """Whether nothing computes from a memory other than the main one: a core by itself."""
    return all(engine.operands in (None, hardware.main_memory) for engine in hardware.engines.values())


def has_several_sites(hardware: Hardware) -> bool:
    """Whether engines compute from more than one memory on chip, so that ops may have a choice of where to run."""
    on_chip = {engine.operands for engine in hardware.engines.values()} - {None, hardware.main_memory}
    return len(on_chip) > 1


@dataclass(frozen=True)
class Able:
    """An engine that takes an op.

    Attributes
    ----------
    order
        The lowest is preferred: no fallback, then the lowest bound [fs], then the first described.
    """

    engine: Engine
    is_fallback: bool
    order: tuple[bool, int, int]


def able_engines(op: Op, graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind]) -> list[Able]:
    """All engines that take `op`, in the order of the description."""
    able = []
    for position, engine in enumerate(hardware.engines.values()):
        kind = kinds[engine.kind]
        if kind.refuses(engine, op, graph) is None:
            fallback = engine.operands == hardware.main_memory and not is_alone(hardware)
            period = hardware.clocks[engine.clock].period_fs
            able.append(Able(engine, fallback, (fallback, kind.bound(engine, op, graph) * period, position)))
    return able


def _assign(op: Op, graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind], place: str | None) -> Assignment:
    able = able_engines(op, graph, hardware, kinds)
    taking = {one.engine.name for one in able}
    refusals = tuple(
        f"{engine.name}: {kinds[engine.kind].refuses(engine, op, graph)}"
        for engine in hardware.engines.values()
        if engine.name not in taking and engine.source_memory is None
    )
    if not able:
        return Assignment(op, None, refusals)
    best = min(able, key=lambda one: one.order)
    if place is not None:
        best = next((one for one in able if one.engine.name == place), best)
    return Assignment(op, best.engine, refusals, best.is_fallback)
