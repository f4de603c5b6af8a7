"""Which engine runs which op: the first that accepts it, fastest bound first; host cores last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cosim.errors import UnsupportedError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.plugin.protocols import EngineKind


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


def assign(graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind]) -> tuple[Assignment, ...]:
    """Engine of every op that is not a view, in the order of the graph.

    An engine whose operands are in main memory is a fallback: it is asked last.
    """
    return tuple(_assign(op, graph, hardware, kinds) for op in graph.ops if not op.kind.is_view)


def _assign(op: Op, graph: Graph, hardware: Hardware, kinds: Mapping[str, EngineKind]) -> Assignment:
    refusals: list[str] = []
    able: list[tuple[bool, int, int, Engine]] = []
    for position, engine in enumerate(hardware.engines.values()):
        kind = kinds[engine.kind]
        reason = kind.refuses(engine, op, graph)
        if reason is None:
            fallback = engine.operands == hardware.main_memory
            period = hardware.clocks[engine.clock].period_fs
            able.append((fallback, kind.bound(engine, op, graph) * period, position, engine))
        elif engine.source_memory is None:
            refusals.append(f"{engine.name}: {reason}")
    if not able:
        return Assignment(op, None, tuple(refusals))
    fallback, _, _, engine = min(able, key=lambda entry: entry[:3])
    return Assignment(op, engine, tuple(refusals), fallback)
