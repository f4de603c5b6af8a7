"""A MAC array that spends no cycle on a product whose activation is zero."""

from types import MappingProxyType

import numpy as np

from cosim.errors import DescriptionError
from cosim.graph import volume
from cosim.program import engine_commands, with_tiles

PRODUCTS = ("conv2d", "linear", "matmul")


class ZeroSkip:
    """`lanes` products per cycle, perfectly balanced; products with a zero activation are skipped.

    Before the values are known a tile costs all of its products; `bind` puts in what is left of them.
    """

    name = "acme_zero_skip"
    summary = "MAC lanes that skip products whose activation is zero"
    parameters = MappingProxyType({"lanes": "products per cycle"})

    def check(self, engine):
        """Positive lanes, and memories for operands and partial sums."""
        lanes = engine.parameters.get("lanes")
        if not isinstance(lanes, int) or isinstance(lanes, bool) or lanes < 1:
            raise DescriptionError(f"`lanes` is {lanes!r}", where=f"engines.{engine.name}", allowed="an integer >= 1")
        if engine.operands is None or engine.accumulators is None:
            raise DescriptionError("`operands` and `accumulators` must name memories", where=f"engines.{engine.name}")

    def refuses(self, engine, op, graph):
        """Products only, in the formats of the engine."""
        if op.kind.name not in PRODUCTS:
            return f"acme_zero_skip computes {', '.join(PRODUCTS)}, not {op.kind.name}"
        for name in (*op.inputs[:2], op.output):
            if graph.tensors[name].encoding.format not in engine.formats:
                return f"tensor {name} is {graph.tensors[name].encoding.format}, not {', '.join(engine.formats)}"
        return None

    def cuts(self, engine, op, graph):
        """Every loop but the taps."""
        return frozenset(i for i, dim in enumerate(graph.space(op).dims) if dim.name not in {"FY", "FX"})

    def cycles(self, engine, op, graph, tiles):
        """All products, as if nothing were zero."""
        return _cycles(engine, _products(op, graph, tiles))

    def actions(self, engine, op, graph, tiles):
        """Products, each operand element once, and one update of every partial sum per tile."""
        return self._actions(engine, op, graph, tiles, _products(op, graph, tiles))

    def bound(self, engine, op, graph):
        """No tiling needs fewer cycles before the values are known; afterwards one cycle per tile is left."""
        return -(-graph.space(op).macs // engine.parameters["lanes"])

    def area(self, engine):
        """One MAC unit per lane."""
        return {"mac_int8": float(engine.parameters["lanes"])}

    def bind(self, program, graph, values, hardware):
        """The same program with the cycles and products that these values leave."""
        for engine in hardware.engines.values():
            if engine.kind == self.name:
                program = self._bound(program, graph, values, hardware, engine)
        return program

    def _bound(self, program, graph, values, hardware, engine):
        mine = engine_commands(program, hardware, engine.name)
        for row, op in enumerate(graph.ops):
            commands = mine[program.op[mine] == row]
            if len(commands):
                tiles = program.boxes.boxes(program.box[commands], len(graph.space(op).dims))
                left = _left(op, graph, tiles, values[op.inputs[0]])
                cycles, actions = _cycles(engine, left), {f"{engine.name}.mac_int8": left}
                program = with_tiles(program, hardware, engine.name, commands, cycles=cycles, actions=actions)
        return program

    def _actions(self, engine, op, graph, tiles, products):
        space = graph.space(op)
        final = np.ones(len(tiles), bool)
        first = np.ones(len(tiles), bool)
        for loop in space.reductions():
            final &= tiles[:, loop, 1] == space.dims[loop].size
            first &= tiles[:, loop, 0] == 0
        sums = volume(space.output.boxes(tiles))
        reads = sum(_bytes(graph, name, access, tiles) for name, access in zip(op.inputs, space.inputs, strict=True))
        return {
            f"{engine.name}.mac_int8": products,
            f"{engine.operands}.read_bytes": reads,
            f"{engine.operands}.write_bytes": np.where(final, _bytes(graph, op.output, space.output, tiles), 0),
            f"{engine.accumulators}.read_bytes": np.where(first, 0, 4 * sums),
            f"{engine.accumulators}.write_bytes": 4 * sums,
        }


def _products(op, graph, tiles):
    return volume(tiles) * graph.space(op).macs_per_point


def _bytes(graph, name, access, tiles):
    return -(-volume(access.boxes(tiles)) * graph.tensors[name].encoding.bits // 8)


def _cycles(engine, products):
    return np.maximum(-(-products // engine.parameters["lanes"]), 1)


def _left(op, graph, tiles, codes):
    """Products of each tile whose activation is not zero, padding included among the zeros, shape (tiles,).

    An activation is used as often as the tile's loops come to its index; the loops of one axis are in no other,
    so that number is a product over the axes.
    """
    encoding = graph.tensors[op.inputs[0]].encoding
    zero = 0 if encoding.zero_point is None else int(encoding.zero_point)
    access = graph.space(op).inputs[0]
    others = sorted(set(range(len(graph.space(op).dims))) - access.loops())
    left = np.empty(len(tiles), np.int64)
    for row, tile in enumerate(tiles):
        counts = (codes != zero).astype(np.int64)
        for axis in reversed(access.axes):
            counts = counts @ _uses(axis, tile)
        left[row] = int(counts) * int(np.prod(tile[others, 1] - tile[others, 0]))
    return left


def _uses(axis, tile):
    """How often the loops of `tile` come to each index of one axis, shape (size,)."""
    index = np.array([axis.offset])
    for loop, coefficient in axis.terms:
        index = np.add.outer(index, coefficient * np.arange(*tile[loop])).reshape(-1)
    index = index[(index >= 0) & (index < axis.size)]
    return np.bincount(index, minlength=axis.size)
