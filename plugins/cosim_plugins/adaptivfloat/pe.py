"""The processing elements of the paper as engine kinds: HFINT for AdaptivFloat operands, INT for integers.

Source: Tambe et al., DAC 2020, doi:10.1109/DAC18072.2020.9218516, section 5; the states of the controller and the
instructions of the activation unit are those of FlexASR, github.com/harvard-acc/FlexASR (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.graph import Boxes, Graph, Op
from cosim.hardware import Engine
from cosim_plugins.engines import loops

Counts = NDArray[np.int64]

# What the activation unit has an instruction for, or moves about; layer normalisation and softmax are left to others.
FUNCTIONS = frozenset({"add", "sub", "mul", "sigmoid", "tanh", "relu", "neg", "identity", "requantize"})
MOVES = frozenset({"slice", "concat", "reshape", "transpose", "broadcast_to", "pad"})


class ProcessingElements:
    """Several elements that work on equal shares of the outputs in step, with a bus to the global buffer.

    An element has K lanes; each adds K products per cycle to one output, whose weights stay in the element's memory.
    An output vector of K lanes takes ceil(terms / K) cycles per tap, and `overhead` more in which the controller
    prepares, adds biases and writes. Operands that are no constants are broadcast to all elements over the bus first,
    and before that collected from the elements that computed them.

    The activation unit of an element works on vectors of K, `instructions` per element-wise op (one where values only
    move). Products and activations of one element do not overlap: the next product needs what the last one gave.

    Partial sums stay in the lanes, so sums are never cut. All slots of an element are clocked in every cycle, used or
    not: that is the activity at which the paper's energy per operation and its table 4 agree.
    """

    parameters: Mapping[str, str] = {
        "elements": "processing elements",
        "size": "K: lanes of an element, and products that each adds in a cycle",
        "overhead": "cycles per output vector beside its products",
        "instructions": "instructions of the activation unit per element-wise op and vector",
        "bus": "bytes per cycle between an element and the global buffer [byte]",
    }
    name = ""
    summary = ""
    family = ""

    def check(self, engine: Engine) -> None:
        """Positive counts, a memory, and one format of the family."""
        where = f"engines.{engine.name}"
        for key in self.parameters:
            value, least = engine.parameters.get(key), 0 if key == "overhead" else 1
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed=f"an integer >= {least}")
        if engine.operands is None:
            raise DescriptionError("`operands` must name a memory", where=where)
        if len(engine.formats) != 1 or not engine.formats[0].startswith(self.family):
            found = ", ".join(engine.formats) or "nothing"
            raise DescriptionError(f"computes on {found}", where=where, allowed=f"one format, {self.family}...")

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Anything but products, element-wise functions that have an instruction, and moves, all in its format."""
        kind = op.kind.name
        if kind in loops.PRODUCTS:
            return loops.formats_refused(op, graph, engine.formats, operands=2)
        if kind not in FUNCTIONS | MOVES:
            return f"its activation unit has no instruction for {kind}"
        return loops.formats_refused(op, graph, engine.formats, operands=len(op.inputs))

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop but sums, which stay in the lanes."""
        space = graph.space(op)
        return frozenset(range(len(space.dims))) - set(space.reductions())

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Counts:
        """Cycles of the bus, then those of the lanes or of the activation unit."""
        if op.kind.name in loops.PRODUCTS:
            return self._bus(engine, op, graph, tiles) + self._products(engine, op, graph, tiles)
        return self._functions(engine, op, tiles)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, Counts]:
        """Clocked slots, and each operand byte once."""
        slots = int(engine.parameters["elements"]) * int(engine.parameters["size"]) ** 2
        return {
            f"{engine.name}.pe_cycle_{self._unit(engine)}": self.cycles(engine, op, graph, tiles) * slots,
            f"{engine.operands}.read_bytes": loops.operand_bytes(op, graph, tiles),
            f"{engine.operands}.write_bytes": loops.output_bytes(op, graph, tiles),
        }

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """The lanes alone on the whole op: cutting loops never lowers a sum of roundings up."""
        whole = graph.space(op).whole
        if op.kind.name in loops.PRODUCTS:
            return int(self._products(engine, op, graph, whole)[0])
        return int(self._functions(engine, op, whole)[0])

    def area(self, engine: Engine) -> Mapping[str, float]:
        """Slots: one multiply-accumulate per cycle with its share of the element, memories not included."""
        slots = int(engine.parameters["elements"]) * int(engine.parameters["size"]) ** 2
        return {f"pe_{self._unit(engine)}": float(slots)}

    def macs_per_cycle(self, engine: Engine) -> int:
        """Multiply-accumulates per cycle."""
        return int(engine.parameters["elements"]) * int(engine.parameters["size"]) ** 2

    def _unit(self, engine: Engine) -> str:
        """What technologies price: the format and K, for instance ``int8_k16``."""
        return f"{engine.formats[0]}_k{engine.parameters['size']}"

    def _products(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Counts:
        extent, size = loops.extents(op, graph, tiles), int(engine.parameters["size"])
        pixels = extent["N"] * extent["G"] * extent["OY"] * extent["OX"]
        vectors = pixels * -(-extent["K"] // (int(engine.parameters["elements"]) * size))
        terms = extent["FY"] * extent["FX"] * -(-extent["C"] // size)
        return np.asarray(vectors * (terms + int(engine.parameters["overhead"])), np.int64)

    def _bus(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Counts:
        total = np.zeros(len(tiles), np.int64)
        for position, name in enumerate(op.inputs[:2]):
            if name not in graph.constants:
                n_bytes = loops.operand_bytes(op, graph, tiles, {position})
                trips = 2 if _is_computed(graph, name) else 1
                total += trips * -(-n_bytes // int(engine.parameters["bus"]))
        return total

    def _functions(self, engine: Engine, op: Op, tiles: Boxes) -> Counts:
        points = np.prod(tiles[:, :, 1] - tiles[:, :, 0], axis=1)
        vectors = -(-points // (int(engine.parameters["elements"]) * int(engine.parameters["size"])))
        times = 1 if op.kind.name in MOVES else int(engine.parameters["instructions"])
        return np.maximum(np.asarray(vectors * times, np.int64), 1)


def _is_computed(graph: Graph, name: str) -> bool:
    """Whether a tensor, or the one that it is a view of, comes from an op."""
    while name in graph.producer and graph.producer[name].kind.is_view:
        name = graph.producer[name].inputs[0]
    return name in graph.producer


class HfintPe(ProcessingElements):
    """Elements that multiply significands, shift by exponents and add integers: the hybrid float-integer element."""

    name = "hfint_pe"
    summary = "processing elements of K x K products of AdaptivFloat numbers, summed as integers (HFINT)"
    family = "adaptivfloat"


class IntPe(ProcessingElements):
    """Elements that multiply and add integers and scale the sum: the paper's baseline."""

    name = "int_pe"
    summary = "processing elements of K x K products of integers, the baseline of HFINT"
    family = "int"
