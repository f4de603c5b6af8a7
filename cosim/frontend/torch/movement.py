"""Converters: operators that move elements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from cosim.frontend.lowering import Value, view
from cosim.frontend.torch.call import Call, Converter


def same(call: Call) -> Value:
    """Dropout at inference, contiguous, clone, detach: the operand itself."""
    return call.tensor("self", "input")


def dropout(call: Call) -> Value:
    """aten.dropout at inference."""
    if call.get("train", False) and call.get("p", 0.0):
        raise call.refuse("train=True", "inference", "call module.eval()")
    return call.tensor("input")


def converted(call: Call) -> Value:
    """aten.to, _to_copy between floating-point types."""
    x = call.tensor("self")
    dtype = call.get("dtype")
    if dtype is not None and bool(dtype.is_floating_point) == x.is_integer:
        raise call.refuse(f"dtype={dtype} on {'integers' if x.is_integer else 'real numbers'}", "real to real", None)
    return x


def reshape(call: Call) -> Value:
    """aten.view, reshape, _unsafe_view."""
    if "size" not in call.arguments and "shape" not in call.arguments:
        raise call.refuse("a change of type", "a change of shape")
    return view.reshape(call.low, call.tensor("self"), call.get("size", call.get("shape")))


def flatten(call: Call) -> Value:
    """aten.flatten."""
    x = call.tensor("self")
    start, end = (view.positive_axis(call.low, int(call[name]), max(x.rank, 1)) for name in ("start_dim", "end_dim"))
    return view.reshape(call.low, x, (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def unflatten(call: Call) -> Value:
    """aten.unflatten."""
    x = call.tensor("self")
    axis = view.positive_axis(call.low, int(call["dim"]), x.rank)
    sizes = [int(size) for size in call["sizes"]]
    if -1 in sizes:
        sizes[sizes.index(-1)] = x.shape[axis] // -math.prod(sizes)
    return view.reshape(call.low, x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))


def permute(call: Call) -> Value:
    """aten.permute."""
    return view.transpose(call.low, call.tensor("self"), call["dims"])


def transpose(call: Call) -> Value:
    """aten.transpose of two axes, aten.t."""
    x = call.tensor("self")
    if x.rank < 2:
        return x
    a, b = (
        view.positive_axis(call.low, int(call.get(name, default)), x.rank)
        for name, default in (("dim0", 0), ("dim1", 1))
    )
    order = list(range(x.rank))
    order[a], order[b] = order[b], order[a]
    return view.transpose(call.low, x, order)


def unsqueeze(call: Call) -> Value:
    """aten.unsqueeze."""
    x = call.tensor("self")
    axis = view.positive_axis(call.low, int(call["dim"]), x.rank + 1)
    return view.reshape(call.low, x, (*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(call: Call) -> Value:
    """aten.squeeze of one, several or all axes."""
    x = call.tensor("self")
    dims = call.get("dim", list(range(x.rank)))
    dims = [dims] if isinstance(dims, int) else dims
    gone = {view.positive_axis(call.low, int(axis), x.rank) for axis in dims}
    return view.reshape(
        call.low, x, tuple(extent for axis, extent in enumerate(x.shape) if axis not in gone or extent != 1)
    )


def expand(call: Call) -> Value:
    """aten.expand: -1 keeps an extent."""
    x, sizes = call.tensor("self"), [int(size) for size in call["size"]]
    lead = len(sizes) - x.rank
    return view.broadcast(
        call.low, x, tuple(x.shape[axis - lead] if size == -1 else size for axis, size in enumerate(sizes))
    )


def select(call: Call) -> Value:
    """aten.select: one index of one axis."""
    x = call.tensor("self")
    return view.select(call.low, x, int(call["dim"]), int(call["index"]))


def slice_of(call: Call) -> Value:
    """aten.slice."""
    x = call.tensor("self")
    axis = view.positive_axis(call.low, int(call["dim"]), x.rank)
    start, end = call.get("start", 0), call.get("end", x.shape[axis])
    return view.cut(call.low, x, axis, int(start), int(end), int(call["step"]))


def split(call: Call) -> Sequence[Value]:
    """aten.split into parts of one size or of given sizes."""
    x = call.tensor("self")
    axis = view.positive_axis(call.low, int(call["dim"]), x.rank)
    sizes = call.get("split_sizes", call.get("split_size"))
    if isinstance(sizes, int):
        sizes = [min(sizes, x.shape[axis] - start) for start in range(0, x.shape[axis], sizes)]
    return view.split(call.low, x, axis, [int(size) for size in sizes])


def chunk(call: Call) -> Sequence[Value]:
    """aten.chunk."""
    x = call.tensor("self")
    axis = view.positive_axis(call.low, int(call["dim"]), x.rank)
    size = math.ceil(x.shape[axis] / int(call["chunks"]))
    sizes = [min(size, x.shape[axis] - start) for start in range(0, x.shape[axis], size)]
    return view.split(call.low, x, axis, sizes)


def unbind(call: Call) -> Sequence[Value]:
    """aten.unbind: every index of one axis."""
    x, axis = call.tensor("self"), int(call["dim"])
    return tuple(view.select(call.low, x, axis, index) for index in range(x.shape[axis]))


def concat(call: Call) -> Value:
    """aten.cat."""
    return view.concat(call.low, list(call["tensors"]), int(call["dim"]))


def stack(call: Call) -> Value:
    """aten.stack."""
    parts = list(call["tensors"])
    axis = view.positive_axis(call.low, int(call["dim"]), parts[0].rank + 1)
    shape = (*parts[0].shape[:axis], 1, *parts[0].shape[axis:])
    return view.concat(call.low, [view.reshape(call.low, part, shape) for part in parts], axis)


def repeat(call: Call) -> Value:
    """aten.repeat."""
    return view.tile(call.low, call.tensor("self"), call["repeats"])


def repeat_interleave(call: Call) -> Value:
    """aten.repeat_interleave by one number."""
    x = call.tensor("self")
    if not isinstance(call["repeats"], int) or call.get("dim") is None:
        raise call.refuse("a tensor of repeats, or without dim", "one number and an axis")
    axis = view.positive_axis(call.low, int(call["dim"]), x.rank)
    return view.pick(call.low, x, axis, np.repeat(np.arange(x.shape[axis]), call["repeats"]))


def index_select(call: Call) -> Value:
    """aten.index_select."""
    return view.gather(call.low, call.tensor("self"), call.tensor("index"), int(call["dim"]))


def index(call: Call) -> Value:
    """aten.index by one tensor of indices along one axis."""
    axes = [axis for axis, indices in enumerate(call["indices"]) if indices is not None]
    if len(axes) != 1:
        raise call.refuse("indices for several axes", "indices for one axis", "use torch.index_select or slices")
    indices = call["indices"][axes[0]]
    if indices.array is not None and indices.array.dtype == np.bool_:
        raise call.refuse("a boolean mask", "integer indices")
    return view.gather(call.low, call.tensor("self"), indices, axes[0])


def pad(call: Call) -> Value:
    """aten.pad, constant_pad_nd: pairs from the last axis forwards."""
    x = call.tensor("self")
    amounts = [int(amount) for amount in call["pad"]]
    pairs = [(0, 0)] * x.rank
    for position in range(len(amounts) // 2):
        pairs[x.rank - 1 - position] = (amounts[2 * position], amounts[2 * position + 1])
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    return view.pad(call.low, x, pairs, float(call.get("value", 0.0)), modes[call.get("mode", "constant")])


def roll(call: Call) -> Value:
    """aten.roll along given axes."""
    x = call.tensor("self")
    if not call["dims"]:
        raise call.refuse("no dims", "an axis for every shift")
    for shift, axis in zip(call["shifts"], call["dims"], strict=True):
        extent = x.shape[axis]
        at = int(shift) % extent
        if at:
            parts = [view.cut(call.low, x, axis, extent - at, extent), view.cut(call.low, x, axis, 0, extent - at)]
            x = view.concat(call.low, parts, axis)
    return x


def flip(call: Call) -> Value:
    """aten.flip."""
    x = call.tensor("self")
    for axis in call["dims"]:
        x = view.pick(call.low, x, axis % x.rank, np.arange(x.shape[axis])[::-1])
    return x


CONVERTERS: Mapping[str, Converter] = {
    **{
        f"aten.{name}": same
        for name in ("contiguous", "clone", "detach", "alias", "lift_fresh_copy", "feature_dropout")
    },
    "aten.dropout": dropout,
    "aten.to": converted,
    "aten._to_copy": converted,
    "aten.type_as": same,
    **{f"aten.{name}": reshape for name in ("view", "reshape", "_unsafe_view")},
    "aten.flatten": flatten,
    "aten.unflatten": unflatten,
    "aten.permute": permute,
    "aten.transpose": transpose,
    "aten.t": transpose,
    "aten.unsqueeze": unsqueeze,
    "aten.squeeze": squeeze,
    "aten.expand": expand,
    "aten.select": select,
    "aten.slice": slice_of,
    "aten.split": split,
    "aten.split_with_sizes": split,
    "aten.chunk": chunk,
    "aten.unbind": unbind,
    "aten.cat": concat,
    "aten.stack": stack,
    "aten.repeat": repeat,
    "aten.repeat_interleave": repeat_interleave,
    "aten.index_select": index_select,
    "aten.index": index,
    "aten.pad": pad,
    "aten.constant_pad_nd": pad,
    "aten.roll": roll,
    "aten.flip": flip,
}
