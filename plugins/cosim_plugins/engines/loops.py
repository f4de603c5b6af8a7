"""The loops of products (convolutions, linear layers, matrix products) under common names.

An array does not care whether a product came from a convolution or from attention. The roles are those of a
convolution: N batch, G group, K output channel, C input channel, OY OX pixels, FY FX taps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.formats import product_format
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.hardware.hardware import Engine

PRODUCTS = frozenset({"conv2d", "conv_transpose2d", "linear", "matmul"})
ROLES = ("N", "G", "K", "C", "OY", "OX", "FY", "FX")

Counts = NDArray[np.int64]


def role(kind: str, loop: str) -> str:
    """Role of the loop called `loop` in a product of this `kind`."""
    if kind.startswith("conv"):
        return loop
    if loop == "N":
        return "K"
    if loop == "K":
        return "C"
    if kind == "matmul":
        return "OX" if loop == "M" else "G"
    return "OX"


def extents(op: Op, graph: Graph, tiles: Boxes) -> dict[str, Counts]:
    """Extent of each role in each tile, shape (tiles,); roles that the op lacks are 1."""
    found = {name: np.ones(tiles.shape[0], np.int64) for name in ROLES}
    for position, dim in enumerate(graph.space(op).dims):
        found[role(op.kind.name, dim.name)] *= tiles[:, position, 1] - tiles[:, position, 0]
    return found


def macs(op: Op, graph: Graph, tiles: Boxes) -> Counts:
    """Multiply-accumulates of each tile, shape (tiles,)."""
    extent = tiles[:, :, 1] - tiles[:, :, 0]
    return np.asarray(np.prod(extent, axis=1) * graph.space(op).macs_per_point, np.int64)


def is_final(op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.bool_]:
    """Whether a tile ends its reduction (and so writes codes, not accumulators), shape (tiles,)."""
    space = graph.space(op)
    final = np.ones(tiles.shape[0], np.bool_)
    for position in space.reductions():
        final &= tiles[:, position, 1] == space.dims[position].size
    return final


def is_first(op: Op, graph: Graph, tiles: Boxes) -> NDArray[np.bool_]:
    """Whether a tile begins its reduction, shape (tiles,)."""
    first = np.ones(tiles.shape[0], np.bool_)
    for position in graph.space(op).reductions():
        first &= tiles[:, position, 0] == 0
    return first


def formats_refused(op: Op, graph: Graph, formats: tuple[str, ...], operands: int) -> str | None:
    """Why the formats of the first `operands` inputs and of the output do not suit, or None."""
    for name in (*op.inputs[:operands], op.output):
        code = graph.tensors[name].encoding.format
        if code not in formats:
            return f"tensor {name} is {code}, the engine computes on {', '.join(formats) or 'nothing'}"
    return None


def kept_positions(engine: Engine, op: Op, graph: Graph) -> frozenset[int]:
    """Positions of the operands that `engine` reads from a weight memory of its own: constants, but never the first."""
    if engine.weights is None:
        return frozenset()
    return frozenset(i for i, name in enumerate(op.inputs) if i and name in graph.constants)


def operand_bytes(op: Op, graph: Graph, tiles: Boxes, positions: Collection[int] | None = None) -> Counts:
    """Bytes of the operand boxes of each tile (of all, or of those at `positions`), each element once, shape (tiles,) [byte].

    A gather reads only the rows that it copies, not its whole table.
    """
    space = graph.space(op)
    total = np.zeros(tiles.shape[0], np.int64)
    for position, (name, access) in enumerate(zip(op.inputs, space.inputs, strict=True)):
        if positions is not None and position not in positions:
            continue
        if op.kind.name == "gather" and position == 0:
            total += output_bytes(op, graph, tiles)
        else:
            total += graph.tensors[name].encoding.box_bytes(access.boxes(tiles))
    return total


def output_bytes(op: Op, graph: Graph, tiles: Boxes) -> Counts:
    """Bytes of the output box of each tile, shape (tiles,) [byte]."""
    return graph.tensors[op.output].encoding.box_bytes(graph.space(op).output.boxes(tiles))


def product_name(op: Op, graph: Graph) -> str:
    """Name of the products of the first two operands in actions: ``"int8"``, or ``"int8xint4"`` where they differ."""
    one, other = (graph.tensors[name].encoding for name in op.inputs[:2])
    return product_format(one, other)


def add_counts(parts: list[Mapping[str, Counts]]) -> dict[str, Counts]:
    """Sum of action tables that may share keys."""
    total: dict[str, Counts] = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total[name] + count if name in total else count
    return total


def least(counts: Mapping[str, Counts], **known: int) -> dict[str, int]:
    """Counts of one tile, the whole op, as plain numbers; `known` replaces those of some verbs (``"array_cycle"``)."""
    found = {name: int(count[0]) for name, count in counts.items()}
    for verb, count in known.items():
        found |= {name: count for name in found if name.partition(".")[2].startswith(verb)}
    return found
