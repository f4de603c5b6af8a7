"""Softmax and the normalisations. On integers all sums are exact, so the order of adding cannot show."""

from __future__ import annotations

import numpy as np

from cosim.execute.call import Array, Call
from cosim.execute.kernels.recode import limited, quantised
from cosim.execute.preset import COSIM
from cosim.execute.softmaxes import SOFTMAXES, Rows
from cosim.plugin.functions import Kernel

_ONE = 1 << 30  # fixed point of exp in the integer softmax


def softmax(logarithm: bool) -> Kernel:
    """Kernel of softmax or its logarithm."""

    def kernel(call: Call) -> Array:
        axis = int(call.op["axis"])
        if not call.all_integer:
            x = call.real(0)
            shifted = x - x.max(axis=axis, keepdims=True)
            powers = np.exp(shifted)
            total = powers.sum(axis=axis, keepdims=True, dtype=np.float32)
            return call.encoded(shifted - np.log(total) if logarithm else powers / total)
        codes = call.operand(0).astype(np.int64)
        rule = call.numerics.preset.functions.softmax
        if rule != COSIM and not logarithm and call.inputs[0].bits <= 8 and call.target.bits <= 8:
            rows = np.moveaxis(codes, axis, -1)
            made = SOFTMAXES[rule](Rows(rows.reshape(-1, rows.shape[-1]), call.scale(0), call.output_scale))
            return limited(np.moveaxis(made.reshape(rows.shape), -1, axis) + call.output_zero, call)
        below = codes.max(axis=axis, keepdims=True) - codes
        powers = _powers(below, call)
        total = powers.sum(axis=axis, keepdims=True)
        if logarithm:
            return quantised(-below * call.scale(0) - np.log(total / _ONE), call)
        return quantised(powers / total, call)

    return kernel


def _powers(below: Array, call: Call) -> Array:
    """exp(-below * scale) in fixed point; 8-bit operands look it up."""
    if call.inputs[0].bits > 8:
        return np.asarray(np.rint(np.exp(-below * call.scale(0)) * _ONE), np.int64)
    table = np.rint(np.exp(-np.arange(256) * call.scale(0)) * _ONE).astype(np.int64)
    return np.asarray(table[below])


def layer_norm(call: Call) -> Array:
    """(x - mean) / deviation over axis..last. Source: Ba et al., doi:10.48550/arXiv.1607.06450."""
    rank = len(call.shape)
    axis = int(call.op["axis"]) % rank
    axes = tuple(range(axis, rank))
    real = [call.real(i) for i in range(1, len(call.operands))]
    if not call.all_integer_input:
        x = call.real(0)
        centred = x - x.mean(axis=axes, keepdims=True, dtype=np.float32)
        variance = np.square(centred).mean(axis=axes, keepdims=True, dtype=np.float32)
        return _affine(centred / np.sqrt(variance + np.float32(call.op["epsilon"])), real, call)
    codes = call.operand(0).astype(np.int64) - call.zero(0)
    count = int(np.prod(call.shape[axis:]))
    total = codes.sum(axis=axes, keepdims=True)
    # n^2 times mean square minus n^2 times squared mean, in integers: cannot cancel.
    spread = count * np.square(codes).sum(axis=axes, keepdims=True) - np.square(total)
    scale = call.scale(0) / count
    normal = (count * codes - total) * scale / np.sqrt(spread * scale * scale + call.op["epsilon"])
    return _affine(normal, real, call)


def rms_norm(call: Call) -> Array:
    """Input over its root mean square. Source: Zhang and Sennrich, doi:10.48550/arXiv.1910.07467."""
    gamma = [call.real(1)]
    if not call.all_integer_input:
        x = call.real(0)
        square = np.square(x).mean(axis=-1, keepdims=True, dtype=np.float32)
        return _affine(x / np.sqrt(square + np.float32(call.op["epsilon"])), gamma, call)
    codes = call.operand(0).astype(np.int64) - call.zero(0)
    scale = call.scale(0)
    square = np.square(codes).sum(axis=-1, keepdims=True) / codes.shape[-1]
    return _affine(codes * scale / np.sqrt(square * scale * scale + call.op["epsilon"]), gamma, call)


def batch_norm(call: Call) -> Array:
    """Fixed statistics per channel. Source: Ioffe and Szegedy, doi:10.48550/arXiv.1502.03167."""
    shape = (-1,) + (1,) * (len(call.shape) - 2)
    gamma, beta, mean, variance = (call.real(i).reshape(shape) for i in range(1, 5))
    if not call.all_integer_input:
        gain = gamma / np.sqrt(variance + np.float32(call.op["epsilon"]))
        return call.encoded((call.real(0) - mean) * gain + beta)
    real = (call.operand(0).astype(np.float64) - call.zero(0)) * call.scale(0)
    return quantised((real - mean) / np.sqrt(variance.astype(np.float64) + call.op["epsilon"]) * gamma + beta, call)


def _affine(normal: Array, parameters: list[Array], call: Call) -> Array:
    if parameters:
        normal = normal * parameters[0]
    if len(parameters) > 1:
        normal = normal + parameters[1]
    return quantised(normal, call) if call.all_integer_input else call.encoded(normal)
