"""A matrix unit that keeps a panel of inputs while filters stream past it."""

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

COUNTS = ("rows", "columns")


class PanelArray:
    """Rows of reduced elements (channels x taps) by columns of pixels, twice: one panel computes, the other is filled.

    Each cycle one filter's share of the reduction meets the whole panel and gives a sum for every column. Filling a panel
    takes a cycle per row, so an op with fewer filters than rows leaves the array waiting (a panel that several tiles of
    filters meet is filled once). A panel holds pixels of one row of the image: streams address rows, and a row's end is
    padded.

    Inputs are read once per panel, weights once per panel of pixels; sums stay in the array.

    Source: TI, "Tensor Processing on C7x and MMA" (public slides) for the order of panels, from memory.
    """

    name = "panel_array"
    summary = "matrix unit that keeps a panel of inputs while filters stream past it"
    parameters: Mapping[str, str] = {
        "rows": "reduced elements of a panel",
        "columns": "pixels of a panel",
        "lanes": "products per cycle of a vector unit for depthwise convolutions (default: none, they use panels)",
    }

    def check(self, engine: Engine) -> None:
        """Positive counts and both memories."""
        where = f"engines.{engine.name}"
        for key in (*COUNTS, *(("lanes",) if "lanes" in engine.parameters else ())):
            value = engine.parameters.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed="an integer >= 1")
        if engine.operands is None:
            raise DescriptionError("`operands` must name a memory", where=where)

    def macs_per_cycle(self, engine: Engine) -> int:
        """MAC units of the array."""
        return int(engine.parameters["rows"]) * int(engine.parameters["columns"])

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Products only, in the formats of the engine."""
        if op.kind.name not in loops.PRODUCTS:
            return f"a panel_array computes {', '.join(sorted(loops.PRODUCTS))}, not {op.kind.name}"
        return loops.formats_refused(op, graph, engine.formats, operands=2)

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop but reductions: sums stay in the array until they are complete."""
        reductions = graph.space(op).reductions()
        return frozenset(i for i in range(len(graph.space(op).dims)) if i not in reductions)

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Panels x filters, no panel faster than it is filled; of what the lanes compute, MACs over lanes."""
        lanes = _lanes(engine, op, graph)
        if lanes:
            return np.asarray(np.maximum(-(-loops.macs(op, graph, tiles) // lanes), 1), np.int64)
        panels, filters, _ = _panels(engine, loops.extents(op, graph, tiles))
        _, all_filters, _ = _panels(engine, loops.extents(op, graph, graph.space(op).whole))
        filled = -(-int(engine.parameters["rows"]) * filters // int(all_filters[0]))
        return np.asarray(np.maximum(panels * np.maximum(filters, filled), 1), np.int64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, NDArray[np.int64]]:
        """MACs, clocked cycles, inputs once per panel, weights once per panel of pixels, outputs once."""
        extent = loops.extents(op, graph, tiles)
        panels, _, deep = _panels(engine, extent)
        code = graph.tensors[op.inputs[0]].encoding
        kept = loops.kept_positions(engine, op, graph)
        weights = loops.operand_bytes(op, graph, tiles, {1})
        others = loops.operand_bytes(op, graph, tiles, set(range(2, len(op.inputs))))
        reduced = extent["C"] * extent["FY"] * extent["FX"]
        pixels = extent["N"] * extent["OY"] * extent["OX"]
        inputs = -(-extent["G"] * pixels * reduced * code.bits // 8)
        again = panels // (extent["G"] * deep) if not _lanes(engine, op, graph) else np.ones_like(panels)
        streamed = weights * again
        cycles = self.cycles(engine, op, graph, tiles)
        memory = f"{engine.weights}.read_bytes"
        counts: dict[str, NDArray[np.int64]] = {
            f"{engine.name}.mac_{loops.product_name(op, graph)}": loops.macs(op, graph, tiles),
            f"{engine.name}.array_cycle_{code.format}": cycles * self.macs_per_cycle(engine),
            f"{engine.operands}.read_bytes": inputs,
            f"{engine.operands}.write_bytes": loops.output_bytes(op, graph, tiles),
        }
        own = 1 in kept
        parts: list[Mapping[str, NDArray[np.int64]]] = [
            counts,
            {memory if own else f"{engine.operands}.read_bytes": streamed},
            {memory if kept else f"{engine.operands}.read_bytes": others},
        ]
        return loops.add_counts(parts)

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """What the whole op takes: cutting adds panels or shortens streams, and never saves a cycle."""
        return int(self.cycles(engine, op, graph, graph.space(op).whole)[0])

    def least(self, engine: Engine, op: Op, graph: Graph) -> Mapping[str, int]:
        """MACs, and the cycles of `bound`."""
        whole = graph.space(op).whole
        code = graph.tensors[op.inputs[0]].encoding.format
        return {
            f"{engine.name}.mac_{loops.product_name(op, graph)}": int(loops.macs(op, graph, whole)[0]),
            f"{engine.name}.array_cycle_{code}": self.bound(engine, op, graph) * self.macs_per_cycle(engine),
            f"{engine.operands}.write_bytes": int(loops.output_bytes(op, graph, whole)[0]),
        }

    def area(self, engine: Engine) -> Mapping[str, float]:
        """MAC units of the widest format."""
        widest = max(engine.formats, key=lambda name: (name.startswith("fp"), name), default="int8")
        return {f"mac_{widest}": float(self.macs_per_cycle(engine))}


def _panels(engine: Engine, extent: Mapping[str, loops.Counts]) -> tuple[loops.Counts, loops.Counts, loops.Counts]:
    """Panels of all groups and rows of the image, filters that meet each, and panels along the reduction."""
    rows, columns = int(engine.parameters["rows"]), int(engine.parameters["columns"])
    deep = -(-extent["C"] * extent["FY"] * extent["FX"] // rows)
    across = extent["N"] * extent["OY"] * -(-extent["OX"] // columns)
    return extent["G"] * across * deep, extent["K"], deep


def _lanes(engine: Engine, op: Op, graph: Graph) -> int:
    """Lanes that compute a convolution of every channel on its own, 0 for any other op."""
    if op.kind.name != "conv2d" or op["groups"] == 1 or graph.tensors[op.inputs[1]].shape[1] > 1:
        return 0
    return int(engine.parameters.get("lanes", 0))
