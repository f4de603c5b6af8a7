"""A MAC array that unrolls loops in space: one tile of the unrolled loops per cycle."""

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

MODES = ("unroll", "unroll_depthwise")


class MacArray:
    """Weights stay in the array while the pixels of a tile stream past them.

    Each cycle computes a block of ``unroll`` (for instance K: 16, C: 16); a loop whose extent is not a multiple
    pays for the whole block, which is why a depthwise convolution (C = K = 1 per group) leaves most of the array
    idle. A second unrolling, ``unroll_depthwise``, is used wherever it needs fewer cycles.

    Operand traffic: every weight of a tile is read once, every input once per block of output channels and tap,
    and a partial sum is written once per block of input channels and tap and read as often: to add the next, or at
    the end to be requantised.
    """

    name = "mac_array"
    summary = "array of multiply-accumulators with spatially unrolled loops"
    parameters: Mapping[str, str] = {
        "unroll": "loop -> copies computed in one cycle, for instance {K: 16, C: 16}",
        "unroll_depthwise": "a second unrolling, used where it is faster",
    }

    def check(self, engine: Engine) -> None:
        """Every unrolling names loops and positive counts, and no more MACs than the first."""
        where = f"engines.{engine.name}"
        if "unroll" not in engine.parameters:
            raise DescriptionError("`unroll` is missing", where=where, fix="for instance unroll: {K: 16, C: 16}")
        if engine.operands is None or engine.accumulators is None:
            raise DescriptionError("`operands` and `accumulators` must name memories", where=where)
        for mode in MODES:
            unrolling = engine.parameters.get(mode, {})
            if not isinstance(unrolling, Mapping):
                allowed = "loop: count, for instance {K: 16, C: 16}"
                raise DescriptionError(f"`{mode}` is {unrolling!r}", where=f"{where}.{mode}", allowed=allowed)
            for loop, count in unrolling.items():
                if loop not in loops.ROLES:
                    raise unknown("loop", str(loop), loops.ROLES, where=f"{where}.{mode}")
                if not isinstance(count, int) or count < 1:
                    raise DescriptionError(f"{loop} is {count!r}", where=f"{where}.{mode}", allowed="an integer >= 1")
        if any(_size(unrolling) > self.macs_per_cycle(engine) for unrolling in _unrollings(engine)):
            raise DescriptionError("`unroll_depthwise` uses more MACs than `unroll`", where=where)

    def macs_per_cycle(self, engine: Engine) -> int:
        """MAC units of the array."""
        return _size(engine.parameters["unroll"])

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Products only, in the formats of the engine."""
        if op.kind.name not in loops.PRODUCTS:
            return f"a mac_array computes {', '.join(sorted(loops.PRODUCTS))}, not {op.kind.name}"
        return loops.formats_refused(op, graph, engine.formats, operands=2)

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop but the taps."""
        dims = graph.space(op).dims
        return frozenset(i for i, dim in enumerate(dims) if dim.name not in {"FY", "FX"})

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Product over the loops of ceil(extent / unrolled copies), the faster unrolling."""
        extent = loops.extents(op, graph, tiles)
        return np.asarray(np.minimum.reduce([_blocks(extent, u) for u in _unrollings(engine)]), np.int64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, NDArray[np.int64]]:
        """MACs, clocked cycles, and bytes at the operand memory and the accumulators."""
        extent = loops.extents(op, graph, tiles)
        cycles = self.cycles(engine, op, graph, tiles)
        code = graph.tensors[op.inputs[0]].encoding
        macs = loops.macs(op, graph, tiles)
        unrolling = engine.parameters["unroll"]
        passes = -(-extent["K"] // int(unrolling.get("K", 1)))
        streamed = -(-macs // extent["K"] * passes * code.bits // 8)
        weights = loops.operand_bytes(op, graph, tiles) - _first_operand_bytes(op, graph, tiles)
        outputs = np.prod([extent[name] for name in ("N", "G", "K", "OY", "OX")], axis=0)
        updates = outputs * -(-extent["C"] // int(unrolling.get("C", 1))) * extent["FY"] * extent["FX"]
        opened = np.where(loops.is_first(op, graph, tiles), outputs, 0)
        final = loops.is_final(op, graph, tiles)
        drained = np.where(final, outputs, 0)
        written = np.where(final, loops.output_bytes(op, graph, tiles), 0)
        return {
            f"{engine.name}.mac_{code.format}": macs,
            f"{engine.name}.array_cycle_{code.format}": cycles * self.macs_per_cycle(engine),
            f"{engine.operands}.read_bytes": streamed + weights,
            f"{engine.operands}.write_bytes": written,
            f"{engine.accumulators}.read_bytes": 4 * (updates - opened + drained),
            f"{engine.accumulators}.write_bytes": 4 * updates,
        }

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """All MACs busy in every cycle."""
        return -(-graph.space(op).macs // self.macs_per_cycle(engine))

    def area(self, engine: Engine) -> Mapping[str, float]:
        """MAC units of the widest format."""
        widest = max(engine.formats, key=lambda name: (name.startswith("fp"), name), default="int8")
        return {f"mac_{widest}": float(self.macs_per_cycle(engine))}


def _unrollings(engine: Engine) -> list[Mapping[str, int]]:
    return [engine.parameters[mode] for mode in MODES if engine.parameters.get(mode)]


def _size(unrolling: Mapping[str, int]) -> int:
    return int(np.prod(list(unrolling.values()), dtype=np.int64))


def _blocks(extent: Mapping[str, NDArray[np.int64]], unrolling: Mapping[str, int]) -> NDArray[np.int64]:
    blocks = [-(-extent[name] // int(unrolling.get(name, 1))) for name in loops.ROLES]
    return np.asarray(np.prod(blocks, axis=0), np.int64)


def _first_operand_bytes(op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
    access = graph.space(op).inputs[0]
    return loops.box_bytes(access.boxes(tiles), graph.tensors[op.inputs[0]].encoding.bits)
