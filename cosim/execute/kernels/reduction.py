"""`reduce_mean`, `reduce_sum`, `reduce_max`, `reduce_min` on boxes."""

from __future__ import annotations

import numpy as np

from cosim.execute.call import Array, Call
from cosim.execute.kernels.recode import averaged, quantised, recoded, totalled
from cosim.execute.preset import COSIM
from cosim.plugin.functions import Kernel


def reduce(name: str) -> Kernel:
    """Kernel of a reduction. Integer sums are exact; a mean divides in float64 and rounds once."""

    def kernel(call: Call) -> Array:
        axes, keep = tuple(call.op["axes"]), bool(call.op["keepdims"])
        if name in {"reduce_max", "reduce_min"}:
            function = np.max if name == "reduce_max" else np.min
            return recoded(np.asarray(function(call.operand(0), axis=axes, keepdims=keep)), call)
        count = int(np.prod([call.operand(0).shape[axis] for axis in axes]))
        divisor = count if name == "reduce_mean" else 1
        if not call.all_integer:
            total = call.real(0).sum(axis=axes, keepdims=keep, dtype=np.float32)
            return call.encoded(np.asarray(total) / np.float32(divisor))
        total = np.asarray(call.operand(0).sum(axis=axes, keepdims=keep, dtype=np.int64)) - count * call.zero(0)
        preset = call.numerics.preset
        if call.inputs[0].bits <= 8 and call.target.bits <= 8:
            if name == "reduce_sum" and preset.total != COSIM:
                return totalled(total, count, preset.total, call)
            is_image = keep and call.operand(0).ndim == 4 and sorted(axis % 4 for axis in axes) == [2, 3]
            rule = preset.mean if is_image or not preset.mean_dropping else preset.mean_dropping
            if name == "reduce_mean" and rule != COSIM:
                return averaged(total, np.asarray(float(count)), rule, call)
        return quantised(total * call.scale(0) / divisor, call)

    return kernel
