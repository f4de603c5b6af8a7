"""Direct memory access: moves boxes between two memories, computes nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.hardware.hardware import Engine


class DmaEngine:
    """A channel that streams boxes along its `via`; its set-up overlaps the data of the same transfer."""

    name = "dma"
    summary = "moves boxes between two memories"
    parameters: Mapping[str, str] = {}

    def check(self, engine: Engine) -> None:
        """A DMA needs both ends and a route."""
        where = f"engines.{engine.name}"
        if engine.source_memory is None or engine.target_memory is None:
            raise DescriptionError("a dma has no `from` or no `to`", where=where, fix="name both memories")
        if not engine.via:
            raise DescriptionError(
                "a dma has no `via`", where=where, fix="list the ports and links that its data cross"
            )

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Always: it computes nothing."""
        return "a dma computes nothing"

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Nothing to cut."""
        return frozenset()

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Never asked, because every op is refused."""
        return np.zeros(tiles.shape[0], np.int64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, NDArray[np.int64]]:
        """Never asked; the bytes of a move are counted on the memories and links it crosses."""
        return {}

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """No op, no cycles."""
        return 0

    def area(self, engine: Engine) -> Mapping[str, float]:
        """One DMA controller."""
        return {"dma": 1.0}
