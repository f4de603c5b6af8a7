"""`SynapseArray`: multipliers that read a weight per product, all of them or only those that are not zero."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.graph import Boxes, Graph, Op
from cosim.hardware import Engine, Hardware
from cosim.program import Program, engine_commands, with_tiles
from cosim_plugins.engines import loops
from cosim_plugins.smartexchange.pruning import INDEX_BITS, Pruned

Counts = NDArray[np.int64]
OPS = ("conv2d", "linear")


class SynapseArray:
    """`filters` neurons at a time, `synapses` products of each per cycle; every product reads its weight.

    Dense, it is an array after DianNao (Chen et al., ASPLOS 2014, doi:10.1145/2541940.2541967); with `skip_zeros` each
    neuron takes its next weights that are not zero, and all wait for the one with most of them, after Cambricon-X
    (Zhang et al., MICRO 2016, doi:10.1109/MICRO.2016.7783723). Partial sums stay in registers. Depthwise, neurons
    are channels and the taps of a kernel are synapses (assumed).
    """

    name = "synapse_array"
    summary = "multipliers that read a weight per product, zeros left out or not"
    parameters: Mapping[str, str] = {
        "filters": "output channels at a time",
        "synapses": "products of one output channel per cycle",
        "skip_zeros": "weights of zero take no time (default false)",
    }

    def check(self, engine: Engine) -> None:
        """Positive sizes and an operand memory."""
        where = f"engines.{engine.name}"
        for key in ("filters", "synapses"):
            value = engine.parameters.get(key)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise DescriptionError(f"`{key}` is {value!r}", where=where, allowed="an integer >= 1")
        if not isinstance(engine.parameters.get("skip_zeros", False), bool):
            raise DescriptionError("`skip_zeros` is no truth value", where=where, allowed="true, false")
        if engine.operands is None:
            raise DescriptionError("`operands` must name a memory", where=where)

    def refuses(self, engine: Engine, op: Op, graph: Graph) -> str | None:
        """Convolutions and linear layers with constant weights, in the formats of the engine."""
        if op.kind.name not in OPS:
            return f"it computes {' and '.join(OPS)}, not {op.kind.name}"
        if op.inputs[1] not in graph.constants:
            return f"the weights of {op.name} are no constant"
        return loops.formats_refused(op, graph, engine.formats, operands=2)

    def cuts(self, engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
        """Every loop but the reductions."""
        reductions = graph.space(op).reductions()
        return frozenset(i for i in range(len(graph.space(op).dims)) if i not in reductions)

    def cycles(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Counts:
        """Cycles if no weight is zero."""
        e = loops.extents(op, graph, tiles)
        taps = e["FY"] * e["FX"]
        synapses = int(engine.parameters["synapses"])
        if _is_depthwise(op, graph) or engine.parameters.get("skip_zeros", False):
            blocks = -(-e["C"] * taps // synapses)
        else:
            blocks = -(-e["C"] // synapses) * taps  # tap after tap, channels side by side
        return np.asarray(_groups(engine, op, graph, e) * _pixels(e) * blocks, np.int64)

    def actions(self, engine: Engine, op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, Counts]:
        """Products, clocked cycles and bytes if no weight is zero."""
        macs = loops.macs(op, graph, tiles)
        return self._actions(engine, op, graph, tiles, self.cycles(engine, op, graph, tiles), macs)

    def bound(self, engine: Engine, op: Op, graph: Graph) -> int:
        """Cycles of the whole op, or what is left where all weights are zero: a cycle per pixel and set of neurons."""
        whole = graph.space(op).whole
        if engine.parameters.get("skip_zeros", False):
            extent = loops.extents(op, graph, whole)
            return int(_groups(engine, op, graph, extent)[0] * _pixels(extent)[0])
        return int(self.cycles(engine, op, graph, whole)[0])

    def area(self, engine: Engine) -> Mapping[str, float]:
        """Multiply-accumulators."""
        return {"mac_int8": float(engine.parameters["filters"] * engine.parameters["synapses"])}

    def bind(
        self, program: Program, graph: Graph, values: Mapping[str, NDArray[np.generic]], hardware: Hardware
    ) -> Program:
        """The same program with the cycles and products of the weights that are not zero."""
        for engine in hardware.engines.values():
            if engine.kind != self.name or not engine.parameters.get("skip_zeros", False):
                continue
            mine = engine_commands(program, hardware, engine.name)
            for row in np.unique(program.op[mine]):
                op = graph.ops[int(row)]
                commands = mine[program.op[mine] == row]
                tiles = program.boxes.boxes(program.box[commands], len(graph.space(op).dims))
                cycles, macs = _left(engine, op, graph, tiles, _nonzero(op, graph, values))
                actions = self._actions(engine, op, graph, tiles, cycles, macs)
                program = with_tiles(program, hardware, engine.name, commands, cycles=cycles, actions=actions)
        return program

    def _actions(
        self, engine: Engine, op: Op, graph: Graph, tiles: Boxes, cycles: Counts, macs: Counts
    ) -> dict[str, Counts]:
        e = loops.extents(op, graph, tiles)
        units = int(engine.parameters["filters"]) * int(engine.parameters["synapses"])
        depthwise = _is_depthwise(op, graph)
        inputs = (e["G"] if depthwise else _groups(engine, op, graph, e)) * _pixels(e) * e["C"] * e["FY"] * e["FX"]
        others = loops.operand_bytes(op, graph, tiles, range(2, len(op.inputs)))
        read = macs * 8
        if engine.parameters.get("skip_zeros", False):
            read = read + loops.macs(op, graph, tiles) * INDEX_BITS
        counts = {
            f"{engine.name}.mac_{loops.product_name(op, graph)}": macs,
            f"{engine.name}.array_cycle_{graph.tensors[op.inputs[0]].encoding.format}": cycles * units,
            f"{engine.operands}.read_bytes": inputs + others,
            f"{engine.operands}.write_bytes": loops.output_bytes(op, graph, tiles),
        }
        return loops.add_counts([counts, {f"{engine.weights or engine.operands}.read_bytes": -(-read // 8)}])


def _is_depthwise(op: Op, graph: Graph) -> bool:
    e = loops.extents(op, graph, graph.space(op).whole)
    return int(e["G"][0]) > 1 and int(e["C"][0]) == 1 and int(e["K"][0]) == 1


def _groups(engine: Engine, op: Op, graph: Graph, e: Mapping[str, Counts]) -> Counts:
    """How often the neurons are filled anew, shape (tiles,)."""
    filters = int(engine.parameters["filters"])
    if _is_depthwise(op, graph):
        return np.asarray(-(-e["G"] // filters), np.int64)
    return np.asarray(e["G"] * -(-e["K"] // filters), np.int64)


def _pixels(e: Mapping[str, Counts]) -> Counts:
    return np.asarray(e["N"] * e["OY"] * e["OX"], np.int64)


def _nonzero(op: Op, graph: Graph, values: Mapping[str, NDArray[np.generic]]) -> Counts:
    """Weights of each output channel that are not zero, shape (channels,)."""
    name = op.inputs[1]
    known = graph.constants[name]
    if isinstance(known, Pruned):
        return known.nonzero
    codes = values[name]
    zero = graph.tensors[name].encoding.zero_point
    shifted = codes if zero is None else codes != np.reshape(zero, (-1, *(1,) * (codes.ndim - 1)))
    return np.asarray(np.count_nonzero(shifted.reshape(len(codes), -1), axis=1), np.int64)


def _left(engine: Engine, op: Op, graph: Graph, tiles: Boxes, nonzero: Counts) -> tuple[Counts, Counts]:
    """Cycles and products that are left of each tile, shape (tiles,) each."""
    filters, synapses = int(engine.parameters["filters"]), int(engine.parameters["synapses"])
    e = loops.extents(op, graph, tiles)
    names = [dim.name for dim in graph.space(op).dims]
    per_group = len(nonzero) // int(op["groups"]) if op.kind.name == "conv2d" else len(nonzero)
    cycles, macs = np.empty(len(tiles), np.int64), np.empty(len(tiles), np.int64)
    for i, tile in enumerate(tiles):
        span = dict(zip(names, tile.tolist(), strict=True))
        channel = span["N"] if op.kind.name == "linear" else span["K"]
        groups = span.get("G", [0, 1])
        if _is_depthwise(op, graph):
            channel, groups = groups, [0, 1]
        work = 0
        count = 0
        for group in range(*groups):
            mine = nonzero[group * per_group + channel[0] : group * per_group + channel[1]]
            blocks = np.maximum(-(-mine // synapses), 1)
            work += int(np.maximum.reduceat(blocks, np.arange(0, len(blocks), filters)).sum())
            count += int(mine.sum())
        pixels = int(_pixels(e)[i])
        cycles[i], macs[i] = work * pixels, count * pixels
    return cycles, macs
