"""A processor seen from far away: peak, memory, and how much of the peak each kind of kernel reaches."""

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

SHARES = ("dense", "window", "depthwise", "simple")


def kernel(op: Op, graph: Graph) -> str:
    """Which of `SHARES` an op belongs to: a 3 x 3 window of stride 1 is what fast algorithms (Winograd) are made for."""
    if op.kind.name not in loops.PRODUCTS:
        return "simple"
    extent = {name: int(count[0]) for name, count in loops.extents(op, graph, graph.space(op).whole).items()}
    if extent["G"] > 1 and extent["C"] == extent["K"] == 1:
        return "depthwise"
    strides = op.attributes.get("strides", (1, 1))
    return "window" if (extent["FY"], extent["FX"], *strides) == (3, 3, 1, 1) else "dense"


class RooflineCore:
    """A CPU or GPU that computes out of main memory, op by op: the longer of products at a share of the peak and bytes.

    A share may exceed 1 where an algorithm needs fewer products than there are (Winograd). Caches are not modelled: every
    op reads its operands and writes its result once. A product begins with `launch_cycles`, in which lanes fill; simple
    ops are appended to the kernel before, and have none.

    Source: Williams, Waterman, Patterson 2009, doi:10.1145/1498765.1498785, with a share of the peak per kind of kernel.
    """

    name = "roofline_core"
    summary = "CPU or GPU as a roofline with a share of the peak per kind of kernel"
    parameters: Mapping[str, str] = {
        "macs_per_cycle": "products per cycle of all its lanes",
        "launch_cycles": "cycles before a product begins",
        "shares": "dense, window (3 x 3 of stride 1), depthwise, simple: share of the peak that kernels reach",
    }

    def check(self, engine: Engine) -> None:
        """A positive peak, a share per kind, and an operand memory."""
        where = f"engines.{engine.name}"
        for key, least in (("macs_per_cycle", 1), ("launch_cycles", 0)):
            value = engine.parameters.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed=f"an integer >= {least}")
        shares = engine.parameters.get("shares")
        if not isinstance(shares, Mapping) or set(shares) != set(SHARES):
            raise DescriptionError(f"`shares` is {shares!r}", where=where, allowed=f"a number for each of {SHARES}")
        for name, share in shares.items():
            if not isinstance(share, int | float) or isinstance(share, bool) or not share > 0:
                raise DescriptionError(f"{name} is {share!r}", where=f"{where}.shares", allowed="a number > 0")
        if engine.operands is None:
            raise DescriptionError("`operands` must name a memory", where=where)

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
        """Products or simple operations at their share of the peak, after the launch."""
        rate = float(engine.parameters["macs_per_cycle"]) * float(engine.parameters["shares"][kernel(op, graph)])
        launch = int(engine.parameters["launch_cycles"]) if op.kind.name in loops.PRODUCTS else 0
        return np.asarray(np.maximum(np.ceil(_work(op, graph, tiles) / rate), 1) + launch, np.int64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, NDArray[np.int64]]:
        """Products or operations, and each operand element once."""
        is_product = op.kind.name in loops.PRODUCTS
        code = graph.tensors[op.output].encoding.format
        verb = f"mac_{loops.product_name(op, graph)}" if is_product else f"op_{code}"
        return {
            f"{engine.name}.{verb}": loops.macs(op, graph, tiles) if is_product else _work(op, graph, tiles),
            f"{engine.operands}.read_bytes": loops.operand_bytes(op, graph, tiles),
            f"{engine.operands}.write_bytes": loops.output_bytes(op, graph, tiles),
        }

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """The whole op: it is never cut."""
        return int(self.cycles(engine, op, graph, graph.space(op).whole)[0])

    def area(self, engine: Engine) -> Mapping[str, float]:
        """MAC units of the widest format."""
        widest = max(engine.formats, key=lambda name: (name.startswith("fp"), name), default="int8")
        return {f"mac_{widest}": float(engine.parameters["macs_per_cycle"])}


def _work(op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
    if op.kind.name in loops.PRODUCTS:
        return loops.macs(op, graph, tiles)
    points = np.prod(tiles[:, :, 1] - tiles[:, :, 0], axis=1)
    return np.asarray(points * OPERATIONS.get(op.kind.name, 1), np.int64)
