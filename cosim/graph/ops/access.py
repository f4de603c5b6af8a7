"""Access functions in the forms that op kinds need."""

from __future__ import annotations

from collections.abc import Sequence

from cosim.graph.op import Shape
from cosim.graph.space import Access, Axis, Dim, Role


def at(size: int, *terms: tuple[int, int], offset: int = 0, divisor: int = 1) -> Axis:
    """Axis of extent `size` indexed by a sum of (loop, coefficient) terms; without terms, one fixed index."""
    return Axis(size, terms, offset, divisor)


def whole(size: int) -> Axis:
    """Axis that every tile touches from end to end."""
    return Axis(size, full=True)


def direct(shape: Shape, loops: Sequence[int] | None = None) -> Access:
    """Axis i is indexed by loop `loops[i]` (by loop i where `loops` is not given)."""
    positions = range(len(shape)) if loops is None else loops
    return Access(tuple(at(size, (loop, 1)) for size, loop in zip(shape, positions, strict=True)))


def broadcast(shape: Shape, onto: Shape) -> Access:
    """Operand of shape `shape` broadcast by numpy's rule onto loops of extents `onto`."""
    lead = len(onto) - len(shape)
    axes = [
        at(size) if size == 1 and onto[lead + position] != 1 else at(size, (lead + position, 1))
        for position, size in enumerate(shape)
    ]
    return Access(tuple(axes))


def loops(shape: Shape, whole_axes: Sequence[int] = ()) -> tuple[Dim, ...]:
    """One loop D0..Dn per axis of `shape`; those in `whole_axes` may not be cut."""
    return tuple(
        Dim(f"D{axis}", size, Role.WHOLE if axis in whole_axes else Role.PARALLEL) for axis, size in enumerate(shape)
    )
