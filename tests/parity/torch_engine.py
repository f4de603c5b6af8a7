"""One-op graphs with PyTorch's eager quantised kernels, for each engine. int8 activations become quint8."""

from __future__ import annotations

import warnings

import numpy as np
import torch


def run(graph, codes, preset):
    """Codes of the output."""
    engine = preset.removeprefix("pytorch-")
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = engine
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the quantised tensors of eager mode are deprecated
            return _run(graph, codes)
    finally:
        torch.backends.quantized.engine = before


def quantised(graph, name, codes):
    code = graph.tensors[name].encoding
    values = torch.from_numpy((codes.astype(np.int16) + 128).astype(np.uint8))
    made = torch._make_per_tensor_quantized_tensor(values, float(code.scale), int(code.zero_point) + 128)
    # as a quantised convolution leaves it
    return made.contiguous(memory_format=torch.channels_last) if made.ndim == 4 else made


def weights(graph):
    code, values = graph.tensors["x1"].encoding, torch.from_numpy(graph.constants["x1"].array())
    if code.axis is None:
        return torch._make_per_tensor_quantized_tensor(values, float(code.scale), 0)
    scales, zeros = torch.from_numpy(np.array(code.scale)), torch.zeros(len(code.scale), dtype=torch.int64)
    return torch._make_per_channel_quantized_tensor(values, scales, zeros, 0)


def _run(graph, codes):
    op = graph.ops[0]
    kind = op.kind.name
    y = graph.tensors["y"].encoding
    scale, zero = float(y.scale), int(y.zero_point) + 128
    if kind == "quantize":
        out = torch.quantize_per_tensor(torch.from_numpy(codes["x0"]), scale, zero, torch.quint8)
        return (out.int_repr().numpy().astype(np.int16) - 128).astype(np.int8)
    x = quantised(graph, "x0", codes["x0"])
    if kind in {"conv2d", "linear"}:
        bias = torch.from_numpy(graph.constants["x2"].array())
        if kind == "conv2d":
            top, left, bottom, right = op["pads"]
            assert (top, left) == (bottom, right)
            pads = [top, left]
            packed = torch.ops.quantized.conv2d_prepack(
                weights(graph), bias, list(op["strides"]), pads, list(op["dilations"]), op["groups"]
            )
            out = torch.ops.quantized.conv2d(x, packed, scale, zero)
        else:
            packed = torch.ops.quantized.linear_prepack(weights(graph), bias)
            out = torch.ops.quantized.linear(x, packed, scale, zero)
    elif kind in {"add", "mul"}:
        other = quantised(graph, "x1", codes["x1"])
        out = getattr(torch.ops.quantized, kind)(x, other, scale, zero)
    elif kind == "avg_pool2d":
        out = torch.nn.functional.avg_pool2d(x, op["kernel"], op["strides"])
    elif kind == "max_pool2d":
        out = torch.nn.functional.max_pool2d(x, op["kernel"], op["strides"])
    elif kind == "reduce_mean":
        out = torch.nn.functional.adaptive_avg_pool2d(x, 1)
    else:
        raise NotImplementedError(kind)
    return (out.int_repr().numpy().astype(np.int16) - 128).astype(np.int8)
