"""`reduce_mean`, `reduce_sum`, `reduce_max`, `reduce_min`: axes folded into one value."""

from __future__ import annotations

from types import MappingProxyType

from cosim.graph.op import Attributes, OpKind, Shape
from cosim.graph.ops import check
from cosim.graph.ops.access import at, direct, loops
from cosim.graph.space import Access, Space


def reduced_axes(kind: str, attributes: Attributes, axes: int) -> tuple[int, ...]:
    """Attribute `axes` in ascending order, counted from 0."""
    value = check.given(kind, attributes, "axes")
    if not isinstance(value, tuple) or not value:
        raise check.error(kind, f"axes is {value!r}", "a tuple of at least one axis")
    numbers = sorted(check.axis(kind, item, axes) for item in value)
    if len(set(numbers)) != len(numbers):
        raise check.error(kind, f"axes {value!r} name one axis twice", "different axes")
    return tuple(numbers)


def _kind(name: str, summary: str) -> OpKind:
    def infer(attributes: Attributes, shapes: tuple[Shape, ...]) -> Shape:
        check.count(name, shapes, 1)
        x = shapes[0]
        axes = reduced_axes(name, attributes, len(x))
        if attributes["keepdims"]:
            return tuple(1 if axis in axes else size for axis, size in enumerate(x))
        return tuple(size for axis, size in enumerate(x) if axis not in axes)

    def space(attributes: Attributes, shapes: tuple[Shape, ...], _out: Shape) -> Space:
        x = shapes[0]
        axes = reduced_axes(name, attributes, len(x))
        result = [
            at(1) if axis in axes else at(size, (axis, 1))
            for axis, size in enumerate(x)
            if axis not in axes or attributes["keepdims"]
        ]
        return Space(loops(x, axes), (direct(x),), Access(tuple(result)))

    return OpKind(name, infer, space, MappingProxyType({"axes": None, "keepdims": True}), summary=summary)


KINDS = (
    _kind("reduce_mean", "Mean over axes; global average pooling over axes (2, 3)."),
    _kind("reduce_sum", "Sum over axes."),
    _kind("reduce_max", "Maximum over axes."),
    _kind("reduce_min", "Minimum over axes."),
)
