"""Graphs of one op, in int8 or fp32, and random codes for them."""

from __future__ import annotations

import numpy as np

from cosim.formats import FLOAT32, Encoding
from cosim.graph import KINDS, Graph, Op, Tensor, check_graph, op_attributes

REAL_PARAMETERS = {"layer_norm", "rms_norm", "batch_norm"}


def one_op(kind, shapes, *, integer=True, bits=8, seed=0, weight_zero=False, **attributes):
    """Graph of one op whose operands x0, x1, ... are all inputs; the output is y."""
    rng = np.random.default_rng(seed)
    op = Op("op", KINDS[kind], tuple(f"x{i}" for i in range(len(shapes))), "y", attributes)
    out = op.kind.infer(op_attributes(op), tuple(shapes))
    encodings = [FLOAT32] * (len(shapes) + 1)
    if integer:
        encodings = [affine(rng, bits, 0.05) for _ in shapes] + [affine(rng, bits, 0.05)]
        if kind in REAL_PARAMETERS:
            encodings[1:-1] = [FLOAT32] * (len(shapes) - 1)
        if kind in {"conv2d", "linear", "conv_transpose2d"}:
            axis = 1 if kind == "conv_transpose2d" else 0
            encodings[1] = per_channel(rng, shapes[1][axis], axis, 8)
            if weight_zero:
                encodings[1] = affine(rng, 8, 0.02)
            fan_in = shapes[1][0 if axis else 1] * int(np.prod(shapes[1][2:]))
            encodings[-1] = affine(rng, bits, 0.2 * np.sqrt(fan_in))
            if len(shapes) == 3:
                groups = shapes[2][0] // encodings[1].scale.size
                scale = encodings[0].scale * np.tile(encodings[1].scale.reshape(-1), groups)
                encodings[2] = Encoding("int32", 32, scale, np.zeros(scale.shape, np.int64), 0)
        if kind == "matmul":
            encodings[-1] = affine(rng, bits, 0.3)
    if kind == "gather":
        encodings[1] = Encoding("int32", 32)
    tensors = [Tensor(f"x{i}", shape, code) for i, (shape, code) in enumerate(zip(shapes, encodings, strict=False))]
    tensors.append(Tensor("y", out, encodings[-1]))
    graph = Graph("one", {t.name: t for t in tensors}, (op,), op.inputs, ("y",))
    check_graph(graph)
    return graph


