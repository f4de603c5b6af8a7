"""`conv2d` and `conv_transpose2d` on boxes."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cosim.execute.backends import DEVICES, torch_sums
from cosim.execute.call import Array, Call, padded
from cosim.execute.kernels.depthwise import depthwise
from cosim.execute.kernels.deviating import deviating_sums, pairs_of_taps, refuse_deviation
from cosim.execute.kernels.exact import Arithmetic, arithmetic, row_sums, weight_zeros
from cosim.execute.kernels.finish import finished
from cosim.execute.kernels.winograd import winograd
from cosim.formats.builtin import find_format

Pair = tuple[int, int]

_COLUMNS = 1 << 19  # elements of one block of columns: 2 MiB of float32 stay near the core


def conv2d(call: Call) -> Array:
    """Convolution of a tile: loops N G K C OY OX FY FX."""
    rule = arithmetic(call)
    x, zero = _image(call, rule)
    w = _weights(call, rule)
    if rule.chunk and not call.numerics.is_exact:
        return finished(_deviating(call, x, w, zero).astype(rule.accumulator), call, 1)
    return finished(_convolve(x, w, zero, call.op["strides"], call.op["dilations"], rule, call.backend), call, 1)


def _deviating(call: Call, x: Array, w: Array, zero: int) -> Array:
    """Sums of a convolution by the deviation of the call's numerics."""
    strides, dilations, numerics = call.op["strides"], call.op["dilations"], call.numerics
    groups = x.shape[1] // w.shape[1]
    if numerics.winograd and w.shape[2:] == (3, 3) and (*strides, *dilations) == (1,) * 4 and groups == 1:
        return winograd(x.astype(np.int64) - zero, w, numerics.winograd, call.op.name, numerics.tile)
    if numerics.winograd or (numerics.pairs == "taps" and not pairs_of_taps(call)):
        return _convolve(x, w, zero, strides, dilations, arithmetic(call), call.backend)
    inside = None
    if numerics.pairs == "int16":
        box, reach = call.boxes[0], call.reaches[0]
        there = None if call.operands[0] is None else np.ones(call.operand(0).shape, np.bool_)
        there = padded(there, box, reach, fill=False, dtype=np.dtype(np.bool_))[:, :1]
        inside = _windows(there, w.shape[2:], strides, dilations)[0][..., 0]
    return _by_windows(call, x, w, zero, strides, dilations, inside)


def _by_windows(
    call: Call, x: Array, w: Array, zero: int, strides: Pair, dilations: Pair, inside: Array | None = None
) -> Array:
    """Deviating sums group by group, going on from the call's accumulators."""
    groups, inner = x.shape[1] // w.shape[1], w.shape[1]
    outer, parts = w.shape[0] // groups, []
    for g in range(groups):
        windows, shape = _windows(x[:, g * inner : (g + 1) * inner], w.shape[2:], strides, dilations)
        mine = w[g * outer : (g + 1) * outer].transpose(0, 2, 3, 1).reshape(outer, -1, inner)
        if call.numerics.pairs == "taps":  # neighbours are taps, of one channel each
            windows, mine = windows.swapaxes(1, 2), mine.swapaxes(1, 2)
        start = call.accumulators
        if start is not None:
            start = start[:, g * outer : (g + 1) * outer].transpose(0, 2, 3, 1).reshape(-1, outer)
        made = deviating_sums(windows, mine, zero, call, inside, start)
        parts.append(made.reshape(*shape, outer).transpose(0, 3, 1, 2))
    return np.concatenate(parts, axis=1)


def _windows(
    x: Array, kernel: tuple[int, ...], strides: tuple[int, int], dilations: tuple[int, int]
) -> tuple[Array, tuple[int, int, int]]:
    """Windows (N * OY * OX, taps, channels), and (N, OY, OX)."""
    (sy, sx), (dy, dx) = strides, dilations
    reach = dy * (kernel[0] - 1) + 1, dx * (kernel[1] - 1) + 1
    views = np.lib.stride_tricks.sliding_window_view(x, reach, (2, 3))[:, :, ::sy, ::sx, ::dy, ::dx]
    shape = (x.shape[0], views.shape[2], views.shape[3])
    return views.transpose(0, 2, 3, 4, 5, 1).reshape(int(np.prod(shape)), -1, x.shape[1]), shape


