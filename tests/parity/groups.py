"""What is compared with which framework: groups of one-op cases, recorded (tests/golden/numerics) and run live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tests.parity.cases import (
    affine,
    along,
    every_code,
    every_pair,
    graph_of,
    joined,
    pool,
    probe,
    product,
    quantise,
    random_product,
    reduced,
    resized,
    soft,
    some,
    transposed,
    two_activations,
    varied_product,
)

TFLITE = ("tflite", "tflite-builtin", "tflite-reference")
UINT8 = tuple(f"{preset}:codes=uint8" for preset in TFLITE)
ORT = ("onnxruntime", "onnxruntime:codes=int8")
TORCH = ("pytorch-qnnpack", "pytorch-fbgemm", "pytorch-onednn", "pytorch-x86")
INTEGER = (*TFLITE, *UINT8, *ORT)
ALL = (*INTEGER, *TORCH)


LAST_BITS = {
    "conv2d": {"tflite-builtin:codes=uint8": (5089,)},
    "depthwise-random": {"tflite-reference:codes=uint8": (5329,)},
    "depthwise-random-real-bias": {"pytorch-onednn": (1176,)},
}


@dataclass(frozen=True)
class Group:
    """Cases of one op.

    `op` is the name by which a preset's `proved` knows it; `lines` are arithmetics; `make` gives a graph and codes from
    an arithmetic and a seed; `seeds` are recorded, `live` are run with the framework itself. With `qdq` ONNX Runtime
    gets real operators between dequantised codes. `also` are further seeds to record, by line: the few of many thousand
    in which the last bit of a multiplier shows.
    """

    op: str
    lines: tuple[str, ...]
    make: Callable
    seeds: int
    qdq: bool = False
    live: int = 200
    also: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def _per_tensor(line, kind):
    """Where all weights have one scale: qnnpack, uint8 weights of LiteRT."""
    return line == "pytorch-qnnpack" or (line.startswith("tflite") and line.endswith("uint8"))


def _probe(kind, *, real=False, bits=8, tensor=False):
    def make(line, seed):
        op = {"kind": "conv2d", "depthwise": True} if kind == "depthwise" else {"kind": kind}
        most = 2.0**20 if line == "openvino" else 2.0**31  # beyond, it clips before the bias and loses digits
        one = tensor or _per_tensor(line, kind)
        return probe(
            arithmetic=line, seed=seed, channels=2048, real_bias=real, bits=bits, per_tensor=one, most=most, **op
        )

    return make


SIGMOID, TANH = {"output": affine(1 / 256, -128)}, {"output": affine(1 / 128, 0)}


def _function(kind, **options):
    return lambda line, seed: every_code(kind, line, seed, **options)


def _is_whole(graph):
    """Whether windows end where the padded image ends: TOSA wants it."""
    op, x, w = graph.ops[0], graph.tensors["x0"].shape, graph.tensors["x1"].shape
    pads, rest = op["pads"], []
    for axis in (0, 1):
        reach = (w[2 + axis] - 1) * op["dilations"][axis] + 1
        rest.append((x[2 + axis] + pads[axis] + pads[axis + 2] - reach) % op["strides"][axis])
    return not any(rest)


def _random(kind, *, real=False, bits=8, tensor=False):
    def make(line, seed):
        while True:
            made = random_product(
                kind, line, seed, real_bias=real, bits=bits, per_tensor=tensor or _per_tensor(line, kind)
            )
            pads = made[0].ops[0]["pads"] if kind != "linear" else (0, 0, 0, 0)
            if line.startswith("tosa") and kind != "linear" and not _is_whole(made[0]):
                seed += 100_000
                continue
            if not real or pads[:2] == pads[2:] or line == "openvino":  # PyTorch takes one padding per axis
                if kind != "depthwise" or line != "pytorch-fbgemm":
                    return made
                # Its depthwise kernels add pairs in 16 bits that saturate: PyTorch gives them 7-bit activations.
                if int(made[0].tensors["x0"].encoding.zero_point) < 0:
                    made[1]["x0"] = np.minimum(made[1]["x0"], -1).astype(np.int8)
                    return made
            seed += 100_000

    return make


def _varied(*, deep, real=False):
    def make(line, seed):
        # LiteRT's own kernels refuse groups, and its reference ones unequal dilations.
        grouped = not line.startswith("tflite")
        return varied_product(
            line, seed, deep=deep, real_bias=real, per_tensor=_per_tensor(line, "conv2d"), grouped=grouped
        )

    return make


def _pairs_of_taps(line, seed):
    """A depthwise window of 3, 5 or 7 with activations of all eight bits: where fbgemm saturates, and where it does not."""
    rng = np.random.default_rng(seed)
    taps, channels = int(rng.choice([3, 5, 7])), int(rng.choice([8, 12, 16, 24]))
    if line.startswith("pytorch-x86"):
        channels = int(rng.choice([100, 104, 108, 128]))
    outputs = channels * int(rng.choice([1, 1, 2]))
    strides = tuple(int(v) for v in rng.integers(1, 4, 2))
    pad = taps // 2 if rng.random() < 0.8 else 0
    shape, wshape = (1, channels, *(int(v) for v in rng.integers(taps, taps + 5, 2))), (outputs, 1, taps, taps)
    weights = rng.choice([-127, 127, 100, -100, 64], wshape).astype(np.int8)
    x, y = affine(0.05, int(rng.choice([-128, 127, 3]))), affine(0.05 * 0.6 * taps, int(rng.choice([-128, 127, 3])))
    w = (wshape, along(rng.uniform(0.002, 0.02, outputs)), weights)
    bias = rng.uniform(-2, 2, outputs)
    options = {"groups": channels, "pads": (pad,) * 4, "strides": strides}
    graph = product("conv2d", rng, line, (shape, x), w, y, bias, real_bias=True, **options)
    return graph, {"x0": rng.choice([127, 126, 100, -128], shape).astype(np.int8)}


def _ncnn(kind):
    def make(line, seed):
        if seed % 2:
            graph, codes = random_product(kind, line, seed, real_bias=True, symmetric=True)
            codes["x0"] = np.maximum(codes["x0"], -127)  # ncnn has no other codes
            return graph, codes
        # powers of two: every other sum is a half
        rng = np.random.default_rng(seed)
        channels, deep = 24, kind == "depthwise"
        wshape = (channels, 1 if deep else 3, 1, 1)
        shape = (1, channels if deep else 3, 6, 7)
        w = (wshape, along(2.0 ** -rng.integers(5, 9, channels)), rng.integers(-127, 128, wshape).astype(np.int8))
        bias, groups = rng.integers(-20, 20, channels) / 8, channels if deep else 1
        ends = (shape, affine(0.0625, 0)), w, affine(0.25, 0), bias
        graph = product("conv2d", rng, line, *ends, real_bias=True, groups=groups)
        return graph, {"x0": rng.integers(-127, 128, shape).astype(np.int8)}

    return make


def _winograd(line, seed):
    """A 3x3 convolution of many large products of one sign: the sums of ncnn's Winograd kernel overflow."""
    rng = np.random.default_rng(seed)
    inner, outer = int(rng.choice([8, 16, 32, 48, 64])), int(rng.choice([8, 16, 24]))
    shape, wshape = (1, inner, *(int(v) for v in rng.integers(3, 9, 2))), (outer, inner, 3, 3)
    share = float(rng.choice([0.5, 0.8, 0.95, 1.0]))
    weights, codes = (np.where(rng.random(s) < share, 127, -127).astype(np.int8) for s in (wshape, shape))
    w, y = (wshape, along(rng.uniform(0.002, 0.02, outer)), weights), affine(0.05 * 0.01 * 60 * inner * 9, 0)
    pads = (1, 1, 1, 1) if seed % 2 else (0, 0, 0, 0)
    bias = np.zeros(outer)
    return product("conv2d", rng, line, (shape, affine(0.05, 0)), w, y, bias, real_bias=True, pads=pads), {"x0": codes}


