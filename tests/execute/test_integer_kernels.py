"""Integer kernels against the plainest possible loops in int64 and float64."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import erf

from cosim.errors import DescriptionError, UnsupportedError
from cosim.execute import encode, whole
from cosim.execute.kernels.exact import Arithmetic, arithmetic
from cosim.execute.tiles import Tiles
from cosim.formats import Encoding
from tests.execute.one import CASES, affine, one_op, random_inputs


def run(case, bits=8, seed=3, **more):
    kind, shapes, attributes = CASES[case]
    graph = one_op(kind, shapes, bits=bits, seed=seed, **{**attributes, **more})
    codes = random_inputs(graph, seed)
    return graph, codes, whole(graph, codes)["y"]


def requantised(acc, bias, graph, axis):
    """The rule fp32-even written out once more."""
    x, w, y = (graph.tensors[n].encoding for n in ("x0", "x1", "y"))
    op, shape = graph.ops[0], [1] * acc.ndim
    shape[axis] = -1
    ws = np.tile(np.atleast_1d(w.scale), acc.shape[axis] // np.atleast_1d(w.scale).size)
    multiplier = (x.scale * ws / y.scale).astype(np.float32).reshape(shape)
    codes = np.rint((acc + bias.reshape(shape)).astype(np.float32) * multiplier) + np.float32(y.zero_point)
    low, high = -(1 << (y.bits - 1)), (1 << (y.bits - 1)) - 1
    activation = op["activation"] if "activation" in op.kind.defaults else "none"
    if activation != "none":
        low = max(low, int(y.zero_point))
    if activation == "relu6":
        high = min(high, int(np.rint(6 / y.scale)) + int(y.zero_point))
    return np.clip(codes, low, high)


def naive_conv(x, w, zero, op):
    n, c, h, v = x.shape
    k, cg, fy, fx = w.shape
    top, left, bottom, right = op["pads"]
    image = np.full((n, c, h + top + bottom, v + left + right), zero, np.int64)
    image[:, :, top : top + h, left : left + v] = x
    (sy, sx), (dy, dx) = op["strides"], op["dilations"]
    rows = (image.shape[2] - dy * (fy - 1) - 1) // sy + 1
    width = (image.shape[3] - dx * (fx - 1) - 1) // sx + 1
    out = np.zeros((n, k, rows, width), np.int64)
    for i, o, r, q in itertools.product(range(n), range(k), range(rows), range(width)):
        group = o // (k // op["groups"])
        window = image[i, group * cg : (group + 1) * cg, r * sy : r * sy + dy * fy : dy, q * sx : q * sx + dx * fx : dx]
        out[i, o, r, q] = ((window[:, :fy, :fx] - zero) * w[o].astype(np.int64)).sum()
    return out


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("case", [name for name in CASES if CASES[name][0] == "conv2d"])
def test_convolution(case, bits):
    graph, codes, got = run(case, bits)
    acc = naive_conv(codes["x0"], codes["x1"], int(graph.tensors["x0"].encoding.zero_point), graph.ops[0])
    bias = codes.get("x2", np.zeros(acc.shape[1]))
    assert len(np.unique(got)) >= 8  # not saturated to a constant (relu6 leaves few codes)
    np.testing.assert_array_equal(got, requantised(acc, bias, graph, 1))


@pytest.mark.parametrize("case", ["transposed", "transposed_grouped"])
def test_transposed_convolution_scatters(case):
    graph, codes, got = run(case)
    op, x, w = graph.ops[0], codes["x0"].astype(np.int64), codes["x1"].astype(np.int64)
    x = x - int(graph.tensors["x0"].encoding.zero_point)
    (sy, sx), (dy, dx), groups = op["strides"], op["dilations"], op["groups"]
    top, left = op["pads"][:2]
    big = np.zeros((x.shape[0], w.shape[1] * groups, 80, 80), np.int64)
    kg, cg = w.shape[1], x.shape[1] // groups
    for i, c, r, q, k, fy, fx in itertools.product(*map(range, (*x.shape, *w.shape[1:]))):
        big[i, c // cg * kg + k, r * sy + fy * dy, q * sx + fx * dx] += x[i, c, r, q] * w[c, k, fy, fx]
    rows, width = got.shape[2:]
    acc = big[:, :, top : top + rows, left : left + width]
    np.testing.assert_array_equal(got, requantised(acc, codes.get("x2", np.zeros(acc.shape[1])), graph, 1))


def test_linear_and_matmul():
    graph, codes, got = run("linear")
    x = codes["x0"].astype(np.int64) - int(graph.tensors["x0"].encoding.zero_point)
    acc = np.einsum("abk,nk->abn", x, codes["x1"].astype(np.int64))
    np.testing.assert_array_equal(got, requantised(acc, codes["x2"], graph, 2))
    for case, formula in (("matmul", "xbmk,bkn->xbmn"), ("matmul_transposed", "xymk,xbnk->xbmn")):
        graph, codes, got = run(case)
        a, b = (codes[n].astype(np.int64) - int(graph.tensors[n].encoding.zero_point) for n in ("x0", "x1"))
        acc = np.einsum(formula, a, b)
        np.testing.assert_array_equal(got, requantised(acc, np.zeros(acc.shape[-1]), graph, 3))


def test_weights_with_a_zero_point():
    graph = one_op("conv2d", [(1, 4, 6, 6), (5, 4, 3, 3)], weight_zero=True, pads=(1, 1, 1, 1))
    codes = random_inputs(graph, 1)
    w = codes["x1"].astype(np.int64) - int(graph.tensors["x1"].encoding.zero_point)
    acc = naive_conv(codes["x0"], w, int(graph.tensors["x0"].encoding.zero_point), graph.ops[0])
    np.testing.assert_array_equal(whole(graph, codes)["y"], requantised(acc, np.zeros(5), graph, 1))


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_sums_are_exact_at_the_extremes(bits):
    # Longer than several chunks, all products of one sign and of the largest size: any rounding would show.
    k = 5000
    graph = one_op("linear", [(3, k), (4, k)], bits=bits)
    rule = arithmetic(Tiles.of(graph, graph.ops[0]).call(0, (None, None)))
    low = -(1 << (bits - 1))
    left = np.full((3, k), low)
    right = np.full((k, 4), -128)
    left[1], right[:, 1] = -low - 1, 127
    right[::2, 2] = 127
    exact = left.astype(object) @ right.astype(object)
    got = rule.product(left.astype(rule.factor), right.astype(rule.factor))
    assert got.dtype == (np.int64 if bits == 16 else np.int32)
    assert (got == exact).all()
    assert rule.chunk * 128 * -low <= (1 << (24 if rule.factor == np.float32 else 53))


def test_a_longer_chunk_would_round():
    # Shows that the bound on the chunk is needed, not just kept.
    left, right = np.full((1, 4096), 127.0, np.float32), np.full((4096, 1), 127.0, np.float32)
    left[0, 0] = 126.0
    rule = Arithmetic(np.dtype(np.float32), 4096, np.dtype(np.int32))
    exact = 127 * 127 * 4096 - 127
    assert int(Arithmetic(np.dtype(np.float32), 1024, np.dtype(np.int32)).product(left, right)[0, 0]) == exact
    assert int(rule.product(left, right)[0, 0]) != exact


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("case", ["add", "sub", "mul", "div", "maximum", "minimum", "pow"])
def test_arithmetic_follows_the_declared_formula(case, bits):
    graph, codes, got = run(case, bits)
    a, b = (
        (codes[n].astype(np.float64) - float(graph.tensors[n].encoding.zero_point))
        * float(graph.tensors[n].encoding.scale)
        for n in ("x0", "x1")
    )
    functions = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
    function = functions.get(case) or getattr(np, {"pow": "power"}.get(case, case))
    with np.errstate(all="ignore"):
        real = function(a, b)
    assert_codes(graph, got, real)


@pytest.mark.parametrize(("case", "expected"), [("add", [-2, -2, 0, 0, 0, 2, 2]), ("sub", [-2, -2, 0, 0, 0, 2, 2])])
def test_halves_go_to_even(case, expected):
    graph = one_op(case, [(7,), (1,)])
    codes = {"x0": np.array([-5, -3, -1, 0, 1, 3, 5], np.int8), "x1": np.array([0], np.int8)}
    scales = {"x0": 0.5, "x1": 0.5, "y": 1.0}
    graph = graph.with_tensors(
        replace(graph.tensors[n], encoding=Encoding("int8", 8, np.array(s), np.array(0))) for n, s in scales.items()
    )
    np.testing.assert_array_equal(whole(graph, codes)["y"], expected)


def assert_codes(graph, got, real):
    y, op = graph.tensors["y"].encoding, graph.ops[0]
    codes = np.rint(np.nan_to_num(real / float(y.scale), nan=0.0)) + float(y.zero_point)
    low, high = -(1 << (y.bits - 1)), (1 << (y.bits - 1)) - 1
    activation = op["activation"] if "activation" in op.kind.defaults else "none"
    low = max(low, int(y.zero_point)) if activation != "none" else low
    high = min(high, int(np.rint(6 / y.scale)) + int(y.zero_point)) if activation == "relu6" else high
    np.testing.assert_array_equal(got, np.clip(codes, low, high))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("case", "function"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("relu6", lambda x: np.clip(x, 0, 6)),
        ("hard_swish", lambda x: x * np.clip(x + 3, 0, 6) / 6),
        ("tanh", np.tanh),
        ("exp", np.exp),
        ("log", np.log),
        ("rsqrt", lambda x: 1 / np.sqrt(x)),
        ("gelu", lambda x: 0.5 * x * (1 + erf(x * np.sqrt(0.5)))),
        ("clip", lambda x: np.clip(x, -1, 2.5)),
        ("requantize", lambda x: x),
    ],
)
def test_functions_of_one_element(case, function, bits):
    graph, codes, got = run(case, bits)
    code = graph.tensors["x0"].encoding
    with np.errstate(all="ignore"):
        real = function((codes["x0"].astype(np.float64) - float(code.zero_point)) * float(code.scale))
    assert_codes(graph, got, real)


def test_pools_reductions_and_softmax():
    for case in ("reduce_mean", "reduce_sum", "softmax", "log_softmax", "layer_norm", "rms_norm", "batch_norm"):
        graph, codes, got = run(case)
        code = graph.tensors["x0"].encoding
        x = (codes["x0"].astype(np.float64) - float(code.zero_point)) * float(code.scale)
        op = graph.ops[0]
        if case.startswith("reduce"):
            real = (np.mean if case == "reduce_mean" else np.sum)(x, axis=op["axes"], keepdims=op["keepdims"])
        elif case.endswith("softmax"):
            power = np.exp(x - x.max(axis=op["axis"], keepdims=True))
            real = power / power.sum(axis=op["axis"], keepdims=True)
            real = np.log(real) if case == "log_softmax" else real
        elif case == "batch_norm":
            g, b, m, v = (codes[f"x{i}"].astype(np.float64).reshape(-1, 1, 1) for i in range(1, 5))
            real = (x - m) / np.sqrt(v + op["epsilon"]) * g + b
        else:
            centre = x.mean(-1, keepdims=True) if case == "layer_norm" else 0.0
            real = (x - centre) / np.sqrt(np.square(x - centre).mean(-1, keepdims=True) + op["epsilon"]) * codes["x1"]
            real = real + (codes["x2"] if case == "layer_norm" else 0.0)
        y = graph.tensors["y"].encoding
        ideal = np.clip(np.rint(real / float(y.scale)) + float(y.zero_point), -128, 127)
        # The declared formulas sum integers and divide once, so a half may fall on the other side.
        assert np.abs(got - ideal).max() <= 1, case
        assert (got == ideal).mean() > 0.97, case


def test_average_pool_counts():
    for case in ("avg_pool", "avg_pool_inner", "avg_pool_past"):
        graph, codes, got = run(case)
        op, x = graph.ops[0], codes["x0"].astype(np.int64) - int(graph.tensors["x0"].encoding.zero_point)
        (ky, kx), (sy, sx), (top, left, bottom, right) = op["kernel"], op["strides"], op["pads"]
        h, v = x.shape[2:]
        real = np.zeros(got.shape)
        for r, q in np.ndindex(*got.shape[2:]):
            y0, y1 = r * sy - top, min(r * sy - top + ky, h + bottom)
            x0, x1 = q * sx - left, min(q * sx - left + kx, v + right)
            inner = x[:, :, max(y0, 0) : min(y1, h), max(x0, 0) : min(x1, v)]
            count = (y1 - y0) * (x1 - x0) if op["count_include_pad"] else inner.shape[2] * inner.shape[3]
            real[:, :, r, q] = inner.sum(axis=(2, 3)) * float(graph.tensors["x0"].encoding.scale) / count
        assert_codes(graph, got, real)


def test_padding_never_wins_a_maximum():
    graph = one_op("max_pool2d", [(1, 1, 4, 4)], kernel=(3, 3), pads=(1, 1, 1, 1))
    graph = graph.with_tensors([replace(graph.tensors["y"], encoding=graph.tensors["x0"].encoding)])
    codes = np.full((1, 1, 4, 4), -100, np.int8)
    assert (whole(graph, {"x0": codes})["y"] == -100).all()


MOVED = {
    "transpose": lambda x, op, indices: x.transpose(op["permutation"]),
    "slice": lambda x, op, indices: x[1:4:1, 2:9:3, 0:5:2],
    "reshape": lambda x, op, indices: x.reshape(op["shape"]),
    "broadcast_to": lambda x, op, indices: np.broadcast_to(x, op["shape"]),
    "resize": lambda x, op, indices: x[:, :, np.arange(8) * 5 // 8][:, :, :, np.arange(10) * 4 // 10],
    "gather": lambda x, op, indices: x[indices],
}


@pytest.mark.parametrize("case", MOVED)
def test_moved_codes_are_not_changed_when_encodings_agree(case):
    kind, shapes, attributes = CASES[case]
    graph = one_op(kind, shapes, **attributes)
    graph = graph.with_tensors([replace(graph.tensors["y"], encoding=graph.tensors["x0"].encoding)])
    codes = random_inputs(graph, 2)
    expected = MOVED[case](codes["x0"], graph.ops[0], codes.get("x1"))
    np.testing.assert_array_equal(whole(graph, codes)["y"], expected)


@pytest.mark.parametrize("case", MOVED)
def test_moved_codes_are_recoded_when_encodings_differ(case):
    graph, codes, got = run(case)
    code = graph.tensors["x0"].encoding
    real = (codes["x0"].astype(np.float64) - float(code.zero_point)) * float(code.scale)
    assert_codes(graph, got, MOVED[case](real, graph.ops[0], codes.get("x1")))


def test_concat_recodes_each_input():
    graph, codes, got = run("concat")
    real = [
        (codes[name].astype(np.float64) - float(graph.tensors[name].encoding.zero_point))
        * float(graph.tensors[name].encoding.scale)
        for name in graph.inputs
    ]
    assert_codes(graph, got, np.concatenate(real, axis=1))


def test_softmax_is_its_declared_integer_formula():
    graph, codes, got = run("softmax")
    graph = graph.with_tensors(
        [replace(graph.tensors["y"], encoding=Encoding("int8", 8, np.array(1 / 256), np.array(-128)))]
    )
    got = whole(graph, codes)["y"]
    scale = float(graph.tensors["x0"].encoding.scale)
    for row, out in zip(codes["x0"].reshape(-1, 9).tolist(), got.reshape(-1, 9).tolist(), strict=True):
        powers = [round(float(np.exp(-(max(row) - q) * scale)) * 2**30) for q in row]
        assert out == [min(round(p / sum(powers) * 256) - 128, 127) for p in powers]


def test_a_table_with_one_scale_per_row():
    graph = one_op("gather", [(10, 6), (3, 4)])
    rng = np.random.default_rng(0)
    rows = Encoding("int8", 8, rng.uniform(0.01, 0.1, 10), rng.integers(-5, 5, 10), 0)
    graph = graph.with_tensors([replace(graph.tensors["x0"], encoding=rows)])
    codes = random_inputs(graph, 2)
    real = ((codes["x0"] - rows.zero_point[:, None]) * rows.scale[:, None])[codes["x1"]]
    assert_codes(graph, whole(graph, codes)["y"], real)


def test_errors_name_the_place_and_the_remedy():
    graph, codes, _ = run("gather")
    with pytest.raises(DescriptionError, match="index 10 is not in the table"):
        whole(graph, {**codes, "x1": np.full((3, 4), 10, np.int32)})
    raw = one_op("add", [(4,), (4,)])
    raw = raw.with_tensors(replace(tensor, encoding=Encoding("int8", 8)) for tensor in raw.tensors.values())
    with pytest.raises(DescriptionError, match="calibrate"):
        whole(raw, {"x0": np.zeros(4, np.int8), "x1": np.zeros(4, np.int8)})
    rng = np.random.default_rng(0)
    rows = Encoding("int8", 8, np.full(4, 0.1), np.arange(4), 0)
    odd = {"x0": rows, "x1": affine(rng, 8, 0.1), "y": affine(rng, 8, 0.1)}
    split = raw.with_tensors(replace(raw.tensors[name], encoding=code) for name, code in odd.items())
    with pytest.raises(UnsupportedError, match="cosim_kernels"):
        whole(split, {"x0": np.zeros(4, np.int8), "x1": np.zeros(4, np.int8)})
    with pytest.raises(DescriptionError, match="codes from -200"):
        encode(np.array([-200]), Encoding("int8", 8, np.array(1.0)), "here")
    with pytest.raises(UnsupportedError, match="cosim_formats"):
        encode(np.array([1.0]), Encoding("posit8", 8), "here")
