"""Converters: operators that move elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend.lowering import Value, real_number, view
from cosim.frontend.tflite.elementwise import aligned, axis_of
from cosim.frontend.tflite.node import FROM_IMAGE, IMAGE_AXIS, Converter, Laid, Node, ordered


def reshape(node: Node) -> Laid:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the shape of the output says it all."""
    return Laid(view.reshape(node.low, node.plain(0), node.outputs[0].shape))


def transpose(node: Node) -> Laid:
    """TRANSPOSE."""
    order = node.integers(1, "a permutation")
    if sorted(order) != list(range(len(node[0].shape))):
        raise DescriptionError(f"permutation {order} of {node[0].shape}", where=node.low.place())
    if node[0].is_image:  # one step instead of two
        return Laid(ordered(node.low, node[0].value, tuple(IMAGE_AXIS[axis] for axis in order)))
    return Laid(ordered(node.low, node.plain(0), order))


def concatenation(node: Node) -> Laid:
    """CONCATENATION along one axis."""
    parts, is_image = aligned(node)
    if node.option(1, "b"):
        raise UnsupportedError("CONCATENATION with an activation", where=node.low.place(), allowed="none")
    axis = axis_of(node, int(node.option(0, "i")), parts[0].rank, is_image=is_image)
    return Laid(view.concat(node.low, parts, axis), is_image)


def pad(node: Node) -> Laid:
    """PAD with zeros, PADV2 with a given value."""
    x = node[0]
    value = 0.0
    if node.has(2):
        held = node.array(2, "a padding value")
        coded_value = node[2].value
        value = float(held.reshape(-1)[0])
        if coded_value.codes is None and x.value.is_coded:
            value = real_number(held, x.value.encoding)
    return Laid(view.pad(node.low, x.value, _pads(node), value), x.is_image)


def mirror_pad(node: Node) -> Laid:
    """MIRROR_PAD: reflect (mode 0) or symmetric (mode 1)."""
    mode = int(node.option(0, "b"))
    node.only("mode", mode, {0: "REFLECT", 1: "SYMMETRIC"})
    padded = view.pad(node.low, node[0].value, _pads(node), mode=("reflect", "symmetric")[mode])
    return Laid(padded, node[0].is_image)


def _pads(node: Node) -> list[tuple[int, int]]:
    rank = len(node[0].shape)
    amounts = node.array(1, "padding").reshape(-1, 2)
    if len(amounts) != rank or amounts.min(initial=0) < 0:
        raise DescriptionError(
            f"padding {amounts.tolist()} of {node[0].shape}", where=node.low.place(), allowed="two per axis, >= 0"
        )
    order = FROM_IMAGE if node[0].is_image else tuple(range(rank))
    pads = [(0, 0)] * rank
    for axis, (before, after) in enumerate(amounts.tolist()):
        pads[IMAGE_AXIS[axis] if order == FROM_IMAGE else axis] = (before, after)
    return pads


def strided_slice(node: Node) -> Laid:
    """STRIDED_SLICE with any begins, ends, strides and masks but ellipsis and new axes."""
    if node.option(2, "i") or node.option(3, "i"):
        raise UnsupportedError(
            "STRIDED_SLICE with ellipsis or new axes", where=node.low.place(), allowed="plain slices"
        )
    begin, end, shrink = (int(node.option(slot, "i")) for slot in (0, 1, 4))
    starts, stops, steps = (node.integers(at, what) for at, what in ((1, "begins"), (2, "ends"), (3, "strides")))
    x, value = node[0], node[0].value
    for i, (start, stop, step) in enumerate(zip(starts, stops, steps, strict=True)):
        extent = x.shape[i]
        if shrink >> i & 1:
            start, stop, step = start % extent, start % extent + 1, 1  # noqa: PLW2901 - one element
        picked = range(extent)[slice(None if begin >> i & 1 else start, None if end >> i & 1 else stop, step)]
        if len(picked) == 0:
            raise DescriptionError(f"slice of axis {i} of {x.shape} is empty", where=node.low.place())
        value = view.pick(node.low, value, _axis(node, i), np.array(picked, np.int64))
    y = Laid(value, x.is_image)
    return y if not shrink else Laid(view.reshape(node.low, _plain(node, y), node.outputs[0].shape))


def slice_of(node: Node) -> Laid:
    """SLICE: begins and sizes (-1: the rest)."""
    x, value = node[0], node[0].value
    for i, (start, size) in enumerate(zip(node.integers(1, "begins"), node.integers(2, "sizes"), strict=True)):
        stop = x.shape[i] if size == -1 else start + size
        value = view.cut(node.low, value, _axis(node, i), start, stop)
    return Laid(value, x.is_image)


