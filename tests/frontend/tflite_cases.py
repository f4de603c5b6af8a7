"""Small .tflite networks with their inputs, by name: float, int8 and uint8. Imports nothing of cosim."""

from __future__ import annotations

import numpy as np

from tests.frontend.tflite_file import File

SAME, VALID = 0, 1
NONE, RELU, N1_TO_1, RELU6 = range(4)


class Net:
    """A network of one kind of numbers; shapes are the file's (N, H, W, C)."""

    def __init__(self, dtype: str, seed: int = 0) -> None:
        self.file = File()
        self.dtype = dtype
        self.random = np.random.default_rng(seed)
        self.inputs, self.scales = [], {}

    def value(self, shape, scale=0.05, zero=3, name=None) -> int:
        """An activation; `zero` is that of int8, uint8 has 128 more."""
        if self.dtype == "float32":
            return self.file.tensor(shape, name=name)
        if self.dtype == "int16":
            scale, zero = scale / 256, 0
        point = zero + (128 if self.dtype == "uint8" else 0)
        number = self.file.tensor(shape, self.dtype, scale, point, name=name)
        self.scales[number] = scale
        return number

    def input(self, shape, scale=0.05, zero=3) -> int:
        number = self.value(shape, scale, zero, name=f"x{len(self.inputs)}")
        self.inputs.append(number)
        return number

    def weight(self, shape, axis=None, spread=0.02):
        """Weights (and their scales), one scale per index of `axis`; uint8 has one scale and a zero point."""
        if self.dtype == "float32":
            return self.file.constant(self.random.standard_normal(shape).astype(np.float32)), np.array(1.0)
        if self.dtype == "uint8":
            codes = self.random.integers(0, 256, shape).astype(np.uint8)
            return self.file.constant(codes, spread, 121), np.array(spread)
        codes = self.random.integers(-127, 128, shape).astype(np.int8)
        scales = spread * (0.5 + self.random.random(1 if axis is None else shape[axis])).astype(np.float32)
        return self.file.constant(codes, scales, axis=axis or 0), scales

    def bias(self, channels, x, scales):
        if self.dtype == "float32":
            return self.file.constant(self.random.standard_normal(channels).astype(np.float32))
        wide = self.dtype == "int16"
        codes = self.random.integers(-2000, 2000, channels).astype(np.int64 if wide else np.int32) * (
            256 if wide else 1
        )
        return self.file.constant(codes, np.float32(self.scales[x]) * np.asarray(scales, np.float32))

    def integers(self, *values):
        return self.file.constant(np.array(values, np.int32))

    def op(self, kind, inputs, outputs, **options):
        self.file.operator(kind, inputs, outputs, **options)
        return outputs[0]

    def conv(self, x, shape, out, *, axis=0, padding=SAME, stride=(1, 1), activation=NONE, dilation=(1, 1), **scale):
        w, scales = self.weight(shape, None if self.dtype == "uint8" else axis)
        y = self.value(out, **{"scale": 0.3, "zero": -5, **scale})
        options = {"padding": padding, "stride_h": stride[0], "stride_w": stride[1], "activation": activation}
        options |= {"dilation_h": dilation[0], "dilation_w": dilation[1]}
        kind = "CONV_2D" if axis == 0 else "DEPTHWISE_CONV_2D"
        if axis == 3:
            options["multiplier"] = 1
        return self.op(kind, [x, w, self.bias(shape[axis], x, scales)], [y], **options)

    def build(self, *outputs):
        return self.file.build(self.inputs, outputs)

    def arrays(self, seed=1):
        """Inputs: real numbers, or codes over the whole range."""
        random = np.random.default_rng(seed)
        shapes = [self.file.tensors[number][0] for number in self.inputs]
        if self.dtype == "float32":
            return [random.standard_normal(shape).astype(np.float32) for shape in shapes]
        low = np.iinfo(self.dtype)
        return [random.integers(low.min, low.max + 1, shape).astype(self.dtype) for shape in shapes]


