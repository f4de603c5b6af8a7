"""A host core: runs whatever nothing else takes, at a stated cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.hardware.hardware import Engine
from cosim_plugins.engines import loops
from cosim_plugins.engines.vector_unit import OPERATIONS


class HostCore:
    """A scalar core that computes out of main memory: cycles per MAC, or per simple operation."""

    name = "host_core"
    summary = "scalar core for whatever no other engine takes"
    parameters: Mapping[str, str] = {
        "cycles_per_mac": "cycles of one multiply-accumulate",
        "cycles_per_element": "cycles of one simple operation on one element",
    }

    def check(self, engine: Engine) -> None:
        """Positive costs and an operand memory."""
        for key in self.parameters:
            value = engine.parameters.get(key)
            if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
                raise DescriptionError(f"`{key}` is {value!r}", where=f"engines.{engine.name}", allowed="a number > 0")
        if engine.operands is None:
            raise DescriptionError("`operands` must name a memory", where=f"engines.{engine.name}")

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Nothing that has a kernel in one of its formats."""
        variable = [name for name in op.inputs if name not in graph.constants]
        for name in (*variable, op.output):
            code = graph.tensors[name].encoding.format
            if code not in engine.formats:
                return f"tensor {name} is {code}, the engine computes on {', '.join(engine.formats) or 'nothing'}"
        return None

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Nothing: it works in place in main memory."""
        return frozenset()

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Points x cost, rounded up once per tile."""
        points = np.prod(tiles[:, :, 1] - tiles[:, :, 0], axis=1)
        return np.asarray(np.maximum(np.ceil(points * self._cost(engine, op, graph)), 1), np.int64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, NDArray[np.int64]]:
        """Core cycles, and each operand element once."""
        return {
            f"{engine.name}.host_cycle": self.cycles(engine, op, graph, tiles),
            f"{engine.operands}.read_bytes": loops.operand_bytes(op, graph, tiles),
            f"{engine.operands}.write_bytes": loops.output_bytes(op, graph, tiles),
        }

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """Points x cost."""
        return int(graph.space(op).points * self._cost(engine, op, graph))

    def least(self, engine: Engine, op: Op, graph: Graph) -> Mapping[str, int]:
        """What the whole op takes: it is never cut."""
        whole = self.actions(engine, op, graph, graph.space(op).whole)
        return loops.least(whole)

    def area(self, engine: Engine) -> Mapping[str, float]:
        """One core."""
        return {"host_core": 1.0}

    def _cost(self, engine: Engine, op: Op, graph: Graph) -> float:
        if graph.space(op).macs_per_point:
            return float(engine.parameters["cycles_per_mac"])
        return float(engine.parameters["cycles_per_element"]) * OPERATIONS.get(op.kind.name, 1)
