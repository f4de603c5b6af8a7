"""`Emitter`: a Program under construction, op after op."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.groups import WHOLE, Block
from cosim.mapping.hazards import Occupancy
from cosim.mapping.homes import Home, Parts, Writers
from cosim.mapping.op_emission import OpEmission
from cosim.mapping.wiring import dma_between
from cosim.plugin.protocols import EngineKind
from cosim.program.draft import Draft
from cosim.program.plan import Placement, Tiling

Ints = NDArray[np.int64]


@dataclass
class Emitter:
    """State of a Program under construction, op after op.

    Attributes
    ----------
    occupancy
        Per memory, who touched which bytes last.
    writers
        Per root tensor, who wrote which elements.
    filled
        Per resident constant that is in its place, who brought which elements.
    """

    graph: Graph
    hardware: Hardware
    draft: Draft
    homes: dict[str, Home]
    roots: dict[str, str]
    action_index: dict[str, int]
    occupancy: dict[str, Occupancy] = field(default_factory=dict)
    writers: dict[str, Writers | Parts] = field(default_factory=dict)
    placements: list[Placement] = field(default_factory=list)
    filled: dict[str, Writers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = {name: row for row, name in enumerate(self.graph.tensors)}
        self.memories = {name: row for row, name in enumerate(self.hardware.memories)}
        self.ops = {op.name: row for row, op in enumerate(self.graph.ops)}
        self.occupancy = {name: Occupancy() for name in self.hardware.memories}

    def emit(
        self,
        op: Op,
        engine: Engine,
        kind: EngineKind,
        tiling: Tiling,
        bases: dict[str, int],
        block: Block = WHOLE,
    ) -> None:
        """Append the commands of `op`; its rings begin at `bases` (byte by memory), which moves on."""
        OpEmission(self, op, engine, kind, tiling, bases, block).run()

    def waits_for_outputs(self, op: Op) -> bool:
        """Whether `op` reads what another op has written."""
        return any(self.roots[name] in self.writers for name in op.inputs)

    def dma(self, source: str, target: str) -> Engine:
        """The engine that moves boxes from `source` to `target`."""
        return dma_between(self.hardware, source, target)

    def last_writers(self, tensor: str, boxes: Ints) -> Ints | None:
        """Last writer of each box of `tensor`, or None where nothing writes it."""
        writers = self.filled.get(tensor) or self.writers.get(self.roots[tensor])
        if writers is None:
            return None
        # The bytes of a view's box are scattered over its root: wait for all of it.
        if self.homes[tensor].is_view:
            return np.full(len(boxes), writers.final, np.int64)
        return writers.last(boxes)

    def move_actions(self, dma: Engine, n_bytes: Ints) -> Ints:
        """Action counts of moves, shape (moves, actions)."""
        counts = np.zeros((len(n_bytes), len(self.action_index)), np.int64)
        for name in move_action_names(self.hardware, dma):
            counts[:, self.action_index[name]] = n_bytes
        return counts


def move_action_names(hardware: Hardware, dma: Engine) -> list[str]:
    """Actions of one byte moved by `dma`."""
    links = [f"{step}.bytes" for step in dma.via if step in hardware.links]
    return [f"{dma.source_memory}.read_bytes", f"{dma.target_memory}.write_bytes", *links]
