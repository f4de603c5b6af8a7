"""`UniformArray`: an array of rows x columns of multipliers of one width, the frame of the machines that DRQ is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from cosim.errors import DescriptionError, unknown
from cosim.formats import product_format
from cosim.graph import Boxes, Graph, Op
from cosim.hardware import Engine
from cosim_plugins.drq import loops
from cosim_plugins.drq.loops import Counts

PACKINGS = ("ideal", "folds")


class UniformArray:
    """Weights stay in the array while pixels stream past: rows hold elements of the reduction, columns filters.

    A product takes one cycle of a multiplier. With ``packing: folds`` a tile takes one cycle per pixel and fold, and a
    fold that fills only a part of the array costs a whole one; with ``ideal`` products are spread over all multipliers
    without loss, which compares machines by their multipliers alone.

    Operand traffic: weights once per tile, inputs once per fold of columns, a partial sum per pixel, filter and fold
    of rows.
    """

    name = "uniform_array"
    summary = "rows x columns of multipliers of one width, weights stationary"
    parameters: Mapping[str, str] = MappingProxyType(
        {
            "rows": "elements of the reduction at once",
            "cols": "filters at once",
            "packing": "ideal (default): no multiplier is ever idle; folds: partial folds cost a whole one",
            "cut_reductions": "false: sums stay in the array until they are complete (default true)",
        }
    )

    def check(self, engine: Engine) -> None:
        """A positive size, a known packing, and memories for operands and partial sums."""
        where = f"engines.{engine.name}"
        for key in ("rows", "cols"):
            whole_number(engine, key)
        packing = engine.parameters.get("packing", PACKINGS[0])
        if packing not in PACKINGS:
            raise unknown("packing", str(packing), PACKINGS, where=where)
        if not isinstance(engine.parameters.get("cut_reductions", True), bool):
            raise DescriptionError("`cut_reductions` is not a truth value", where=where, allowed="true, false")
        if engine.operands is None or engine.accumulators is None:
            raise DescriptionError("`operands` and `accumulators` must name memories", where=where)

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Plain products in the formats of the engine."""
        if op.kind.name not in loops.PRODUCTS:
            return f"a {self.name} computes {', '.join(sorted(loops.PRODUCTS))}, not {op.kind.name}"
        return formats_refused(engine, op, graph)

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop, but reductions where they stay in the array, and taps."""
        space = graph.space(op)
        kept = {i for i, dim in enumerate(space.dims) if dim.name in {"FY", "FX"}}
        if not engine.parameters.get("cut_reductions", True):
            kept |= set(space.reductions())
        return frozenset(range(len(space.dims))) - kept

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Counts:
        """Products over multipliers, or folds times pixels."""
        return self.timed(engine, op, graph, tiles, passes=1)

    def timed(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes, *, passes: int) -> Counts:
        """Cycles of each tile where every product takes `passes` of a multiplier, shape (tiles,)."""
        if engine.parameters.get("packing", PACKINGS[0]) == "ideal":
            return rounded_up(passes * loops.macs(op, graph, tiles), lanes(engine))
        extent = loops.extents(op, graph, tiles)
        pixels = extent["N"] * extent["OY"] * extent["OX"]
        return np.asarray(passes * pixels * extent["G"] * folds(extent, engine)[0] * folds(extent, engine)[1], np.int64)

    def products(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, Counts]:
        """Multiply-accumulates of each tile by the name of their formats."""
        one, other = (graph.tensors[name].encoding for name in op.inputs[:2])
        return {product_format(one, other): loops.macs(op, graph, tiles)}

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, Counts]:
        """Products, bytes at the operand memory, and partial sums."""
        read = loops.stored_bytes(graph, op.inputs[0], graph.space(op).inputs[0], tiles)
        written = loops.stored_bytes(graph, op.output, graph.space(op).output, tiles)
        named = {f"{engine.name}.mac_{name}": n for name, n in self.products(engine, op, graph, tiles).items()}
        return named | moved(engine, op, graph, tiles, read, written)

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """All multipliers busy in every cycle, each product one pass."""
        return int(-(-graph.space(op).macs // lanes(engine)))

    def area(self, engine: Engine) -> Mapping[str, float]:
        """A multiplier of the widest format at each place."""
        widest = max(engine.formats, key=lambda name: (len(name), name))
        return {f"mac_{widest}": float(lanes(engine))}


def moved(engine: Engine, op: Op, graph: Graph, tiles: Boxes, read: Counts, written: Counts) -> dict[str, Counts]:
    """Bytes of operands and partial sums; `read` and `written` are those of the input box and of the output box."""
    space = graph.space(op)
    extent = loops.extents(op, graph, tiles)
    down, across = folds(extent, engine)
    sums = extent["N"] * extent["OY"] * extent["OX"] * extent["G"] * extent["K"]
    updates = sums * down
    opened = np.where(loops.is_edge(op, graph, tiles, last=False), sums, 0)
    final = loops.is_edge(op, graph, tiles, last=True)
    others = sum(
        loops.stored_bytes(graph, name, access, tiles)
        for name, access in zip(op.inputs[1:], space.inputs[1:], strict=True)
    )
    bits = engine.sum_bits
    return {
        f"{engine.operands}.read_bytes": np.asarray(read * across + others, np.int64),
        f"{engine.operands}.write_bytes": np.where(final, written, 0),
        f"{engine.accumulators}.read_bytes": -(-(updates - opened + np.where(final, sums, 0)) * bits // 8),
        f"{engine.accumulators}.write_bytes": -(-updates * bits // 8),
    }


def lanes(engine: Engine) -> int:
    """Multipliers of the array."""
    return int(engine.parameters["rows"]) * int(engine.parameters["cols"])


def folds(extent: Mapping[str, Counts], engine: Engine) -> tuple[Counts, Counts]:
    """Folds over rows and over columns of one group, shape (tiles,) each."""
    reduced = extent["C"] * extent["FY"] * extent["FX"]
    return -(-reduced // int(engine.parameters["rows"])), -(-extent["K"] // int(engine.parameters["cols"]))


def rounded_up(passes: Counts, multipliers: int) -> Counts:
    """Cycles in which all multipliers make `passes`, at least one."""
    return np.maximum(-(-passes // multipliers), 1).astype(np.int64)


def formats_refused(engine: Engine, op: Op, graph: Graph) -> str | None:
    """Why the formats of operands or output do not suit, or None."""
    for name in (*op.inputs[:2], op.output):
        encoding = graph.tensors[name].encoding
        if not set(encoding.formats) <= set(engine.formats):
            return f"tensor {name} is {encoding.format}, the engine computes on {', '.join(engine.formats)}"
    return None


def whole_number(engine: Engine, key: str, *, least: int = 1, default: Any = None) -> int:
    """A parameter that must be an integer of at least `least`; raises `DescriptionError`."""
    value = engine.parameters.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        where = f"engines.{engine.name}"
        raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed=f"an integer >= {least}")
    return value
