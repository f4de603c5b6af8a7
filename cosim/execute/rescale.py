"""`Rescale`: an epilogue resolved to per-channel constants, for sums that are finished where they are made.

It covers the rule of most frameworks, one float32 multiplier and halves to even (`Epilogue`); sums under any other
rule are written out and finished by the rule itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.execute.call import Call
from cosim.execute.epilogue import FP32_EVEN, Epilogue, Scales
from cosim.execute.kernels.finish import activation_of, bias_of, channel_scales, clamp_codes, rule_of, tail_of

Bounds = tuple[float, float, float, float]
_LARGE = 1 << 16  # zero points beyond it are no whole float32 under every rule
FLIP = 128  # bytes of an image are codes plus this


@dataclass(frozen=True, eq=False)
class Rescale:
    """Byte = cut(round(float32(sum + bias) * scale + inside), low, high) + added; halves to even.

    Attributes
    ----------
    bias, scale
        By padded output column.
    bounds
        (inside, low, high, added), whole numbers: the zero point is in `inside`, or in the other three.
    """

    bias: NDArray[np.int32] = field(repr=False)
    scale: NDArray[np.float32] = field(repr=False)
    bounds: Bounds


def rescale_of(call: Call, channels: int, largest: int) -> tuple[NDArray[np.int64], NDArray[np.float32], Bounds] | None:
    """Bias, multipliers and bounds of a call's epilogue; None where it is another rule, or sums may pass 32 bits.

    `largest` bounds the magnitude of every sum.
    """
    rule, form = rule_of(call), call.integer_target
    known = replace(
        rule, name=FP32_EVEN.name, product="double", zero_point="outside", clamp="full", unsigned=False, wraps=False
    )
    if known != FP32_EVEN or tail_of(call) is not None or form.storage != np.int8 or abs(call.output_zero) > _LARGE:
        return None
    scales = Scales(call.scale(0), np.broadcast_to(channel_scales(call, channels), (channels,)), call.output_scale)
    bias = np.asarray(bias_of(call, rule, scales), np.int64)
    if largest + int(np.abs(bias).max(initial=0)) >= 1 << 31:
        return None
    return bias, scales.multipliers(rule.product).astype(np.float32), bounds_of(rule, call)


def bounds_of(rule: Epilogue, call: Call) -> Bounds:
    """Where codes are cut and what is added, for bytes."""
    low, high = clamp_codes(activation_of(call), call)
    if rule.clamp == "symmetric":
        low = max(low, -high if high > 0 else low)
    zero, offset = call.output_zero, FLIP if rule.unsigned else 0
    if rule.zero_point == "inside":
        return float(zero + offset), float(low + offset), float(high + offset), float(FLIP - offset)
    return 0.0, float(low - zero), float(high - zero), float(zero + FLIP)


def column_rescale(
    weights: Any, zero: int, bias: NDArray[np.int64], scale: NDArray[np.float32], bounds: Bounds
) -> Rescale:
    """The same with the zero point of the bytes in the bias, by padded column of `weights`."""
    whole = bias - zero * weights.row_sums
    return Rescale(weights.spread(whole.astype(np.int32)), weights.spread(scale), bounds)
