"""From accumulators to codes: bias, scale, activation and clamp, shared by all matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import UnsupportedError
from cosim.execute.call import Array, Call
from cosim.execute.epilogue import Epilogue, Scales
from cosim.formats import IntegerFormat


def finished(accumulators: Array, call: Call, axis: int) -> Array:
    """Codes of the output box; `axis` is that of the output channels. The accumulators, if the call is partial."""
    if call.accumulators is not None:
        accumulators = call.accumulators + accumulators
    if call.partial:
        return accumulators
    if np.issubdtype(accumulators.dtype, np.floating):
        return _finish_real(accumulators, call, axis)
    target = call.target
    channels = accumulators.shape[axis]
    weights = np.broadcast_to(channel_scales(call, channels), (channels,))
    if not isinstance(target, IntegerFormat):
        steps = call.scale(0) * weights
        shape = [-1 if position == axis else 1 for position in range(accumulators.ndim)]
        real = (accumulators + _integer_bias(call, steps).reshape(shape)) * steps.reshape(shape)
        return call.encoded(activated(real, activation_of(call)))
    scales = Scales(call.scale(0), weights, call.output_scale)
    codes = _coded(rule_of(call), accumulators, call, axis, scales)
    tail = tail_of(call)
    if tail is not None:
        # Channels are counted over the whole op, not over the tile.
        lanes, first = call.numerics.preset.products.lanes, int(call.output_box[1, 0])
        vectors = call.space.output.axes[1].size // lanes * lanes - first
        if vectors < channels:
            last = (slice(None), slice(max(vectors, 0), None))
            codes[last] = _coded(tail, accumulators, call, axis, scales)[last]
    return codes


def _coded(rule: Epilogue, accumulators: Array, call: Call, axis: int, scales: Scales) -> Array:
    low, high = clamp_codes(activation_of(call), call)
    return rule(
        accumulators,
        bias_of(call, rule, scales),
        scales,
        axis=axis,
        zero=call.output_zero,
        low=low,
        high=high,
        storage=call.target.storage,
    )


def tail_of(call: Call) -> Epilogue | None:
    """The epilogue of the last channels, where they have one of their own."""
    deep, bits = _is_depthwise(call), call.inputs[0].bits
    return call.numerics.preset.products.tail_of(call.op.kind.name, depthwise=deep, bits=bits)


def _is_depthwise(call: Call) -> bool:
    return call.op.kind.name == "conv2d" and call.op["groups"] > 1 and call.space.inputs[1].axes[1].size == 1


def rule_of(call: Call) -> Epilogue:
    """The epilogue of a product under the preset of the graph."""
    kind = call.op.kind.name
    groups = call.op["groups"] if "groups" in call.op.kind.defaults else 1
    bits = call.inputs[0].bits
    return call.numerics.preset.products.of(
        kind,
        groups=groups,
        depthwise=_is_depthwise(call),
        bits=bits,
        symmetric=kind == "matmul" and not call.zero(1),
        per_tensor=call.inputs[1].axis is None,
    )


def bias_of(call: Call, rule: Epilogue, scales: Scales) -> NDArray[Any]:
    """The bias as the rule takes it: codes, or real numbers."""
    channels = scales.w.shape
    if len(call.operands) < 3:
        return np.zeros(channels, np.int64 if rule.bias == "int32" else np.float32)
    if rule.bias != "int32":
        return np.asarray(call.real(2), np.float32)
    if rule.product != "double" and not call.is_integer(2):
        return np.rint(call.real(2) * (np.float32(1) / scales.steps())).astype(np.int64)
    return _integer_bias(call, np.broadcast_to(call.scale(0) * scales.w, channels))


def channel_scales(call: Call, channels: int) -> NDArray[np.float64]:
    """Scales of the second operand along the output channels of the tile, shape (channels,) or ()."""
    encoding = call.local(1)
    scales = np.asarray(encoding.scale, np.float64)
    if encoding.axis is None or scales.size == 1:
        return scales.reshape(-1)[0] if scales.size == 1 else scales
    allowed = {"conv2d": 0, "linear": 0, "conv_transpose2d": 1}
    rank = len(call.boxes[1])
    matmul = rank - 2 if call.op.kind.name == "matmul" and call.op["transpose_b"] else rank - 1
    if encoding.axis != allowed.get(call.op.kind.name, matmul):
        raise UnsupportedError(
            f"scales run along axis {encoding.axis} of the weights",
            where=call.where,
            allowed=f"the axis of the output channels, {allowed.get(call.op.kind.name, matmul)}",
            fix="register a kernel with the hook cosim_kernels",
        )
    # A grouped transposed convolution names its output channels once for all groups.
    return np.tile(scales, channels // scales.size)


def _integer_bias(call: Call, steps: NDArray[np.float64]) -> NDArray[np.int64]:
    if len(call.operands) < 3:
        return np.zeros(steps.shape, np.int64)
    codes = call.operand(2)
    if call.is_integer(2):
        encoding = call.local(2)
        scale = np.broadcast_to(np.asarray(encoding.scale, np.float32), steps.shape)
        if np.array_equal(scale, steps.astype(np.float32)) and not np.any(encoding.zero_point):
            return codes.astype(np.int64)
    return np.rint(call.real(2).astype(np.float64) / steps).astype(np.int64)


def _finish_real(accumulators: Array, call: Call, axis: int) -> Array:
    if len(call.operands) >= 3:
        shape = [-1 if position == axis else 1 for position in range(accumulators.ndim)]
        accumulators = accumulators + call.real(2).reshape(shape)
    return call.encoded(activated(accumulators, activation_of(call)))


def activation_of(call: Call) -> str:
    """Activation fused into the op, or ``"none"``."""
    return str(call.op["activation"]) if "activation" in call.op.kind.defaults else "none"


def activated(real: Array, activation: str) -> Array:
    """Clamp of real values fused into an op."""
    if activation == "none":
        return real
    return np.clip(real, 0, 6) if activation == "relu6" else np.maximum(real, 0)


def clamp_codes(activation: str, call: Call) -> tuple[int, int]:
    """Lowest and highest code of the output under a fused activation."""
    target = call.integer_target
    low, high = target.low, target.high
    if activation != "none":
        low = max(low, call.output_zero)
    if activation == "relu6":
        high = min(high, int(np.rint(6.0 / call.output_scale)) + call.output_zero)
    return low, high
