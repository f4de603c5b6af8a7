"""Arithmetic of two operands, element by element.

On integers: ``rint(((a - za) * sa  op  (b - zb) * sb) / so) + zo`` in float64, halves to even, then the clamp.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosim.execute.call import Array, Call
from cosim.execute.kernels.finish import activated, clamp_codes
from cosim.execute.kernels.recode import quantised
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
            return _compiled(call, _FAST[name], activation)
        a, b = ((call.operand(i).astype(np.float64) - call.zero(i)) * call.scale(i) for i in (0, 1))
        with np.errstate(all="ignore"):
            return quantised(np.asarray(FUNCTIONS[name](a, b)), call)

    return kernel


def _compiled(call: Call, function: int, activation: str) -> Array:
    a, b = (np.ascontiguousarray(np.broadcast_to(call.operand(i), call.shape)).reshape(-1) for i in (0, 1))
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
