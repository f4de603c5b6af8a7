"""Quantised ONNX models keep their own scales and arithmetic."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import cosim
from cosim.compress import compress, fold
from cosim.errors import CosimError, DescriptionError, UnsupportedError
from cosim.execute.whole import whole
from cosim.frontend import read_onnx, write_onnx
from cosim.library import load_graph
from tests.frontend.quantised import ACTIVATIONS, qdq, qlinear_conv, quantised, sample
from tests.frontend.run import by_cosim, by_onnxruntime, kinds, model

STYLES = ("QDQ", "QOperator")


def read(proto, tmp_path, **arguments):
    path = tmp_path / "m.onnx"
    onnx.save(proto, path)
    return read_onnx(path, **arguments)


def refused(proto, tmp_path, kind=DescriptionError):
    with pytest.raises(kind) as caught:
        read(proto, tmp_path)
    message = str(caught.value)
    assert "m.onnx: node" in message
    return message


def f(*shape, seed=7):
    return sample(shape, seed)


# name, nodes from x to y, constants: every operator that onnxruntime runs on codes
X = (1, 6, 8, 9)
ONE = [
    ("conv", [("Conv", ["x", "w", "b"], {"pads": [1, 0, 1, 2], "strides": [2, 1]})], {"w": f(5, 6, 3, 3), "b": f(5)}),
    ("conv-relu", [("Conv", ["x", "w", "b"], {}), ("Relu", ["?"], {})], {"w": f(5, 6, 3, 3), "b": f(5)}),
    (
        "conv-relu6",
        [("Conv", ["x", "w"], {}), ("Clip", ["?", "l", "h"], {})],
        {"w": f(5, 6, 3, 3), "l": np.float32(0), "h": np.float32(6)},
    ),
    ("depthwise", [("Conv", ["x", "w", "b"], {"group": 6})], {"w": f(6, 1, 3, 3), "b": f(6)}),
    ("add", [("Relu", ["x"], {}), ("Add", ["x", "?"], {})], {}),
    ("mul", [("Sigmoid", ["x"], {}), ("Mul", ["x", "?"], {})], {}),
    ("average", [("AveragePool", ["x"], {"kernel_shape": [3, 2], "strides": [2, 2]})], {}),
    ("maximum", [("MaxPool", ["x"], {"kernel_shape": [3, 2], "strides": [2, 2]})], {}),
    ("global", [("GlobalAveragePool", ["x"], {})], {}),
    ("concat", [("LeakyRelu", ["x"], {"alpha": 0.3}), ("Concat", ["?", "x"], {"axis": 1})], {}),
    ("sigmoid", [("Sigmoid", ["x"], {})], {}),
    ("softmax", [("Softmax", ["x"], {"axis": -1})], {}),
    ("transpose", [("Transpose", ["x"], {"perm": [0, 2, 3, 1]})], {}),
    ("matmul", [("MatMul", ["x", "w"], {})], {"w": f(9, 4)}),
    (
        "gemm",
        [("Flatten", ["x"], {}), ("Gemm", ["?", "w", "b"], {"transB": 1})],
        {"w": f(7, 432) * np.float32(0.02), "b": f(7)},
    ),
    (
        "pad-value",
        [("Sigmoid", ["x"], {}), ("Pad", ["?", "p", "v"], {})],
        {"p": np.array([0, 0, 1, 2, 0, 0, 0, 1], np.int64), "v": np.float32(0.25)},
    ),
    ("pad", [("Relu", ["x"], {}), ("Pad", ["?", "p"], {})], {"p": np.array([0, 0, 1, 2, 0, 0, 0, 1], np.int64)}),
]
LINES = {"QUInt8": "onnxruntime", "QInt8": "onnxruntime:codes=int8", "uint8": "onnxruntime"}
LINES["int8"] = LINES["QInt8"]


def chain(steps):
    """A convolution (the quantiser leaves lone pools and moves alone), then a chain; "?" is what the node before writes."""
    nodes, last = [helper.make_node("Conv", ["image", "stem"], ["x"], name="stem")], "x"
    for number, (kind, inputs, attributes) in enumerate(steps):
        output = "y" if number == len(steps) - 1 else f"h{number}"
        operands = [last if name == "?" else name for name in inputs]
        nodes.append(helper.make_node(kind, operands, [output], name=f"n{number}", **attributes))
        last = output
    return nodes


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("case", ONE, ids=[case[0] for case in ONE])
def test_equals_onnxruntime(case, style, activation, tmp_path):
    pytest.importorskip("onnxruntime")
    _, steps, constants = case
    onnx.save(
        model(chain(steps), {"image": X}, constants={"stem": f(6, 6, 1, 1, seed=5), **constants}), tmp_path / "f.onnx"
    )
    path = quantised(tmp_path / "f.onnx", tmp_path / "q.onnx", X, style=style, activation=activation)
    graph = read_onnx(path)
    assert graph.arithmetic == LINES[activation]
    for seed in (11, 12):
        (theirs,), (ours,) = (run([sample(X, seed)]) for run in (of(by_onnxruntime, path), of(by_cosim, graph)))
        assert len(np.unique(theirs)) > 4
        np.testing.assert_array_equal(ours, theirs)


def of(run, what):
    return lambda arrays: run(what, arrays)


@pytest.mark.parametrize("weight", ["QInt8", "QUInt8"])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("style", STYLES)
def test_whole_networks_equal_onnxruntime(style, per_channel, weight, tmp_path):
    pytest.importorskip("onnxruntime")
    graph = fold(load_graph("mobilenet_v2_035"))
    write_onnx(graph, tmp_path / "f.onnx")
    shape = graph.tensors[graph.inputs[0]].shape
    path = quantised(
        tmp_path / "f.onnx", tmp_path / "q.onnx", shape, style=style, per_channel=per_channel, weight=weight
    )
    graph = read_onnx(path)
    array = sample(shape, 21)
    np.testing.assert_array_equal(by_cosim(graph, [array])[0], by_onnxruntime(path, [array])[0])


@pytest.mark.parametrize(("first", "second"), [("uint8", "int8"), ("int8", "uint8"), ("int8", "int8")])
def test_the_type_that_is_written_first_decides_the_rules(first, second, tmp_path):
    held = {"s": np.float32(0.05), **{f"z{i}": np.array(3, kind) for i, kind in enumerate((first, second))}}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z0"], ["a"]),
        helper.make_node("DequantizeLinear", ["a", "s", "z0"], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "s", "z1"], ["d"]),
        helper.make_node("DequantizeLinear", ["d", "s", "z1"], ["y"]),
    ]
    graph = read(model(nodes, {"x": (1, 4)}, constants=held), tmp_path)
    assert graph.arithmetic == LINES[first]
    assert any("some activations are uint8" in line for line in graph.provenance) == (first != second)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_qdq_is_one_integer_op(dtype, tmp_path):
    graph = read(qdq(dtype), tmp_path)
    assert kinds(graph) == ["quantize", "conv2d", "dequantize"]
    x, w, b = (graph.tensors[name].encoding for name in graph.ops[1].inputs)
    assert (x.format, float(x.scale), int(x.zero_point)) == ("int8", np.float32(0.03), 0 if dtype == "uint8" else -3)
    assert (w.format, w.axis, w.scale.shape) == ("int8", 0, (6,))
    assert (b.format, b.axis) == ("int32", 0)
    assert graph.ops[1]["activation"] == "none"  # the codes end at zero: nothing is left for the clamp to do
    assert graph.values == "user"
    assert graph.arithmetic == LINES[dtype]
    feeds = {"x": sample((1, 4, 7, 6), 0) * 3}
    expected = ReferenceEvaluator(qdq(dtype)).run(None, feeds)[0]
    ours = whole(graph, feeds).real("y")
    assert np.abs(ours - expected).max() <= 0.05 * 1.001
    assert len(np.unique(ours)) > 50


def test_clamp_above_the_lowest_code_becomes_the_activation(tmp_path):
    graph = read(qdq(yz=np.uint8(20)), tmp_path)
    assert kinds(graph) == ["quantize", "conv2d", "dequantize"]
    assert graph.ops[1]["activation"] == "relu"
    values = whole(graph, {"x": sample((1, 4, 7, 6), 0)}, keep="all")
    assert values[graph.ops[1].output].min() == 20 - 128


def test_a_real_value_that_others_read_stays(tmp_path):
    """The convolution is computed once, and quantised for the one reader that wants codes."""
    proto = qdq()
    proto.graph.output.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, None))
    graph = read(proto, tmp_path)
    assert sorted(kinds(graph)) == ["conv2d", "dequantize", "quantize", "quantize", "relu"]
    assert graph.tensors["c"].encoding.format == "fp32"


def test_a_function_that_is_spelt_out_is_one_op_on_codes(tmp_path):
    constants = {"s": np.float32(0.05), "z": np.uint8(120), "t": np.float32(0.04), "u": np.uint8(10)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("Sigmoid", ["d"], ["g"]),
        helper.make_node("Mul", ["d", "g"], ["m"]),
        helper.make_node("QuantizeLinear", ["m", "t", "u"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "t", "u"], ["y"]),
    ]
    proto = model(nodes, {"x": (40, 9)}, constants={k: np.asarray(v) for k, v in constants.items()}, opset=19)
    graph = read(proto, tmp_path)
    assert kinds(graph) == ["quantize", "silu", "dequantize"]
    feeds = {"x": sample((40, 9), 0) * 3}
    np.testing.assert_allclose(whole(graph, feeds).real("y"), ReferenceEvaluator(proto).run(None, feeds)[0], rtol=1e-6)


def real_convolution(*nodes, constants, keep=5):
    """The first `keep` nodes of `qdq` (to the real convolution without bias), then `nodes` from "c" to "y"."""
    proto = qdq(**constants)
    del proto.graph.node[keep:]
    proto.graph.node.extend(nodes)
    del proto.graph.node[4].input[2:]
    return proto


ROW = {"v": np.linspace(-2, 2, 6).astype(np.float32).reshape(1, 6, 1, 1)}
CODED_ROW = {"v": np.arange(-60, 60, 20, dtype=np.int8).reshape(1, 6, 1, 1), "vs": np.float32(0.03), "vz": np.int8(1)}


@pytest.mark.parametrize(
    "proto",
    [
        real_convolution(
            helper.make_node("QuantizeLinear", ["c", "ys", "yz"], ["cq"]),
            helper.make_node("DequantizeLinear", ["cq", "ys", "yz"], ["cd"]),
            helper.make_node("Add", ["cd", "v"], ["y"]),
            constants=ROW,
        ),
        real_convolution(
            helper.make_node("DequantizeLinear", ["v", "vs", "vz"], ["vd"]),
            helper.make_node("Add", ["c", "vd"], ["y"]),
            constants=CODED_ROW,
        ),
        real_convolution(
            helper.make_node("BatchNormalization", ["c", "gamma", "v", "mean", "variance"], ["y"]),
            constants={
                "v": np.ones(6, np.float32),
                "gamma": np.full(6, 2.0, np.float32),
                "mean": np.linspace(-1, 1, 6).astype(np.float32),
                "variance": np.full(6, 3.0, np.float32),
            },
        ),
    ],
    ids=["rounded before", "coded row", "batch norm"],
)
def test_what_follows_codes_is_not_moved_into_them(proto, tmp_path):
    graph = compress(read(proto, tmp_path), "fold")
    assert len(graph.ops) == 3
    feeds = {"x": sample((1, 4, 7, 6), 0)}
    expected = ReferenceEvaluator(proto).run(None, feeds)[0]
    limit = 0.05 * 1.001 if "cq" in [name for node in proto.graph.node for name in node.output] else 1e-4
    assert np.abs(whole(graph, feeds).real("y") - expected).max() <= limit


def test_qlinear_conv_is_the_same_network(tmp_path):
    feeds = {"x": sample((1, 4, 7, 6), 0) * 3}
    real, codes = read(qdq(), tmp_path), read(qlinear_conv(), tmp_path)
    assert kinds(codes) == ["quantize", "conv2d"]
    assert codes.tensors["y"].encoding.format == "int8"
    np.testing.assert_array_equal(whole(real, feeds).real("y"), whole(codes, feeds).real("y"))
    expected = ReferenceEvaluator(qlinear_conv()).run(None, feeds)[0].astype(np.int64) - 128
    assert np.abs(whole(codes, feeds)["y"] - expected).max() <= 1


@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.INT8])
def test_codes_as_input(kind, tmp_path):
    dtype = {TensorProto.UINT8: np.uint8, TensorProto.INT8: np.int8}[kind]
    proto = model(
        [helper.make_node("DequantizeLinear", ["x", "s", "z"], ["d"]), helper.make_node("Neg", ["d"], ["y"])],
        {"x": (2, 3)},
        constants={"s": np.array(0.5, np.float32), "z": np.array(7, dtype)},
    )
    proto.graph.input[0].type.tensor_type.elem_type = kind
    graph = read(proto, tmp_path)
    assert graph.tensors["x"].encoding.format == "int8"
    codes = np.array([[-128, 0, 127], [5, 6, 7]], np.int8)
    theirs = codes.astype(np.int64) + (128 if dtype is np.uint8 else 0)
    np.testing.assert_array_equal(whole(graph, {"x": codes})["y"], (7 - theirs) * np.float32(0.5))
    assert ("128 less" in " ".join(graph.provenance)) == (dtype is np.uint8)


def test_weights_that_are_transposed_keep_their_codes(tmp_path):
    codes = np.random.default_rng(0).integers(-127, 128, (5, 4)).astype(np.int8)
    constants = {"w": codes, "s": np.linspace(0.1, 0.5, 5).astype(np.float32), "z": np.zeros(5, np.int8)}
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], axis=0),
        helper.make_node("Transpose", ["d"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "t"], ["y"]),
    ]
    graph = read(model(nodes, {"x": (2, 4)}, constants=constants), tmp_path)
    weights = graph.ops[0].inputs[1]
    np.testing.assert_array_equal(graph.constants[weights].array(), codes)
    assert graph.tensors[weights].encoding.axis == 0
    x = sample((2, 4), 0)
    np.testing.assert_allclose(by_cosim(graph, [x])[0], x @ (codes * constants["s"][:, None]).T, rtol=1e-5)


def test_weights_that_are_kept_real_before_their_quantizer(tmp_path):
    """As training with quantisation writes them; divided in single precision, halves to even, then clamped."""
    real = np.array([[0.25, -0.75, 1.25], [100.0, -100.0, 0.3]], np.float32).T
    constants = {"w": real, "s": np.float32([0.5, 0.1]), "z": np.zeros(2, np.int8)}
    nodes = [
        helper.make_node("QuantizeLinear", ["w", "s", "z"], ["q"], axis=1),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=1),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    graph = read(model(nodes, {"x": (2, 3)}, constants=constants, opset=13), tmp_path)
    weights = graph.ops[0].inputs[1]
    np.testing.assert_array_equal(graph.constants[weights].array(), [[0, -2, 2], [127, -128, 3]])
    assert graph.tensors[weights].encoding.axis == 0
    constants["w"] = np.full((3, 2), np.nan, np.float32)
    assert "NaN" in refused(model(nodes, {"x": (2, 3)}, constants=constants, opset=13), tmp_path)


def test_runs_on_a_device_and_int8_changes_nothing(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(qdq(), path)
    plain, default = (
        cosim.run(path, on="npu/edge-256", compress=step, execute="scheduled") for step in ("none", "int8")
    )
    assert plain.ops["engine"].tolist() == default.ops["engine"].tolist()
    assert plain.simulation.times.makespan_fs == default.simulation.times.makespan_fs
    graph = read_onnx(path)
    kept = compress(graph, "int8")
    assert kept.tensors == graph.tensors
    assert "quantised already" in kept.provenance[-1]


def test_a_scale_must_be_there(tmp_path):
    proto = qdq()
    del proto.graph.node[0].input[1:]
    assert "QuantizeLinear has no input 1" in refused(proto, tmp_path)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"ys": np.float32(0.0)}, "scale 0.0"),
        ({"ys": np.float32(-1.0)}, "scale -1.0"),
        ({"ws": np.full(6, np.nan, np.float32)}, "positive, finite"),
        ({"ws": np.ones(5, np.float32), "wz": np.zeros(5, np.int8)}, "5 scales along axis 0"),
        ({"wz": np.zeros((6, 1), np.int8)}, "zero point of shape (6, 1)"),
        ({"wz": np.zeros(3, np.int8)}, "zero point of shape (3,)"),
        ({"axis": 4}, "-4 .. 3"),
        ({"axis": 1}, "6 scales along axis 1"),
        ({"wz": np.zeros(6, np.uint8)}, "zero point of type uint8"),
    ],
)
def test_bad_side_information(changed, found, tmp_path):
    assert found in refused(qdq(**changed), tmp_path)


def test_an_activation_with_several_scales(tmp_path):
    proto = qdq(xs=np.ones(4, np.float32), xz=np.zeros(4, np.uint8), bs=np.ones(6, np.float32))
    assert "one scale per activation" in refused(proto, tmp_path, UnsupportedError)


def test_codes_are_read_with_the_scale_they_were_written_with(tmp_path):
    proto = qdq(other=np.float32(0.04))
    proto.graph.node[1].input[1] = "other"
    assert "was written with another scale" in refused(proto, tmp_path, UnsupportedError)


def test_scales_of_blocks(tmp_path):
    proto = qdq()
    proto.graph.node[2].attribute.append(helper.make_attribute("block_size", 2))
    proto.opset_import[0].version = 21
    assert "one scale per 2 elements" in refused(proto, tmp_path, UnsupportedError)


def test_arithmetic_on_codes_is_refused(tmp_path):
    proto = qdq()
    proto.graph.node[5].input[0] = "xq"
    message = refused(proto, tmp_path, UnsupportedError)
    assert "Relu on the codes of 'xq'" in message
    assert "cosim_frontends" in message


@pytest.mark.parametrize("kind", ["DynamicQuantizeLinear", "MatMulInteger", "ConvInteger"])
def test_scales_found_at_run_time(kind, tmp_path):
    nodes = [helper.make_node(kind, ["x", "x"][: 1 if kind.startswith("D") else 2], ["y"], name="n")]
    message = refused(model(nodes, {"x": (2, 2)}), tmp_path, UnsupportedError)
    assert kind in message
    assert "quantize_static" in message
    assert "cosim_frontends" in message


@pytest.mark.parametrize("proto", [qdq(), qlinear_conv()], ids=["qdq", "qlinear"])
def test_no_missing_input_ends_in_another_error(proto, tmp_path):
    """Each input of each node left out in turn."""
    for node, _ in enumerate(proto.graph.node):
        for position, _ in enumerate(proto.graph.node[node].input):
            broken = onnx.ModelProto()
            broken.CopyFrom(proto)
            broken.graph.node[node].input[position] = ""
            try:
                read(broken, tmp_path)
            except CosimError:
                continue
