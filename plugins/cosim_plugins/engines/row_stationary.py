"""A row-stationary array: rows of filters and of images meet in the elements, partial sums cross the buffer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cosim.errors import DescriptionError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.hardware.hardware import Engine
from cosim_plugins.engines import loops
from cosim_plugins.engines.row_stationary_passes import Passes, Shape, passes

Counts = loops.Counts


class RowStationaryArray:
    """Rows x columns of elements, each of which convolves one row of a filter with one row of an image.

    A set of elements, filter rows high and output rows wide, makes a strip of the output; sets are folded where they
    are wider than the array and repeated over input and output channels where they are narrower. What an element keeps
    is limited by its scratch pads. Sums of channels that are not in the array together go out to the buffer and come
    back: a tile takes the products of its busiest element, or as long as its partial sums need on the buffer's port,
    whichever is longer.

    Of all arrangements of a tile the fastest is taken, and of those the one with the fewest bytes at the buffer.

    Sources: Chen et al., ISCA 2016, doi:10.1145/3007787.3001177 (row-stationary mapping, its parameters and scratch
    pads); JSSC 2017, doi:10.1109/JSSC.2016.2616357 (replication and folding on the array of the chip).
    """

    name = "row_stationary_array"
    summary = "rows x columns of elements that convolve rows, with scratch pads; sums of more channels cross the buffer"
    parameters: Mapping[str, str] = {
        "rows": "rows of the array",
        "cols": "columns of the array",
        "filter_words": "weights that an element keeps",
        "input_words": "inputs that an element keeps",
        "sum_words": "partial sums that an element keeps",
        "sum_bytes_per_cycle": "bytes of partial sums that go to and from their memory per cycle, both ways together",
    }

    def check(self, engine: Engine) -> None:
        """Positive sizes and both memories."""
        where = f"engines.{engine.name}"
        for key in self.parameters:
            value = engine.parameters.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed="an integer >= 1")
        if engine.operands is None or engine.accumulators is None:
            raise DescriptionError("`operands` and `accumulators` must name memories", where=where)

    def macs_per_cycle(self, engine: Engine) -> int:
        """Elements of the array."""
        return int(engine.parameters["rows"]) * int(engine.parameters["cols"])

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Products only, in the formats of the engine."""
        if op.kind.name not in loops.PRODUCTS:
            return f"a {self.name} computes {', '.join(sorted(loops.PRODUCTS))}, not {op.kind.name}"
        return loops.formats_refused(op, graph, engine.formats, operands=2)

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop but the taps, whose rows are what is stationary."""
        dims = graph.space(op).dims
        return frozenset(i for i, dim in enumerate(dims) if dim.name not in {"FY", "FX"})

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Counts:
        """Products of the busiest element, or partial sums over their port."""
        return self.passes(engine, op, graph, tiles).cycles

    def passes(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Passes:
        """How each tile lies on the array."""
        extent = loops.extents(op, graph, tiles)
        shapes = np.stack([extent[name] for name in loops.ROLES], axis=1)
        stride = op.attributes.get("strides", (1, 1)) if op.kind.name == "conv2d" else (1, 1)
        return passes(engine.parameters, shapes, Shape(int(stride[0]), int(stride[1]), engine.sum_bits))

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, Counts]:
        """MACs, clocked cycles, and what crosses the buffer: inputs and weights per pass, partial sums both ways."""
        found = self.passes(engine, op, graph, tiles)
        code = graph.tensors[op.inputs[0]].encoding
        weights = graph.tensors[op.inputs[1]].encoding
        kept = loops.kept_positions(engine, op, graph)
        others = loops.operand_bytes(op, graph, tiles) - loops.operand_bytes(op, graph, tiles, {0, 1})
        final, first = loops.is_final(op, graph, tiles), loops.is_first(op, graph, tiles)
        read = found.sums - np.where(first, found.outputs, 0) + np.where(final, found.outputs, 0)
        streamed = -(-found.inputs * code.bits // 8)
        filters = -(-found.weights * weights.bits // 8)
        parts: list[Mapping[str, Counts]] = [
            {f"{engine.name}.mac_{loops.product_name(op, graph)}": loops.macs(op, graph, tiles)},
            {f"{engine.name}.array_cycle_{code.format}": found.cycles * self.macs_per_cycle(engine)},
            {f"{engine.operands}.read_bytes": streamed + others},
            {f"{engine.operands}.write_bytes": np.where(final, loops.output_bytes(op, graph, tiles), 0)},
            {f"{engine.weights if 1 in kept else engine.operands}.read_bytes": filters},
            {f"{engine.accumulators}.read_bytes": -(-read * engine.sum_bits // 8)},
            {f"{engine.accumulators}.write_bytes": -(-found.sums * engine.sum_bits // 8)},
        ]
        return loops.add_counts(parts)

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """Products over the elements that rows of this height can fill."""
        height = int(loops.extents(op, graph, graph.space(op).whole)["FY"][0])
        rows, cols = int(engine.parameters["rows"]), int(engine.parameters["cols"])
        folds = -(-height // rows)
        lanes = max(rows // height, 1) * cols
        return -(-graph.space(op).macs * folds // (lanes * height))

    def area(self, engine: Engine) -> Mapping[str, float]:
        """MAC units of the widest format; scratch pads are not counted, as technologies have no price of an idle register."""
        return {f"mac_{max(engine.formats)}": float(self.macs_per_cycle(engine))}
