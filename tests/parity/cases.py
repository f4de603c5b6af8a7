"""Graphs of one int8 op with stored constants, and random codes for them: what is run here and in a framework."""

from __future__ import annotations

import numpy as np

from cosim.formats import FLOAT32, Encoding
from cosim.graph import KINDS, Graph, Op, Tensor, check_graph, op_attributes
from cosim.graph.constant import Stored


def affine(scale, zero, bits=8):
    return Encoding(f"int{bits}", bits, np.array(np.float64(np.float32(scale))), np.array(int(zero)))


def along(scales, axis=0):
    scales = np.asarray(scales, np.float32).astype(np.float64)
    return Encoding("int8", 8, scales, np.zeros(scales.shape, np.int64), axis)


def graph_of(kind, shapes, encodings, output, constants, arithmetic, **attributes):
    """Graph of one op on x0, x1, ...; those with a value in `constants` (by position) are constants."""
    names = tuple(f"x{i}" for i in range(len(shapes)))
    op = Op("op", KINDS[kind], names, "y", attributes)
    out = op.kind.infer(op_attributes(op), tuple(tuple(s) for s in shapes))
    tensors = {n: Tensor(n, tuple(s), e) for n, s, e in zip(names, shapes, encodings, strict=True)}
    tensors["y"] = Tensor("y", out, output)
    stored = {names[i]: Stored(np.asarray(v)) for i, v in constants.items()}
    inputs = tuple(n for n in names if n not in stored)
    graph = Graph("one", tensors, (op,), inputs, ("y",), stored, arithmetic=arithmetic)
    check_graph(graph)
    return graph


def product(kind, rng, arithmetic, x, w, output, bias, *, real_bias=False, **attributes):
    """Graph of a convolution or linear op: x, w and output are (shape, encoding[, codes])."""
    shape, code = x
    wshape, wcode, wvalues = w
    outputs = wshape[0]
    steps = np.broadcast_to(code.scale * wcode.scale, (outputs,)).astype(np.float64)
    if real_bias:
        third, values = FLOAT32, np.asarray(bias, np.float32)
    else:
        third = Encoding("int32", 32, steps, np.zeros(outputs, np.int64), 0)
        values = np.asarray(bias, np.int32)
    return graph_of(
        kind,
        [shape, wshape, (outputs,)],
        [code, wcode, third],
        output,
        {1: wvalues, 2: values},
        arithmetic,
        **attributes,
    )


