import numpy as np
import pytest

from cosim.compress import compress, fold, int8, parse
from cosim.compress.ranges import METHODS, Range
from cosim.errors import DescriptionError
from cosim.execute import sqnr, whole
from cosim.formats import Encoding
from cosim.graph import Builder


def network():
    builder = Builder("net", seed=5)
    x = builder.input("x", (1, 3, 12, 12))
    y = builder.relu6(builder.batch_norm(builder.conv2d(x, 8, 3, padding=1, bias=False)))
    z = builder.relu(builder.depthwise(y, 3, padding=1))
    y = builder.concat([builder.max_pool2d(y, 2, 2), builder.avg_pool2d(z, 2, 2)])
    y = builder.conv_transpose2d(y, 6, 2, 2)
    y = builder.transpose(builder.reshape(y, (1, 6, 144)), (0, 2, 1))
    y = builder.layer_norm(y)
    y = builder.matmul(builder.softmax(builder.matmul(y, y, transpose_b=True)), y)
    builder.output(builder.linear(builder.op("reduce_mean", [y], axes=(1,), keepdims=False), 7))
    return builder.build()


@pytest.fixture(scope="module")
def case():
    graph = network()
    data = {"x": np.random.default_rng(0).standard_normal((6, 3, 12, 12)).astype(np.float32)}
    return graph, data, int8(fold(graph), data)


def test_values_are_close_to_the_float_network(case):
    graph, data, small = case
    for sample in data["x"]:
        real, codes = whole(graph, {"x": sample[None]}), whole(small, {"x": sample[None]})
        assert sqnr(real.real(graph.outputs[0]), codes.real(small.outputs[0])) > 17


def test_encodings_are_what_hardware_wants(case):
    _, _, small = case
    for op in small.ops:
        code = small.tensors[op.output].encoding
        assert (code.format, np.size(code.scale)) == ("int8", 1)
        if op.kind.name in {"conv2d", "conv_transpose2d", "linear"}:
            x, w = (small.tensors[n].encoding for n in op.inputs[:2])
            axis = 1 if op.kind.name == "conv_transpose2d" else 0
            assert w.axis == axis
            assert w.scale.shape == (small.tensors[op.inputs[1]].shape[axis],)
            assert not w.zero_point.any()
            if len(op.inputs) == 3:
                b = small.tensors[op.inputs[2]].encoding
                assert (b.format, b.bits) == ("int32", 32)
                np.testing.assert_array_equal(b.scale, x.scale * w.scale)
        if op.kind.name in {"reshape", "transpose", "max_pool2d"}:
            assert code is small.tensors[op.inputs[0]].encoding
        if op.kind.name == "softmax":
            assert (float(code.scale), int(code.zero_point)) == (1 / 256, -128)
        if op.kind.name == "layer_norm":
            assert all(small.tensors[n].encoding.format == "fp32" for n in op.inputs[1:])
    weights = small.constants[small.ops[0].inputs[1]].array()
    assert weights.dtype == np.int8
    np.testing.assert_array_equal(np.abs(weights).reshape(8, -1).max(axis=1), 127)


def test_symmetric_activations(case):
    graph, data, _ = case
    small = int8(fold(graph), data, activations="symmetric")
    free = [op for op in small.ops if op.kind.name != "softmax"]
    assert all(int(small.tensors[op.output].encoding.zero_point) == 0 for op in free)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_methods(case, method):
    graph, data, _ = case
    small = int8(fold(graph), data, method=method)
    sample = {"x": data["x"][:1]}
    assert sqnr(whole(graph, sample).real(graph.outputs[0]), whole(small, sample).real(small.outputs[0])) > 12
    assert f"method {method}" in small.provenance[-1]


@pytest.mark.parametrize("method", ["percentile", "entropy", "mse"])
def test_a_single_outlier_is_clipped(method):
    rng = np.random.default_rng(0)
    values = np.append(rng.standard_normal(200_000), 100.0)
    seen = Range(float(values.min()), float(values.max()))
    histogram = np.histogram(values, 2048, (seen.low, seen.high))[0].astype(float)
    histogram[:-1] *= 100  # rare enough for the squared error too
    kept = METHODS[method](histogram, seen)
    assert kept.high < 50
    assert kept.high > 2
    assert kept.low < -2
    assert METHODS["minmax"](np.zeros(1), seen) == seen


def test_a_flat_distribution_is_not_clipped():
    values = np.random.default_rng(0).uniform(-1, 1, 100_000)
    seen = Range(float(values.min()), float(values.max()))
    histogram = np.histogram(values, 2048, (seen.low, seen.high))[0].astype(float)
    for method in METHODS:
        kept = METHODS[method](histogram, seen)
        assert kept.high > 0.97, method
        assert kept.low < -0.97, method


def test_without_calibration_nothing_is_computed(case, monkeypatch):
    graph, _, _ = case
    for constant in graph.constants.values():
        monkeypatch.setattr(type(constant), "array", lambda self: pytest.fail("computed"))
    small = compress(graph, "int8", calibrate=False)
    assert {t.encoding.format for n, t in small.tensors.items() if n not in small.constants} == {"int8"}
    assert all(t.encoding.scale is None for t in small.tensors.values())
    monkeypatch.undo()
    with pytest.raises(DescriptionError, match="calibrate"):
        whole(small, {"x": np.zeros((1, 3, 12, 12))})
    calibrated = compress(graph, "int8")
    assert {n: t.encoding.format for n, t in small.tensors.items()} == {
        n: t.encoding.format for n, t in calibrated.tensors.items()
    }


