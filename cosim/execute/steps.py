"""`step_of`: an 8-bit op whose weights are constant, with everything that does not depend on its input computed once.

Steps take and give pixels (`cosim.execute.pixels`). They compute exact sums with the compiled dot product and finish
them under the rule of the graph's preset, so their codes are those of the op's kernel; an op that is none of these
keeps its kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cosim.execute.addition import ADDITIONS, Operands
from cosim.execute.call import Array, Call
from cosim.execute.channelwise import Channelwise
from cosim.execute.kernels import elementwise, function
from cosim.execute.kernels.deviating import pairs_of_taps
from cosim.execute.kernels.exact import weight_zeros
from cosim.execute.kernels.finish import activation_of, clamp_codes, finished
from cosim.execute.kernels.recode import averaged, is_same, quantised
from cosim.execute.lanes import CHANNELS
from cosim.execute.packed import Packed, codes_of, packed, sums_of
from cosim.execute.pixels import FLIP, Bytes, framed, largest, plane_sums
from cosim.execute.presets import COSIM
from cosim.execute.rescale import Rescale, column_rescale, rescale_of
from cosim.formats import Encoding, IntegerFormat
from cosim.formats.builtin import find_format
from cosim.plugin.functions import Kernel

Step = Callable[..., Bytes]
Places = NDArray[np.intp]
_MERGED = 64  # images with fewer pixels are taken together


def step_of(call: Call) -> Step | None:
    """The step of an op; `call` is that of the whole op, its constant operands given and the others None."""
    prepare = STEPS.get(call.op.kind.name)
    if prepare is None or not _is_exact(call) or not _is_int8(call) or call.operands[0] is not None:
        return None
    # Of a product, everything but the input must be known; of two operands that both move, there is no more.
    if prepare in (_convolution, _linear) and any(given is None for given in call.operands[1:]):
        return None
    return prepare(call)


def _is_exact(call: Call) -> bool:
    """Whether this op's sums are exact under the graph's arithmetic."""
    return call.numerics.is_exact or (call.numerics.pairs == "taps" and not pairs_of_taps(call))


def _is_int8(call: Call) -> bool:
    """Whether activations, weights and output are calibrated int8, each activation with one scale."""
    if call.stored or call.target_stored is not None:
        return False  # mixed formats, or a scale per block
    encodings = (*call.inputs[:2], call.output)
    forms = [find_format(encoding.format, call.formats) for encoding in encodings]
    if not all(isinstance(form, IntegerFormat) and form.storage == np.int8 for form in forms):
        return False
    known = (*(given is not None for given in call.operands[:2]), False)
    return all(
        _scales(encoding) >= 1 if fixed else _scales(encoding) == 1
        for encoding, fixed in zip(encodings, known, strict=True)
    )


def _scales(encoding: Encoding) -> int:
    return 0 if encoding.scale is None else encoding.scale.size


@dataclass(frozen=True, eq=False)
class _Window:
    """Where the windows of a convolution lie in the framed image."""

    pads: tuple[int, int, int, int]
    zero: int
    shape: tuple[int, ...]
    pixels: Places
    size: int
    images: int
    is_bare: bool

    @classmethod
    def of(cls, call: Call, taps_read_on: bool) -> _Window:
        """Of a whole convolution; a step that reads behind its last term needs the slack of a frame."""
        (n, c, h, w), (_, _, rows, width) = _shape(call, 0), call.shape
        (sy, sx), pads = call.op["strides"], tuple(call.op["pads"])
        top, left, bottom, right = pads
        line = (w + left + right) * c
        grid = np.arange(rows)[:, None] * (sy * line) + np.arange(width)[None] * (sx * c)
        pixels, size, images = grid.reshape(-1), (h + top + bottom) * line, n
        if len(pixels) < _MERGED:
            pixels, images = (np.arange(n)[:, None] * size + pixels[None]).reshape(-1), 1
        zero = call.zero(0) + int(FLIP)
        bare = not any(pads) and not taps_read_on
        return cls(pads, zero, (n, rows, width, call.shape[1]), pixels.astype(np.intp), size, images, bare)

    def flat(self, x: Bytes) -> Bytes:
        """The image as its windows are addressed."""
        return x.reshape(-1) if self.is_bare else framed(x, self.pads, self.zero)


def _shape(call: Call, position: int) -> tuple[int, ...]:
    return call.space.inputs[position].shape


def _runs(call: Call, weights: NDArray[np.int8]) -> tuple[NDArray[np.int8], Places]:
    """Weights (channels, taps, terms) and first bytes of the taps: whole rows of a window where they lie together."""
    (_, c, _, w), pads = _shape(call, 0), call.op["pads"]
    outer, inner, fy, fx = weights.shape
    dy, dx = call.op["dilations"]
    line, last = (w + pads[1] + pads[3]) * c, weights.transpose(0, 2, 3, 1)
    rows = np.arange(fy) * dy * line
    if inner == c and (dx == 1 or fx == 1):
        return last.reshape(outer, fy, fx * inner), rows.astype(np.intp)
    taps = rows[:, None] + np.arange(fx)[None] * dx * c
    return last.reshape(outer, fy * fx, inner), taps.reshape(-1).astype(np.intp)


def _convolution(call: Call) -> Step | None:
    if weight_zeros(call) is not None:
        return None
    weights, groups = call.operand(1), call.op["groups"]
    if groups > 1 and weights.shape[1] == 1 and weights.shape[0] == groups:
        return _depthwise(call, weights)
    runs, taps = _runs(call, weights)
    laid = packed(runs, taps, groups, weights.shape[1])
    window = _Window.of(call, runs.shape[2] % 4 != 0)
    finish = _finish(call, laid, window.zero)
    return lambda x: finish(window.flat(x), window.images, window.size, window.pixels).reshape(window.shape)


def _finish(call: Call, weights: Packed, zero: int) -> Callable[[Bytes, int, int, Places], Bytes]:
    """From flat pixels to the bytes of the output."""
    channels = weights.groups * weights.outer
    fused = rescale_of(call, channels, weights.largest)
    if fused is not None:
        rescale = column_rescale(weights, zero, *fused)
        return lambda x, images, size, pixels: codes_of(x, images, size, pixels, weights, rescale)
    start = weights.spread((-zero * weights.row_sums).astype(np.int32))
    known = _known(call)

    def finish(x: Bytes, images: int, size: int, pixels: Places) -> Bytes:
        return _bytes(finished(sums_of(x, images, size, pixels, weights, start), known, 1))

    return finish


def _known(call: Call) -> Call:
    """What is needed to finish sums: the weights are not."""
    return replace(call, operands=(None, None, *call.operands[2:]))


def _bytes(codes: Array) -> Bytes:
    """Bytes of codes, and the other way round."""
    return np.bitwise_xor(codes.view(np.uint8), FLIP)


def _depthwise(call: Call, weights: NDArray[np.int8]) -> Step:
    (_, c, _, w), pads = _shape(call, 0), call.op["pads"]
    fy, fx = weights.shape[2:]
    dy, dx = call.op["dilations"]
    grid = np.arange(fy)[:, None] * (dy * (w + pads[1] + pads[3]) * c) + np.arange(fx)[None] * (dx * c)
    laid = Channelwise.of(weights.reshape(c, -1), grid.reshape(-1).astype(np.intp))
    window = _Window.of(call, c < CHANNELS)
    pixels = window.pixels
    if window.images > 1:
        pixels = (np.arange(window.images)[:, None] * window.size + pixels[None]).reshape(-1)
    start = -window.zero * laid.row_sums
    fused = rescale_of(call, c, laid.largest)
    if fused is not None:
        bias, scale, bounds = fused
        rescale = Rescale(laid.spread((bias + start).astype(np.int32)), laid.spread(scale), bounds)
        return lambda x: laid.codes(window.flat(x), pixels, rescale).reshape(window.shape)
    known, begin = _known(call), laid.spread(start.astype(np.int32))
    return lambda x: _bytes(finished(laid.sums(window.flat(x), pixels, begin), known, 1)).reshape(window.shape)


def _linear(call: Call) -> Step | None:
    if weight_zeros(call) is not None or len(call.shape) == 4:
        return None
    weights = call.operand(1)
    outer, terms = weights.shape
    laid = packed(weights.reshape(outer, 1, terms), np.zeros(1, np.intp), 1, terms)
    rows = int(np.prod(call.shape[:-1]))
    pixels = np.arange(rows, dtype=np.intp) * terms
    finish, shape = _finish(call, laid, call.zero(0) + int(FLIP)), call.shape

    def step(x: Bytes) -> Bytes:
        flat = x.reshape(-1)
        if terms % 4:
            flat = np.concatenate([flat, np.zeros(4, np.uint8)])
        return finish(flat, 1, 0, pixels).reshape(shape)

    return step


def _sum(sign: int) -> Callable[[Call], Step | None]:
    def prepare(call: Call) -> Step | None:
        rule = call.numerics.preset.add
        if rule == COSIM:
            return _flat(elementwise.binary("add" if sign > 0 else "sub"))(call)
        if any(given is not None for given in call.operands) or _shape(call, 0) != _shape(call, 1):
            return None
        low, high = clamp_codes(activation_of(call), call)
        offset = int(FLIP) if call.numerics.preset.unsigned else 0
        scales = call.scale(0), call.scale(1), call.output_scale
        zeros = call.zero(0) + offset, call.zero(1) + offset, call.output_zero + offset

        def step(a: Bytes, b: Bytes) -> Bytes:
            sides: list[Array] = [a.reshape(-1), b.reshape(-1)]
            if not offset:
                sides = [_bytes(side).view(np.int8) for side in sides]
            made = ADDITIONS[rule](Operands(sides[0], sides[1], scales, zeros, (low + offset, high + offset), sign))
            return (made if offset else _bytes(made)).reshape(a.shape)

        return step

    return prepare


def _flat(kernel: Kernel) -> Callable[[Call], Step | None]:
    """Of a kernel that computes element by element: the order of elements is free, so pixels stay pixels."""

    def prepare(call: Call) -> Step | None:
        shapes = {_shape(call, position) for position in range(len(call.operands))}
        if shapes != {call.shape} or any(given is not None for given in call.operands):
            return None
        all_of_it = replace(call, output_box=np.array([[0, int(np.prod(call.shape))]]))

        def step(*pixels: Bytes) -> Bytes:
            codes = tuple(_bytes(side.reshape(-1)).view(np.int8) for side in pixels)
            return _bytes(kernel(replace(all_of_it, operands=codes))).reshape(pixels[0].shape)

        return step

    return prepare


def _max_pool(call: Call) -> Step | None:
    if not is_same(call.inputs[0], call.output) or tuple(call.op["dilations"]) != (1, 1):
        return None
    n, c, rows, width = call.shape
    kernel, strides, pads = (tuple(call.op[name]) for name in ("kernel", "strides", "pads"))
    low = np.uint8(call.integer_target.low + int(FLIP))

    def step(x: Bytes) -> Bytes:
        out = np.empty((n, rows, width, c), np.uint8)
        largest(x, kernel, strides, pads, low, out)
        return out

    return step


def _mean(call: Call) -> Step | None:
    shape, preset = _shape(call, 0), call.numerics.preset
    if len(shape) != 4 or sorted(axis % 4 for axis in call.op["axes"]) != [2, 3] or call.op["keepdims"]:
        return None
    count, zero = shape[2] * shape[3], call.zero(0) + int(FLIP)
    rule = preset.mean_dropping or preset.mean

    def step(x: Bytes) -> Bytes:
        total = np.empty((shape[0], shape[1]), np.int64)
        plane_sums(x.reshape(shape[0], count, shape[1]), total)
        total -= count * zero
        if rule != COSIM:
            return _bytes(averaged(total, np.asarray(float(count)), rule, call))
        return _bytes(quantised(total * call.scale(0) / count, call))

    return step


STEPS: Mapping[str, Callable[[Call], Step | None]] = MappingProxyType(
    {
        **{name: _flat(function.unary(name)) for name in function.FUNCTIONS},
        **{name: _flat(elementwise.binary(name)) for name in elementwise.FUNCTIONS},
        "conv2d": _convolution,
        "linear": _linear,
        "add": _sum(1),
        "sub": _sum(-1),
        "max_pool2d": _max_pool,
        "reduce_mean": _mean,
    }
)