def conv_transpose2d(call: Call) -> Array:
    """Transposed convolution: a convolution of the zero-inserted image by the flipped window."""
    rule = arithmetic(call)
    if rule.chunk:
        refuse_deviation(call)
    x, zero = _image(call, rule)
    x = _insert_zeros(x, zero, call)
    w = _weights(call, rule)
    groups, (inner, outer) = _tile_groups(call), w.shape[:2]
    w = w.reshape(groups, inner // groups, outer, *w.shape[2:]).swapaxes(1, 2)
    w = np.ascontiguousarray(w.reshape(groups * outer, inner // groups, *w.shape[3:])[:, :, ::-1, ::-1])
    if rule.chunk and call.numerics.accumulator:
        return finished(_by_windows(call, x, w, zero, (1, 1), call.op["dilations"]).astype(rule.accumulator), call, 1)
    return finished(_convolve(x, w, zero, (1, 1), call.op["dilations"], rule, call.backend), call, 1)


def _tile_groups(call: Call) -> int:
    loop = call.space.index("G")
    return int(call.tile[loop, 1] - call.tile[loop, 0])


def _image(call: Call, rule: Arithmetic) -> tuple[Array, int]:
    """The padded image box, as codes (with the code of zero) or real values."""
    box, reach = call.boxes[0], call.reaches[0]
    if rule.chunk:
        zero = call.zero(0)
        storage = find_format(call.inputs[0].format, call.formats).storage
        return padded(call.operands[0], box, reach, zero, storage), zero
    real = None if call.operands[0] is None else call.real(0)
    return padded(real, box, reach, 0.0, np.dtype(np.float32)), 0


def _weights(call: Call, rule: Arithmetic) -> Array:
    if not rule.chunk:
        return call.real(1)
    zeros = weight_zeros(call)
    return call.operand(1) if zeros is None else (call.operand(1) - zeros).astype(np.int32)


def _insert_zeros(x: Array, zero: int, call: Call) -> Array:
    """Put `stride - 1` zeros between neighbours; the result starts where the first output's window starts."""
    tile, (sy, sx), (dy, dx) = call.tile, call.op["strides"], call.op["dilations"]
    starts, sizes = [], []
    axes = call.space.inputs[0].axes
    for axis, loop, tap, dilation in ((2, "OY", "FY", dy), (3, "OX", "FX", dx)):
        low, high = tile[call.space.index(loop)]
        taps = tile[call.space.index(tap), 1]
        starts.append(int(low + axes[axis].offset))
        sizes.append(int(high - low + dilation * (taps - 1)))
    out = np.full((*x.shape[:2], *sizes), zero, x.dtype)
    reach = call.reaches[0]
    top, left = int(reach[2, 0]) * sy - starts[0], int(reach[3, 0]) * sx - starts[1]
    out[:, :, top::sy, left::sx] = x
    return out


def _convolve(
    x: Array,
    w: Array,
    zero: int,
    strides: tuple[int, int],
    dilations: tuple[int, int],
    rule: Arithmetic,
    backend: str,
) -> Array:
    """Valid convolution of x (N, G*C, H, W) by w (G*K, C, FY, FX); `zero` is the code of 0 in x."""
    groups = x.shape[1] // w.shape[1]
    sums = None
    # Compiled 3x3 depthwise sums are quicker than torch's on the same processor.
    if backend in DEVICES and rule.chunk and not (backend == "torch" and groups > 1 and w.shape[1:] == (1, 3, 3)):
        sums = torch_sums(DEVICES[backend]).convolve(x, w, strides, dilations)
    if sums is not None:
        pass
    elif groups > 1 and w.shape[1] == 1:
        sums = depthwise(x, w, strides, dilations, rule.accumulator)
    else:
        sums = _by_columns(x, w, groups, strides, dilations, rule)
    if zero:
        # Folding the zero point keeps the operands at 8 bits: sum (x - z) w = sum x w - z sum w.
        sums -= (zero * row_sums(w.reshape(len(w), -1))).astype(sums.dtype)[None, :, None, None]
    return sums


def _by_columns(
    x: Array, w: Array, groups: int, strides: tuple[int, int], dilations: tuple[int, int], rule: Arithmetic
) -> Array:
    """Columns of windows times the weights, a block of output rows at a time."""
    (sy, sx), (dy, dx) = strides, dilations
    outer, inner, fy, fx = w.shape
    rows = (x.shape[2] - dy * (fy - 1) - 1) // sy + 1
    width = (x.shape[3] - dx * (fx - 1) - 1) // sx + 1
    out = np.empty((x.shape[0], outer, rows, width), rule.accumulator)
    terms = inner * fy * fx
    w2 = w.reshape(outer, terms).astype(rule.factor, copy=False)
    block = max(1, _COLUMNS // (terms * width))
    per_group = outer // groups
    for n in range(x.shape[0]):
        for g in range(groups):
            image = x[n, g * inner : (g + 1) * inner]
            mine = slice(g * per_group, (g + 1) * per_group)
            c, h, v = image.strides
            for row in range(0, rows, block):
                count = min(block, rows - row)
                windows = as_strided(
                    image[:, row * sy :],
                    (inner, fy, fx, count, width),
                    (c, dy * h, dx * v, sy * h, sx * v),
                    writeable=False,
                )
                columns = windows.astype(rule.factor, order="C", copy=windows.dtype != rule.factor).reshape(
                    terms, count * width
                )
                sums = rule.product(w2[mine], columns)
                out[n, mine, row : row + count] = sums.reshape(per_group, count, width)
    return out
