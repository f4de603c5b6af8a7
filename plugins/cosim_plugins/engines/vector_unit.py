"""A vector unit: lanes that do one simple operation each per cycle."""

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

# Lane operations per point of the iteration space. Assumed: counts of a textbook implementation (a table look-up,
# an add or a multiply is one; a softmax is a maximum, an exponential with sum, and a scaling).
OPERATIONS: Mapping[str, int] = {
    "softmax": 3,
    "log_softmax": 4,
    "layer_norm": 4,
    "rms_norm": 3,
    "batch_norm": 2,
    "div": 4,
    "pow": 8,
    "sqrt": 4,
    "rsqrt": 4,
    "reciprocal": 4,
    "requantize": 2,
    "quantize": 2,
    "dequantize": 2,
}


class VectorUnit:
    """Element-wise work, pooling, normalisation, data movement, and products that no array takes."""

    name = "vector_unit"
    summary = "lanes that do one simple operation each per cycle"
    parameters: Mapping[str, str] = {
        "lanes": "operations per cycle",
        "products": "false: leaves convolutions and matrix products to arrays (default true)",
    }

    def check(self, engine: Engine) -> None:
        """Positive lanes and an operand memory."""
        lanes = engine.parameters.get("lanes")
        if not isinstance(lanes, int) or isinstance(lanes, bool) or lanes < 1:
            raise DescriptionError(f"`lanes` is {lanes!r}", where=f"engines.{engine.name}", allowed="an integer >= 1")
        if not isinstance(engine.parameters.get("products", True), bool):
            where = f"engines.{engine.name}"
            raise DescriptionError("`products` is not a truth value", where=where, allowed="true, false")
        if engine.operands is None:
            raise DescriptionError("`operands` must name a memory", where=f"engines.{engine.name}")

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Any op whose activations have formats of the engine, except look-ups in a table."""
        if op.kind.name == "gather":
            return "its table would have to pass through the operand memory as a whole"
        if op.kind.name in loops.PRODUCTS and not engine.parameters.get("products", True):
            return "it leaves products to arrays"
        variable = [name for name in op.inputs if name not in graph.constants]
        for name in (*variable, op.output):
            code = graph.tensors[name].encoding.format
            if code not in engine.formats:
                return f"tensor {name} is {code}, the engine computes on {', '.join(engine.formats) or 'nothing'}"
        return None

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop that may be cut; sums stay in the lanes, so reductions are not."""
        reductions = graph.space(op).reductions()
        return frozenset(i for i in range(len(graph.space(op).dims)) if i not in reductions)

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """ceil(points x operations per point / lanes)."""
        return np.maximum(-(-_operations(op, tiles) // int(engine.parameters["lanes"])), 1)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, NDArray[np.int64]]:
        """Lane operations, and each operand element once."""
        code = graph.tensors[op.output].encoding.format
        verb = f"mac_{code}" if graph.space(op).macs_per_point else f"op_{code}"
        return {
            f"{engine.name}.{verb}": _operations(op, tiles),
            f"{engine.operands}.read_bytes": loops.operand_bytes(op, graph, tiles),
            f"{engine.operands}.write_bytes": loops.output_bytes(op, graph, tiles),
        }

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """All lanes busy in every cycle."""
        return -(-graph.space(op).points * OPERATIONS.get(op.kind.name, 1) // int(engine.parameters["lanes"]))

    def least(self, engine: Engine, op: Op, graph: Graph) -> Mapping[str, int]:
        """What the whole op takes in one tile: operations are those of the points, and every element is read."""
        whole = self.actions(engine, op, graph, graph.space(op).whole)
        return loops.least(whole)

    def area(self, engine: Engine) -> Mapping[str, float]:
        """Lanes."""
        return {"vector_lane": float(engine.parameters["lanes"])}


def _operations(op: Op, tiles: Boxes) -> NDArray[np.int64]:
    points = np.prod(tiles[:, :, 1] - tiles[:, :, 0], axis=1)
    return np.asarray(points * OPERATIONS.get(op.kind.name, 1), np.int64)
