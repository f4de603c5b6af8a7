"""`linear` and `matmul`: matrix products."""

from __future__ import annotations

from types import MappingProxyType

from cosim.graph.op import Attributes, OpKind, Shape
from cosim.graph.ops import check
from cosim.graph.ops.access import at, broadcast
from cosim.graph.space import Access, Dim, Role, Space


def _infer_linear(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "linear"
    check.count(kind, shapes, 2, 3)
    check.activation(kind, attributes)
    x, w = shapes[:2]
    check.rank(kind, "w", w, 2)
    if not x or x[-1] != w[1]:
        raise check.error(kind, f"last axis of x {x} does not match w {w}", f"x of shape (..., {w[1]})")
    if len(shapes) == 3:
        check.same(kind, "b", shapes[2], (w[0],))
    return (*x[:-1], w[0])


def _space_linear(_attributes: Attributes, shapes: tuple[Shape, ...], _out: Shape) -> Space:
    x, w = shapes[:2]
    lead = len(x) - 1
    rows = tuple(at(size, (axis, 1)) for axis, size in enumerate(x[:-1]))
    column, inner = at(w[0], (lead, 1)), at(w[1], (lead + 1, 1))
    dims = (
        *(Dim(f"M{axis}", size) for axis, size in enumerate(x[:-1])),
        Dim("N", w[0]),
        Dim("K", w[1], Role.REDUCTION),
    )
    bias = (Access((column,)),) if len(shapes) == 3 else ()
    return Space(dims, (Access((*rows, inner)), Access((column, inner)), *bias), Access((*rows, column)), 1)


def _infer_matmul(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "matmul"
    check.count(kind, shapes, 2)
    a, b = shapes
    if len(a) < 2 or len(b) < 2:
        raise check.error(kind, f"a has shape {a}, b {b}", "at least 2 axes each")
    inner, columns = (b[-1], b[-2]) if attributes["transpose_b"] else (b[-2], b[-1])
    if a[-1] != inner:
        how = "b transposed" if attributes["transpose_b"] else "b"
        raise check.error(kind, f"a has shape {a}, {how} {b}: inner extents {a[-1]} and {inner}", "equal inner extents")
    return (*check.broadcast_shape(kind, (a[:-2], b[:-2])), a[-2], columns)


def _space_matmul(attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    a, b = shapes
    batch = out[:-2]
    m, n, k = len(batch), len(batch) + 1, len(batch) + 2
    row, column, inner = at(out[-2], (m, 1)), at(out[-1], (n, 1)), at(a[-1], (k, 1))
    dims = (
        *(Dim(f"B{axis}", size) for axis, size in enumerate(batch)),
        Dim("M", out[-2]),
        Dim("N", out[-1]),
        Dim("K", a[-1], Role.REDUCTION),
    )
    right = (column, inner) if attributes["transpose_b"] else (inner, column)
    lead_a, lead_b, lead_out = (broadcast(shape, batch).axes for shape in (a[:-2], b[:-2], batch))
    return Space(dims, (Access((*lead_a, row, inner)), Access((*lead_b, *right))), Access((*lead_out, row, column)), 1)


KINDS = (
    OpKind(
        "linear",
        _infer_linear,
        _space_linear,
        MappingProxyType({"activation": "none"}),
        summary="Fully connected: x (..., C) times the transpose of w (K, C), plus b (K).",
    ),
    OpKind(
        "matmul",
        _infer_matmul,
        _space_matmul,
        MappingProxyType({"transpose_b": False}),
        summary="Matrix product of a (..., M, K) and b (..., K, N), or b (..., N, K) with transpose_b.",
    ),
)