def affine(rng, bits, scale):
    low = -(1 << (bits - 1))
    zero = int(rng.integers(low // 4, -low // 4))
    factor = np.float64(np.float32(scale * rng.uniform(0.5, 1.5) * 2.0 ** (8 - bits)))
    return Encoding(f"int{bits}", bits, np.array(factor), np.array(zero))


def per_channel(rng, channels, axis, bits):
    scale = rng.uniform(0.005, 0.02, channels).astype(np.float32).astype(np.float64)
    return Encoding(f"int{bits}", bits, scale, np.zeros(channels, np.int64), axis)


def random_inputs(graph, seed=0):
    """Codes over the whole range of each format (a bias: thousands; indices: rows of the table); real numbers."""
    rng = np.random.default_rng(seed)
    out = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        code = tensor.encoding
        if code.is_float:
            positive = graph.ops[0].kind.name == "batch_norm" and name == "x4"
            values = rng.standard_normal(tensor.shape).astype(np.float32)
            out[name] = np.abs(values) + np.float32(0.1) if positive else values
        elif code.format == "int32":
            rows = graph.tensors["x0"].shape[graph.ops[0]["axis"]] if code.scale is None else 0
            low, high = (0, rows) if rows else (-3000, 3000)
            out[name] = rng.integers(low, high, tensor.shape).astype(np.int32)
        else:
            limit = 1 << (code.bits - 1)
            out[name] = rng.integers(-limit, limit, tensor.shape).astype(f"int{max(code.bits, 8)}")
    return out


CASES = {
    "conv": ("conv2d", [(2, 6, 9, 8), (4, 6, 3, 3), (4,)], {"pads": (1, 1, 1, 1), "activation": "relu"}),
    "conv_strided": ("conv2d", [(1, 5, 11, 9), (7, 5, 3, 2), (7,)], {"strides": (2, 3), "pads": (1, 0, 2, 1)}),
    "conv_dilated": ("conv2d", [(1, 4, 12, 12), (6, 4, 3, 3)], {"dilations": (2, 3), "pads": (2, 3, 2, 3)}),
    "conv_grouped": ("conv2d", [(1, 6, 7, 7), (9, 2, 3, 3), (9,)], {"groups": 3, "activation": "relu6"}),
    "conv_point": ("conv2d", [(2, 9, 5, 6), (8, 9, 1, 1), (8,)], {}),
    "depthwise": ("conv2d", [(2, 5, 9, 8), (5, 1, 3, 3), (5,)], {"groups": 5, "pads": (1, 1, 1, 1), "strides": (2, 1)}),
    "depth_multiplier": ("conv2d", [(1, 4, 6, 7), (8, 1, 3, 2), (8,)], {"groups": 4, "dilations": (1, 2)}),
    "transposed": ("conv_transpose2d", [(1, 4, 5, 6), (4, 3, 3, 3), (3,)], {"strides": (2, 3), "pads": (1, 1, 0, 1)}),
    "transposed_grouped": (
        "conv_transpose2d",
        [(2, 6, 4, 4), (6, 2, 2, 3), (4,)],
        {"groups": 2, "strides": (2, 2), "output_padding": (1, 0), "dilations": (1, 2)},
    ),
    "linear": ("linear", [(3, 4, 20), (7, 20), (7,)], {"activation": "relu"}),
    "matmul": ("matmul", [(2, 3, 5, 12), (3, 12, 7)], {}),
    "matmul_transposed": ("matmul", [(2, 1, 5, 12), (2, 3, 7, 12)], {"transpose_b": True}),
    "add": ("add", [(2, 3, 4, 5), (3, 1, 5)], {"activation": "relu6"}),
    "sub": ("sub", [(4, 5), (4, 5)], {}),
    "mul": ("mul", [(2, 3, 4), (2, 3, 4)], {"activation": "relu"}),
    "div": ("div", [(4, 6), (4, 6)], {}),
    "maximum": ("maximum", [(4, 6), (6,)], {}),
    "minimum": ("minimum", [(4, 6), (4, 1)], {}),
    "pow": ("pow", [(4, 6), (1,)], {}),
    "max_pool": ("max_pool2d", [(2, 3, 9, 8)], {"kernel": (3, 2), "strides": (2, 2), "pads": (1, 1, 1, 0)}),
    "max_pool_dilated": (
        "max_pool2d",
        [(1, 2, 9, 9)],
        {"kernel": (2, 3), "dilations": (2, 1), "ceil_mode": True, "strides": (2, 3)},
    ),
    "avg_pool": ("avg_pool2d", [(2, 3, 9, 8)], {"kernel": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)}),
    "avg_pool_inner": (
        "avg_pool2d",
        [(1, 3, 8, 8)],
        {"kernel": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1), "count_include_pad": False, "ceil_mode": True},
    ),
    "avg_pool_past": (
        "avg_pool2d",
        [(1, 2, 6, 8)],
        {"kernel": (3, 2), "strides": (3, 3), "pads": (1, 0, 1, 0), "ceil_mode": True},
    ),
    "reduce_mean": ("reduce_mean", [(2, 3, 5, 7)], {"axes": (2, 3), "keepdims": False}),
    "reduce_sum": ("reduce_sum", [(2, 3, 5)], {"axes": (1,)}),
    "reduce_max": ("reduce_max", [(2, 3, 5)], {"axes": (-1,)}),
    "reduce_min": ("reduce_min", [(2, 3, 5)], {"axes": (0, 2), "keepdims": False}),
    "softmax": ("softmax", [(3, 4, 9)], {}),
    "log_softmax": ("log_softmax", [(3, 9, 4)], {"axis": 1}),
    "layer_norm": ("layer_norm", [(3, 4, 16), (16,), (16,)], {}),
    "layer_norm_two": ("layer_norm", [(3, 4, 6), (4, 6), (4, 6)], {"axis": 1}),
    "rms_norm": ("rms_norm", [(3, 4, 16), (16,)], {}),
    "batch_norm": ("batch_norm", [(2, 4, 5, 5), (4,), (4,), (4,), (4,)], {}),
    "concat": ("concat", [(2, 3, 4), (2, 1, 4), (2, 5, 4)], {"axis": 1}),
    "slice": ("slice", [(4, 9, 5)], {"starts": (1, 2, 0), "stops": (4, 9, 5), "steps": (1, 3, 2)}),
    "pad": ("pad", [(3, 4)], {"pads": ((1, 2), (0, 3)), "value": 0.25}),
    "transpose": ("transpose", [(2, 3, 4, 5)], {"permutation": (2, 0, 3, 1)}),
    "reshape": ("reshape", [(4, 3, 8)], {"shape": (4, 6, 4)}),
    "broadcast_to": ("broadcast_to", [(3, 1)], {"shape": (2, 3, 5)}),
    "resize": ("resize", [(1, 3, 5, 4)], {"sizes": (8, 10)}),
    "resize_linear": ("resize", [(2, 3, 5, 4)], {"sizes": (7, 9), "mode": "linear"}),
    "resize_corners": ("resize", [(1, 3, 5, 4)], {"sizes": (8, 3), "mode": "linear", "align_corners": True}),
    "gather": ("gather", [(10, 6), (3, 4)], {}),
    "gather_inner": ("gather", [(4, 9, 2), (5,)], {"axis": 1}),
    "gelu": ("gelu", [(4, 6)], {}),
    "clip": ("clip", [(4, 6)], {"low": -1.0, "high": 2.5}),
    "leaky_relu": ("leaky_relu", [(4, 6)], {"alpha": 0.1}),
    "elu": ("elu", [(4, 6)], {"alpha": 0.7}),
    **{
        name: (name, [(3, 5, 4)], {})
        for name in [
            "relu",
            "relu6",
            "hard_swish",
            "hard_sigmoid",
            "silu",
            "sigmoid",
            "tanh",
            "exp",
            "log",
            "sqrt",
            "rsqrt",
            "neg",
            "abs",
            "erf",
            "reciprocal",
            "identity",
            "softplus",
            "quantize",
            "dequantize",
            "requantize",
        ]
    },
}