def network(dtype):
    """A small residual network: every layer kind of a MobileNet, pooling, pad, softmax."""
    net = Net(dtype)
    x = net.input((1, 9, 8, 3))
    a = net.conv(x, (8, 3, 3, 3), (1, 5, 4, 8), stride=(2, 2), activation=RELU6, scale=6 / 255, zero=-128)
    b = net.conv(a, (1, 3, 3, 8), (1, 5, 4, 8), axis=3, scale=0.1)
    c = net.conv(b, (8, 1, 1, 8), (1, 5, 4, 8), scale=0.2)
    d = net.op("ADD", [a, c], [net.value((1, 5, 4, 8), 0.21, 1)], activation=RELU)
    e = net.op("PAD", [d, net.file.constant(np.array([[0, 0], [1, 0], [0, 2], [0, 0]], np.int32))], [
        net.value((1, 6, 6, 8), 0.21, 1)
    ])  # fmt: skip
    pool = {"padding": VALID, "stride_h": 2, "stride_w": 2, "height": 2, "width": 2}
    f = net.op("AVERAGE_POOL_2D", [e], [net.value((1, 3, 3, 8), 0.21, 1)], **pool)
    g = net.op("MAX_POOL_2D", [e], [net.value((1, 3, 3, 8), 0.21, 1)], **pool)
    h = net.op("CONCATENATION", [f, g], [net.value((1, 3, 3, 16), 0.21, 1)], axis=3)
    i = net.op("RESHAPE", [h, net.integers(1, 144)], [net.value((1, 144), 0.21, 1)])
    w, scales = net.weight((10, 144), spread=0.0005)
    j = net.op("FULLY_CONNECTED", [i, w, net.bias(10, i, scales)], [net.value((1, 10), 0.15, 2)])
    k = net.op("SOFTMAX", [j], [net.value((1, 10), 1 / 256, -128)], beta=1.0)
    return net, net.build(k, a, b, c, d, f, h, j)


