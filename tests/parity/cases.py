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
    most=2.0**31,
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
    acc = np.rint(y / m)
    acc[:8] = [-(2**31), 2**31 - 1, 2**24 + 1, -(2**24) - 1, 0, 1, -1, 2**30 + 1]
    acc = np.clip(acc, -most, most - 1)
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


def varied_product(arithmetic, seed, *, deep=False, real_bias=False, per_tensor=False, grouped=True):
    """A random convolution with dilations or unequal strides, groups or a channel multiplier, and uneven windows."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(2, 5)) if grouped and not deep and rng.random() < 0.5 else 1
    inner, outer = (int(v) for v in rng.integers(1, 7, 2))
    if deep:
        groups, inner, outer = int(rng.integers(2, 20)), 1, int(rng.choice([1, 1, 2, 3]))
    taps = tuple(int(v) for v in rng.integers(1, 5, 2))
    dilations, strides = (1, 1), tuple(int(v) for v in rng.integers(1, 4, 2))
    if rng.random() < 0.5:
        dilations, strides = tuple(int(v) for v in rng.integers(1, 4, 2)), (1, 1)
    if deep:  # LiteRT refuses a depthwise convolution with two strides
        strides = (strides[0],) * 2
    reach = [(n - 1) * d + 1 for n, d in zip(taps, dilations, strict=True)]
    sizes = [int(rng.integers(r, r + 9)) for r in reach]
    down, across = (int(rng.integers(0, r)) for r in reach)
    pads = (down, across, down, across) if rng.random() < 0.6 else (0, 0, 0, 0)
    shapes = (1, groups * inner, *sizes), (groups * outer, inner, *taps)
    n, fan = groups * outer, inner * taps[0] * taps[1]
    sx, sw = np.float32(rng.uniform(0.01, 0.1)), rng.uniform(0.002, 0.02, n).astype(np.float32)
    if per_tensor:
        sw[:] = sw[0]
    ends = rng.random() < 0.3
    weights = rng.choice([-127, 127], shapes[1]) if ends else rng.integers(-127, 128, shapes[1])
    codes = rng.choice([-128, 127], shapes[0]) if ends else rng.integers(-128, 128, shapes[0])
    bias = rng.integers(-4000, 4000, n)
    if real_bias:
        bias = (bias * np.float64(sx) * sw + rng.uniform(-1e-4, 1e-4, n)).astype(np.float32)
    zeros = [int(rng.choice([-128, 127, 0, rng.integers(-128, 128)])) for _ in range(2)]
    graph = product(
        "conv2d",
        rng,
        arithmetic,
        (shapes[0], affine(sx, zeros[0])),
        (shapes[1], affine(sw[0], 0) if per_tensor else along(sw), weights.astype(np.int8)),
        affine(np.float32(sx * 0.6 * np.sqrt(fan)), zeros[1]),
        bias,
        real_bias=real_bias,
        strides=strides,
        dilations=dilations,
        pads=pads,
        groups=groups,
    )
    return graph, {"x0": codes.astype(np.int8)}


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


def _step(rng, seed, low=3, high=8):
    """A scale: a power of two for even seeds, which makes ties."""
    return rng.uniform(0.003, 0.1) if seed % 2 else 2.0 ** -int(rng.integers(low, high))


def _zero(rng):
    return int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))


def every_code(kind, arithmetic, seed, output=None, *, same=False, least=-128, **attributes):
    """A function of every code."""
    rng = np.random.default_rng(seed)
    x = affine(_step(rng, seed), -128 if least > -128 else _zero(rng))
    y = output or (x if same else affine(_step(rng, seed), _zero(rng)))
    graph = graph_of(kind, [(1, 1, 16, 16)], [x], y, {}, arithmetic, **attributes)
    return graph, {"x0": np.maximum(np.arange(-128, 128), least).astype(np.int8).reshape(1, 1, 16, 16)}


def reduced(kind, arithmetic, seed, *, same=False, keepdims=True, axes=(2, 3), channels=64):
    """A reduction with ties: extents are powers of two for even seeds."""
    rng = np.random.default_rng(seed)
    sizes = [int(2 ** rng.integers(0, 4) if seed % 2 == 0 else rng.integers(1, 12)) for _ in (2, 3)]
    x = affine(_step(rng, seed), _zero(rng))
    y = x if same else affine(_step(rng, seed) * (8 if kind == "reduce_sum" else 1), _zero(rng))
    shape = (1, channels, *sizes)
    graph = graph_of(kind, [shape], [x], y, {}, arithmetic, axes=axes, keepdims=keepdims)
    return graph, {"x0": rng.integers(-128, 128, shape).astype(np.int8)}


def soft(kind, arithmetic, seed, terms):
    """Rows of codes, among them one of equal codes and narrow ones."""
    rng = np.random.default_rng(seed)
    n = terms[seed % len(terms)]
    x = affine(rng.uniform(0.003, 0.3) if seed % 2 else 2.0 ** -int(rng.integers(2, 8)), 5)
    y = affine(1 / 256, -128) if kind == "softmax" else affine(16 / 256, 127)
    codes = rng.integers(-128, 128, (12, n))
    codes[:4] = rng.integers(-128, -100, (4, n))
    codes[10], codes[11] = 0, np.arange(n) % 2
    return graph_of(kind, [(12, n)], [x], y, {}, arithmetic), {"x0": codes.astype(np.int8)}


def resized(arithmetic, seed, *, mode="linear"):
    rng = np.random.default_rng(seed)
    shape = (1, *(int(v) for v in rng.integers(1, [5, 9, 9])))
    x = affine(_step(rng, seed), _zero(rng))
    sizes = tuple(int(v) for v in rng.integers(1, 20, 2))
    corners = bool(seed % 4 > 1) and mode == "linear"
    graph = graph_of("resize", [shape], [x], x, {}, arithmetic, sizes=sizes, mode=mode, align_corners=corners)
    return graph, {"x0": rng.integers(-128, 128, shape).astype(np.int8)}


def joined(arithmetic, seed):
    """Three operands side by side, each with its own encoding."""
    rng = np.random.default_rng(seed)
    codes = [affine(_step(rng, seed), _zero(rng)) for _ in range(4)]
    shape, every = (1, 1, 16, 16), np.arange(-128, 128).astype(np.int8).reshape(1, 1, 16, 16)
    graph = graph_of("concat", [shape] * 3, codes[:3], codes[3], {}, arithmetic, axis=1)
    return graph, {f"x{i}": every for i in range(3)}


def two_activations(arithmetic, seed):
    """A product of two activations."""
    rng = np.random.default_rng(seed)
    m, k, n = (int(v) for v in rng.integers(1, 40, 3))
    a, b = (affine(_step(rng, seed), _zero(rng)) for _ in range(2))
    y = affine(np.float32(a.scale * b.scale * 60 * np.sqrt(k)) if seed % 2 else 2.0**-3, _zero(rng))
    graph = graph_of("matmul", [(2, m, k), (2, k, n)], [a, b], y, {}, arithmetic)
    return graph, {
        "x0": rng.integers(-128, 128, (2, m, k)).astype(np.int8),
        "x1": rng.integers(-128, 128, (2, k, n)).astype(np.int8),
    }


def transposed(arithmetic, seed, *, per_tensor=False):
    """A transposed convolution without padding, as LiteRT's VALID."""
    rng = np.random.default_rng(seed)
    c, n = int(rng.integers(1, 12)), int(rng.integers(1, 24))
    h, w = (int(v) for v in rng.integers(2, 8, 2))
    taps, stride = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    sw = rng.uniform(0.002, 0.02, n).astype(np.float32)
    code = affine(sw[0], 0) if per_tensor else along(sw, 1)
    x, y = affine(0.05, _zero(rng)), affine(0.03 * np.sqrt(c * taps * taps), _zero(rng))
    steps = np.broadcast_to(x.scale * code.scale, (n,)).astype(np.float64)
    bias = Encoding("int32", 32, steps, np.zeros(n, np.int64), 0)
    weights = rng.integers(-127, 128, (c, n, taps, taps)).astype(np.int8)
    shapes = [(1, c, h, w), (c, n, taps, taps), (n,)]
    held = {1: weights, 2: rng.integers(-4000, 4000, n).astype(np.int32)}
    graph = graph_of("conv_transpose2d", shapes, [x, code, bias], y, held, arithmetic, strides=(stride, stride))
    return graph, {"x0": rng.integers(-128, 128, shapes[0]).astype(np.int8)}


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