def _products():
    for real, lines in ((False, INTEGER), (True, (*TORCH, "openvino"))):
        end = "-real-bias" if real else ""
        for kind in ("conv2d", "depthwise", "linear"):
            yield f"{kind}{end}", Group(kind, lines, _probe(kind, real=real), 2, also=LAST_BITS.get(f"{kind}{end}", {}))
            name = f"{kind}-random{end}"
            yield name, Group(kind, lines, _random(kind, real=real), 6, also=LAST_BITS.get(name, {}))
    yield "linear-tensor", Group("linear", TFLITE, _random("linear", tensor=True), 6)
    yield "linear-tensor-probe", Group("linear", TFLITE[1:], _probe("linear", tensor=True), 1, live=100,
                                       also={"tflite-builtin": (5089,)})  # fmt: skip
    # Windows in which LiteRT's kernels differ in what they take: XNNPACK and the reference have no dilation of ours.
    for deep in (False, True):
        name = "depthwise" if deep else "conv2d"
        yield f"{name}-varied", Group(name, (*TFLITE, *ORT), _varied(deep=deep), 4)
        yield f"{name}-varied-real-bias", Group(name, (*TORCH, "openvino"), _varied(deep=deep, real=True), 4)
    for kind in ("conv2d", "depthwise", "linear"):
        yield f"{kind}-wide", Group("wide", TFLITE, _probe(kind, bits=16), 2)
        yield f"{kind}-random-wide", Group("wide", TFLITE, _random(kind, bits=16), 4)
    yield "transposed", Group("transposed", (*TFLITE, UINT8[0], UINT8[2]), _transposed, 6)
    yield "matmul", Group("matmul", (*TFLITE, *ORT), two_activations, 4, also={"tflite": (1000, 1009)})
    yield "conv2d-ncnn", Group("conv2d", ("ncnn",), _ncnn("conv2d"), 10)
    yield "depthwise-ncnn", Group("depthwise", ("ncnn",), _ncnn("depthwise"), 10)
    tosa = ("tosa", "tosa-double")
    for kind in ("conv2d", "depthwise", "linear"):
        yield f"{kind}-tosa", Group(kind, tosa, _probe(kind), 2, live=10)
        yield f"{kind}-random-tosa", Group(kind, tosa, _random(kind), 4, live=30)
    yield "requantise-tosa", Group("requantise", tosa, _function("requantize"), 6, live=30)
    yield "winograd-ncnn", Group("conv2d", ("ncnn:winograd=16:tile=4",), _winograd, 8)
    taps = ("pytorch-fbgemm:pairs=taps", "pytorch-x86:pairs=taps")
    yield "pairs-of-taps", Group("depthwise", taps, _pairs_of_taps, 3, live=60)


