"""The loops of plain and mixed products under common names, whatever op kind they come from.

N images or rows, G groups, K output channels, C input channels, OY OX pixels, FY FX taps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosim.graph import Access, Boxes, Graph, Op
from cosim_plugins.drq.ops import PREFIX, plain_kind

PRODUCTS = frozenset({"conv2d", "linear", "matmul"})
LOOPS = ("N", "G", "K", "C", "OY", "OX", "FY", "FX")

Counts = NDArray[np.int64]


def is_mixed(op: Op) -> bool:
    """Whether the first input of a product has regions."""
    return op.kind.name.startswith(PREFIX)


def name_of(kind: str, loop: str) -> str:
    """Common name of a loop of a plain product: of a matrix product (M, K, N), N is the filters and K the inputs."""
    if kind == "conv2d":
        return loop
    return {"N": "K", "K": "C"}.get(loop, "G" if kind == "matmul" and loop != "M" else "OX")


def extents(op: Op, graph: Graph, tiles: Boxes) -> Mapping[str, Counts]:
    """Extent of each loop in each tile, shape (tiles,); loops that the op lacks are 1."""
    found = {loop: np.ones(len(tiles), np.int64) for loop in LOOPS}
    for position, dim in enumerate(graph.space(op).dims):
        found[name_of(plain_kind(op.kind.name), dim.name)] *= tiles[:, position, 1] - tiles[:, position, 0]
    return found


def macs(op: Op, graph: Graph, tiles: Boxes) -> Counts:
    """Multiply-accumulates of each tile, shape (tiles,)."""
    return np.asarray(np.prod(tiles[:, :, 1] - tiles[:, :, 0], axis=1) * graph.space(op).macs_per_point, np.int64)


def is_edge(op: Op, graph: Graph, tiles: Boxes, *, last: bool) -> NDArray[np.bool_]:
    """Whether a tile begins, or is the `last` of, its reduction, shape (tiles,)."""
    space = graph.space(op)
    found = np.ones(len(tiles), np.bool_)
    for position in space.reductions():
        edge = tiles[:, position, 1] == space.dims[position].size if last else tiles[:, position, 0] == 0
        found &= edge
    return found


def stored_bytes(graph: Graph, name: str, access: Access, tiles: Boxes) -> Counts:
    """Bytes of the box of a tensor that each tile touches, shape (tiles,) [byte]."""
    return graph.tensors[name].encoding.box_bytes(access.boxes(tiles))


def window_of(op: Op) -> tuple[int, int, int, int, int, int]:
    """Strides, dilations and first pads: (sy, sx, dy, dx, top, left); of a matrix product one pixel."""
    if plain_kind(op.kind.name) != "conv2d":
        return 1, 1, 1, 1, 0, 0
    return (*op["strides"], *op["dilations"], *op["pads"][:2])


def without_filters(op: Op, graph: Graph, tiles: Boxes) -> tuple[Boxes, NDArray[np.intp]]:
    """Tiles that differ in more than their filters, which all read the same, and which of them each tile is."""
    kept = tiles.copy()
    kept[:, graph.space(op).index("N" if plain_kind(op.kind.name) != "conv2d" else "K")] = 0, 1
    distinct, which = np.unique(kept.reshape(len(kept), -1), axis=0, return_inverse=True)
    return distinct.reshape(-1, *tiles.shape[1:]), which.reshape(-1)


def read_of(op: Op, graph: Graph, mask: NDArray[np.uint8], tile: Boxes) -> tuple[NDArray[np.uint8], Boxes, int]:
    """What one filter reads in a tile: a mask (N, C, H, W), the box in it, and the channels that are summed together.

    The box has first and last + 1 of image, channel, output row, output column, tap row and tap column, shape (6, 2).
    Rows of a matrix are images of one pixel.
    """
    space = graph.space(op)
    if plain_kind(op.kind.name) != "conv2d":
        box = space.inputs[0].boxes(tile[None])[0]
        rows = mask[tuple(slice(low, high) for low, high in box[:-1].tolist())]
        image = rows.reshape(-1, mask.shape[-1], 1, 1)
        return image, np.array([[0, len(image)], box[-1], *[[0, 1]] * 4], np.int64), int(box[-1, 1] - box[-1, 0])
    n, g, c, oy, ox, fy, fx = (space.index(loop) for loop in ("N", "G", "C", "OY", "OX", "FY", "FX"))
    inner = space.dims[c].size
    channels = tile[g, 0] * inner + tile[c, 0], (tile[g, 1] - 1) * inner + tile[c, 1]
    box = np.array([tile[n], channels, tile[oy], tile[ox], tile[fy], tile[fx]], np.int64)
    return mask, box, int(tile[c, 1] - tile[c, 0])
