"""Arithmetic of two operands, element by element.

On integers: ``rint(((a - za) * sa  op  (b - zb) * sb) / so) + zo`` in float64, halves to even, then the clamp.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosim.execute.addition import ADDITIONS, Operands
from cosim.execute.call import Array, Call
from cosim.execute.epilogue import Epilogue, Scales
from cosim.execute.kernels.finish import activated, clamp_codes
from cosim.execute.kernels.recode import quantised, ruled, single
from cosim.execute.preset import COSIM
from cosim.jit import njit
from cosim.plugin.functions import Kernel

FUNCTIONS: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "pow": np.power,
}
_FAST = {"add": 0, "sub": 1, "mul": 2}


def binary(name: str) -> Kernel:
    """Kernel of a function of two operands."""

    def kernel(call: Call) -> Array:
        activation = str(call.op["activation"]) if name in _FAST else "none"
        if not call.all_integer:
            with np.errstate(all="ignore"):
                return call.encoded(activated(FUNCTIONS[name](call.real(0), call.real(1)), activation))
        if name in _FAST:
            if call.inputs[0].bits <= 8 and call.inputs[1].bits <= 8 and call.target.bits <= 8:
                preset = call.numerics.preset
                if name != "mul" and preset.add != COSIM:
                    return _summed(call, preset.add, 1 if name == "add" else -1, activation)
                if name == "mul" and preset.mul is not None:
                    return _multiplied(call, preset.mul, activation)
            return _compiled(call, _FAST[name], activation)
        rule = call.numerics.preset.functions.pair
        if rule != COSIM and max(call.inputs[0].bits, call.inputs[1].bits, call.target.bits) <= 8:
            one, other = (single(call, i) for i in (0, 1))
            with np.errstate(all="ignore"):
                return ruled(np.asarray(FUNCTIONS[name](one, other)), rule, call)
        a, b = ((call.operand(i).astype(np.float64) - call.zero(i)) * call.scale(i) for i in (0, 1))
        with np.errstate(all="ignore"):
            return quantised(np.asarray(FUNCTIONS[name](a, b)), call)

    return kernel


def _flat(call: Call) -> tuple[Array, Array]:
    a, b = (np.ascontiguousarray(np.broadcast_to(call.operand(i), call.shape)).reshape(-1) for i in (0, 1))
    return a, b


def _summed(call: Call, rule: str, sign: int, activation: str) -> Array:
    """Sum by the rule of a framework, in its own codes."""
    a, b = _flat(call)
    offset = 128 if call.numerics.preset.unsigned else 0
    low, high = clamp_codes(activation, call)
    if offset:  # the same codes, 128 higher
        a, b = (np.bitwise_xor(codes.view(np.uint8), np.uint8(0x80)) for codes in (a, b))
    result = ADDITIONS[rule](
        Operands(
            a,
            b,
            (call.scale(0), call.scale(1), call.output_scale),
            (call.zero(0) + offset, call.zero(1) + offset, call.output_zero + offset),
            (low + offset, high + offset),
            sign,
        )
    )
    if offset:
        result = np.bitwise_xor(result, np.uint8(0x80)).view(np.int8)
    return result.reshape(call.shape)


def _multiplied(call: Call, rule: Epilogue, activation: str) -> Array:
    """Product as an accumulator with one scale."""
    a, b = _flat(call)
    products = (a.astype(np.int32) - call.zero(0)) * (b.astype(np.int32) - call.zero(1))
    low, high = clamp_codes(activation, call)
    codes = rule(
        products.reshape(1, 1, -1),
        np.zeros(1, np.int64),
        Scales(call.scale(0), np.array([call.scale(1)]), call.output_scale),
        axis=1,
        zero=call.output_zero,
        low=low,
        high=high,
        storage=call.target.storage,
    )
    return codes.reshape(call.shape)


def _compiled(call: Call, function: int, activation: str) -> Array:
    a, b = _flat(call)
    out = np.empty(a.shape, call.target.storage)
    scales = call.scale(0), call.scale(1), call.output_scale
    zeros = float(call.zero(0)), float(call.zero(1)), float(call.output_zero)
    low, high = clamp_codes(activation, call)
    _combine(a, b, function, scales, zeros, float(low), float(high), out)
    return out.reshape(call.shape)


@njit
def _combine(
    a: Array,
    b: Array,
    function: int,
    scales: tuple[float, float, float],
    zeros: tuple[float, float, float],
    low: float,
    high: float,
    out: Array,
) -> None:
    for i in range(a.size):
        left = (np.float64(a[i]) - zeros[0]) * scales[0]
        right = (np.float64(b[i]) - zeros[1]) * scales[1]
        if function == 0:
            value = left + right
        elif function == 1:
            value = left - right
        else:
            value = left * right
        out[i] = min(max(np.rint(value / scales[2]) + zeros[2], low), high)
