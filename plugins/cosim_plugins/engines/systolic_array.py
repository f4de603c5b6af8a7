"""A systolic array with output-, weight- or input-stationary dataflow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, unknown
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.hardware.hardware import Engine
from cosim_plugins.engines import loops

DATAFLOWS = ("os", "ws", "is")


class SystolicArray:
    """Rows x columns of MACs; operands enter skewed at the edges.

    With P output pixels, Q = C x FY x FX reduced elements and K filters, output-stationary maps (P, K) on the
    array and streams Q, weight-stationary maps (Q, K) and streams P, input-stationary maps (Q, P) and streams K.
    A fold streams T elements in T + R + C - 2 cycles (os) or T + 2R + C - 2 (ws, is: R more to load what stays).
    Partial folds cost a full one and folds do not overlap: cycles = folds x cost - 1.

    Source: Samajdar et al., ISPASS 2020, doi:10.1109/ISPASS48437.2020.00016, equations 1 to 4; the closed form was
    compared with SCALE-Sim 3.0.0 (see tests/plugins).

    ``overlap_fill``: the R cycles that load a stationary operand are hidden under the fold before, except the first.
    """

    name = "systolic_array"
    summary = "rows x columns systolic array, output-, weight- or input-stationary"
    parameters: Mapping[str, str] = {
        "rows": "rows of the array",
        "cols": "columns of the array",
        "dataflow": "os, ws or is: what stays in the array",
        "overlap_fill": "true: loading the stationary operand is hidden under the fold before (default false)",
    }

    def check(self, engine: Engine) -> None:
        """Positive size, known dataflow, and both memories."""
        where = f"engines.{engine.name}"
        for key in ("rows", "cols"):
            value = engine.parameters.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed="an integer >= 1")
        dataflow = engine.parameters.get("dataflow")
        if dataflow not in DATAFLOWS:
            raise unknown("dataflow", str(dataflow), DATAFLOWS, where=where)
        if not isinstance(engine.parameters.get("overlap_fill", False), bool):
            raise DescriptionError("`overlap_fill` is not a truth value", where=where, allowed="true, false")
        if engine.operands is None or engine.accumulators is None:
            raise DescriptionError("`operands` and `accumulators` must name memories", where=where)

    def macs_per_cycle(self, engine: Engine) -> int:
        """MAC units of the array."""
        return int(engine.parameters["rows"]) * int(engine.parameters["cols"])

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Products only, in the formats of the engine."""
        if op.kind.name not in loops.PRODUCTS:
            return f"a systolic_array computes {', '.join(sorted(loops.PRODUCTS))}, not {op.kind.name}"
        return loops.formats_refused(op, graph, engine.formats, operands=2)

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop but the taps."""
        dims = graph.space(op).dims
        return frozenset(i for i, dim in enumerate(dims) if dim.name not in {"FY", "FX"})

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Folds x cost - 1 of each tile; groups run one after the other."""
        folds, stream = _folds(engine, loops.extents(op, graph, tiles))
        fill, drain = self._overheads(engine)
        if engine.parameters.get("overlap_fill", False):
            return np.asarray(np.maximum(folds * (stream + drain) + fill - 1, 1), np.int64)
        return np.asarray(np.maximum(folds * (stream + drain + fill) - 1, 1), np.int64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, NDArray[np.int64]]:
        """MACs, clocked cycles, and bytes at the edges of the array, fold by fold."""
        extent = loops.extents(op, graph, tiles)
        rows, cols = int(engine.parameters["rows"]), int(engine.parameters["cols"])
        code = graph.tensors[op.inputs[0]].encoding
        pixels = extent["N"] * extent["OY"] * extent["OX"]
        reduced = extent["C"] * extent["FY"] * extent["FX"]
        filters, groups = extent["K"], extent["G"]
        reads, sums = _edge_accesses(str(engine.parameters["dataflow"]), rows, cols, pixels, reduced, filters)
        updates = groups * sums
        opened = np.where(loops.is_first(op, graph, tiles), groups * pixels * filters, 0)
        cycles = self.cycles(engine, op, graph, tiles)
        final = loops.is_final(op, graph, tiles)
        drained = np.where(final, groups * pixels * filters, 0)
        written = np.where(final, loops.output_bytes(op, graph, tiles), 0)
        return {
            f"{engine.name}.mac_{loops.product_name(op, graph)}": loops.macs(op, graph, tiles),
            f"{engine.name}.array_cycle_{code.format}": cycles * (rows * cols),
            f"{engine.operands}.read_bytes": -(-groups * reads * code.bits // 8),
            f"{engine.operands}.write_bytes": written,
            f"{engine.accumulators}.read_bytes": -(-(updates - opened + drained) * engine.sum_bits // 8),
            f"{engine.accumulators}.write_bytes": -(-updates * engine.sum_bits // 8),
        }

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """Streaming alone: cuts add folds or fills, never remove stream cycles.

        A tile costs folds x (T + overhead) - 1, at least folds x T where the overhead is at least one cycle, and at
        least half of it on a 1 x 1 output-stationary array, whose overhead is 0.
        """
        folds, stream = _folds(engine, loops.extents(op, graph, graph.space(op).whole))
        fill, drain = self._overheads(engine)
        overhead = drain if engine.parameters.get("overlap_fill", False) else fill + drain
        total = int(folds[0]) * int(stream[0])
        return total if overhead >= 1 else -(-total // 2)

    def least(self, engine: Engine, op: Op, graph: Graph) -> Mapping[str, int]:
        """What the whole op takes in one tile: a cut adds folds and loads, never removes any; cycles by `bound`."""
        whole = self.actions(engine, op, graph, graph.space(op).whole)
        return loops.least(whole, array_cycle=self.bound(engine, op, graph) * self.macs_per_cycle(engine))

    def area(self, engine: Engine) -> Mapping[str, float]:
        """MAC units of the widest format."""
        widest = max(engine.formats, key=lambda name: (name.startswith("fp"), name), default="int8")
        return {f"mac_{widest}": float(self.macs_per_cycle(engine))}

    def _overheads(self, engine: Engine) -> tuple[int, int]:
        rows, cols = int(engine.parameters["rows"]), int(engine.parameters["cols"])
        fill = 0 if engine.parameters["dataflow"] == "os" else rows
        return fill, rows + cols - 2


def _folds(engine: Engine, extent: Mapping[str, NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of folds and streamed elements per fold, shape (tiles,) each."""
    rows, cols = int(engine.parameters["rows"]), int(engine.parameters["cols"])
    pixels = extent["N"] * extent["OY"] * extent["OX"]
    reduced = extent["C"] * extent["FY"] * extent["FX"]
    filters = extent["K"]
    down, across, stream = {
        "os": (pixels, filters, reduced),
        "ws": (reduced, filters, pixels),
        "is": (reduced, pixels, filters),
    }[str(engine.parameters["dataflow"])]
    return extent["G"] * -(-down // rows) * -(-across // cols), stream


def _edge_accesses(
    dataflow: str, rows: int, cols: int, pixels: loops.Counts, reduced: loops.Counts, filters: loops.Counts
) -> tuple[loops.Counts, loops.Counts]:
    """Operand elements read and partial sums written at the edges of the array, per group, shape (tiles,) each."""
    inputs, weights, outputs = pixels * reduced, filters * reduced, pixels * filters
    if dataflow == "os":
        return inputs * -(-filters // cols) + weights * -(-pixels // rows), outputs
    if dataflow == "ws":
        return inputs * -(-filters // cols) + weights, outputs * -(-reduced // rows)
    return weights * -(-pixels // cols) + inputs, outputs * -(-reduced // rows)