def probe(
    kind,
    arithmetic,
    seed,
    *,
    channels=4096,
    zero_x=3,
    zero_y=-5,
    real_bias=False,
    depthwise=False,
    per_tensor=False,
    bits=8,
):
    """A layer whose accumulators are its biases: ties, both ends of int32 and values above 2^24 among them."""
    rng = np.random.default_rng(seed)
    if bits > 8:
        zero_x = zero_y = 0
    top = 140 << (bits - 8)
    sx, sy = np.float32(rng.uniform(0.01, 0.1)), np.float32(rng.uniform(0.02, 0.2))
    if seed % 2 == 0:  # scales whose ratio is a power of two make ties
        sx = sy = np.float32(0.0625)
        sw = (2.0 ** -rng.integers(1, 24, channels)).astype(np.float32)
    else:
        sw = rng.uniform(2e-4, 0.02, channels).astype(np.float32)
        sw[: channels // 4] *= np.float32(2.0**-14)
    if per_tensor:
        sw[:] = sw[channels // 2]
    m = np.float64(sx) * sw / sy
    y = rng.integers(-top, top + 1, channels) + rng.choice([0.0, 0.5, 0.5, 0.5, 0.25], channels)
    acc = np.clip(np.rint(y / m), -(2.0**31), 2.0**31 - 1)
    acc[:8] = [-(2**31), 2**31 - 1, 2**24 + 1, -(2**24) - 1, 0, 1, -1, 2**30 + 1]
    if real_bias:  # a framework that makes int32 of it may not saturate as others do
        acc = np.clip(acc, -(2.0**30), 2.0**30)
    x, out = affine(sx, zero_x, bits), affine(sy, zero_y, bits)
    wcode = affine(sw[0], 0) if per_tensor else along(sw)
    bias = (acc * (np.float64(sx) * sw)).astype(np.float32) if real_bias else acc.astype(np.int64)
    if kind == "linear":
        shapes, attributes = ((1, 4), (channels, 4)), {}
    elif depthwise:
        shapes, attributes = ((1, channels, 2, 2), (channels, 1, 2, 2)), {"groups": channels}
    else:
        shapes, attributes = ((1, 4, 1, 1), (channels, 4, 1, 1)), {}
    wvalues = np.ones(shapes[1], np.int8)
    graph = product(
        kind, rng, arithmetic, (shapes[0], x), (shapes[1], wcode, wvalues), out, bias, real_bias=real_bias, **attributes
    )
    return graph, {"x0": np.full(shapes[0], zero_x, f"int{bits}")}


def random_product(kind, arithmetic, seed, *, real_bias=False, symmetric=False, per_tensor=False, bits=8):
    """A random layer: shapes, strides, paddings, zero points at both ends, now and then extreme operands."""
    rng = np.random.default_rng(seed)
    extreme = rng.random() < 0.3
    symmetric = symmetric or bits > 8
    low, high, dtype = -(1 << (bits - 1)), (1 << (bits - 1)) - 1, f"int{bits}"
    zero_x = 0 if symmetric else int(rng.choice([-128, 127, -1, 0, rng.integers(-128, 128)]))
    zero_y = 0 if symmetric else int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))
    attributes = {}
    if kind == "linear":
        k, n = int(rng.integers(1, 70)), int(rng.integers(1, 20))
        shapes = ((int(rng.choice([1, 4])), k), (n, k))
        fan = max(k, 4)  # LiteRT refuses an output scale far below the product of its inputs' scales
    else:
        h, w = rng.integers(5, 12, 2)
        fy, fx = (int(v) for v in rng.integers(1, 4, 2))
        strides = tuple(int(v) for v in rng.choice([1, 2], 1).repeat(2))
        pads = (0, 0, 0, 0)
        if rng.random() < 0.5:  # SAME as TensorFlow pads
            pads = []
            for size, taps, stride in ((h, fy, strides[0]), (w, fx, strides[1])):
                total = max((-(-size // stride) - 1) * stride + taps - size, 0)
                pads.append((total // 2, total - total // 2))
            pads = (pads[0][0], pads[1][0], pads[0][1], pads[1][1])
        attributes = {"strides": strides, "pads": tuple(int(p) for p in pads)}
        if kind == "depthwise":
            c = int(rng.integers(2, 20))
            shapes, fan = ((1, c, int(h), int(w)), (c, 1, fy, fx)), fy * fx
            attributes["groups"] = c
        else:
            c, n = (int(v) for v in rng.integers(1, 20, 2))
            shapes, fan = ((1, c, int(h), int(w)), (n, c, fy, fx)), c * fy * fx
    n = shapes[1][0]
    sx = np.float32(rng.uniform(0.01, 0.1))
    sw = rng.uniform(0.002, 0.02, n).astype(np.float32)
    sy = np.float32(sx * 0.01 * 60 * np.sqrt(fan))
    if per_tensor:
        sw[:] = sw[0]
    if extreme:
        wvalues = rng.choice([-127, 127], shapes[1]).astype(np.int8)
        codes = rng.choice([low, high], shapes[0]).astype(dtype)
    else:
        wvalues = rng.integers(-127, 128, shapes[1]).astype(np.int8)
        codes = rng.integers(low, high + 1, shapes[0]).astype(dtype)
    bias = rng.integers(-4000, 4000, n)
    if real_bias:
        bias = (bias * np.float64(sx) * sw + rng.uniform(-1e-4, 1e-4, n)).astype(np.float32)
    graph = product(
        "linear" if kind == "linear" else "conv2d",
        rng,
        arithmetic,
        (shapes[0], affine(sx, zero_x, bits)),
        (shapes[1], affine(sw[0], 0) if per_tensor else along(sw), wvalues),
        affine(sy, zero_y, bits),
        bias,
        real_bias=real_bias,
        **attributes,
    )
    return graph, {"x0": codes}


def every_pair(kind, arithmetic, seed):
    """`add` or `mul` of every code with every code."""
    rng = np.random.default_rng(seed)
    zeros = rng.choice([-128, 127, 0, int(rng.integers(-128, 128))], 3)
    sa, sb = rng.uniform(0.01, 0.1, 2)
    sy = (sa + sb) * rng.uniform(0.5, 1.2) if kind == "add" else sa * sb * rng.uniform(20, 160)
    if seed % 3 == 0:
        sa, sb, sy = (0.0625, 0.03125, 0.125) if kind == "add" else (0.0625, 0.0625, 0.125)
    a, b = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    shape = (1, 4, 128, 128)
    encodings = [affine(sa, zeros[0]), affine(sb, zeros[1])]
    graph = graph_of(kind, [shape, shape], encodings, affine(sy, zeros[2]), {}, arithmetic)
    return graph, {"x0": a.reshape(shape).astype(np.int8), "x1": b.reshape(shape).astype(np.int8)}


def pool(kind, arithmetic, seed, *, same=True, least=1):
    rng = np.random.default_rng(seed)
    zero = int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))
    scale = rng.uniform(0.01, 0.1)
    taps = tuple(int(v) for v in rng.integers(least, 5, 2))
    stride = int(rng.integers(1, 3))
    shape = (1, int(rng.integers(1, 40)), *(int(v) for v in rng.integers(6, 14, 2)))
    x = affine(scale, zero)
    y = x if same else affine(scale * rng.uniform(0.6, 1.3), int(rng.integers(-100, 100)))
    graph = graph_of(kind, [shape], [x], y, {}, arithmetic, kernel=taps, strides=(stride, stride))
    return graph, {"x0": rng.integers(-128, 128, shape).astype(np.int8)}


def unary(kind, arithmetic, seed, output=None, shape=(1, 4, 16, 16), *, same=False, **attributes):
    rng = np.random.default_rng(seed)
    x = affine(rng.uniform(0.01, 0.1), int(rng.choice([-128, 127, 0, rng.integers(-128, 128)])))
    y = output or (x if same else affine(rng.uniform(0.01, 0.1), int(rng.integers(-128, 128))))
    graph = graph_of(kind, [shape], [x], y, {}, arithmetic, **attributes)
    return graph, {"x0": rng.integers(-128, 128, shape).astype(np.int8)}


def quantise(arithmetic, seed):
    """Real numbers, halves of a step among them."""
    rng = np.random.default_rng(seed)
    scale, zero = np.float32(0.0625 if seed % 2 else rng.uniform(0.01, 0.1)), int(rng.choice([-128, 127, -3, 0]))
    values = (rng.integers(-300, 300, 2048) + rng.choice([0.0, 0.5, 0.25, 0.49999997], 2048)).astype(np.float32) * scale
    graph = graph_of("quantize", [(2048,)], [FLOAT32], affine(scale, zero), {}, arithmetic)
    return graph, {"x0": values.astype(np.float32)}


def some(made, count, seed):
    """`count` elements of a case of two operands."""
    graph, codes = made
    chosen = np.random.default_rng(seed).choice(codes["x0"].size, count, replace=False)
    shape = (1, 1, 1, count)
    encodings = [graph.tensors[n].encoding for n in ("x0", "x1")]
    kind = graph.ops[0].kind.name
    small = graph_of(kind, [shape, shape], encodings, graph.tensors["y"].encoding, {}, graph.arithmetic)
    return small, {n: codes[n].reshape(-1)[chosen].reshape(shape) for n in ("x0", "x1")}


TFLITE = ("tflite", "tflite-builtin", "tflite-reference")
TORCH = ("pytorch-qnnpack", "pytorch-fbgemm", "pytorch-onednn", "pytorch-x86")
INTEGER = (*TFLITE, "onnxruntime")
SOFTMAX = {"output": affine(1 / 256, -128), "shape": (32, 50)}
TANH = {"output": affine(1 / 128, 0)}


def _random(kind, real):
    # PyTorch takes one padding per axis; qnnpack one scale for all weights, LiteRT too where fully connected.
    def make(arithmetic, seed):
        per_tensor = arithmetic == "pytorch-qnnpack" or (kind == "linear" and arithmetic in TFLITE)
        while True:
            made = random_product(kind, arithmetic, seed, real_bias=real, per_tensor=per_tensor)
            pads = made[0].ops[0]["pads"] if kind != "linear" else (0, 0, 0, 0)
            if not real or pads[:2] == pads[2:]:
                if kind == "depthwise" and arithmetic == "pytorch-fbgemm":
                    # Its 3x3 kernel adds pairs in 16 bits that saturate: PyTorch gives it 7-bit activations.
                    made[1]["x0"] = np.minimum(made[1]["x0"], -1).astype(np.int8)
                return made
            seed += 100_000

    return make


def _products():
    for real, presets in ((False, INTEGER), (True, TORCH)):
        end = "-real-bias" if real else ""
        for kind in ("conv2d", "depthwise", "linear"):
            op = {"kind": "conv2d", "depthwise": True} if kind == "depthwise" else {"kind": kind}
            yield (
                f"{kind}{end}",
                kind,
                presets,
                lambda a, s, op=op, real=real: probe(arithmetic=a, seed=s, channels=2048, real_bias=real, **op),
                2,
            )
            yield f"{kind}-random{end}", kind, presets, _random(kind, real), 6


# name: (op, presets, (arithmetic, seed) -> graph and codes, recorded seeds)
def _ncnn(kind):
    def make(arithmetic, seed):
        if seed % 2:
            graph, codes = random_product(kind, arithmetic, seed, real_bias=True, symmetric=True)
            codes["x0"] = np.maximum(codes["x0"], -127)  # ncnn has no other codes
            return graph, codes
        # powers of two: every other sum is a half
        rng = np.random.default_rng(seed)
        channels, depth = 24, kind == "depthwise"
        wshape = (channels, 1 if depth else 3, 1, 1)
        shape = (1, channels if depth else 3, 6, 7)
        w = (wshape, along(2.0 ** -rng.integers(5, 9, channels)), rng.integers(-127, 128, wshape).astype(np.int8))
        bias = rng.integers(-20, 20, channels) / 8
        groups = channels if depth else 1
        graph = product(
            "conv2d",
            rng,
            arithmetic,
            (shape, affine(0.0625, 0)),
            w,
            affine(0.25, 0),
            bias,
            real_bias=True,
            groups=groups,
        )
        return graph, {"x0": rng.integers(-127, 128, shape).astype(np.int8)}

    return make


def _wide():
    for kind in ("conv2d", "depthwise"):
        deep = kind == "depthwise"
        yield (
            f"{kind}-wide",
            "wide",
            TFLITE,
            lambda a, s, deep=deep: probe("conv2d", a, s, channels=2048, depthwise=deep, bits=16),
            2,
        )
        yield f"{kind}-random-wide", "wide", TFLITE, lambda a, s, k=kind: random_product(k, a, s, bits=16), 4


GROUPS = {name: (kind, presets, make, seeds) for name, kind, presets, make, seeds in (*_products(), *_wide())} | {
    "add": ("add", (*INTEGER, *TORCH), lambda a, s: some(every_pair("add", a, s), 4096, s), 3),
    "mul": ("mul", (*INTEGER, *TORCH), lambda a, s: some(every_pair("mul", a, s), 4096, s), 3),
    "average": (
        "average",
        (*INTEGER, *TORCH),
        lambda a, s: pool("avg_pool2d", a, s, least=2 if a == "pytorch-qnnpack" else 1),
        12,
    ),
    "maximum": (
        "maximum",
        (*INTEGER, *TORCH),
        lambda a, s: pool("max_pool2d", a, s, least=2 if a == "pytorch-qnnpack" else 1),
        3,
    ),
    "mean": (
        "mean",
        (*INTEGER, *TORCH),
        lambda a, s: unary("reduce_mean", a, s, same=a in TORCH, shape=(1, 64, 3 + s % 5, 2 + s % 7), axes=(2, 3)),
        12,
    ),
    "mean-dropping": (
        "mean",
        INTEGER[:3],
        lambda a, s: unary("reduce_mean", a, s, shape=(1, 64, 3 + s % 5, 2 + s % 7), axes=(2, 3), keepdims=False),
        12,
    ),
    "softmax": ("softmax", INTEGER, lambda a, s: unary("softmax", a, s, **SOFTMAX), 3),
    "sigmoid": ("sigmoid", INTEGER, lambda a, s: unary("sigmoid", a, s, output=affine(1 / 256, -128)), 4),
    "tanh": ("tanh", TFLITE, lambda a, s: unary("tanh", a, s, **TANH), 4),
    "requantise": ("requantise", TFLITE, lambda a, s: unary("requantize", a, s), 8),
    "conv2d-ncnn": ("conv2d", ("ncnn",), _ncnn("conv2d"), 10),
    "depthwise-ncnn": ("depthwise", ("ncnn",), _ncnn("depthwise"), 10),
    "quantise": ("quantise", (*INTEGER, *TORCH), quantise, 4),
}
