"""duo_array: dot products of duo5 numbers, `terms` products of `outputs` sums in a cycle."""

from types import MappingProxyType

import numpy as np

from cosim.errors import DescriptionError
from cosim.graph import volume

PRODUCTS = ("conv2d", "linear", "matmul")


class DuoArray:
    """Multiplies three bits by three, shifts by 0, 3 or 6, and adds the products of a sum in one exact tree.

    The reduction of a tile (channels and taps alike) is one long dot product, cut into blocks of `terms`. Weights of a
    block stay in the array while pixels stream past; each block reads and writes the partial sums.
    """

    name = "duo_array"
    summary = "dot products of two-scale integers: 3x3 multipliers and shifters before one tree per output"
    parameters = MappingProxyType({"outputs": "sums formed at once", "terms": "products per sum and cycle"})

    def check(self, engine):
        for key in self.parameters:
            if not isinstance(engine.parameters.get(key), int) or engine.parameters[key] < 1:
                raise DescriptionError(f"`{key}` is no integer >= 1", where=f"engines.{engine.name}")

    def refuses(self, engine, op, graph):
        if op.kind.name not in PRODUCTS:
            return f"duo_array computes {', '.join(PRODUCTS)}, not {op.kind.name}"
        formats = {graph.tensors[name].encoding.format for name in (*op.inputs[:2], op.output)}
        return f"it computes on {engine.formats}, not {formats}" if formats - set(engine.formats) else None

    def cuts(self, engine, op, graph):
        return frozenset(range(len(graph.space(op).dims)))

    def cycles(self, engine, op, graph, tiles):
        outputs, terms = _extents(op, graph, tiles)
        return -(-outputs // engine.parameters["outputs"]) * -(-terms // engine.parameters["terms"])

    def bound(self, engine, op, graph):
        return int(self.cycles(engine, op, graph, graph.space(op).whole)[0])  # a cut never makes ceilings smaller

    def actions(self, engine, op, graph, tiles):
        space = graph.space(op)
        outputs, terms = _extents(op, graph, tiles)
        first, last = (_at_end(space, tiles, end) for end in (0, 1))
        blocks = -(-terms // engine.parameters["terms"])
        bits = graph.tensors[op.inputs[0]].encoding.bits
        streamed = -(-outputs // engine.parameters["outputs"]) * terms * bits // 8  # one input serves all outputs
        reads = np.maximum(streamed, _bytes(graph, op.inputs[:1], space.inputs, tiles))
        return {
            f"{engine.name}.mac_duo5": outputs * terms,
            f"{engine.operands}.read_bytes": reads + _bytes(graph, op.inputs[1:], space.inputs[1:], tiles),
            f"{engine.operands}.write_bytes": np.where(last, _bytes(graph, [op.output], [space.output], tiles), 0),
            f"{engine.accumulators}.read_bytes": 4 * outputs * (blocks - first + last),
            f"{engine.accumulators}.write_bytes": 4 * outputs * blocks,
        }

    def area(self, engine):
        return {"mac_duo5": float(engine.parameters["outputs"] * engine.parameters["terms"])}


def _extents(op, graph, tiles):
    """Outputs of each tile, and products that each of them sums, both (tiles,)."""
    sums = list(graph.space(op).reductions())
    terms = volume(tiles[:, sums])
    return volume(tiles) // terms, terms


def _at_end(space, tiles, end):
    """Whether a tile begins (0) or ends (1) its reduction, (tiles,)."""
    whole = space.whole[0, :, end]
    return np.all([tiles[:, loop, end] == whole[loop] for loop in space.reductions()], axis=0)


def _bytes(graph, names, accesses, tiles):
    return sum(graph.tensors[n].encoding.box_bytes(a.boxes(tiles)) for n, a in zip(names, accesses, strict=False))
