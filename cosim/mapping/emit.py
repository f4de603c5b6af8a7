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
from cosim.mapping.joined import leaves_of
from cosim.mapping.op_emission import OpEmission
from cosim.mapping.rows import Rows
from cosim.mapping.wiring import dma_between
from cosim.mapping.work import Work, Works
from cosim.plugin.protocols import EngineKind
from cosim.program.draft import Draft
from cosim.program.joins import outermost
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
    works: Works
    occupancy: dict[str, Occupancy] = field(default_factory=dict)
    writers: dict[str, Writers | Parts] = field(default_factory=dict)
    placements: list[Placement] = field(default_factory=list)
    filled: dict[str, Writers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = {name: row for row, name in enumerate(self.graph.tensors)}
        self.memories = {name: row for row, name in enumerate(self.hardware.memories)}
        self.ops = {op.name: row for row, op in enumerate(self.graph.ops)}
        self.leaves = leaves_of(self.graph)
        self.occupancy = {name: Occupancy() for name in self.hardware.memories}

    def emit(
        self,
        op: Op,
        engine: Engine,
        kind: EngineKind,
        tiling: Tiling,
        bases: dict[str, int],
    ) -> None:
        """Append the commands of `op`; its rings begin at `bases` (byte by memory), which moves on."""
        (work,) = self.works.of(self.graph, op, engine, kind, tiling)
        OpEmission(self, op, engine, tiling, bases, WHOLE, work).run()

    def emit_block(
        self, op: Op, engine: Engine, tiling: Tiling, bases: dict[str, int], block: Block, work: Work
    ) -> None:
        """Append the commands of a block of `op`, of which `work` says what is done."""
        OpEmission(self, op, engine, tiling, bases, block, work).run()

    def waits_for_outputs(self, op: Op) -> bool:
        """Whether `op` reads what another op has written."""
        return any(leaf in self.writers for name in op.inputs for leaf, _ in self._leaves(name))

    def dma(self, source: str, target: str) -> Engine:
        """The engine that moves boxes from `source` to `target`."""
        return dma_between(self.hardware, source, target)

    def after_writers(self, rows: Rows, later: Ints, tensor: str, boxes: Ints) -> None:
        """Make each row `later[i]` wait for all who write its box of `tensor`."""
        home = self.homes[tensor]
        for leaf, first in self._leaves(tensor):
            writers = self.filled.get(leaf) or self.writers.get(leaf)
            if writers is None:
                continue
            if home.is_view:
                # The bytes of a view's box are scattered over its root: wait for all of it.
                rows.after_commands(later, np.full(len(boxes), writers.final, np.int64))
                continue
            mine, axis = boxes.copy(), outermost(self.graph.tensors[tensor].shape)
            if self.roots[tensor] in self.leaves:
                extent = self.graph.tensors[leaf].shape[axis]
                mine[:, axis] = np.clip(mine[:, axis] - first, 0, extent)
            some = np.flatnonzero((mine[..., 1] > mine[..., 0]).all(axis=1))
            rows.after_commands(later[some], writers.last(mine[some]))

    def _leaves(self, tensor: str) -> tuple[tuple[str, int], ...]:
        """The tensors that ops write to make `tensor`, and where each begins along the outermost axis."""
        root = self.roots[tensor]
        return self.leaves.get(root, ((root, 0),))

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
