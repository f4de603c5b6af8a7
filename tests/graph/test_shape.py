"""Output shapes: equal to numpy's and PyTorch's; and errors that say what is allowed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import DescriptionError
from cosim.graph import KINDS, op_attributes
from cosim.graph.op import Op


def _numpy(case):
    arrays = [np.zeros(shape) for shape in case.shapes]
    a = case.attributes
    x = arrays[0]
    name = case.kind.name
    if name == "linear":
        return x @ arrays[1].T
    if name == "matmul":
        return x @ (arrays[1].swapaxes(-1, -2) if a["transpose_b"] else arrays[1])
    if name in ("add", "mul", "pow"):
        return x + arrays[1]
    if name == "slice":
        return x[tuple(slice(*triple) for triple in zip(a["starts"], a["stops"], a["steps"], strict=True))]
    if name == "concat":
        return np.concatenate(arrays, a["axis"])
    if name == "pad":
        return np.pad(x, a["pads"])
    if name == "transpose":
        return x.transpose(a["permutation"])
    if name == "broadcast_to":
        return np.broadcast_to(x, a["shape"])
    if name == "gather":
        return np.take(x, np.zeros(case.shapes[1], int), a["axis"])
    if name.startswith("reduce"):
        return x.mean(a["axes"], keepdims=a["keepdims"])
    return x


@pytest.mark.parametrize("family", ["linear", "matmul", "binary", "slice", "concat", "movement", "rows"])
def test_shape_equals_numpy(family, cases):
    @settings(max_examples=60, deadline=None)
    @given(cases[family])
    def check(case):
        assert case.output == _numpy(case).shape

    check()


@pytest.mark.parametrize("family", ["conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d"])
def test_shape_equals_torch(family, cases):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional

    def run(case):
        a = case.attributes
        x = torch.zeros(case.shapes[0])
        top, left, bottom, right = a["pads"]
        if family == "max_pool2d":
            return functional.max_pool2d(x, a["kernel"], a["strides"], (top, left), a["dilations"], a["ceil_mode"])
        if family == "avg_pool2d":
            return functional.avg_pool2d(x, a["kernel"], a["strides"], (top, left), a["ceil_mode"])
        w = torch.zeros(case.shapes[1])
        if family == "conv2d":
            padded = functional.pad(x, (left, right, top, bottom))
            return functional.conv2d(padded, w, None, a["strides"], 0, a["dilations"], a["groups"])
        full = functional.conv_transpose2d(
            x, w, None, a["strides"], 0, a["output_padding"], a["groups"], a["dilations"]
        )
        height, width = full.shape[2:]
        return full[:, :, top : height - bottom, left : width - right]

    @settings(max_examples=60, deadline=None)
    @given(cases[family])
    def check(case):
        assert case.output == tuple(run(case).shape)

    check()


def test_reshape_and_resize():
    assert KINDS["reshape"].infer({"shape": (4, 6)}, ((2, 3, 4),)) == (4, 6)
    assert KINDS["resize"].infer({"sizes": (7, 5), "mode": "nearest"}, ((1, 2, 3, 4),)) == (1, 2, 7, 5)


@pytest.mark.parametrize("name", ["relu", "clip", "gelu", "elu", "identity", "quantize", "requantize", "erf"])
def test_unary_keeps_the_shape(name):
    kind = KINDS[name]
    assert kind.infer(kind.defaults, ((2, 3),)) == (2, 3)
    space = kind.space(kind.defaults, ((2, 3),), (2, 3))
    assert space.sizes == (2, 3)
    assert space.macs == 0


CONV = ((1, 4, 8, 8), (6, 4, 3, 3))
BAD = [
    ("conv2d", CONV[:1], {}, "has 1 inputs"),
    ("conv2d", ((1, 4, 8), (6, 4, 3, 3)), {}, "3 axes"),
    ("conv2d", ((1, 5, 8, 8), (6, 4, 3, 3)), {}, "5 channels"),
    ("conv2d", ((1, 8, 8, 8), (5, 4, 3, 3)), {"groups": 2}, "multiple of groups=2"),
    ("conv2d", (*CONV, (7,)), {}, "b has shape"),
    ("conv2d", ((1, 4, 2, 8), (6, 4, 3, 3)), {}, "does not fit"),
    ("conv2d", CONV, {"strides": (0, 1)}, "strides"),
    ("conv2d", CONV, {"pads": (1, 1)}, "tuple of 4"),
    ("conv2d", CONV, {"groups": 0}, "groups is 0"),
    ("conv2d", CONV, {"activation": "gelu"}, "none, relu, relu6"),
    ("conv_transpose2d", ((1, 4, 8, 8), (5, 4, 3, 3)), {}, "4 channels"),
    ("conv_transpose2d", ((1, 4, 8, 8), (4, 4, 3, 3)), {"groups": 3}, "multiple of groups=3"),
    ("conv_transpose2d", ((1, 4, 8, 8), (4, 4, 3, 3), (3,)), {}, "b has shape"),
    ("conv_transpose2d", ((1, 4, 8, 8), (4, 4, 3, 3)), {"output_padding": (1, 0)}, "output_padding"),
    ("conv_transpose2d", ((1, 4, 1, 1), (4, 4, 1, 1)), {"pads": (1, 1, 1, 1)}, "no output"),
    ("linear", ((2, 3), (4, 5)), {}, "last axis"),
    ("linear", ((2, 3), (4, 3), (3,)), {}, "b has shape"),
    ("matmul", ((2, 3), (4, 5)), {}, "inner extents 3 and 4"),
    ("matmul", ((2, 3), (4, 5)), {"transpose_b": True}, "b transposed"),
    ("matmul", ((3,), (3, 5)), {}, "at least 2 axes"),
    ("matmul", ((2, 2, 3), (3, 3, 5)), {}, "do not broadcast"),
    ("add", ((2, 3), (2, 4)), {}, "do not broadcast"),
    ("mul", ((2, 3), (2, 3)), {"activation": "tanh"}, "activation"),
    ("relu", ((2,), (2,)), {}, "has 2 inputs"),
    ("clip", ((2,),), {"low": 1.0, "high": 0.0}, "low <= high"),
    ("gelu", ((2,),), {"approximate": "fast"}, "approximate"),
    ("max_pool2d", ((1, 2, 8, 8),), {}, "'kernel' is not given"),
    ("max_pool2d", ((1, 2, 8, 8),), {"kernel": (2, 2), "pads": (2, 0, 0, 0)}, "smaller than the window"),
    ("avg_pool2d", ((1, 2, 3, 3),), {"kernel": (4, 4)}, "does not fit"),
    ("avg_pool2d", ((2, 3, 3),), {"kernel": (2, 2)}, "4 axes"),
    ("reduce_mean", ((2, 3),), {}, "'axes' is not given"),
    ("reduce_mean", ((2, 3),), {"axes": ()}, "at least one axis"),
    ("reduce_mean", ((2, 3),), {"axes": (1, -1)}, "twice"),
    ("reduce_mean", ((2, 3),), {"axes": (2,)}, "from -2 to 1"),
    ("softmax", ((2, 3),), {"axis": 2}, "axis is 2"),
    ("layer_norm", ((2, 3), (2,)), {}, "gamma"),
    ("rms_norm", ((2, 3), (2,)), {}, "gamma"),
    ("batch_norm", ((2, 3), (3,), (3,), (3,), (2,)), {}, "variance"),
    ("batch_norm", ((3,), (3,), (3,), (3,), (3,)), {}, "(N, C, ...)"),
    ("concat", (), {"axis": 0}, "no inputs"),
    ("concat", ((2, 3), (2, 3)), {}, "'axis' is not given"),
    ("concat", ((2, 3), (3, 3)), {"axis": 1}, "equal extents"),
    ("slice", ((4,),), {"starts": (2,), "stops": (5,), "steps": (1,)}, "stop <= extent"),
    ("slice", ((4,),), {"starts": (2,), "stops": (2,), "steps": (1,)}, "start < stop"),
    ("slice", ((4,),), {"starts": (0,), "stops": (2,), "steps": (0,)}, "steps"),
    ("pad", ((4,),), {"pads": ((0, -1),)}, "integers >= 0"),
    ("transpose", ((4, 4),), {"permutation": (0, 0)}, "each of 0..1 once"),
    ("reshape", ((4, 4),), {"shape": (5, 3)}, "as many elements"),
    ("reshape", ((4, 4),), {"shape": (-1,)}, "integers >= 1"),
    ("broadcast_to", ((2, 3),), {"shape": (3,)}, "does not broadcast"),
    ("broadcast_to", ((3,),), {"shape": (1,)}, "does not broadcast"),
    ("resize", ((1, 2, 3, 4),), {"sizes": (2, 2), "mode": "cubic"}, "nearest, linear"),
    ("gather", ((2, 3), (4,)), {"axis": 2}, "axis is 2"),
]


@pytest.mark.parametrize(("kind", "shapes", "attributes", "message"), BAD)
def test_misfits_say_what_is_allowed(kind, shapes, attributes, message):
    op = Op("bad", KINDS[kind], (), "y", attributes)
    with pytest.raises(DescriptionError) as caught:
        KINDS[kind].infer(op_attributes(op), shapes)
    assert message in str(caught.value)
    assert caught.value.allowed
    assert kind in str(caught.value)


def test_kinds_are_the_documented_ones():
    names = (
        "conv2d conv_transpose2d linear matmul add sub mul div maximum minimum pow relu relu6 hard_swish hard_sigmoid "
        "silu sigmoid tanh exp log sqrt rsqrt neg abs erf reciprocal identity clip leaky_relu gelu elu softplus "
        "max_pool2d avg_pool2d reduce_mean reduce_sum reduce_max reduce_min softmax log_softmax layer_norm rms_norm "
        "batch_norm concat slice pad transpose reshape broadcast_to resize gather quantize dequantize requantize"
    )
    assert set(KINDS) == set(names.split())
    assert all(kind.summary for kind in KINDS.values())
    assert [name for name, kind in KINDS.items() if kind.is_view] == ["reshape"]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_macs_of_convolutions(cases, data):
    case = data.draw(cases["conv2d"])
    n, k, oy, ox = case.output
    _, c, fy, fx = case.shapes[1]
    assert case.space.macs == n * k * oy * ox * c * fy * fx


def test_macs_of_products():
    assert KINDS["linear"].space({}, ((5, 7, 3), (4, 3)), (5, 7, 4)).macs == 5 * 7 * 4 * 3
    matmul = KINDS["matmul"]
    assert matmul.space({"transpose_b": False}, ((2, 1, 5, 3), (6, 3, 4)), (2, 6, 5, 4)).macs == 2 * 6 * 5 * 4 * 3