def split(node: Node) -> Sequence[Laid]:
    """SPLIT (axis, x) into equal parts."""
    x, count = node[1], len(node.outputs)
    axis = view.positive_axis(node.low, node.integers(0, "an axis")[0], len(x.shape))
    sizes = [x.shape[axis] // count] * count
    return _split(node, x, axis, sizes)


def split_v(node: Node) -> Sequence[Laid]:
    """SPLIT_V (x, sizes, axis)."""
    x = node[0]
    axis = view.positive_axis(node.low, node.integers(2, "an axis")[0], len(x.shape))
    sizes = list(node.integers(1, "sizes"))
    if -1 in sizes:
        sizes[sizes.index(-1)] = x.shape[axis] - sum(sizes) - 1
    return _split(node, x, axis, sizes)


def _split(node: Node, x: Laid, axis: int, sizes: Sequence[int]) -> Sequence[Laid]:
    place = IMAGE_AXIS[axis] if x.is_image else axis
    return [Laid(part, x.is_image) for part in view.split(node.low, x.value, place, sizes)]


def pack(node: Node) -> Laid:
    """PACK: parts along a new axis."""
    rank = len(node.outputs[0].shape)
    axis = view.positive_axis(node.low, int(node.option(1, "i")), rank)
    shape = (*node.outputs[0].shape[:axis], 1, *node.outputs[0].shape[axis + 1 :])
    parts = [view.reshape(node.low, node.plain(position), shape) for position in range(len(node.inputs))]
    return Laid(view.concat(node.low, parts, axis))


def unpack(node: Node) -> Sequence[Laid]:
    """UNPACK: one part per index of an axis, which disappears."""
    x = node.plain(0)
    axis = view.positive_axis(node.low, int(node.option(1, "i")), x.rank)
    return [Laid(view.select(node.low, x, axis, index)) for index in range(x.shape[axis])]


def gather(node: Node) -> Laid:
    """GATHER along one axis."""
    if node.option(1, "i"):
        raise UnsupportedError("GATHER with batch dimensions", where=node.low.place(), allowed="batch_dims 0")
    return Laid(view.gather(node.low, node.plain(0), node[1].value, int(node.option(0, "i"))))


def depth_to_space(node: Node) -> Laid:
    """DEPTH_TO_SPACE: (N, H, W, b b C) -> (N, H b, W b, C)."""
    x, b, low = node.image(0), int(node.option(0, "i")), node.low
    n, channels, h, w = x.shape
    depth = channels // (b * b)
    parts = view.transpose(low, view.reshape(low, x, (n, b, b, depth, h, w)), (0, 3, 4, 1, 5, 2))
    return Laid(view.reshape(low, parts, (n, depth, h * b, w * b)), is_image=True)


def space_to_depth(node: Node) -> Laid:
    """SPACE_TO_DEPTH: (N, H b, W b, C) -> (N, H, W, b b C)."""
    x, b, low = node.image(0), int(node.option(0, "i")), node.low
    n, depth, h, w = x.shape
    parts = view.transpose(low, view.reshape(low, x, (n, depth, h // b, b, w // b, b)), (0, 3, 5, 1, 2, 4))
    return Laid(view.reshape(low, parts, (n, depth * b * b, h // b, w // b)), is_image=True)


def resize_bilinear(node: Node) -> Laid:
    """RESIZE_BILINEAR with half-pixel centres or aligned corners."""
    x, aligned_corners, half = node.image(0), bool(node.option(2, "?", False)), bool(node.option(3, "?", False))
    if aligned_corners == half and x.shape[2:] != node.outputs[0].shape[1:3]:
        raise UnsupportedError(
            f"RESIZE_BILINEAR with align_corners={aligned_corners}, half_pixel_centers={half}",
            where=node.low.place(),
            allowed="one of them",
            fix="convert tf.image.resize (half-pixel centres) instead of tf.compat.v1.image.resize",
        )
    height, width = node.outputs[0].shape[1:3]
    y = view.resize(node.low, x, (height, width), mode="linear", align_corners=aligned_corners)
    return Laid(y, is_image=True)


def resize_nearest(node: Node) -> Laid:
    """RESIZE_NEAREST_NEIGHBOR: the op kind `resize` where it reads the same elements, else gathers."""
    x, low = node.image(0), node.low
    maps = [_nearest(node, x.shape[axis], node.outputs[0].shape[axis - 1]) for axis in (2, 3)]
    floors = [np.arange(len(m)) * x.shape[axis] // len(m) for axis, m in zip((2, 3), maps, strict=True)]
    if all(np.array_equal(m, floor) for m, floor in zip(maps, floors, strict=True)):
        return Laid(view.resize(low, x, (len(maps[0]), len(maps[1])), mode="nearest"), is_image=True)
    for axis, indices in zip((2, 3), maps, strict=True):
        x = view.pick(low, x, axis, indices)
    return Laid(x, is_image=True)


def _nearest(node: Node, extent: int, size: int) -> NDArray[np.int64]:
    """Index that each output element reads, in single precision as LiteRT computes it."""
    corners, half = bool(node.option(0, "?", False)), bool(node.option(1, "?", False))
    scale = np.float32((extent - 1) / (size - 1)) if corners and size > 1 else np.float32(extent / size)
    position = (np.arange(size, dtype=np.float32) + np.float32(0.5 if half else 0.0)) * scale
    index = np.floor(position + np.float32(0.5)) if corners else np.floor(position)
    return np.asarray(np.clip(index, 0, extent - 1), np.int64)


def _axis(node: Node, axis: int) -> int:
    return IMAGE_AXIS[axis] if node[0].is_image else axis


def _plain(node: Node, x: Laid) -> Value:
    return ordered(node.low, x.value, FROM_IMAGE) if x.is_image else x.value


CONVERTERS: Mapping[str, Converter] = {
    "RESHAPE": reshape,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "TRANSPOSE": transpose,
    "CONCATENATION": concatenation,
    "PAD": pad,
    "PADV2": pad,
    "MIRROR_PAD": mirror_pad,
    "STRIDED_SLICE": strided_slice,
    "SLICE": slice_of,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "PACK": pack,
    "UNPACK": unpack,
    "GATHER": gather,
    "DEPTH_TO_SPACE": depth_to_space,
    "SPACE_TO_DEPTH": space_to_depth,
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
}
