"""A matrix-vector unit with activation (MVAU): one layer of a streaming dataflow design."""

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


class Mvau:
    """PE processing elements of SIMD lanes each; a matrix of rows x columns takes ceil(rows/PE) x ceil(columns/SIMD) cycles.

    The matrix has a row per output channel and a column per tap and input channel; it is gone through once per pixel. A
    depthwise layer folds its channels over the elements and its taps over the lanes. The sliding window in front of it
    delivers SIMD values a cycle, so it is never slower. Weights are on chip, in a memory of its own.
    Source: Umuroglu et al., FPGA 2017, doi:10.1145/3020078.3021744, section 4.
    """

    name = "mvau"
    summary = "one layer of a streaming dataflow design, folded on PE elements of SIMD lanes"
    parameters: Mapping[str, str] = {
        "pe": "processing elements: output channels computed at once",
        "simd": "lanes of each: input values multiplied at once",
    }

    def check(self, engine: Engine) -> None:
        """Positive folding and an operand memory."""
        for key in self.parameters:
            value = engine.parameters.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                where = f"engines.{engine.name}"
                raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed="an integer >= 1")
        if engine.operands is None:
            raise DescriptionError("`operands` must name a memory", where=f"engines.{engine.name}")

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Products only, in the formats of the engine."""
        if op.kind.name not in loops.PRODUCTS:
            return f"an mvau computes {', '.join(sorted(loops.PRODUCTS))}, not {op.kind.name}"
        return loops.formats_refused(op, graph, engine.formats, operands=2)

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop but the sums, which stay in the elements."""
        reductions = graph.space(op).reductions()
        return frozenset(i for i in range(len(graph.space(op).dims)) if i not in reductions)

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Pixels x ceil(output channels / PE) x ceil(taps x input channels / SIMD)."""
        extent = loops.extents(op, graph, tiles)
        rows, columns = extent["G"] * extent["K"], extent["C"] * extent["FY"] * extent["FX"]
        folds = -(-rows // int(engine.parameters["pe"])) * -(-columns // int(engine.parameters["simd"]))
        return np.asarray(extent["N"] * extent["OY"] * extent["OX"] * folds, np.int64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, NDArray[np.int64]]:
        """MACs, each input and output once, and the weights once per pixel, as they stream past the elements."""
        extent = loops.extents(op, graph, tiles)
        pixels = extent["N"] * extent["OY"] * extent["OX"]
        kept = loops.kept_positions(engine, op, graph)
        weights = loops.operand_bytes(op, graph, tiles, kept)
        counts = {
            f"{engine.name}.mac_{loops.product_name(op, graph)}": loops.macs(op, graph, tiles),
            f"{engine.operands}.read_bytes": loops.operand_bytes(op, graph, tiles) - weights,
            f"{engine.operands}.write_bytes": loops.output_bytes(op, graph, tiles),
        }
        return {**counts, f"{engine.weights}.read_bytes": weights * pixels} if kept else counts

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """The whole op: cutting a loop never lowers a sum of ceilings."""
        return int(self.cycles(engine, op, graph, graph.space(op).whole)[0])

    def area(self, engine: Engine) -> Mapping[str, float]:
        """Lanes, as multipliers of the widest format; what an FPGA has of it is estimated by the generator."""
        widest = max(engine.formats, key=lambda name: (name.startswith("fp"), name), default="int8")
        return {f"mac_{widest}": float(engine.parameters["pe"] * engine.parameters["simd"])}