def conv(
    dtype, shape=(2, 7, 6, 4), kernel=(3, 2), stride=(1, 1), padding=SAME, activation=NONE, dilation=(1, 1), groups=1
):
    net = Net(dtype, 3)
    x = net.input(shape)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    rows, width = (
        -(-size // s) if padding == SAME else (size - r) // s + 1
        for size, s, r in zip(shape[1:3], stride, reach, strict=True)
    )
    y = net.conv(x, (6, *kernel, shape[3] // groups), (shape[0], rows, width, 6), stride=stride, padding=padding,
                 activation=activation, dilation=dilation)  # fmt: skip
    return net, net.build(y)


def depthwise(dtype, stride=(1, 1), padding=SAME):
    net = Net(dtype, 4)
    x = net.input((1, 8, 7, 5))
    out = (8 // stride[0] if padding == SAME else (8 - 3) // stride[0] + 1, 7 if padding == SAME else 5)
    y = net.conv(x, (1, 3, 3, 5), (1, *out, 5), axis=3, stride=stride, padding=padding, activation=RELU)
    return net, net.build(y)


def transposed(dtype, padding=SAME, more=0):
    net = Net(dtype, 5)
    x = net.input((1, 4, 3, 6))
    w, scales = net.weight((5, 3, 3, 6), 0 if dtype == "int8" else None)
    shape = (1, 8, 6, 5) if padding == SAME else (1, 9 + more, 7 + more, 5)
    y = net.op(
        "TRANSPOSE_CONV",
        [net.integers(*shape), w, x, net.bias(5, x, scales)],
        [net.value(shape, 0.3, -5)],
        padding=padding,
        stride_h=2,
        stride_w=2,
    )
    return net, net.build(y)


def dense(dtype, keep=False):
    net = Net(dtype, 6)
    x = net.input((2, 3, 20))
    w, scales = net.weight((7, 20))
    shape = (2, 3, 7) if keep else (6, 7)
    y = net.op("FULLY_CONNECTED", [x, w, net.bias(7, x, scales)], [net.value(shape, 0.5)], activation=RELU, keep=keep)
    return net, net.build(y)


def binary(dtype, kind, activation=NONE, other=(1, 5, 4, 6)):
    net = Net(dtype, 7)
    a, b = net.input((1, 5, 4, 6), 0.04, 5), net.input(other, 0.07, -9)
    options = {} if kind in ("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE") else {"activation": activation}
    same = (0.04, 5) if kind in ("MAXIMUM", "MINIMUM") else (0.09, 2)
    if kind in ("MAXIMUM", "MINIMUM") and dtype != "float32":
        net.file.tensors[b] = (*net.file.tensors[b][:2], 0.04, net.file.tensors[a][3], *net.file.tensors[b][4:])
    y = net.op(kind, [a, b], [net.value((1, 5, 4, 6), *same)], **options)
    return net, net.build(y)


def unary(dtype, kind, scale=0.05, zero=3, **options):
    net = Net(dtype, 8)
    x = net.input((1, 5, 4, 6), 0.05, 3)
    y = net.op(kind, [x], [net.value((1, 5, 4, 6), scale, zero)], **options)
    return net, net.build(y)


def pool(dtype, kind, padding, activation=NONE):
    net = Net(dtype, 9)
    x = net.input((2, 7, 6, 3))
    shape = (2, 4, 6, 3) if padding == SAME else (2, 3, 5, 3)
    y = net.op(
        kind,
        [x],
        [net.value(shape)],
        padding=padding,
        stride_h=2,
        stride_w=1,
        height=3,
        width=2,
        activation=activation,
    )
    return net, net.build(y)


def reduce(dtype, kind, axes, keep):
    net = Net(dtype, 10)
    x = net.input((2, 5, 4, 6))
    gone = [axis % 4 for axis in axes]
    shape = tuple(1 if axis in gone else size for axis, size in enumerate((2, 5, 4, 6)) if keep or axis not in gone)
    y = net.op(kind, [x, net.integers(*axes)], [net.value(shape, 0.05 if "REDUCE" in kind else 0.03)], keep=keep)
    return net, net.build(y)


def move(dtype, kind, out, *constants, **options):
    net = Net(dtype, 11)
    x = net.input((1, 4, 6, 8))
    held = [net.file.constant(np.array(c, np.int32)) for c in constants]
    y = net.op(kind, [x, *held], [net.value(out)], **options)
    return net, net.build(y)


def splits(dtype):
    net = Net(dtype, 12)
    x = net.input((1, 4, 6, 8))
    parts = [net.value((1, 4, 6, 4)) for _ in range(2)]
    net.op("SPLIT", [net.integers(3), x], parts, count=2)
    more = [net.value((1, 1, 6, 4)), net.value((1, 3, 6, 4))]
    net.op("SPLIT_V", [parts[0], net.integers(1, 3), net.integers(1)], more, count=2)
    return net, net.build(parts[1], *more)


def transposes(dtype):
    """Images in another order, and back: (N, H, W, C) -> (N, W, C, H), a matrix product, softmax of the last axis."""
    net = Net(dtype, 13)
    x = net.input((1, 4, 5, 6))
    a = net.op("TRANSPOSE", [x, net.integers(0, 2, 3, 1)], [net.value((1, 5, 6, 4))])
    b = net.op("RESHAPE", [a, net.integers(5, 24)], [net.value((5, 24))])
    c = net.op("SOFTMAX", [b], [net.value((5, 24), 1 / 256, -128)], beta=1.0)
    return net, net.build(c)


def requantised(_dtype):
    """Real input, codes of one scale, codes of another, real output."""
    net = Net("float32", 14)
    x = net.input((1, 4, 4, 3))
    a = net.file.tensor((1, 4, 4, 3), "int8", 0.02, 7)
    b = net.file.tensor((1, 4, 4, 3), "int8", 0.031, -4)
    y = net.file.tensor((1, 4, 4, 3))
    net.op("QUANTIZE", [x], [a])
    net.op("QUANTIZE", [a], [b])
    net.op("DEQUANTIZE", [b], [y])
    return net, net.build(y)


def half(_dtype):
    """Weights in half precision behind a DEQUANTIZE."""
    net = Net("float32", 15)
    x = net.input((1, 6, 6, 3))
    w = net.file.constant(net.random.standard_normal((4, 3, 3, 3)).astype(np.float16))
    wide = net.file.tensor((4, 3, 3, 3))
    net.op("DEQUANTIZE", [w], [wide])
    bias = net.file.constant(net.random.standard_normal(4).astype(np.float32))
    y = net.op("CONV_2D", [x, wide, bias], [net.file.tensor((1, 4, 4, 4))], padding=VALID, stride_h=1, stride_w=1)
    return net, net.build(y)


KINDS = ("float32", "int8", "uint8")
CASES = {
    **{f"network-{k}": (network, (k,), {}) for k in KINDS},
    **{f"conv-{k}-{p}": (conv, (k,), {"padding": p, "stride": (2, 1)}) for k in KINDS for p in (SAME, VALID)},
    **{f"conv-{k}-act{a}": (conv, (k,), {"activation": a}) for k in KINDS for a in (RELU, N1_TO_1, RELU6)},
    **{f"conv-{k}-dilated": (conv, (k,), {"dilation": (2, 2), "padding": VALID}) for k in ("float32", "int8")},
    "conv-float32-grouped": (conv, ("float32",), {"groups": 2}),
    **{f"depthwise-{k}-{p}": (depthwise, (k,), {"padding": p}) for k in KINDS for p in (SAME, VALID)},
    "conv-int16": (conv, ("int16",), {"stride": (2, 1), "activation": RELU}),
    "depthwise-int16": (depthwise, ("int16",), {}),
    "dense-int16": (dense, ("int16",), {}),
    **{f"transposed-{k}-{p}": (transposed, (k,), {"padding": p}) for k in ("float32", "int8") for p in (SAME, VALID)},
    "transposed-float32-wide": (transposed, ("float32", VALID), {"more": 1}),
    "transposed-int8-wide": (transposed, ("int8", VALID), {"more": 1}),
    **{f"dense-{k}-{keep}": (dense, (k,), {"keep": keep}) for k in ("float32", "int8") for keep in (False, True)},
    **{f"{o}-{k}": (binary, (k, o), {}) for o in ("ADD", "MUL", "SUB") for k in KINDS},
    **{f"{o}-{k}": (binary, (k, o), {}) for o in ("MAXIMUM", "MINIMUM") for k in ("float32", "int8")},
    **{f"{o}-float32": (binary, ("float32", o), {}) for o in ("DIV", "SQUARED_DIFFERENCE")},
    **{f"ADD-{k}-row": (binary, (k, "ADD", RELU, (6,)), {}) for k in ("float32", "int8")},
    **{f"{o}-{k}": (unary, (k, o, 1 / 256, -128), {}) for o in ("LOGISTIC",) for k in KINDS},
    **{f"TANH-{k}": (unary, (k, "TANH", 1 / 128, 0), {}) for k in KINDS},
    **{f"{o}-{k}": (unary, (k, o), {}) for o in ("RELU", "RELU6", "HARD_SWISH") for k in ("float32", "int8")},
    **{f"{o}-float32": (unary, ("float32", o), {}) for o in ("EXP", "ELU", "ABS", "SQUARE", "RELU_N1_TO_1")},
    **{f"LEAKY_RELU-{k}": (unary, (k, "LEAKY_RELU"), {"alpha": 0.25}) for k in ("float32", "int8")},
    "GELU-float32": (unary, ("float32", "GELU"), {"approximate": False}),
    "LOG_SOFTMAX-float32": (unary, ("float32", "LOG_SOFTMAX"), {}),
    **{f"SOFTMAX-{k}": (unary, (k, "SOFTMAX", 1 / 256, -128), {"beta": 0.7}) for k in KINDS},
    **{
        f"{o}-{k}-{p}": (pool, (k, o, p), {})
        for o in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
        for k in KINDS
        for p in (SAME, VALID)
    },
    **{f"MEAN-{k}-{keep}": (reduce, (k, "MEAN", (1, 2), keep), {}) for k in KINDS for keep in (False, True)},
    "MEAN-float32-rows": (reduce, ("float32", "MEAN", (1,), False), {}),
    "SUM-float32": (reduce, ("float32", "SUM", (-1,), True), {}),
    **{f"REDUCE_MAX-{k}": (reduce, (k, "REDUCE_MAX", (3,), False), {}) for k in ("float32", "int8")},
    **{
        f"{name}-{k}": (move, (k, kind, out, *constants), options)
        for k in ("float32", "int8")
        for name, kind, out, constants, options in (
            ("PAD", "PAD", (1, 7, 6, 9), ([[0, 0], [1, 2], [0, 0], [1, 0]],), {}),
            ("MIRROR_PAD", "MIRROR_PAD", (1, 6, 8, 8), ([[0, 0], [1, 1], [2, 0], [0, 0]],), {"mode": 0}),
            ("RESHAPE", "RESHAPE", (2, 96), ([2, 96],), {}),
            ("SQUEEZE", "SQUEEZE", (4, 6, 8), (), {}),
            ("TRANSPOSE", "TRANSPOSE", (1, 8, 4, 6), ([0, 3, 1, 2],), {}),
            ("STRIDED_SLICE", "STRIDED_SLICE", (2, 5, 8), ([0, 0, 1, 0], [1, 4, 6, 8], [1, 2, 1, 1]), {"shrink": 1}),
            ("SLICE", "SLICE", (1, 3, 6, 2), ([0, 1, 0, 2], [-1, 3, -1, 2]), {}),
            ("DEPTH_TO_SPACE", "DEPTH_TO_SPACE", (1, 8, 12, 2), (), {"block": 2}),
            ("SPACE_TO_DEPTH", "SPACE_TO_DEPTH", (1, 2, 3, 32), (), {"block": 2}),
            ("NEAREST", "RESIZE_NEAREST_NEIGHBOR", (1, 9, 8, 8), ([9, 8],), {"corners": False, "half": False}),
            ("NEAREST-half", "RESIZE_NEAREST_NEIGHBOR", (1, 9, 8, 8), ([9, 8],), {"corners": False, "half": True}),
            ("NEAREST-corners", "RESIZE_NEAREST_NEIGHBOR", (1, 9, 8, 8), ([9, 8],), {"corners": True, "half": False}),
            ("BILINEAR", "RESIZE_BILINEAR", (1, 8, 9, 8), ([8, 9],), {"corners": False, "half": True}),
            ("BILINEAR-corners", "RESIZE_BILINEAR", (1, 8, 9, 8), ([8, 9],), {"corners": True, "half": False}),
            ("GATHER", "GATHER", (1, 4, 6, 3), ([5, 0, 7],), {"axis": 3}),
        )
    },
    **{f"SPLIT-{k}": (splits, (k,), {}) for k in ("float32", "int8")},
    **{f"TRANSPOSE-SOFTMAX-{k}": (transposes, (k,), {}) for k in ("float32", "int8")},
    "QUANTIZE": (requantised, ("",), {}),
    "float16-weights": (half, ("",), {}),
}


def case(name):
    """(network, bytes of the file) of a case."""
    build, arguments, options = CASES[name]
    return build(*arguments, **options)
