"""Moving elements: reshape, transpose, slice, gather, broadcast, resize by index. Known arrays are moved at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from cosim.errors import DescriptionError
from cosim.frontend.lowering.lowering import Lowering
from cosim.frontend.lowering.value import Array, Shape, Value, known


def positive_axis(low: Lowering, axis: int, rank: int) -> int:
    """`axis` counted from the front.

    Raises
    ------
    DescriptionError
        When there is no such axis.
    """
    if not -rank <= axis < rank:
        raise DescriptionError(
            f"axis {axis} of a tensor of rank {rank}", where=low.place(), allowed=f"{-rank} .. {rank - 1}"
        )
    return axis % rank


def reshape(low: Lowering, x: Value, shape: Sequence[int]) -> Value:
    """`x` (any shape) under another `shape` that may hold one -1; chains of reshapes become one."""
    shape = tuple(int(extent) for extent in shape)
    if shape.count(-1) == 1:
        rest = -prod(shape)
        shape = tuple(prod(x.shape) // rest if extent == -1 and rest else extent for extent in shape)
    if prod(shape) != prod(x.shape) or min(shape, default=0) < 0:
        raise DescriptionError(f"cannot reshape {x.shape} to {shape}", where=low.place())
    if x.array is not None:
        return _known_as(x, shape, None)
    while (step := x.source("reshape")) is not None:
        x = step.inputs[0]
    return x if x.shape == shape else low.emit("reshape", x, shape=shape)


def transpose(low: Lowering, x: Value, permutation: Sequence[int]) -> Value:
    """`x` with its axes in the order `permutation`."""
    order = tuple(positive_axis(low, axis, x.rank) for axis in permutation)
    if order == tuple(range(x.rank)):
        return x
    if x.array is not None:
        return _known_as(x, tuple(x.shape[axis] for axis in order), order)
    return low.emit("transpose", x, permutation=order)


def _known_as(x: Value, shape: Shape, order: Shape | None) -> Value:
    """A known value with its axes in another `order`, or under another `shape`; its codes follow if their axis does."""
    array, codes = (
        None if a is None else (a.reshape(shape) if order is None else a.transpose(order)) for a in (x.array, x.codes)
    )
    axis = x.encoding.axis
    if axis is not None:
        axis = _same_axis(x.shape, axis, shape) if order is None else order.index(axis)
    if array is None or codes is None or (x.encoding.axis is not None and axis is None):
        return known(np.asarray(array), x.label)
    return Value(shape, replace(x.encoding, axis=axis), array, x.label, codes=codes)


def _same_axis(shape: Shape, axis: int, other: Shape) -> int | None:
    """The axis of `other` with the same extent and as many elements behind it, if there is one."""
    behind = prod(shape[axis + 1 :])
    fits = (i for i, extent in enumerate(other) if extent == shape[axis] and prod(other[i + 1 :]) == behind)
    return next(fits, None)


def swap_last(low: Lowering, x: Value) -> Value:
    """`x` with its last two axes exchanged."""
    return transpose(low, x, (*range(x.rank - 2), x.rank - 1, x.rank - 2))


def cut(low: Lowering, x: Value, axis: int, start: int, stop: int, step: int = 1) -> Value:
    """Python's ``x[..., start:stop:step, ...]`` along one axis; a negative `step` becomes a gather."""
    axis = positive_axis(low, axis, x.rank)
    picked = range(x.shape[axis])[slice(*_python_bounds(start, stop, step, x.shape[axis]))]
    if len(picked) == 0:
        raise DescriptionError(f"slice of axis {axis} of {x.shape} is empty", where=low.place())
    return pick(low, x, axis, np.array(picked, np.int64))


def _python_bounds(start: int, stop: int, step: int, extent: int) -> tuple[int, int | None, int]:
    if step == 0:
        raise DescriptionError("slice with step 0", allowed="a step that is not 0")
    limit = -extent - 1
    start, stop = max(start, limit), max(stop, limit)
    # With a negative step, "before the first element" has no index in Python: it is written None.
    return start, None if step < 0 and stop == limit else stop, step


def pick(low: Lowering, x: Value, axis: int, indices: Array, label: str = "") -> Value:
    """Elements `indices` (n,) of one axis: nothing, a slice, or a gather, whichever is the least work."""
    extent = x.shape[axis]
    indices = np.where(indices < 0, indices + extent, indices)
    if indices.size and (indices.min() < 0 or indices.max() >= extent):
        raise DescriptionError(
            f"index {int(indices.max())} of axis {axis} of {x.shape}", where=low.place(), allowed=f"0 .. {extent - 1}"
        )
    if x.array is not None:
        return known(np.take(x.array, indices, axis=axis), x.label)
    if np.array_equal(indices, np.arange(extent)):
        return x
    step = int(indices[1] - indices[0]) if indices.size > 1 else 1
    if step >= 1 and np.array_equal(indices, indices[0] + step * np.arange(indices.size)):
        return _sliced(low, x, axis, range(int(indices[0]), int(indices[-1]) + 1, step))
    return low.emit("gather", x, known(indices, label), axis=axis)


