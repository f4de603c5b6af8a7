"""Converters: operators that move elements, and those that only ask for a shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from cosim.frontend.lowering import Value, known, real_number, view
from cosim.frontend.onnx.node import Converter, Node


def concat(node: Node) -> Value:
    """Concat."""
    return view.concat(node.low, node.present(), int(node.get("axis", 1)))


def split(node: Node) -> Sequence[Value]:
    """Split into given sizes, or into equal parts of which the last may be smaller."""
    x = node[0]
    axis = view.positive_axis(node.low, int(node.get("axis", 0)), x.rank)
    sizes = node.list(1, "split", "sizes")
    if sizes is None:
        parts = int(node.get("num_outputs", len(node.outputs)))
        whole = math.ceil(x.shape[axis] / parts)
        sizes = tuple(min(whole, x.shape[axis] - start * whole) for start in range(parts))
    return view.split(node.low, x, axis, sizes)


def slice_of(node: Node) -> Value:
    """Slice with any starts, ends and steps; a negative step becomes a gather."""
    x, low = node[0], node.low
    starts, ends = node.list(1, "starts", "starts") or (), node.list(2, "ends", "ends") or ()
    axes = node.list(3, "axes", "axes") or tuple(range(len(starts)))
    steps = node.list(4, "steps", "steps") or (1,) * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        x = view.cut(low, x, axis, start, end, step)
    return x


def pad(node: Node) -> Value:
    """Pad by a constant, or by repeating elements (reflect, edge, wrap)."""
    x = node[0]
    node.only("mode", ("constant", "reflect", "edge", "wrap"), "constant")
    amounts = node.list(1, "pads", "padding") or ()
    value = float(node.get("value", _padding(node, x)))
    axes = node.list(3, "axes", "axes") or tuple(range(x.rank))
    pairs = [(0, 0)] * x.rank
    for position, axis in enumerate(axes):
        pairs[axis % x.rank] = (amounts[position], amounts[position + len(axes)])
    return view.pad(node.low, x, pairs, value, node.get("mode", "constant"))


def _padding(node: Node, x: Value) -> float:
    """Padding value [real]; models on codes give it as a code."""
    held = node.optional(2)
    if (
        held is not None
        and x.is_coded
        and held.codes is None
        and held.array is not None
        and held.array.dtype.kind in "iu"
    ):
        return real_number(held.array, x.encoding)
    return node.number(2, "a padding value", 0.0)


def transpose(node: Node) -> Value:
    """Transpose; without a permutation the axes are reversed."""
    return view.transpose(node.low, node[0], node.integers("perm", range(node[0].rank)[::-1]))


def reshape(node: Node) -> Value:
    """Reshape: 0 keeps an extent, -1 takes the rest."""
    x = node[0]
    wanted = node.list(1, "shape", "a shape") or ()
    keeps_zero = bool(node.get("allowzero", 0))
    shape = tuple(
        x.shape[i] if extent == 0 and not keeps_zero and i < x.rank else extent for i, extent in enumerate(wanted)
    )
    return view.reshape(node.low, x, shape)


def flatten(node: Node) -> Value:
    """Flatten to two axes at `axis`."""
    x, axis = node[0], int(node.get("axis", 1))
    axis += x.rank if axis < 0 else 0
    return view.reshape(node.low, x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def squeeze(node: Node) -> Value:
    """Squeeze: axes of extent 1 disappear."""
    x = node[0]
    axes = node.list(1, "axes", "axes")
    if axes is None:
        gone = {axis for axis, extent in enumerate(x.shape) if extent == 1}
    else:
        gone = {view.positive_axis(node.low, axis, x.rank) for axis in axes}
    return view.reshape(node.low, x, tuple(extent for axis, extent in enumerate(x.shape) if axis not in gone))


def unsqueeze(node: Node) -> Value:
    """Unsqueeze: axes of extent 1 appear."""
    x = node[0]
    axes = node.list(1, "axes", "axes") or ()
    rank = x.rank + len(axes)
    new = {view.positive_axis(node.low, axis, rank) for axis in axes}
    extents = iter(x.shape)
    return view.reshape(node.low, x, tuple(1 if axis in new else next(extents) for axis in range(rank)))


def expand(node: Node) -> Value:
    """Expand: both shapes broadcast."""
    x = node[0]
    return view.broadcast(node.low, x, np.broadcast_shapes(x.shape, node.list(1, "", "a shape") or ()))


def tile(node: Node) -> Value:
    """Tile."""
    return view.tile(node.low, node[0], node.list(1, "repeats", "repeats") or ())


def gather(node: Node) -> Value:
    """Gather."""
    return view.gather(node.low, node[0], node[1], int(node.get("axis", 0)))


def shape_of(node: Node) -> Value:
    """Shape: known before the network runs."""
    extents = node[0].shape[slice(node.get("start", 0), node.get("end"))]
    return known(np.array(extents, np.int64))


def size_of(node: Node) -> Value:
    """Size: known before the network runs."""
    return known(np.array(math.prod(node[0].shape), np.int64))


def constant_of_shape(node: Node) -> Value:
    """ConstantOfShape whose shape is not constant: refused with the reason."""
    node.array(0, "a shape")
    return node[0]


def depth_to_space(node: Node) -> Value:
    """DepthToSpace: (N, C b b, H, W) -> (N, C, H b, W b)."""
    x, low, block = node[0], node.low, int(node.get("blocksize", 1))
    n, channels, height, width = x.shape
    depth = channels // (block * block)
    if node.get("mode", "DCR") == "DCR":
        parts = view.reshape(low, x, (n, block, block, depth, height, width))
        moved = view.transpose(low, parts, (0, 3, 4, 1, 5, 2))
    else:
        parts = view.reshape(low, x, (n, depth, block, block, height, width))
        moved = view.transpose(low, parts, (0, 1, 4, 2, 5, 3))
    return view.reshape(low, moved, (n, depth, height * block, width * block))


def space_to_depth(node: Node) -> Value:
    """SpaceToDepth: (N, C, H b, W b) -> (N, C b b, H, W)."""
    x, low, block = node[0], node.low, int(node.get("blocksize", 1))
    n, depth, height, width = x.shape
    parts = view.reshape(low, x, (n, depth, height // block, block, width // block, block))
    moved = view.transpose(low, parts, (0, 3, 5, 1, 2, 4))
    return view.reshape(low, moved, (n, depth * block * block, height // block, width // block))


CONVERTERS: Mapping[str, Converter] = {
    "Concat": concat,
    "Split": split,
    "Slice": slice_of,
    "Pad": pad,
    "Transpose": transpose,
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Expand": expand,
    "Tile": tile,
    "Gather": gather,
    "Shape": shape_of,
    "Size": size_of,
    "ConstantOfShape": constant_of_shape,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}
