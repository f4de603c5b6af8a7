"""`VariableSpeedArray`: 4-bit multipliers that take four passes where a region is sensitive."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, unknown
from cosim.formats import Storage
from cosim.graph import Boxes, Graph, Op
from cosim.hardware import Engine, Hardware
from cosim.plugin import load_registry
from cosim.program import Program, engine_commands, with_tiles
from cosim_plugins.drq import loops
from cosim_plugins.drq.arrays import (
    UniformArray,
    folds,
    formats_refused,
    lanes,
    moved,
    rounded_up,
    whole_number,
)
from cosim_plugins.drq.formats import Flagged, is_sensitive
from cosim_plugins.drq.loops import Counts
from cosim_plugins.drq.stalls import POLICIES, WIDE_PASSES, sensitive_uses, waiting_cycles

Codes = Mapping[str, NDArray[np.generic]]


class VariableSpeedArray(UniformArray):
    """Rows x columns of 4-bit multipliers: 8-bit times 8-bit takes four passes, 4-bit times 4-bit one.

    Before the values are known everything counts as sensitive; `bind` puts in what the masks leave. Time follows a
    stall policy of `cosim_plugins.drq.stalls`: which one the array of the paper has is not public, so it is a choice.

    Source: Song et al., ISCA 2020, doi:10.1109/ISCA45697.2020.00086 (variable speed and its name); the four passes are
    those of any 8-bit product on a 4-bit multiplier.
    """

    name = "variable_speed_array"
    summary = "rows x columns of 4-bit multipliers, four passes for products of sensitive regions"
    parameters: Mapping[str, str] = MappingProxyType(
        {
            "rows": "elements of the reduction at once",
            "cols": "filters at once",
            "stall": "ideal (default): nobody waits; row_fifo: rows run ahead by `depth`; lockstep: all wait at each step",
            "depth": "inputs that a row may be ahead of the slowest (row_fifo; default 4)",
            "cut_reductions": "false: sums stay in the array until they are complete (default true)",
        }
    )

    def check(self, engine: Engine) -> None:
        """A positive size, a known policy, and memories for operands and partial sums."""
        super().check(engine)
        policy = engine.parameters.get("stall", POLICIES[0])
        where = f"engines.{engine.name}"
        if policy not in POLICIES:
            raise unknown("stall policy", str(policy), POLICIES, where=where)
        if "depth" in engine.parameters and policy != "row_fifo":
            raise DescriptionError(f"`depth` means nothing to {policy}", where=where, fix="stall: row_fifo")
        whole_number(engine, "depth", default=4)

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Plain and mixed products in the formats of the engine."""
        if op.kind.name not in loops.PRODUCTS and not loops.is_mixed(op):
            return (
                f"a {self.name} computes {', '.join(sorted(loops.PRODUCTS))} and their mixed forms, not {op.kind.name}"
            )
        return formats_refused(engine, op, graph)

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Counts:
        """Four passes for every product: the worst case."""
        if engine.parameters.get("stall", POLICIES[0]) == "ideal":
            return rounded_up(WIDE_PASSES * loops.macs(op, graph, tiles), lanes(engine))
        extent = loops.extents(op, graph, tiles)
        pixels = extent["N"] * extent["OY"] * extent["OX"]
        down, across = folds(extent, engine)
        return np.asarray(WIDE_PASSES * pixels * extent["G"] * down * across, np.int64)

    def products(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, Counts]:
        """All of them wide (four passes) before the values are known."""
        macs = loops.macs(op, graph, tiles)
        return {"drq8": macs, "drq4": np.zeros_like(macs)}

    def area(self, engine: Engine) -> Mapping[str, float]:
        """4-bit multipliers; queues in front of the rows are among the registers that such a unit has in a technology."""
        return {"mac_int4": float(lanes(engine))}

    def bind(self, program: Program, graph: Graph, values: Codes, hardware: Hardware) -> Program:
        """The program with the cycles, products and bytes that the masks of `values` leave."""
        for engine in hardware.engines.values():
            if engine.kind != self.name:
                continue
            commands = engine_commands(program, hardware, engine.name)
            for row, op in enumerate(graph.ops):
                mine = commands[program.op[commands] == row]
                if len(mine) and loops.is_mixed(op):
                    tiles = program.boxes.boxes(program.box[mine], len(graph.space(op).dims))
                    cycles, actions = self.bound_work(engine, op, graph, tiles, values)
                    program = with_tiles(program, hardware, engine.name, mine, cycles=cycles, actions=actions)
        return program

    def bound_work(
        self, engine: Engine, op: Op, graph: Graph, tiles: Boxes, values: Codes
    ) -> tuple[Counts, Mapping[str, Counts]]:
        """Cycles and actions of tiles of a mixed product, shape (tiles,) each, for the codes of its tensors."""
        wide, cycles = self._timed_by_mask(engine, op, graph, tiles, is_sensitive(values[op.inputs[0]]))
        space = graph.space(op)
        read = _bytes(graph, op.inputs[0], values, space.inputs[0].boxes(tiles))
        written = _bytes(graph, op.output, values, space.output.boxes(tiles))
        counts = moved(engine, op, graph, tiles, read, written)
        counts[f"{engine.name}.mac_drq8"] = wide
        counts[f"{engine.name}.mac_drq4"] = loops.macs(op, graph, tiles) - wide
        return cycles, counts

    def _timed_by_mask(
        self, engine: Engine, op: Op, graph: Graph, tiles: Boxes, sensitive: NDArray[np.bool_]
    ) -> tuple[Counts, Counts]:
        """Wide products and cycles of each tile, shape (tiles,) each."""
        mask, window = sensitive.astype(np.uint8), loops.window_of(op)
        distinct, which = loops.without_filters(op, graph, tiles)
        reads = [loops.read_of(op, graph, mask, tile) for tile in distinct]
        uses = np.array([sensitive_uses(image, box, window) for image, box, _ in reads], np.int64)
        extent = loops.extents(op, graph, tiles)
        wide = uses[which] * extent["K"]
        policy = engine.parameters.get("stall", POLICIES[0])
        if policy == "ideal":
            passes = loops.macs(op, graph, tiles) + (WIDE_PASSES - 1) * wide
            return wide, rounded_up(passes, lanes(engine))
        rows = int(engine.parameters["rows"])
        depth = 1 if policy == "lockstep" else whole_number(engine, "depth", default=4)
        passes = np.array([waiting_cycles(image, box, window, inner, rows, depth) for image, box, inner in reads])
        return wide, np.asarray(passes[which] * folds(extent, engine)[1], np.int64)


def _bytes(graph: Graph, name: str, values: Codes, boxes: Boxes) -> Counts:
    """Bytes of boxes of a tensor as its values leave them, shape (boxes,) [byte]."""
    encoding = graph.tensors[name].encoding
    form = load_registry()["formats"].get(encoding.held.format)
    if not isinstance(form, Flagged):
        return encoding.box_bytes(boxes)
    stored: Storage = form.bind(values[name], encoding)
    return -(-stored.box_bits(boxes) // 8)