def _transposed(line, seed):
    return transposed(line, seed, per_tensor=_per_tensor(line, "conv2d") or seed % 3 == 0)


def _pool(kind):
    return lambda line, seed: pool(kind, line, seed, least=2 if line == "pytorch-qnnpack" else 1)


def _two(kind):
    """Every code with every code, a sample of them."""

    def make(line, seed):
        graph, codes = every_pair("add" if kind != "mul" else "mul", line, seed)
        a, b, y = (graph.tensors[n].encoding for n in ("x0", "x1", "y"))
        if kind in {"maximum", "minimum"} and line.startswith("tflite"):
            b = y = a
        shape = graph.tensors["x0"].shape
        return some((graph_of(kind, [shape, shape], [a, b], y, {}, line), codes), 1024, seed)

    return make


def _mean(**attributes):
    return lambda line, seed: reduced("reduce_mean", line, seed, same=line in TORCH, **attributes)


def _leaky(line, seed):
    return every_code("leaky_relu", line, seed, alpha=(0.01, 0.25, 0.1, 0.5, 0.3)[seed % 5])


def _gelu(line, seed):
    return every_code("gelu", line, seed, approximate=("none", "tanh")[seed % 2])


def _others():
    every = (*TFLITE, *UINT8)
    yield "add", Group("add", ALL, _two("add"), 3)
    yield "mul", Group("mul", ALL, _two("mul"), 3)
    yield "sub", Group("sub", (*TFLITE, *UINT8), _two("sub"), 3)
    yield "extremum", Group("extremum", every, _two("maximum"), 2)
    yield "average", Group("average", ALL, _pool("avg_pool2d"), 6)
    yield "maximum", Group("maximum", ALL, _pool("max_pool2d"), 3)
    last = {"tflite": (3063,), "tflite:codes=uint8": (1119,), "pytorch-fbgemm": (483, 537)}
    yield "mean", Group("mean", ALL, _mean(channels=75), 8, also=last)
    yield "mean-dropping", Group("mean", every, _mean(keepdims=False), 8)
    yield "mean-channels", Group("mean", every, _mean(axes=(1,)), 8)
    sums = ("tflite", "tflite-builtin", *UINT8)  # LiteRT's reference kernel of int8 forgets the zero point
    yield "sum", Group("sum", sums, lambda line, seed: reduced("reduce_sum", line, seed), 8)
    yield "softmax", Group("softmax", (*TFLITE, *UINT8, *ORT), lambda a, s: soft("softmax", a, s, (10, 12, 37, 100)), 8)
    long = ("tflite", "tflite-builtin", *UINT8[:2], *ORT)  # LiteRT's reference kernel stops at sums of 512
    yield "softmax-long", Group("softmax", long, lambda a, s: soft("softmax", a, s, (512, 1000)), 2, live=30)
    yield (
        "sigmoid",
        Group("sigmoid", (*every, *ORT), _function("sigmoid", **SIGMOID), 6, also={"tflite-builtin": (1303,)}),
    )
    yield "tanh", Group("tanh", every, _function("tanh", **TANH), 6)
    yield "relu", Group("relu", every, _function("relu"), 6)
    yield "relu6", Group("relu", every, _function("relu6"), 6)
    yield "abs", Group("abs", TFLITE, _function("abs"), 6)
    yield "leaky-relu", Group("leaky_relu", (*every, *ORT), _leaky, 10)
    yield "hard-swish", Group("hard_swish", every, _function("hard_swish"), 6)
    yield "gelu", Group("gelu", every, _gelu, 6, also={"tflite": (1100,)})
    yield "elu", Group("elu", TFLITE[:2], _function("elu", alpha=1.0), 6)
    yield "exp", Group("exp", TFLITE, _function("exp"), 6)
    yield "log", Group("log", TFLITE, _function("log"), 6)
    yield "requantise", Group("requantise", every, _function("requantize"), 8)
    yield "resize", Group("resize", every, resized, 8)
    yield "concat", Group("concat", (*UINT8, *ORT), joined, 4)
    yield "quantise", Group("quantise", (*TFLITE, *ORT, *TORCH), quantise, 4)


