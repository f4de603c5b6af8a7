"""A microcontroller's core: cycles by what the kernels of a software stack do, weights out of flash through a cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, unknown
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.hardware.hardware import Engine
from cosim_plugins.engines import loops
from cosim_plugins.engines.core_stacks import TERMS, Costs
from cosim_plugins.engines.core_table import STACKS
from cosim_plugins.engines.core_work import constant_positions, fetched_bytes, work

_CACHE = ("cache_bytes", "line_bytes")


class MicrocontrollerCore:
    """One core that computes straight out of SRAM and flash, op after op.

    Cycles are those of the kernels: so many per multiply-accumulate, per result, per element copied. Weights cross the
    flash once, or once per sweep of a convolution over them where they are larger than the cache; with ``overlap:
    blocking`` the core waits for them.
    """

    name = "microcontroller_core"
    summary = "core that computes out of SRAM and flash, at the cost of a software stack's kernels"
    parameters: Mapping[str, str] = {
        "stack": "software stack, a row of the table in cosim_plugins.engines.core_table",
        "core": "column of that table, such as cortex-m4",
        "cache_bytes": "what a cache holds of the memory of the weights [byte]; 0: none (default)",
        "line_bytes": "what one fetch from that memory brings [byte], a power of two (default 16)",
        **{term: f"cycles per {meaning}; replaces the stack's" for term, meaning in TERMS.items()},
    }

    def check(self, engine: Engine) -> None:
        """A known stack and core, an operand memory, numbers in range."""
        where = f"engines.{engine.name}"
        stack, core = str(engine.parameters.get("stack")), str(engine.parameters.get("core"))
        if stack not in STACKS:
            raise unknown("stack", stack, STACKS, where=f"{where}.stack")
        if core not in STACKS[stack]:
            raise unknown(f"core of {stack}", core, STACKS[stack], where=f"{where}.core")
        if engine.operands is None:
            raise DescriptionError("`operands` must name a memory", where=where)
        for term in TERMS:
            value = engine.parameters.get(term, 0)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e6:
                raise DescriptionError(f"`{term}` is {value!r}", where=where, allowed="cycles, 0 or more")
        for key, least in zip(_CACHE, (0, 1), strict=True):
            value = engine.parameters.get(key, least)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed=f"an integer >= {least}")
        line = int(engine.parameters.get("line_bytes", 16))
        if line & (line - 1):
            raise DescriptionError(f"`line_bytes` is {line}", where=where, allowed="a power of two")

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Nothing whose activations have a format of the engine."""
        variable = [name for name in op.inputs if name not in graph.constants]
        for name in (*variable, op.output):
            code = graph.tensors[name].encoding.format
            if code not in engine.formats:
                return f"tensor {name} is {code}, the engine computes on {', '.join(engine.formats) or 'nothing'}"
        return None

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Nothing: it works in place."""
        return frozenset()

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Sum over the terms of count x cost, rounded up once."""
        return np.asarray(np.maximum(np.ceil(self._cycles(engine, op, graph, tiles)), 1), np.int64)

    def _cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.float64]:
        found = costs(engine)
        counts = work(op, graph, tiles)
        return np.asarray(sum(count * found.of(term) for term, count in counts.items()), np.float64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, NDArray[np.int64]]:
        """Cycles; activations read and written once; weights as often as they are fetched."""
        constants = constant_positions(op, graph)
        others = frozenset(range(len(op.inputs))) - constants
        counts: list[Mapping[str, NDArray[np.int64]]] = [
            {f"{engine.name}.kernel_cycle": self.cycles(engine, op, graph, tiles)},
            {f"{engine.operands}.read_bytes": loops.operand_bytes(op, graph, tiles, others)},
            {f"{engine.operands}.write_bytes": loops.output_bytes(op, graph, tiles)},
        ]
        if constants:
            memory = engine.weights or engine.operands
            counts.append({f"{memory}.read_bytes": self.fetched(engine, op, graph, tiles)})
        return loops.add_counts(counts)

    def fetched(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.int64]:
        """Bytes of constants that cross their memory for each tile, whole lines, shape (tiles,) [byte]."""
        cache = int(engine.parameters.get("cache_bytes", 0))
        line = int(engine.parameters.get("line_bytes", 16))
        return fetched_bytes(op, graph, tiles, pixels=costs(engine).pixels, cache=cache, line=line)

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """Cycles of the whole op: it is never cut."""
        return int(self.cycles(engine, op, graph, graph.space(op).whole)[0])

    def least(self, engine: Engine, op: Op, graph: Graph) -> Mapping[str, int]:
        """What the whole op takes: it is never cut."""
        return loops.least(self.actions(engine, op, graph, graph.space(op).whole))

    def peak_macs_per_cycle(self, engine: Engine) -> float:
        """Multiply-accumulates per cycle of the quickest kernel of its stack."""
        found = costs(engine)
        least = min(cost for cost in (found.product, found.vector, found.depthwise) if cost > 0)
        return 1.0 / least

    def area(self, engine: Engine) -> Mapping[str, float]:
        """One core."""
        return {"host_core": 1.0}


def costs(engine: Engine) -> Costs:
    """Cycles of each term on `engine`: the stack's, where its parameters do not say otherwise."""
    found = STACKS[str(engine.parameters["stack"])][str(engine.parameters["core"])]
    own = {term: float(engine.parameters[term]) for term in TERMS if term in engine.parameters}
    return replace(found, **own) if own else found  # type: ignore[arg-type]
