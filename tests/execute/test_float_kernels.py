"""Float kernels against PyTorch."""

import numpy as np
import pytest

from cosim.execute import whole
from cosim.formats import Encoding
from tests.execute.one import CASES, one_op, random_inputs

torch = pytest.importorskip("torch")
F = pytest.importorskip("torch.nn.functional")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def clamp(y, op):
    activation = op["activation"] if "activation" in op.kind.defaults else "none"
    return {"none": lambda: y, "relu": lambda: F.relu(y), "relu6": lambda: F.relu6(y)}[activation]()


def pad4(x, op, value=0.0):
    top, left, bottom, right = op["pads"]
    return F.pad(x, (left, right, top, bottom), value=value)


def conv(op, x, w, b=None):
    return F.conv2d(pad4(x, op), w, b, op["strides"], 0, op["dilations"], op["groups"])


def transposed(op, x, w, b=None):
    full = F.conv_transpose2d(x, w, b, op["strides"], 0, op["output_padding"], op["groups"], op["dilations"])
    top, left, bottom, right = op["pads"]
    return full[:, :, top : full.shape[2] - bottom, left : full.shape[3] - right]


def average(op, x):
    return F.avg_pool2d(x, op["kernel"], op["strides"], op["pads"][:2], op["ceil_mode"], op["count_include_pad"])


def reduced(function):
    return lambda op, x: function(x, dim=tuple(op["axes"]), keepdim=op["keepdims"])


REFERENCE = {
    "conv2d": conv,
    "conv_transpose2d": transposed,
    "linear": lambda op, x, w, b: F.linear(x, w, b),
    "matmul": lambda op, a, b: a @ (b.mT if op["transpose_b"] else b),
    "add": lambda op, a, b: a + b,
    "sub": lambda op, a, b: a - b,
    "mul": lambda op, a, b: a * b,
    "div": lambda op, a, b: a / b,
    "pow": lambda op, a, b: a**b,
    "maximum": lambda op, a, b: torch.maximum(a, b),
    "minimum": lambda op, a, b: torch.minimum(a, b),
    "max_pool2d": lambda op, x: F.max_pool2d(
        pad4(x, op, -torch.inf), op["kernel"], op["strides"], 0, op["dilations"], op["ceil_mode"]
    ),
    "avg_pool2d": average,
    "reduce_mean": reduced(torch.mean),
    "reduce_sum": reduced(torch.sum),
    "reduce_max": reduced(torch.amax),
    "reduce_min": reduced(torch.amin),
    "softmax": lambda op, x: F.softmax(x, op["axis"]),
    "log_softmax": lambda op, x: F.log_softmax(x, op["axis"]),
    "layer_norm": lambda op, x, g, b: F.layer_norm(x, g.shape, g, b, op["epsilon"]),
    "rms_norm": lambda op, x, g: F.rms_norm(x, g.shape, g, op["epsilon"]),
    "batch_norm": lambda op, x, g, b, m, v: F.batch_norm(x, m, v, g, b, eps=op["epsilon"]),
    "concat": lambda op, *x: torch.cat(x, op["axis"]),
    "pad": lambda op, x: F.pad(x, tuple(n for pair in reversed(op["pads"]) for n in pair), value=op["value"]),
    "transpose": lambda op, x: x.permute(op["permutation"]),
    "reshape": lambda op, x: x.reshape(op["shape"]),
    "broadcast_to": lambda op, x: x.broadcast_to(op["shape"]),
    "resize": lambda op, x: F.interpolate(
        x,
        op["sizes"],
        mode="bilinear" if op["mode"] == "linear" else "nearest",
        align_corners=op["align_corners"] if op["mode"] == "linear" else None,
    ),
    "gather": lambda op, t, i: torch.index_select(t, op["axis"], i.reshape(-1)).reshape(
        *t.shape[: op["axis"]], *i.shape, *t.shape[op["axis"] + 1 :]
    ),
    "relu": lambda op, x: F.relu(x),
    "relu6": lambda op, x: F.relu6(x),
    "hard_swish": lambda op, x: F.hardswish(x),
    "hard_sigmoid": lambda op, x: F.hardsigmoid(x),
    "silu": lambda op, x: F.silu(x),
    "sigmoid": lambda op, x: torch.sigmoid(x),
    "tanh": lambda op, x: torch.tanh(x),
    "exp": lambda op, x: torch.exp(x),
    "log": lambda op, x: torch.log(x),
    "sqrt": lambda op, x: torch.sqrt(x),
    "rsqrt": lambda op, x: torch.rsqrt(x),
    "neg": lambda op, x: -x,
    "abs": lambda op, x: x.abs(),
    "erf": lambda op, x: torch.erf(x),
    "reciprocal": lambda op, x: 1 / x,
    "identity": lambda op, x: x,
    "softplus": lambda op, x: F.softplus(x),
    "gelu": lambda op, x: F.gelu(x, approximate=op["approximate"]),
    "clip": lambda op, x: x.clip(op["low"], op["high"]),
    "leaky_relu": lambda op, x: F.leaky_relu(x, op["alpha"]),
    "elu": lambda op, x: F.elu(x, op["alpha"]),
}


@pytest.mark.parametrize("case", [name for name in CASES if CASES[name][0] in REFERENCE])
def test_kernel_equals_torch(case):
    kind, shapes, attributes = CASES[case]
    graph = one_op(kind, shapes, integer=False, **attributes)
    codes = random_inputs(graph, 4)
    op = graph.ops[0]
    expected = clamp(REFERENCE[kind](op, *(torch.from_numpy(codes[n]) for n in graph.inputs)), op).numpy()
    got = whole(graph, codes)["y"]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-6)


def test_gelu_by_tanh():
    graph = one_op("gelu", [(50,)], integer=False, approximate="tanh")
    codes = random_inputs(graph)
    expected = F.gelu(torch.from_numpy(codes["x0"]), approximate="tanh").numpy()
    np.testing.assert_allclose(whole(graph, codes)["y"], expected, rtol=2e-5, atol=2e-6)


def test_half_precision_is_rounded_when_stored_only():
    graph = one_op("linear", [(4, 300), (8, 300)], integer=False)
    half = Encoding("fp16", 16)
    graph = graph.with_tensors(type(t)(t.name, t.shape, half) for t in graph.tensors.values())
    codes = random_inputs(one_op("linear", [(4, 300), (8, 300)], integer=False))
    got = whole(graph, codes)["y"]
    x, w = (codes[n].astype(np.float16).astype(np.float64) for n in ("x0", "x1"))
    assert got.dtype == np.float16
    # Half an ulp of fp16 from the exact product: no intermediate was rounded to fp16.
    np.testing.assert_allclose(got, x @ w.T, rtol=2.0**-10.9, atol=1e-3 * 2.0**-10)
