"""Checks that shape inference shares, each raising `DescriptionError` with the shapes it found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from cosim.errors import DescriptionError
from cosim.graph.op import Attributes, Shape

ACTIVATIONS = ("none", "relu", "relu6")


def error(kind: str, found: str, allowed: str | None = None) -> DescriptionError:
    """Build the error of op kind `kind`."""
    return DescriptionError(found, where=f"op kind {kind}", allowed=allowed)


def count(kind: str, shapes: Sequence[Shape], least: int, most: int | None = None) -> None:
    """Require between `least` and `most` inputs (exactly `least` where `most` is not given)."""
    most = least if most is None else most
    if not least <= len(shapes) <= most:
        allowed = f"{least} inputs" if least == most else f"{least} to {most} inputs"
        raise error(kind, f"has {len(shapes)} inputs of shapes {list(shapes)}", allowed)


def rank(kind: str, what: str, shape: Shape, allowed: int) -> None:
    """Require `shape` to have `allowed` axes."""
    if len(shape) != allowed:
        raise error(kind, f"{what} has shape {shape}: {len(shape)} axes", f"{allowed} axes")


def same(kind: str, what: str, shape: Shape, allowed: Shape) -> None:
    """Require a shape."""
    if shape != allowed:
        raise error(kind, f"{what} has shape {shape}", str(allowed))


def choice(kind: str, what: str, value: object, allowed: Collection[str]) -> None:
    """Require one of the listed words."""
    if value not in allowed:
        raise error(kind, f"{what} is {value!r}", ", ".join(allowed))


def activation(kind: str, attributes: Attributes) -> None:
    """Require a clamp that an epilogue can do."""
    choice(kind, "activation", attributes["activation"], ACTIVATIONS)


def given(kind: str, attributes: Attributes, name: str) -> Any:
    """Value of an attribute that has no default."""
    value = attributes[name]
    if value is None:
        raise error(kind, f"attribute {name!r} is not given", f"a value for {name!r}: it has no default")
    return value


def integers(kind: str, attributes: Attributes, name: str, length: int | None, least: int) -> tuple[int, ...]:
    """Attribute `name` as a tuple of `length` integers, none below `least`."""
    value = given(kind, attributes, name)
    fits = isinstance(value, tuple) and (length is None or len(value) == length)
    if not fits or any(isinstance(item, bool) or not isinstance(item, int) or item < least for item in value):
        many = "a tuple of" if length is None else f"a tuple of {length}"
        raise error(kind, f"attribute {name!r} is {value!r}", f"{many} integers >= {least}")
    return tuple(value)


def axis(kind: str, value: object, axes: int) -> int:
    """`value` as an axis number from 0; negative numbers count from the end."""
    if isinstance(value, bool) or not isinstance(value, int) or not -axes <= value < axes:
        raise error(kind, f"axis is {value!r} for {axes} axes", f"an integer from {-axes} to {axes - 1}")
    return value % axes


def broadcast_shape(kind: str, shapes: Sequence[Shape]) -> Shape:
    """Shape of operands broadcast by numpy's rule."""
    length = max(len(shape) for shape in shapes)
    padded = [(1,) * (length - len(shape)) + shape for shape in shapes]
    out: list[int] = []
    for extents in zip(*padded, strict=True):
        sizes = set(extents) - {1}
        if len(sizes) > 1:
            found = f"inputs of shapes {' and '.join(map(str, shapes))} do not broadcast"
            raise error(kind, found, "equal extents, or 1, on every axis counted from the last")
        out.append(sizes.pop() if sizes else 1)
    return tuple(out)