def _qdq():
    """Real operators between dequantised codes: ONNX Runtime puts an operator on codes where it has one."""
    functions = ("tanh", "hard_swish", "relu", "exp", "abs", "neg", "sqrt", "erf", "log", "reciprocal", "softplus")
    for kind in functions:
        yield f"{kind}-qdq", Group("functions", ORT, _function(kind), 3, qdq=True, live=60)
    yield "elu-qdq", Group("functions", ORT, _function("elu", alpha=1.0), 3, qdq=True, live=60)
    yield "gelu-qdq", Group("functions", ORT, _function("gelu", approximate="none"), 3, qdq=True, live=60)
    yield "sigmoid-qdq", Group("sigmoid", ORT, _function("sigmoid"), 4, qdq=True)
    yield "leaky-relu-qdq", Group("leaky_relu", ORT, _leaky, 5, qdq=True)
    yield "softmax-qdq", Group("softmax", ORT, lambda a, s: soft("softmax", a, s, (10, 37, 512, 1000)), 4, True, 40)
    for kind in ("conv2d", "depthwise", "linear"):
        yield f"{kind}-qdq", Group(kind, ORT, _probe(kind), 2, qdq=True, live=20)
        yield f"{kind}-random-qdq", Group(kind, ORT, _random(kind), 4, qdq=True)
    for kind in ("add", "mul", "sub", "div", "maximum", "minimum"):
        name = {"maximum": "extremum", "minimum": "extremum"}.get(kind, kind)
        yield f"{kind}-qdq", Group(name, ORT, _two(kind), 2, qdq=True, live=40)
    yield "average-qdq", Group("average", ORT, _pool("avg_pool2d"), 6, qdq=True)
    yield "maximum-qdq", Group("maximum", ORT, _pool("max_pool2d"), 3, qdq=True, live=40)
    yield "mean-qdq", Group("mean", ORT, _mean(), 6, qdq=True)
    yield "matmul-qdq", Group("matmul", ORT, two_activations, 4, qdq=True)
    yield "concat-qdq", Group("concat", ORT, joined, 3, qdq=True, live=40)
    yield "resize-qdq", Group("resize", ORT, resized, 6, qdq=True)
    yield "requantise-qdq", Group("requantise", ORT, _function("requantize"), 6, qdq=True)


GROUPS = dict((*_products(), *_others(), *_qdq()))
