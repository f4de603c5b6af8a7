"""`max_pool2d` and `avg_pool2d`: windows over images (N, C, H, W) without weights."""

from __future__ import annotations

from types import MappingProxyType

from cosim.graph.op import Attributes, OpKind, Shape
from cosim.graph.ops import check
from cosim.graph.ops.access import at
from cosim.graph.space import Access, Dim, Role, Space

N, C, OY, OX, FY, FX = range(6)


def _extent(size: int, before: int, after: int, reach: int, stride: int, ceil_mode: bool) -> int:
    """Windows along one axis; in ceil mode the last must start inside the image or the padding before it."""
    free = size + before + after - reach
    if not ceil_mode:
        return free // stride + 1
    windows = -(-free // stride) + 1
    return windows - 1 if (windows - 1) * stride >= size + before else windows


def _dilations(attributes: Attributes) -> tuple[int, int]:
    dy, dx = attributes.get("dilations", (1, 1))
    return dy, dx


def _infer(kind: str, attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    check.count(kind, shapes, 1)
    x = shapes[0]
    check.rank(kind, "x", x, 4)
    kernel = check.integers(kind, attributes, "kernel", 2, 1)
    strides = check.integers(kind, attributes, "strides", 2, 1)
    top, left, bottom, right = check.integers(kind, attributes, "pads", 4, 0)
    if "dilations" in attributes:
        check.integers(kind, attributes, "dilations", 2, 1)
    out = []
    for axis, (before, after) in enumerate(((top, bottom), (left, right))):
        reach = _dilations(attributes)[axis] * (kernel[axis] - 1) + 1
        if max(before, after) >= reach:
            raise check.error(
                kind, f"pads {attributes['pads']} with a window of {reach}", "pads smaller than the window"
            )
        if x[2 + axis] + before + after < reach:
            found = f"window of {reach} does not fit in x {x} padded by {attributes['pads']}"
            raise check.error(kind, found, f"a padded extent of at least {reach}")
        out.append(_extent(x[2 + axis], before, after, reach, strides[axis], attributes["ceil_mode"]))
    return (*x[:2], *out)


def _infer_max(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    return _infer("max_pool2d", attributes, shapes)


def _infer_avg(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    return _infer("avg_pool2d", attributes, shapes)


def _space(attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    x = shapes[0]
    top, left, _, _ = attributes["pads"]
    (sy, sx), (dy, dx) = attributes["strides"], _dilations(attributes)
    image = (
        at(x[0], (N, 1)),
        at(x[1], (C, 1)),
        at(x[2], (OY, sy), (FY, dy), offset=-top),
        at(x[3], (OX, sx), (FX, dx), offset=-left),
    )
    result = tuple(at(size, (loop, 1)) for loop, size in enumerate(out))
    dims = (
        *(Dim(name, size) for name, size in zip(("N", "C", "OY", "OX"), out, strict=True)),
        Dim("FY", attributes["kernel"][0], Role.WHOLE),
        Dim("FX", attributes["kernel"][1], Role.WHOLE),
    )
    return Space(dims, (Access(image),), Access(result))


_WINDOW = {"kernel": None, "strides": (1, 1), "pads": (0, 0, 0, 0), "ceil_mode": False}

KINDS = (
    OpKind(
        "max_pool2d",
        _infer_max,
        _space,
        MappingProxyType({**_WINDOW, "dilations": (1, 1)}),
        summary="Maximum over windows of x (N, C, H, W); padding never wins.",
    ),
    OpKind(
        "avg_pool2d",
        _infer_avg,
        _space,
        MappingProxyType({**_WINDOW, "count_include_pad": True}),
        summary="Mean over windows of x (N, C, H, W); the divisor counts padding unless count_include_pad is False.",
    ),
)