def _sliced(low: Lowering, x: Value, axis: int, kept: range) -> Value:
    """The slice op; a slice of a slice is one slice."""
    starts, stops, steps = [0] * x.rank, list(x.shape), [1] * x.rank
    before = x.source("slice")
    if before is not None:
        x = before.inputs[0]
        starts, stops, steps = (list(before.attributes[name]) for name in ("starts", "stops", "steps"))
    first = starts[axis] + kept[0] * steps[axis]
    stops[axis] = starts[axis] + kept[-1] * steps[axis] + 1
    starts[axis] = first
    steps[axis] *= kept.step
    return low.emit("slice", x, starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))


def select(low: Lowering, x: Value, axis: int, index: int) -> Value:
    """``x[..., index, ...]``: the axis disappears."""
    axis = positive_axis(low, axis, x.rank)
    one = pick(low, x, axis, np.array([index], np.int64))
    return reshape(low, one, x.shape[:axis] + x.shape[axis + 1 :])


def split(low: Lowering, x: Value, axis: int, sizes: Sequence[int]) -> tuple[Value, ...]:
    """Consecutive parts of `x` along one axis.

    Raises
    ------
    DescriptionError
        When `sizes` do not add up to the axis.
    """
    axis = positive_axis(low, axis, x.rank)
    if sum(sizes) != x.shape[axis]:
        raise DescriptionError(f"parts {tuple(sizes)} of axis {axis} of {x.shape} do not add up", where=low.place())
    ends = np.cumsum(sizes).tolist()
    return tuple(cut(low, x, axis, end - size, end) for size, end in zip(sizes, ends, strict=True))


def gather(low: Lowering, table: Value, indices: Value, axis: int = 0) -> Value:
    """``numpy.take(table, indices, axis)``; constant indices become slices where they can."""
    axis = positive_axis(low, axis, table.rank)
    if indices.array is None:
        return low.emit("gather", table, indices, axis=axis)
    if indices.rank == 0:
        return select(low, table, axis, int(indices.array))
    flat = pick(low, table, axis, indices.array.reshape(-1).astype(np.int64), indices.label)
    return reshape(low, flat, table.shape[:axis] + indices.shape + table.shape[axis + 1 :])


def concat(low: Lowering, parts: Sequence[Value], axis: int) -> Value:
    """Parts joined along one axis; empty parts are dropped."""
    axis = positive_axis(low, axis, parts[0].rank)
    parts = [part for part in parts if prod(part.shape) > 0]
    return parts[0] if len(parts) == 1 else low.emit("concat", *parts, axis=axis)


def broadcast(low: Lowering, x: Value, shape: Shape) -> Value:
    """`x` repeated to `shape` by numpy's rule."""
    shape = tuple(int(extent) for extent in shape)
    if x.shape == shape:
        return x
    if x.array is not None:
        return known(np.broadcast_to(x.array, shape), x.label)
    if prod(shape) == prod(x.shape):
        return reshape(low, x, shape)
    return low.emit("broadcast_to", x, shape=shape)


def tile(low: Lowering, x: Value, repeats: Sequence[int]) -> Value:
    """`x` laid out `repeats` times along each axis (``numpy.tile``)."""
    extents = (1,) * (len(repeats) - x.rank) + x.shape
    repeats = (1,) * (len(extents) - len(repeats)) + tuple(int(repeat) for repeat in repeats)
    paired = tuple(extent for pair in zip(repeats, extents, strict=True) for extent in pair)
    split_axes = reshape(low, x, tuple(extent for e in extents for extent in (1, e)))
    final = tuple(repeat * extent for repeat, extent in zip(repeats, extents, strict=True))
    return reshape(low, broadcast(low, split_axes, paired), final)


def pad(low: Lowering, x: Value, pads: Sequence[tuple[int, int]], value: float = 0.0, mode: str = "constant") -> Value:
    """`x` with elements added (or, where negative, removed) before and after each axis."""
    for axis, (before, after) in enumerate(pads):
        if before < 0 or after < 0:
            x = cut(low, x, axis, max(-before, 0), x.shape[axis] - max(-after, 0))
    pads = tuple((max(int(before), 0), max(int(after), 0)) for before, after in pads)
    if not any(sum(pair) for pair in pads):
        return x
    if mode == "constant":
        return low.emit("pad", x, pads=pads, value=float(value))
    for axis, pair in enumerate(pads):  # reflect, edge, wrap: repeat existing elements
        x = pick(low, x, axis, np.pad(np.arange(x.shape[axis]), pair, mode=mode))  # type: ignore[call-overload]
    return x


def resize(low: Lowering, x: Value, sizes: tuple[int, int], *, mode: str, align_corners: bool = False) -> Value:
    """`x` (N, C, H, W) or (N, C, L) at other `sizes`, as PyTorch's interpolate does it."""
    if x.shape[-2:] == sizes:
        return x
    return low.emit("resize", x, sizes=sizes, mode=mode, align_corners=align_corners)
