"""Ops that move elements without computing: concat, slice, pad, transpose, reshape, broadcast_to, resize, gather."""

from __future__ import annotations

import math
from types import MappingProxyType

from cosim.graph.op import Attributes, OpKind, Shape
from cosim.graph.ops import check
from cosim.graph.ops.access import at, broadcast, direct, loops, whole
from cosim.graph.space import Access, Space


def _infer_concat(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "concat"
    if not shapes:
        raise check.error(kind, "has no inputs", "at least 1 input")
    first = shapes[0]
    axis = check.axis(kind, check.given(kind, attributes, "axis"), len(first))
    for shape in shapes[1:]:
        if len(shape) != len(first) or any(
            a != b for i, (a, b) in enumerate(zip(shape, first, strict=True)) if i != axis
        ):
            raise check.error(kind, f"inputs have shapes {list(shapes)}", f"equal extents on every axis but {axis}")
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


def _space_concat(attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    axis = attributes["axis"] % len(out)
    start, inputs = 0, []
    for shape in shapes:
        inputs.append(Access(tuple(at(n, (i, 1), offset=-start if i == axis else 0) for i, n in enumerate(shape))))
        start += shape[axis]
    return Space(loops(out), tuple(inputs), direct(out))


def _infer_slice(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "slice"
    check.count(kind, shapes, 1)
    x = shapes[0]
    starts = check.integers(kind, attributes, "starts", len(x), 0)
    stops = check.integers(kind, attributes, "stops", len(x), 0)
    steps = check.integers(kind, attributes, "steps", len(x), 1)
    for start, stop, size in zip(starts, stops, x, strict=True):
        if not start < stop <= size:
            found = f"slice from {starts} to {stops} of x {x}"
            raise check.error(kind, found, "start < stop <= extent on every axis")
    return tuple(-(-(stop - start) // step) for start, stop, step in zip(starts, stops, steps, strict=True))


def _space_slice(attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    axes = [
        at(size, (axis, step), offset=start)
        for axis, (size, start, step) in enumerate(
            zip(shapes[0], attributes["starts"], attributes["steps"], strict=True)
        )
    ]
    return Space(loops(out), (Access(tuple(axes)),), direct(out))


def _infer_pad(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "pad"
    check.count(kind, shapes, 1)
    x = shapes[0]
    pads = check.given(kind, attributes, "pads")
    fits = isinstance(pads, tuple) and len(pads) == len(x) and all(len(pair) == 2 for pair in pads)
    if not fits or any(side < 0 for pair in pads for side in pair):
        raise check.error(kind, f"pads {pads!r} for x {x}", f"{len(x)} pairs (before, after) of integers >= 0")
    return tuple(size + before + after for size, (before, after) in zip(x, pads, strict=True))


def _space_pad(attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    pairs = enumerate(zip(shapes[0], attributes["pads"], strict=True))
    source = Access(tuple(at(size, (axis, 1), offset=-before) for axis, (size, (before, _)) in pairs))
    return Space(loops(out), (source,), direct(out))


def _infer_transpose(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "transpose"
    check.count(kind, shapes, 1)
    x = shapes[0]
    permutation = check.integers(kind, attributes, "permutation", len(x), 0)
    if sorted(permutation) != list(range(len(x))):
        raise check.error(kind, f"permutation {permutation} for x {x}", f"each of 0..{len(x) - 1} once")
    return tuple(x[axis] for axis in permutation)


def _space_transpose(attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    positions = [attributes["permutation"].index(axis) for axis in range(len(out))]
    return Space(loops(out), (direct(shapes[0], positions),), direct(out))


def _infer_reshape(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "reshape"
    check.count(kind, shapes, 1)
    shape = check.integers(kind, attributes, "shape", None, 1)
    if math.prod(shape) != math.prod(shapes[0]):
        found = f"x {shapes[0]} has {math.prod(shapes[0])} elements, shape {shape} {math.prod(shape)}"
        raise check.error(kind, found, "as many elements")
    return shape


def _space_reshape(_attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    """Leading axes that are equal before and after move together; behind them, everything may be touched."""
    x = shapes[0]
    equal = 0
    while equal < min(len(x), len(out)) and x[equal] == out[equal]:
        equal += 1
    axes = [at(size, (axis, 1)) if axis < equal else whole(size) for axis, size in enumerate(x)]
    return Space(loops(out), (Access(tuple(axes)),), direct(out))


def _infer_broadcast(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "broadcast_to"
    check.count(kind, shapes, 1)
    shape = check.integers(kind, attributes, "shape", None, 1)
    if len(shapes[0]) > len(shape) or check.broadcast_shape(kind, (shapes[0], shape)) != shape:
        raise check.error(kind, f"x {shapes[0]} does not broadcast to {shape}", "extents that are equal or 1 in x")
    return shape


def _space_broadcast(_attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    return Space(loops(out), (broadcast(shapes[0], out),), direct(out))


def _infer_resize(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "resize"
    check.count(kind, shapes, 1)
    check.rank(kind, "x", shapes[0], 4)
    check.choice(kind, "mode", attributes["mode"], ("nearest", "linear"))
    return (*shapes[0][:2], *check.integers(kind, attributes, "sizes", 2, 1))


def _space_resize(_attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    n, c, h, w = shapes[0]
    source = Access((at(n, (0, 1)), at(c, (1, 1)), whole(h), whole(w)))
    return Space(loops(out), (source,), direct(out))


def _infer_gather(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "gather"
    check.count(kind, shapes, 2)
    table, indices = shapes
    axis = check.axis(kind, attributes["axis"], len(table))
    return (*table[:axis], *indices, *table[axis + 1 :])


def _space_gather(attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    table, indices = shapes
    axis = attributes["axis"] % len(table)
    after = axis + len(indices)
    rows = (
        *(at(size, (i, 1)) for i, size in enumerate(table[:axis])),
        whole(table[axis]),
        *(at(size, (after + i, 1)) for i, size in enumerate(table[axis + 1 :])),
    )
    return Space(loops(out), (Access(rows), direct(indices, range(axis, after))), direct(out))


KINDS = (
    OpKind(
        "concat", _infer_concat, _space_concat, MappingProxyType({"axis": None}), summary="Inputs joined along an axis."
    ),
    OpKind(
        "slice",
        _infer_slice,
        _space_slice,
        MappingProxyType({"starts": None, "stops": None, "steps": None}),
        summary="Every step-th element from start to stop (excluded), one triple per axis.",
    ),
    OpKind(
        "pad",
        _infer_pad,
        _space_pad,
        MappingProxyType({"pads": None, "value": 0.0}),
        summary="x surrounded by a constant value.",
    ),
    OpKind(
        "transpose",
        _infer_transpose,
        _space_transpose,
        MappingProxyType({"permutation": None}),
        summary="Axis i of the output is axis permutation[i] of x.",
    ),
    OpKind(
        "reshape",
        _infer_reshape,
        _space_reshape,
        MappingProxyType({"shape": None}),
        is_view=True,
        summary="The same elements in the same order under another shape.",
    ),
    OpKind(
        "broadcast_to",
        _infer_broadcast,
        _space_broadcast,
        MappingProxyType({"shape": None}),
        summary="x repeated along axes of extent 1.",
    ),
    OpKind(
        "resize",
        _infer_resize,
        _space_resize,
        MappingProxyType({"sizes": None, "mode": "nearest", "align_corners": False}),
        summary="x (N, C, H, W) sampled on another grid.",
    ),
    OpKind(
        "gather",
        _infer_gather,
        _space_gather,
        MappingProxyType({"axis": 0}),
        summary="Rows of a table selected by integer indices.",
    ),
)
