"""Softmax and the normalisations."""

from __future__ import annotations

from types import MappingProxyType

from cosim.graph.op import Attributes, OpKind, Shape
from cosim.graph.ops import check
from cosim.graph.ops.access import direct, loops
from cosim.graph.space import Space


def _softmax(name: str, summary: str) -> OpKind:
    def infer(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
        check.count(name, shapes, 1)
        check.axis(name, attributes["axis"], len(shapes[0]))
        return shapes[0]

    def space(attributes: Attributes, _shapes: tuple[Shape, ...], out: Shape) -> Space:
        axis = check.axis(name, attributes["axis"], len(out))
        return Space(loops(out, (axis,)), (direct(out),), direct(out))

    return OpKind(name, infer, space, MappingProxyType({"axis": -1}), summary=summary)


def _infer_layer(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "layer_norm"
    check.count(kind, shapes, 1, 3)
    x = shapes[0]
    axis = check.axis(kind, attributes["axis"], len(x))
    for what, shape in zip(("gamma", "beta"), shapes[1:], strict=False):
        check.same(kind, what, shape, x[axis:])
    return x


def _space_layer(attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    axis = check.axis("layer_norm", attributes["axis"], len(out))
    return _space_rows(shapes, out, axis)


def _space_rows(shapes: tuple[Shape, ...], out: Shape, axis: int) -> Space:
    rows = range(axis, len(out))
    affine = tuple(direct(shape, rows) for shape in shapes[1:])
    return Space(loops(out, rows), (direct(out), *affine), direct(out))


def _infer_rms(_attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    check.count("rms_norm", shapes, 2)
    check.same("rms_norm", "gamma", shapes[1], shapes[0][-1:])
    return shapes[0]


def _space_rms(_attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    return _space_rows(shapes, out, len(out) - 1)


def _infer_batch(_attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
    kind = "batch_norm"
    check.count(kind, shapes, 5)
    x = shapes[0]
    if len(x) < 2:
        raise check.error(kind, f"x has shape {x}", "(N, C, ...)")
    for what, shape in zip(("gamma", "beta", "mean", "variance"), shapes[1:], strict=True):
        check.same(kind, what, shape, (x[1],))
    return x


def _space_batch(_attributes: Attributes, shapes: tuple[Shape, ...], out: Shape) -> Space:
    affine = tuple(direct(shape, (1,)) for shape in shapes[1:])
    return Space(loops(out), (direct(out), *affine), direct(out))


KINDS = (
    _softmax("softmax", "exp(x) over its sum along one axis."),
    _softmax("log_softmax", "Logarithm of softmax."),
    OpKind(
        "layer_norm",
        _infer_layer,
        _space_layer,
        MappingProxyType({"axis": -1, "epsilon": 1e-5}),
        summary="x less its mean over its deviation along axis..last, times gamma, plus beta.",
    ),
    OpKind(
        "rms_norm",
        _infer_rms,
        _space_rms,
        MappingProxyType({"epsilon": 1e-5}),
        summary="x over its root mean square along the last axis, times gamma.",
    ),
    OpKind(
        "batch_norm",
        _infer_batch,
        _space_batch,
        MappingProxyType({"epsilon": 1e-5}),
        summary="(x - mean) / sqrt(variance + epsilon) * gamma + beta per channel, with fixed statistics.",
    ),
)