def test_the_same_seed_gives_the_same_graph(case):
    graph, _, _ = case
    assert int8(graph, seed=3).digest == int8(graph, seed=3).digest
    assert int8(graph, seed=3).digest != int8(graph, seed=4).digest
    assert "seeded synthetic data (seed 3)" in int8(graph, seed=3).provenance[-1]


def test_bad_numbers_name_their_tensor():
    builder = Builder("bad", seed=0)
    x = builder.input("x", (1, 4))
    w = builder.constant("w", np.array([[1, np.nan, 0, 0]], np.float32))
    builder.output(builder.op("linear", [x, w]))
    graph = builder.build()
    with pytest.raises(DescriptionError, match=r"'w'.*NaN"):
        int8(graph)
    builder = Builder("bad", seed=0)
    x = builder.input("x", (1, 4))
    builder.output(builder.op("log", [x], name="logarithm"))
    with pytest.raises(DescriptionError, match=r"'logarithm'.*NaN"):
        int8(builder.build(), {"x": -np.ones((1, 4))})
    with pytest.raises(DescriptionError, match="NaN"):
        int8(builder.build(), {"x": np.full((1, 4), np.inf)})


def test_all_zero_tensors():
    builder = Builder("zero", seed=0)
    x = builder.input("x", (1, 4))
    w, b = builder.constant("w", np.zeros((3, 4), np.float32)), builder.constant("b", np.zeros(3, np.float32))
    builder.output(builder.op("linear", [x, w, b]))
    graph = builder.build()
    for method in METHODS:
        small = int8(graph, {"x": np.zeros((2, 4))}, method=method)
        assert not whole(small, {"x": np.zeros((1, 4))}).real(graph.outputs[0]).any()


def tied():
    builder = Builder("language", seed=1)
    tokens = builder.input("tokens", (1, 6), Encoding("int32", 32))
    y = builder.embedding(tokens, 50, 8, name="table")
    table = "table.weight"
    builder.output(builder.op("linear", [builder.tanh(y), table], name="head"))
    return builder.build()


def test_tables_and_indices():
    graph = tied()
    small = int8(graph)
    assert small.tensors["tokens"].encoding.format == "int32"
    head = next(op for op in small.ops if op.name == "head")
    lookup = next(op for op in small.ops if op.kind.name == "gather")
    assert small.tensors[head.inputs[1]].encoding.axis == 0
    tokens = {"tokens": np.array([[0, 3, 49, 7, 7, 1]])}
    name = graph.outputs[0]
    assert sqnr(whole(graph, tokens).real(name), whole(small, tokens).real(name)) > 25
    assert small.tensors[lookup.output].encoding.format == "int8"


def test_a_bias_shared_by_two_ops_is_copied():
    builder = Builder("shared", seed=1)
    x = builder.input("x", (1, 4))
    w, b = builder.weight("w", (4, 4)), builder.weight("b", (4,))
    y = builder.tanh(builder.op("linear", [x, w, b]))
    builder.output(builder.op("linear", [y, w, b]))
    graph = builder.build()
    small = int8(graph)
    first, second = (op for op in small.ops if op.kind.name == "linear")
    assert first.inputs[1] == second.inputs[1]
    assert first.inputs[2] != second.inputs[2]
    sample = {"x": np.array([[1.0, -1.0, 0.5, 0.2]])}
    assert sqnr(whole(graph, sample).real(graph.outputs[0]), whole(small, sample).real(graph.outputs[0])) > 20


def test_pipeline():
    graph = network()
    assert parse("int8") == [("int8", {})]
    assert compress(graph, "none") is graph
    assert compress(graph, "fold").digest == fold(graph).digest
    assert compress(graph, ["fold", "int8:samples=2:seed=1"]).digest == int8(fold(graph), samples=2, seed=1).digest
    half = compress(graph, "fp16")
    assert {t.encoding.format for t in half.tensors.values()} == {"fp16"}
    sample = {"x": np.ones((1, 3, 12, 12), np.float32)}
    assert sqnr(whole(graph, sample).real(graph.outputs[0]), whole(half, sample).real(graph.outputs[0])) > 45
    for spec, text in (
        ("in8", "did you mean 'int8'"),
        ("int8:metod=mse", "did you mean 'method'"),
        ("int8:method=msee", "did you mean 'mse'"),
        ("int8:method", "no value"),
        ("int8:seed=a", "an integer"),
        ("int8:seed=1:seed=2", "twice"),
        ("int8,", "no name"),
        ("int8:activations=odd", "affine"),
        ("int8:samples=0", "samples is 0"),
        ("none:a=1", "unknown option"),
    ):
        with pytest.raises(DescriptionError, match=text):
            compress(graph, spec)


def test_data_that_do_not_fit():
    graph = network()
    for data, text in (
        ({"y": np.zeros((1, 3, 12, 12))}, "unknown input"),
        ({}, "no array"),
        ({"x": np.zeros((3, 12, 12))}, "shape"),
        ({"x": np.zeros((0, 3, 12, 12))}, "no full batch"),
    ):
        with pytest.raises(DescriptionError, match=text):
            int8(graph, data)
    assert "2 samples of given data" in int8(graph, np.zeros((5, 3, 12, 12)), samples=2).provenance[-1]
    assert "3 samples" in int8(graph, np.zeros((3, 1, 3, 12, 12))).provenance[-1]
