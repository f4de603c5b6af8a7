"""Ops that move codes: concat, slice, pad, transpose, reshape, broadcast_to, resize, gather."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.execute.call import Array, Call
from cosim.execute.kernels.recode import is_same, limited, quantised, recoded, ruled
from cosim.execute.preset import COSIM
from cosim.execute.resampling import RESAMPLINGS, Grid, Image
from cosim.execute.resampling import real as real_samples
from cosim.formats import IntegerFormat


def concat(call: Call) -> Array:
    """Inputs side by side; each is recoded where its encoding differs from the output's."""
    axis = int(call.op["axis"]) % len(call.shape)
    out = np.empty(call.shape, call.target.storage)
    position = 0
    for i, codes in enumerate(call.operands):
        if codes is None:
            continue
        place = [slice(None)] * out.ndim
        place[axis] = slice(position, position + codes.shape[axis])
        # The operand stands alone here, so the output box has its shape.
        box = np.stack([np.zeros(out.ndim, np.int64), np.asarray(codes.shape, np.int64)], axis=1)
        mine = replace(call, output_box=box)
        is_scaled = call.numerics.preset.functions.concat and not is_same(call.inputs[i], call.output)
        out[tuple(place)] = _scaled(codes, mine, i) if is_scaled and call.all_integer else recoded(codes, mine, i)
        position += codes.shape[axis]
    return out


def _scaled(codes: Array, call: Call, position: int) -> Array:
    """Raw codes times a float32 with a float32 offset, halves away from zero: LiteRT's CONCATENATION of uint8."""
    offset = 128 if call.numerics.preset.unsigned else 0
    scale = np.float32(call.scale(position)) * (np.float32(1) / np.float32(call.output_scale))
    bias = -np.float32(call.zero(position) + offset) * scale
    real = ((codes.astype(np.float32) + np.float32(offset)) * scale + bias).astype(np.float64)
    return limited(np.copysign(np.floor(np.abs(real) + 0.5), real) + call.output_zero, call)


def slice_(call: Call) -> Array:
    """Every step-th element."""
    return recoded(call.operand(0)[tuple(slice(None, None, step) for step in call.op["steps"])], call)


def pad(call: Call) -> Array:
    """The box where it lies in the output, the value everywhere else."""
    value = np.full(call.shape, call.op["value"], np.float64)
    out = quantised(value, call) if isinstance(call.target, IntegerFormat) else call.encoded(value)
    if call.operands[0] is not None:
        inner = zip(call.boxes[0], call.reaches[0], strict=True)
        place = tuple(slice(int(box[0] - reach[0]), int(box[1] - reach[0])) for box, reach in inner)
        out[place] = recoded(call.operands[0], call)
    return out


def transpose(call: Call) -> Array:
    """Axes in another order."""
    return recoded(np.ascontiguousarray(call.operand(0).transpose(call.op["permutation"])), call)


def reshape(call: Call) -> Array:
    """The same elements under another shape, cut to the tile."""
    shape = call.space.output.shape
    x = call.operand(0)
    lead = 0
    while lead < min(len(shape), x.ndim) and not call.space.inputs[0].axes[lead].full:
        lead += 1
    whole = x.reshape(*x.shape[:lead], *shape[lead:])
    kept = (*(slice(None),) * lead, *(slice(int(a), int(b)) for a, b in call.output_box[lead:]))
    return recoded(np.ascontiguousarray(whole[kept]), call)


def broadcast_to(call: Call) -> Array:
    """Input repeated along axes of extent 1."""
    return recoded(np.ascontiguousarray(np.broadcast_to(call.operand(0), call.shape)), call)


def gather(call: Call) -> Array:
    """Rows of a table; one scale per row is allowed."""
    table, indices = call.operand(0), call.operand(1).astype(np.int64)
    axis = int(call.op["axis"]) % table.ndim
    if np.any((indices < 0) | (indices >= table.shape[axis])):
        wrong = int(indices.min() if indices.min() < 0 else indices.max())
        raise DescriptionError(
            f"index {wrong} is not in the table", where=call.where, allowed=f"0 to {table.shape[axis] - 1}"
        )
    codes = np.take(table, indices, axis=axis)
    encoding = call.inputs[0]
    if encoding.axis != axis or encoding.scale is None:
        return recoded(codes, call)
    shape = (1,) * axis + indices.shape + (1,) * (table.ndim - axis - 1)
    zero: Any = 0 if encoding.zero_point is None else encoding.zero_point[indices].reshape(shape)
    scale: Any = encoding.scale[indices].reshape(shape)
    real = (codes.astype(np.float64) - zero) * scale
    return quantised(real, call) if isinstance(call.target, IntegerFormat) else call.encoded(real)


def resize(call: Call) -> Array:
    """Nearest (floor) or linear sampling of rows and columns."""
    x = call.operand(0)
    grids = [_grid(call, axis) for axis in (2, 3)]
    if call.op["mode"] == "nearest":
        return recoded(x[:, :, grids[0][0][:, None], grids[1][0]], call)
    integer = call.all_integer
    rule = call.numerics.preset.functions.resample
    if integer and rule != COSIM and max(call.inputs[0].bits, call.target.bits) <= 8:
        return _resampled(call, rule)
    real: Array = (x.astype(np.float64) - call.zero(0)) * call.scale(0) if integer else call.real(0)
    for axis, (low, high, weight) in zip((2, 3), grids, strict=True):
        w: Array = weight.astype(real.dtype).reshape((-1, 1) if axis == 2 else (-1,))
        real = np.take(real, low, axis) * (1 - w) + np.take(real, high, axis) * w
    return quantised(real, call) if integer else call.encoded(real)


def _resampled(call: Call, rule: str) -> Array:
    """Linear sampling by the rule of a framework, on its own codes."""
    offset = 128 if call.numerics.preset.unsigned else 0
    rows, columns = (
        Grid(
            np.arange(*call.output_box[axis], dtype=np.int64),
            call.space.inputs[0].axes[axis].size,
            call.op["sizes"][axis - 2],
            bool(call.op["align_corners"]),
        )
        for axis in (2, 3)
    )
    codes = call.operand(0).astype(np.int64) + offset
    image = Image(codes, rows, columns, call.zero(0) + offset, call.scale(0))
    if rule == "real":
        return ruled(real_samples(image), call.numerics.preset.functions.table, call)
    return recoded(limited(RESAMPLINGS[rule](image) - offset, call), call)


def _grid(call: Call, axis: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Lower and upper source index of each output index, and the weight of the upper one."""
    start, stop = call.output_box[axis]
    size, target = call.space.inputs[0].axes[axis].size, call.op["sizes"][axis - 2]
    index = np.arange(start, stop, dtype=np.int64)
    if call.op["mode"] == "nearest":
        low = index * size // target
        return low, low, np.zeros(len(index))
    if call.op["align_corners"]:
        source = index * ((size - 1) / (target - 1) if target > 1 else 0.0)
    else:
        source = np.clip((index + 0.5) * (size / target) - 0.5, 0, None)
    low = np.minimum(source.astype(np.int64), size - 1)
    return low, np.minimum(low + 1, size - 1), np.clip(source - low, 0, 1)
