"""Networks from .tflite files compute what LiteRT computes (recorded by record_litert.py)."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

import cosim
from cosim.compress import compress, int8
from cosim.execute.whole import whole
from cosim.frontend import load, read_tflite
from cosim.frontend.tflite.read import CONVERTERS
from cosim.frontend.tflite.schema import OPERATORS
from cosim.plugin import load_registry
from cosim.testing import FrontendContract
from tests.frontend.quantised import sample
from tests.frontend.record_litert import FOLDER, KEPT, SHAPES, channels_first, codes, digest
from tests.frontend.run import kinds

flatbuffers = pytest.importorskip("flatbuffers")

from tests.frontend.tflite_cases import CASES, NONE, Net, case, network  # noqa: E402 - needs flatbuffers
from tests.frontend.tflite_network import NETWORKS  # noqa: E402


@pytest.fixture(scope="module")
def recorded():
    with np.load(FOLDER / "outputs.npz") as held:
        return dict(held)


def signed(array):
    return (array.astype(np.int16) - 128).astype(np.int8) if array.dtype == np.uint8 else array


def read(data, tmp_path, **arguments):
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    return read_tflite(path, **arguments)


def computed(graph, arrays):
    feeds = {name: signed(channels_first(a)) for name, a in zip(graph.inputs, arrays, strict=True)}
    values = whole(graph, feeds)
    return [values[name] for name in graph.outputs]


@pytest.mark.parametrize("name", CASES)
def test_equals_litert(name, recorded, tmp_path):
    net, data = case(name)
    graph = read(data, tmp_path)
    ours = computed(graph, net.arrays())
    theirs = [signed(channels_first(recorded[f"{name}/{number}"])) for number in range(len(ours))]
    for mine, expected in zip(ours, theirs, strict=True):
        assert mine.shape == expected.shape
        assert mine.dtype == expected.dtype
        if expected.dtype == np.float32:
            np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=2e-5)
        else:
            assert len(np.unique(expected)) > 4, "the case shows nothing"
            np.testing.assert_array_equal(mine, expected)


def test_every_case_is_recorded(recorded):
    assert {key.rpartition("/")[0] for key in recorded} == set(CASES)


@pytest.mark.parametrize("name", KEPT)
def test_every_layer_of_a_network_equals_litert(name):
    graph = read_tflite(FOLDER / f"{name}.tflite")
    values = whole(graph, {graph.inputs[0]: codes(SHAPES[name])})
    digests = json.loads((FOLDER / "layers.json").read_text("utf-8"))[name]
    assert [digest(values[output]) for output in graph.outputs] == digests
    assert min(len(np.unique(values[output])) for output in graph.outputs[:-1]) > 5


def test_a_network_keeps_its_fused_shape(tmp_path):
    """No step for what LiteRT does inside an op: requantisation, clamps, the order of axes."""
    graph = read(network("int8")[1], tmp_path)
    expected = {"conv2d": 3, "add": 1, "pad": 1, "avg_pool2d": 1, "max_pool2d": 1, "concat": 1, "reshape": 1}
    assert Counter(kinds(graph)) == {**expected, "linear": 1, "softmax": 1}
    activations = [op["activation"] for op in graph.ops if "activation" in op.kind.defaults]
    assert activations == ["relu6", "none", "none", "relu", "none"]
    assert graph.arithmetic == "tflite"
    assert graph.values == "user"
    assert graph.tensors["x0"].shape == (1, 3, 9, 8)
    assert "(N, H, W, C) in the file" in " ".join(graph.provenance)
    weights = graph.tensors[graph.ops[0].inputs[1]].encoding
    assert (weights.format, weights.axis, weights.scale.shape) == ("int8", 0, (8,))
    depthwise = next(op for op in graph.ops if op.kind.name == "conv2d" and op["groups"] == 8)
    assert graph.tensors[depthwise.inputs[1]].encoding.scale.shape == (8,)
    bias = graph.tensors[graph.ops[0].inputs[2]].encoding
    np.testing.assert_array_equal(bias.scale, graph.tensors["x0"].encoding.scale * weights.scale)


def test_uint8_is_int8_less_128(tmp_path):
    net, data = case("conv-uint8-0")
    graph = read(data, tmp_path)
    encoding = graph.tensors["x0"].encoding
    assert (encoding.format, int(encoding.zero_point)) == ("int8", 3)
    assert "128 less" in " ".join(graph.provenance)
    real = np.float32(0.05) * (net.arrays()[0].astype(np.float32) - 131)
    assert graph.arithmetic == "tflite:codes=uint8"
    values = whole(graph, {"x0": signed(channels_first(net.arrays()[0]))}, keep="all")
    np.testing.assert_allclose(values.real("x0"), channels_first(real), rtol=1e-6)


def test_the_type_that_most_operators_write_decides_the_rules(tmp_path):
    """uint8 only at both ends, behind a QUANTIZE, does not count."""
    net = Net("int8")
    x = net.file.tensor((1, 4, 4, 3), "uint8", 0.05, 131, name="x0")
    net.inputs.append(x)
    inner = net.op("QUANTIZE", [x], [net.value((1, 4, 4, 3))])
    pool = {"padding": 1, "stride_h": 2, "stride_w": 2, "height": 2, "width": 2}
    small = net.op("AVERAGE_POOL_2D", [inner], [net.value((1, 2, 2, 3))], **pool)
    y = net.op("QUANTIZE", [small], [net.file.tensor((1, 2, 2, 3), "uint8", 0.05, 131)])
    assert read(net.build(y), tmp_path).arithmetic == "tflite"
    mixed = net.op("AVERAGE_POOL_2D", [y], [net.file.tensor((1, 1, 1, 3), "uint8", 0.05, 131)], **pool)
    graph = read(net.build(mixed), tmp_path)
    assert graph.arithmetic == "tflite"
    assert any("some operators write uint8 and some int8" in line for line in graph.provenance)


def test_float_networks_have_cosims_arithmetic(tmp_path):
    graph = read(network("float32")[1], tmp_path)
    assert graph.arithmetic == "cosim"
    assert all(tensor.encoding.format in ("fp32", "int32") for tensor in graph.tensors.values())


def test_weights_alone_are_quantised_is_said(tmp_path):
    net = Net("int8", 1)
    x = net.file.tensor((2, 20), name="x0")
    net.inputs.append(x)
    w, _ = net.weight((7, 20))
    y = net.op("FULLY_CONNECTED", [x, w, -1], [net.file.tensor((2, 7))])
    graph = read(net.build(y), tmp_path)
    assert "LiteRT quantises activations as it runs" in " ".join(graph.provenance)
    array = np.random.default_rng(0).standard_normal((2, 20)).astype(np.float32)
    weights, scale = net.file.tensors[w][6], net.file.tensors[w][2]
    np.testing.assert_allclose(computed(graph, [array])[0], array @ (weights * scale).T, rtol=1e-4)


def test_load_and_run_by_suffix(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(network("int8")[1])
    assert load(path).ops
    image = sample((1, 3, 9, 8), 0)
    run = cosim.run(path, on="npu/edge-256", compress="none", execute="scheduled", inputs={"x0": image})
    assert set(run.ops["engine"]) <= {"mac", "vector", ""}
    held = run.simulation.values
    expected = whole(load(path), {"x0": image})
    for name in expected.graph.outputs:
        np.testing.assert_array_equal(held[name], expected[name])


def test_int8_compression_leaves_a_quantised_network_as_it_is(tmp_path):
    graph = read(network("int8")[1], tmp_path)
    kept = compress(graph, "int8")
    assert {name: id(t.encoding) for name, t in kept.tensors.items()} == {
        name: id(t.encoding) for name, t in graph.tensors.items()
    }
    assert kept.arithmetic == "tflite"
    assert "quantised already" in kept.provenance[-1]
    assert compress(graph, "int8:preset=tflite-reference").arithmetic == "tflite-reference"
    assert int8(graph, calibrate=False).ops == graph.ops


def test_relu_between_two_scales_is_not_folded(tmp_path):
    """The rounding between a convolution and a clamp of its own scale is part of the file."""
    net = Net("int8", 2)
    x = net.input((1, 4, 4, 3))
    y = net.conv(x, (4, 1, 1, 3), (1, 4, 4, 4), activation=NONE, scale=0.5)
    z = net.op("RELU", [y], [net.value((1, 4, 4, 4), 0.1, -128)])
    graph = read(net.build(z), tmp_path)
    assert kinds(compress(graph, "fold")) == ["conv2d", "relu"]


class TestContract(FrontendContract):
    @pytest.fixture
    def frontend(self):
        return load_registry().get("frontends", "tflite")

    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "small.tflite"
        path.write_bytes(case("conv-int8-0")[1])
        return path


@pytest.mark.parity
def test_names_and_numbers_are_those_of_the_schema():
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    numbers = {name: value for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    assert {number: numbers[name] for number, name in OPERATORS.items() if name in numbers} == {n: n for n in OPERATORS}
    assert set(CONVERTERS) <= set(numbers)


@pytest.mark.parity
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_equals_litert_now(name, tmp_path):
    pytest.importorskip("ai_edge_litert")
    from tests.frontend.record_litert import layers
    from tests.frontend.tflite_network import as_tflite, quantised_network

    data = as_tflite(quantised_network(name))
    graph = read(data, tmp_path)
    array = codes(graph.tensors[graph.inputs[0]].shape)
    values = whole(graph, {graph.inputs[0]: array})
    for output, theirs in zip(graph.outputs, layers(data, array), strict=True):
        np.testing.assert_array_equal(values[output], theirs, err_msg=output)


@pytest.mark.parity
@pytest.mark.parametrize("name", CASES)
def test_litert_still_computes_what_was_recorded(name, recorded):
    pytest.importorskip("ai_edge_litert")
    from tests.frontend.record_litert import outputs

    for number, array in enumerate(outputs(name)):
        np.testing.assert_allclose(array, recorded[f"{name}/{number}"], rtol=1e-5, atol=1e-6)
