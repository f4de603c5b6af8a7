"""Weights with one zero point per channel: exact integers, whole and scheduled, and from a QDQ file."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from cosim.execute import scheduled, whole
from cosim.formats import Encoding
from cosim.frontend import read_onnx
from cosim.graph import KINDS, Graph, Op, Tensor, check_graph, op_attributes
from cosim.graph.constant import Stored
from tests.execute.tiny_mapper import TinyMapper, as_soon_as_possible

X = Encoding("int8", 8, np.array(0.05), np.array(-7))
Y = Encoding("int8", 8, np.array(0.5), np.array(11))


def channels(zeros, axis):
    return Encoding("int8", 8, np.full(len(zeros), 0.02), np.asarray(zeros, np.int64), axis)


def one_op(kind, shapes, axis, seed=0, **attributes):
    """A graph of one product whose weights have a zero point per output channel."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, shapes[1]).astype(np.int8)
    zeros = rng.choice([-128, 127, 0, 5, -60], shapes[1][axis])
    op = Op("op", KINDS[kind], ("x", "w"), "y", attributes)
    shape = op.kind.infer(op_attributes(op), shapes)
    tensors = {"x": Tensor("x", shapes[0], X), "w": Tensor("w", shapes[1], channels(zeros, axis))}
    tensors["y"] = Tensor("y", shape, Y)
    graph = Graph("one", tensors, (op,), ("x",), ("y",), {"w": Stored(weights)})
    check_graph(graph)
    return graph, rng.integers(-128, 128, shapes[0]).astype(np.int8), weights, zeros


def rounded(sums):
    real = sums.astype(np.float32) * np.float32(0.05 * 0.02 / 0.5)
    return np.clip(np.rint(real) + 11, -128, 127).astype(np.int8)


CONVOLUTIONS = {
    "dense": (((1, 5, 7, 6), (4, 5, 3, 3)), {"pads": (1, 1, 1, 1)}),
    "grouped": (((2, 6, 7, 6), (4, 3, 3, 2)), {"groups": 2}),
    "depthwise": (((1, 6, 7, 6), (6, 1, 3, 3)), {"groups": 6, "pads": (1, 1, 1, 1)}),
}


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name, backend):
    if backend == "torch":
        pytest.importorskip("torch")
    shapes, attributes = CONVOLUTIONS[name]
    graph, codes, weights, zeros = one_op("conv2d", shapes, 0, **attributes)
    x = codes.astype(np.int64) + 7
    pads = attributes.get("pads", (0, 0, 0, 0))
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    w = weights.astype(np.int64) - zeros[:, None, None, None]
    groups = attributes.get("groups", 1)
    parts = []
    for image, kernel in zip(np.split(x, groups, 1), np.split(w, groups, 0), strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape[2:], (2, 3))
        parts.append(np.einsum("ncyxij,kcij->nkyx", windows, kernel))
    expected = np.concatenate(parts, 1)
    np.testing.assert_array_equal(whole(graph, {"x": codes}, backend=backend)["y"], rounded(expected))
    program = TinyMapper(graph, seed=1).program()
    got = scheduled(program, graph, *as_soon_as_possible(program, 1), {"x": codes})
    np.testing.assert_array_equal(got["y"], rounded(expected))


def test_linear_and_transposed_convolution():
    graph, codes, weights, zeros = one_op("linear", ((3, 40), (6, 40)), 0)
    expected = (codes.astype(np.int64) + 7) @ (weights.astype(np.int64) - zeros[:, None]).T
    np.testing.assert_array_equal(whole(graph, {"x": codes})["y"], rounded(expected))
    graph, codes, weights, zeros = one_op("conv_transpose2d", ((1, 5, 4, 3), (5, 6, 1, 1)), 1)
    w = (weights.astype(np.int64) - zeros[None, :, None, None])[:, :, 0, 0]
    expected = np.einsum("nchw,ck->nkhw", codes.astype(np.int64) + 7, w)
    np.testing.assert_array_equal(whole(graph, {"x": codes})["y"], rounded(expected))


def test_from_a_file(tmp_path):
    """A QDQ convolution; the reference is real arithmetic in float64, far from any tie."""
    rng = np.random.default_rng(3)
    weights, zeros = rng.integers(0, 256, (4, 3, 3, 3)).astype(np.uint8), np.array([0, 255, 128, 37], np.uint8)
    scales = np.array([0.01, 0.02, 0.015, 0.03], np.float32)
    held = {"w": weights, "ws": scales, "wz": zeros, "s": np.float32(0.05), "z": np.uint8(121)}
    held |= {"ys": np.float32(0.31), "yz": np.uint8(100)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["xr"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wr"], axis=0),
        helper.make_node("Conv", ["xr", "wr"], ["yr"]),
        helper.make_node("QuantizeLinear", ["yr", "ys", "yz"], ["y"]),
    ]
    ends = [
        [helper.make_tensor_value_info(n, TensorProto.UINT8, s)] for n, s in (("x", (1, 3, 6, 6)), ("y", (1, 4, 4, 4)))
    ]
    made = helper.make_graph(nodes, "net", *ends, [numpy_helper.from_array(np.asarray(v), n) for n, v in held.items()])
    save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "net.onnx")
    graph = read_onnx(tmp_path / "net.onnx")
    codes = rng.integers(0, 256, (1, 3, 6, 6)).astype(np.uint8)
    x = (codes.astype(np.float64) - 121) * np.float32(0.05)
    w = (weights.astype(np.float64) - zeros[:, None, None, None]) * scales[:, None, None, None]
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    real = np.einsum("ncyxij,kcij->nkyx", windows, w) / np.float32(0.31)
    assert np.abs(real - np.floor(real) - 0.5).min() > 1e-4
    ours = whole(graph, {graph.inputs[0]: (codes.astype(np.int16) - 128).astype(np.int8)})[graph.outputs[0]]
    np.testing.assert_array_equal(ours.astype(np.int16) + 128, np.clip(np.rint(real) + 100, 0, 255).astype(np.int16))
