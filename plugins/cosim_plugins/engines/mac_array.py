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

GROUPS = ("any", "only", "never")
MODES = ("unroll", "unroll_depthwise", "unroll_shallow")


class MacArray:
    """Weights stay in the array while the pixels of a tile stream past them.

    Each cycle computes a block of ``unroll`` (for instance K: 16, C: 16); a loop whose extent is not a multiple
    pays for the whole block, which is why a depthwise convolution (C = K = 1 per group) leaves most of the array
    idle. A second unrolling, ``unroll_depthwise``, is used wherever it needs fewer cycles; so is a third,
    ``unroll_shallow``, that arrays have which put taps where a first layer has no channels.

    Operand traffic: every weight of a tile is read once, every input once per block of output channels and tap,
    and a partial sum is written once per block of input channels and tap and read as often: to add the next, or at
    the end to be requantised.
    """

    name = "mac_array"
    summary = "array of multiply-accumulators with spatially unrolled loops"
    parameters: Mapping[str, str] = {
        "unroll": "loop -> copies computed in one cycle, for instance {K: 16, C: 16}",
        "unroll_depthwise": "a second unrolling, used where it is faster",
        "unroll_shallow": "a third one, for instance {K: 16, C: 4, FX: 4} for images of three channels",
        "groups": "only: takes grouped (depthwise) convolutions alone; never: leaves them to others (default: any)",
    }

    def check(self, engine: Engine) -> None:
        """Every unrolling names loops and positive counts, and no more MACs than the first."""
        where = f"engines.{engine.name}"
        if "unroll" not in engine.parameters:
            raise DescriptionError("`unroll` is missing", where=where, fix="for instance unroll: {K: 16, C: 16}")
        if engine.operands is None or engine.accumulators is None:
            raise DescriptionError("`operands` and `accumulators` must name memories", where=where)
        if engine.parameters.get("groups", "any") not in GROUPS:
            found = f"`groups` is {engine.parameters['groups']!r}"
            raise DescriptionError(found, where=where, allowed=", ".join(GROUPS))
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
            raise DescriptionError("another unrolling uses more MACs than `unroll`", where=where)

    def macs_per_cycle(self, engine: Engine) -> int:
        """MAC units of the array."""
        return _size(engine.parameters["unroll"])

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Products only, in the formats of the engine."""
        if op.kind.name not in loops.PRODUCTS:
            return f"a mac_array computes {', '.join(sorted(loops.PRODUCTS))}, not {op.kind.name}"
        wanted = engine.parameters.get("groups", "any")
        is_grouped = int(loops.extents(op, graph, graph.space(op).whole)["G"][0]) > 1 and op.kind.name.startswith(
            "conv"
        )
        if wanted != "any" and is_grouped != (wanted == "only"):
            return (
                "it computes grouped convolutions alone"
                if wanted == "only"
                else "it leaves grouped convolutions to others"
            )
        return loops.formats_refused(op, graph, engine.formats, operands=2)

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop."""
        return frozenset(range(len(graph.space(op).dims)))

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
        kept = loops.kept_positions(engine, op, graph)
        weights = loops.operand_bytes(op, graph, tiles, kept)
        others = loops.operand_bytes(op, graph, tiles) - weights - loops.operand_bytes(op, graph, tiles, {0})
        outputs = np.prod([extent[name] for name in ("N", "G", "K", "OY", "OX")], axis=0)
        updates = outputs * -(-extent["C"] // int(unrolling.get("C", 1))) * extent["FY"] * extent["FX"]
        opened = np.where(loops.is_first(op, graph, tiles), outputs, 0)
        final = loops.is_final(op, graph, tiles)
        drained = np.where(final, outputs, 0)
        written = np.where(final, loops.output_bytes(op, graph, tiles), 0)
        counts = {
            f"{engine.name}.mac_{loops.product_name(op, graph)}": macs,
            f"{engine.name}.array_cycle_{code.format}": cycles * self.macs_per_cycle(engine),
            f"{engine.operands}.read_bytes": streamed + others,
            f"{engine.operands}.write_bytes": written,
        }
        sums = {"read": updates - opened + drained, "write": updates}
        parts = [
            {f"{engine.accumulators}.{verb}_bytes": -(-count * engine.sum_bits // 8)} for verb, count in sums.items()
        ]
        if kept:
            parts.append({f"{engine.weights}.read_bytes": weights})
        return loops.add_counts([counts, *parts])

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """Cycles of the whole op, or its MACs over the copies that its loops can fill.

        Cutting a loop never lowers the sum of ceil(extent / copies), so no tiling under one unrolling does better than
        the whole op. Where tiles may use either of two, each MAC still costs at least 1 / (filled copies).
        """
        extent = loops.extents(op, graph, graph.space(op).whole)
        unrollings = _unrollings(engine)
        if len(unrollings) == 1:
            return int(_blocks(extent, unrollings[0])[0])
        return -(-graph.space(op).macs // max(_filled(extent, unrolling) for unrolling in unrollings))

    def pairs(self, engine: Engine, op: Op, graph: Graph) -> float:
        """1 / (copies of the other loops x fewest channels that save a cycle^2).

        An output pixel and tap advance by a cycle only when at least r channels of it can be summed, r being what
        ceil(C / copies) leaves for its last cycle; so r weights of one filter and r inputs of one pixel must be there.
        """
        unrollings = _unrollings(engine)
        extent = loops.extents(op, graph, graph.space(op).whole)
        if len(unrollings) > 1 or any(
            int(extent[name][0]) % int(n) for name, n in unrollings[0].items() if name != "C"
        ):
            return 0.0
        channels, copies = int(extent["C"][0]), int(unrollings[0].get("C", 1))
        fewest = (channels - 1) % copies + 1
        others = _filled(extent, {name: n for name, n in unrollings[0].items() if name != "C"})
        return 1.0 / (others * fewest**2)

    def fewest(self, engine: Engine, op: Op, graph: Graph) -> int:
        """Cycles by `bound`, or those of the whole op where no other unrolling can help with what one leaves over.

        Proof by weights. A cluster of points at the start of each block of an unrolling, as many along a loop as its last
        block has, shares one cycle: no block of that unrolling, wherever it lies, holds more than one cluster. Where no
        block of another unrolling holds more than `share` of one, no cover of the op costs less than all clusters by
        `share`.
        """
        extent = {name: int(n[0]) for name, n in loops.extents(op, graph, graph.space(op).whole).items()}
        copies = [[min(int(u.get(name, 1)), extent[name]) for name in loops.ROLES] for u in _unrollings(engine)]
        sizes = [extent[name] for name in loops.ROLES]
        found = self.bound(engine, op, graph)
        for mine in copies:
            last = [(size - 1) % n + 1 for size, n in zip(sizes, mine, strict=True)]
            share = max(_share(other, mine, last) for other in copies)
            blocks = np.prod([-(-size // n) for size, n in zip(sizes, mine, strict=True)], dtype=np.int64)
            found = max(found, int(np.floor(float(blocks) / share * (1 - 1e-12))) if share > 1 else int(blocks))
        return found

    def least(self, engine: Engine, op: Op, graph: Graph) -> Mapping[str, int]:
        """What the whole op takes in one tile: a cut adds passes and loads, never removes any; cycles by `fewest`."""
        whole = self.actions(engine, op, graph, graph.space(op).whole)
        return loops.least(whole, array_cycle=self.fewest(engine, op, graph) * self.macs_per_cycle(engine))

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


def _share(other: list[int], mine: list[int], last: list[int]) -> float:
    """Most clusters of `mine`, `last` points along each loop every so many copies, that a block of `other` holds."""
    held = [
        min(width, points) if width <= step else -(-width // step) * points
        for width, step, points in zip(other, mine, last, strict=True)
    ]
    return float(np.prod([count / points for count, points in zip(held, last, strict=True)]))


def _filled(extent: Mapping[str, NDArray[np.int64]], unrolling: Mapping[str, int]) -> int:
    """Copies that loops of these extents can fill."""
    copies = [min(int(unrolling.get(name, 1)), int(extent[name][0])) for name in loops.ROLES]
    return int(np.prod(copies, dtype=np.int64))
