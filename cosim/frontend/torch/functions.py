"""Op kind -> PyTorch function: how `to_torch` computes each op."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cosim.graph.op import Op

if TYPE_CHECKING:
    from torch import Tensor

Function = Callable[[Op, Sequence[Any]], Any]
"""(op, operands) -> output."""


def functions(*, training: bool = False) -> Mapping[str, Function]:
    """The table; made by a function because PyTorch is imported when somebody needs it.

    When `training`, batch norms use the statistics of the batch and update the running ones.
    """
    import torch
    import torch.nn.functional as f

    unary: dict[str, Callable[[Tensor], Tensor]] = {
        "relu": torch.relu,
        "relu6": f.relu6,
        "hard_swish": f.hardswish,
        "hard_sigmoid": f.hardsigmoid,
        "silu": f.silu,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "exp": torch.exp,
        "log": torch.log,
        "sqrt": torch.sqrt,
        "rsqrt": torch.rsqrt,
        "neg": torch.neg,
        "abs": torch.abs,
        "erf": torch.erf,
        "reciprocal": torch.reciprocal,
        "identity": lambda x: x,
        "softplus": f.softplus,
    }
    binary: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "add": torch.add,
        "sub": torch.sub,
        "mul": torch.mul,
        "div": torch.div,
        "maximum": torch.maximum,
        "minimum": torch.minimum,
        "pow": torch.pow,
    }
    return MappingProxyType(
        {
            **{name: _unary(work) for name, work in unary.items()},
            **{name: _binary(work) for name, work in binary.items()},
            **_WITH_ATTRIBUTES,
            "batch_norm": _batch_norm(training=training),
        }
    )


def _unary(work: Callable[[Any], Any]) -> Function:
    return lambda _, x: work(x[0])


def _binary(work: Callable[[Any, Any], Any]) -> Function:
    return lambda op, x: _clamped(op, work(x[0], x[1]))


def _clamped(op: Op, y: Tensor) -> Tensor:
    clamp = op["activation"] if "activation" in op.kind.defaults else "none"
    if clamp == "none":
        return y
    return y.clamp(0.0, 6.0) if clamp == "relu6" else y.relu()


def _padded(x: Tensor, pads: Sequence[int], value: float) -> tuple[Tensor, tuple[int, int]]:
    """`x` and symmetric padding that together mean (top, left, bottom, right)."""
    import torch.nn.functional as f

    top, left, bottom, right = pads
    if top == bottom and left == right:
        return x, (top, left)
    return f.pad(x, (left, right, top, bottom), value=value), (0, 0)


def _conv2d(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    image, padding = _padded(x[0], op["pads"], 0.0)
    bias = x[2] if len(x) > 2 else None
    return _clamped(op, f.conv2d(image, x[1], bias, op["strides"], padding, op["dilations"], op["groups"]))


def _conv_transpose2d(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    top, left, bottom, right = op["pads"]
    bias = x[2] if len(x) > 2 else None
    # PyTorch pads both sides alike; what one side has more is cropped from the output.
    y0, x0 = min(top, bottom), min(left, right)
    y = f.conv_transpose2d(
        x[0], x[1], bias, op["strides"], (y0, x0), op["output_padding"], op["groups"], op["dilations"]
    )
    rows, columns = y.shape[2] - (bottom - y0), y.shape[3] - (right - x0)
    return _clamped(op, y[:, :, top - y0 : rows, left - x0 : columns])


def _linear(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    return _clamped(op, f.linear(*x))


def _matmul(op: Op, x: Sequence[Any]) -> Any:
    return x[0] @ (x[1].transpose(-1, -2) if op["transpose_b"] else x[1])


def _clip(op: Op, x: Sequence[Any]) -> Any:
    return x[0].clamp(op["low"], op["high"])


def _leaky_relu(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    return f.leaky_relu(x[0], op["alpha"])


def _elu(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    return f.elu(x[0], op["alpha"])


def _gelu(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    return f.gelu(x[0], approximate=op["approximate"])


def _max_pool2d(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    image, padding = _padded(x[0], op["pads"], -math.inf)
    return f.max_pool2d(image, op["kernel"], op["strides"], padding, op["dilations"], op["ceil_mode"])


def _avg_pool2d(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    top, left, bottom, right = op["pads"]
    kernel, strides, ceil = op["kernel"], op["strides"], op["ceil_mode"]
    if top == bottom and left == right:
        return f.avg_pool2d(x[0], kernel, strides, (top, left), ceil, op["count_include_pad"])
    image = f.pad(x[0], (left, right, top, bottom))
    if op["count_include_pad"]:
        return f.avg_pool2d(image, kernel, strides, 0, ceil)
    # The mean over a window of ones is the share of real elements in it.
    share = f.avg_pool2d(
        f.pad(x[0].new_ones(x[0].shape[2:])[None, None], (left, right, top, bottom)), kernel, strides, 0, ceil
    )
    return f.avg_pool2d(image, kernel, strides, 0, ceil) / share


def _reduce(name: str) -> Function:
    def work(op: Op, x: Sequence[Any]) -> Any:
        return getattr(x[0], name)(dim=op["axes"], keepdim=op["keepdims"])

    return work


def _softmax(op: Op, x: Sequence[Any]) -> Any:
    return getattr(x[0], op.kind.name)(dim=op["axis"])


def _layer_norm(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    gamma, beta = (*x[1:], None, None)[:2]
    return f.layer_norm(x[0], x[0].shape[op["axis"] % x[0].dim() :], gamma, beta, op["epsilon"])


def _rms_norm(op: Op, x: Sequence[Any]) -> Any:
    # Spelt out: PyTorch's own rms_norm cannot be exported to ONNX before opset 23.
    inverse = (x[0].pow(2).mean(-1, keepdim=True) + op["epsilon"]).rsqrt()
    return x[0] * inverse * x[1]


def _batch_norm(*, training: bool) -> Function:
    import torch.nn.functional as f

    def work(op: Op, x: Sequence[Any]) -> Tensor:
        image, gamma, beta, mean, variance = x
        return f.batch_norm(image, mean, variance, gamma, beta, training=training, eps=op["epsilon"])

    return work


def _concat(op: Op, x: Sequence[Any]) -> Tensor:
    import torch

    return torch.cat(list(x), op["axis"])


def _slice(op: Op, x: Sequence[Any]) -> Any:
    bounds = zip(x[0].shape, op["starts"], op["stops"], op["steps"], strict=True)
    return x[0][tuple(slice(None) if (a, b, c) == (0, n, 1) else slice(a, b, c) for n, a, b, c in bounds)]


def _pad(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    return f.pad(x[0], [amount for pair in reversed(op["pads"]) for amount in pair], value=op["value"])


def _transpose(op: Op, x: Sequence[Any]) -> Any:
    return x[0].permute(op["permutation"])


def _reshape(op: Op, x: Sequence[Any]) -> Any:
    return x[0].reshape(op["shape"])


def _broadcast_to(op: Op, x: Sequence[Any]) -> Any:
    return x[0].expand(op["shape"])


def _resize(op: Op, x: Sequence[Any]) -> Tensor:
    import torch.nn.functional as f

    if op["mode"] == "nearest":
        return f.interpolate(x[0], op["sizes"], mode="nearest")
    return f.interpolate(x[0], op["sizes"], mode="bilinear", align_corners=op["align_corners"])


def _gather(op: Op, x: Sequence[Any]) -> Any:
    table, indices = x
    axis = op["axis"] % table.dim()
    rows = table.index_select(axis, indices.reshape(-1))
    return rows.reshape(*table.shape[:axis], *indices.shape, *table.shape[axis + 1 :])


_WITH_ATTRIBUTES: Mapping[str, Function] = {
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "linear": _linear,
    "matmul": _matmul,
    "clip": _clip,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "gelu": _gelu,
    "max_pool2d": _max_pool2d,
    "avg_pool2d": _avg_pool2d,
    "reduce_mean": _reduce("mean"),
    "reduce_sum": _reduce("sum"),
    "reduce_max": _reduce("amax"),
    "reduce_min": _reduce("amin"),
    "softmax": _softmax,
    "log_softmax": _softmax,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "concat": _concat,
    "slice": _slice,
    "pad": _pad,
    "transpose": _transpose,
    "reshape": _reshape,
    "broadcast_to": _broadcast_to,
    "resize": _resize,
    "gather": _gather,
}
