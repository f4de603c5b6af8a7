"""What the kernels of a microcontroller do for an op, counted: products, results, copies, and bytes of weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim_plugins.engines import loops

Counts = NDArray[np.int64]

# Ops that compare, add or copy elements without rescaling each: a step per element that they touch.
MOVES = frozenset({"max_pool2d", "avg_pool2d", "reduce_mean", "reduce_sum", "reduce_max", "reduce_min", "gather"})
MOVES |= {"concat", "slice", "pad", "transpose", "broadcast_to", "resize"}
MOVES |= {"relu", "relu6", "clip", "maximum", "minimum", "identity", "neg", "abs"}
# Results that are rescaled more than once. Derived: both operands and the result of an addition (three); a softmax takes
# a maximum, an exponential out of a table with a sum, and a division (four).
RESCALED: Mapping[str, int] = {"add": 3, "sub": 3, "softmax": 4, "log_softmax": 5, "layer_norm": 4, "batch_norm": 2}


def is_depthwise(op: Op, graph: Graph) -> bool:
    """Whether each result of a convolution is a sum over taps of one channel."""
    return op.kind.name.startswith("conv") and graph.tensors[op.inputs[1]].shape[1] == 1 and int(op["groups"]) > 1


def work(op: Op, graph: Graph, tiles: Boxes) -> dict[str, Counts]:
    """Counts of each term (`core_stacks.TERMS`) in each tile, shape (tiles,) each."""
    outputs = _volume(graph.space(op).output.boxes(tiles))
    if op.kind.name not in loops.PRODUCTS:
        return _other_work(op, tiles, outputs)
    macs, extent = loops.macs(op, graph, tiles), loops.extents(op, graph, tiles)
    pixels = extent["N"] * extent["OY"] * extent["OX"]
    found = {"output": np.where(loops.is_final(op, graph, tiles), outputs, 0)}
    if op.kind.name.startswith("conv") and is_depthwise(op, graph):
        return found | {"depthwise": macs}
    single = pixels == 1
    columns = pixels * extent["G"] * extent["C"] * extent["FY"] * extent["FX"]
    return found | {
        "product": np.where(single, 0, macs),
        "vector": np.where(single, macs, 0),
        "column": np.where(single, 0, columns),
    }


def _other_work(op: Op, tiles: Boxes, outputs: Counts) -> dict[str, Counts]:
    points = np.prod(tiles[:, :, 1] - tiles[:, :, 0], axis=1)
    if op.kind.name in MOVES:
        return {"step": np.asarray(np.maximum(points, outputs), np.int64)}
    return {"element": outputs * RESCALED.get(op.kind.name, 1)}


def constant_positions(op: Op, graph: Graph) -> frozenset[int]:
    """Positions of the operands whose bytes are constants'."""
    return frozenset(i for i, name in enumerate(op.inputs) if _is_constant(graph, name))


def fetched_bytes(op: Op, graph: Graph, tiles: Boxes, *, pixels: int, cache: int, line: int) -> Counts:
    """Bytes of constants that are fetched for each tile, shape (tiles,) [byte].

    A sweep over the weights is followed by the next one over the same weights. Its reuse distance is their size: what
    fits `cache` is fetched once, anything larger is gone again when it is needed, if the oldest line is replaced first
    (cyclic access; Smith and Goodman 1985, doi:10.1109/TC.1985.1676564). A sweep serves `pixels` pixels of the output;
    0: all of them.
    """
    once = loops.operand_bytes(op, graph, tiles, constant_positions(op, graph))
    lines = -(-once // line) * line
    if not pixels or op.kind.name not in loops.PRODUCTS or is_depthwise(op, graph):
        return lines
    extent = loops.extents(op, graph, tiles)
    sweeps = -(-(extent["N"] * extent["OY"] * extent["OX"]) // pixels)
    return np.where(once <= cache, lines, lines * sweeps)


def _is_constant(graph: Graph, name: str) -> bool:
    while name in graph.producer and graph.producer[name].kind.is_view:
        name = graph.producer[name].inputs[0]
    return name in graph.constants


def _volume(boxes: NDArray[np.int64]) -> Counts:
    return np.asarray(np.prod(boxes[..., 1] - boxes[..., 0], axis=1), np.int64)
