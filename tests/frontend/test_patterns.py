"""Functions that exporters spell out come back as the op they are; look-alikes do not."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
from onnx import helper

from cosim.frontend import read_onnx
from cosim.frontend.lowering import Lowering, known, view
from tests.frontend.run import by_cosim, kinds, model

X = np.random.default_rng(1).standard_normal((2, 3, 8)).astype(np.float32) * 3


def n(value):
    return known(np.array(value, np.float32))


def written(work, *shapes):
    """Graph of `work(low, inputs...)`."""
    low = Lowering("g", where="test")
    inputs = [low.input(f"x{k}", shape) for k, shape in enumerate(shapes or (X.shape,))]
    low.label = "n"
    low.output("y", work(low, *inputs))
    return low.finish(())


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


erf = np.vectorize(math.erf)


def silu(low, x):
    return low.emit("mul", low.emit("sigmoid", x), x)


def gelu_erf(low, x):
    gate = low.emit("add", low.emit("erf", low.emit("div", x, n(math.sqrt(2)))), n(1))
    return low.emit("mul", low.emit("mul", x, gate), n(0.5))


def gelu_erf_half_first(low, x):
    gate = low.emit("add", n(1), low.emit("erf", low.emit("mul", x, n(math.sqrt(0.5)))))
    return low.emit("mul", low.emit("mul", n(0.5), x), gate)


def gelu_tanh(low, x):
    inner = low.emit("add", x, low.emit("mul", n(0.044715), low.emit("pow", x, n(3))))
    gate = low.emit("add", low.emit("tanh", low.emit("mul", inner, n(math.sqrt(2 / math.pi)))), n(1))
    return low.emit("mul", low.emit("mul", n(0.5), x), gate)


def hard_swish(low, x):
    return low.emit("div", low.emit("mul", x, low.emit("relu6", low.emit("add", x, n(3)))), n(6))


def hard_swish_gate_first(low, x):
    return low.emit("mul", x, low.emit("div", low.emit("relu6", low.emit("add", x, n(3))), n(6)))


def hard_sigmoid(low, x):
    return low.emit("mul", low.emit("relu6", low.emit("add", x, n(3))), n(1 / 6))


def layer_norm(low, x, square=lambda low, d: low.emit("pow", d, n(2)), gamma=1.5, beta=0.5):
    d = low.emit("sub", x, low.emit("reduce_mean", x, axes=(-1,)))
    spread = low.emit("add", low.emit("reduce_mean", square(low, d), axes=(-1,)), n(1e-5))
    y = low.emit("div", d, low.emit("sqrt", spread))
    y = low.emit("mul", y, known(np.full(8, gamma, np.float32)))
    return low.emit("add", y, known(np.full(8, beta, np.float32)))


def layer_norm_by_product(low, x):
    return layer_norm(low, x, lambda low, d: low.emit("mul", d, d))


def rms_norm(low, x):
    total = low.emit("add", low.emit("reduce_mean", low.emit("mul", x, x), axes=(2,)), n(1e-6))
    return low.emit("mul", low.emit("mul", x, low.emit("rsqrt", total)), known(np.full(8, 2, np.float32)))


def rms_norm_by_reciprocal(low, x):
    total = low.emit("add", low.emit("reduce_mean", low.emit("pow", x, n(2)), axes=(-1,)), n(1e-6))
    inverse = low.emit("div", n(1), low.emit("sqrt", total))
    return low.emit("mul", known(np.full(8, 2, np.float32)), low.emit("mul", x, inverse))


def _norm(x):
    d = x - x.mean(-1, keepdims=True)
    return d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5)


def _rms(x):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * 2


def gelu_value(x):
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


SPELT = [
    (silu, "silu", lambda x: x * sigmoid(x)),
    (gelu_erf, "gelu", gelu_value),
    (gelu_erf_half_first, "gelu", gelu_value),
    (gelu_tanh, "gelu", lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    (hard_swish, "hard_swish", lambda x: x * np.clip(x + 3, 0, 6) / 6),
    (hard_swish_gate_first, "hard_swish", lambda x: x * np.clip(x + 3, 0, 6) / 6),
    (hard_sigmoid, "hard_sigmoid", lambda x: np.clip(x + 3, 0, 6) / 6),
    (layer_norm, "layer_norm", lambda x: _norm(x) * 1.5 + 0.5),
    (layer_norm_by_product, "layer_norm", lambda x: _norm(x) * 1.5 + 0.5),
    (rms_norm, "rms_norm", _rms),
    (rms_norm_by_reciprocal, "rms_norm", _rms),
]


@pytest.mark.parametrize(("work", "kind", "value"), SPELT, ids=[case[0].__name__ for case in SPELT])
def test_spelt_out_function_becomes_one_op(work, kind, value):
    graph = written(work)
    assert kinds(graph) == [kind]
    np.testing.assert_allclose(by_cosim(graph, [X])[0], value(X), rtol=1e-4, atol=1e-5)


LOOKALIKES = [
    (
        "sigmoid of something else",
        lambda low, x, z: low.emit("mul", low.emit("sigmoid", z), x),
        lambda x, z: sigmoid(z) * x,
    ),
    (
        "gelu with another factor",
        lambda low, x, z: low.emit(
            "mul", low.emit("mul", x, low.emit("add", low.emit("erf", low.emit("div", x, n(1.5))), n(1))), n(0.5)
        ),
        lambda x, z: 0.5 * x * (1 + erf(x / 1.5)),
    ),
    (
        "gelu without its half",
        lambda low, x, z: low.emit(
            "mul", x, low.emit("add", low.emit("erf", low.emit("div", x, n(math.sqrt(2)))), n(1))
        ),
        lambda x, z: 2 * gelu_value(x),
    ),
    (
        "hard swish shifted by 2",
        lambda low, x, z: low.emit("div", low.emit("mul", x, low.emit("relu6", low.emit("add", x, n(2)))), n(6)),
        lambda x, z: x * np.clip(x + 2, 0, 6) / 6,
    ),
    (
        "three factors",
        lambda low, x, z: low.emit("mul", low.emit("mul", x, z), low.emit("sigmoid", x)),
        lambda x, z: x * z * sigmoid(x),
    ),
    (
        "mean of something else",
        lambda low, x, z: low.emit(
            "div",
            low.emit("sub", x, low.emit("reduce_mean", x, axes=(-1,))),
            low.emit("sqrt", low.emit("add", low.emit("reduce_mean", low.emit("pow", z, n(2)), axes=(-1,)), n(1e-5))),
        ),
        lambda x, z: (x - x.mean(-1, keepdims=True)) / np.sqrt((z * z).mean(-1, keepdims=True) + 1e-5),
    ),
]


@pytest.mark.parametrize(("_", "work", "value"), LOOKALIKES, ids=[case[0] for case in LOOKALIKES])
def test_lookalike_keeps_its_value(_, work, value):
    z = np.random.default_rng(2).standard_normal(X.shape).astype(np.float32)
    graph = written(work, X.shape, X.shape)
    assert not set(kinds(graph)) & {"silu", "gelu", "hard_swish", "layer_norm"}
    np.testing.assert_allclose(by_cosim(graph, [X, z])[0], value(X, z), rtol=1e-4, atol=1e-5)


def product_and_bias(tmp_path, nodes, outputs=("y",)):
    generator = np.random.default_rng(0)
    constants = {"w": generator.standard_normal((8, 4)).astype(np.float32), "b": np.arange(4, dtype=np.float32)}
    onnx.save(model(nodes, {"x": X}, outputs, constants), tmp_path / "m.onnx")
    return read_onnx(tmp_path / "m.onnx"), X @ constants["w"], constants["b"]


def test_bias_moves_into_the_product(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["b", "p"], ["y"])]
    graph, product, bias = product_and_bias(tmp_path, nodes)
    assert kinds(graph) == ["linear"]
    assert graph.ops[0].inputs[2] == "b"
    np.testing.assert_allclose(by_cosim(graph, [X])[0], product + bias, rtol=1e-5, atol=1e-5)


def test_bias_stays_when_the_product_is_read_twice(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["q"]),
        helper.make_node("Mul", ["p", "q"], ["y"]),
    ]
    graph, product, bias = product_and_bias(tmp_path, nodes)
    assert sorted(kinds(graph)) == ["add", "linear", "mul"]
    np.testing.assert_allclose(by_cosim(graph, [X])[0], product * (product + bias), rtol=1e-5, atol=1e-4)


def test_bias_stays_when_the_product_is_an_output(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])]
    graph, product, bias = product_and_bias(tmp_path, nodes, ("y", "p"))
    assert graph.outputs == ("y", "p")
    assert kinds(graph) == ["linear", "add"]
    for ours, theirs in zip(by_cosim(graph, [X]), (product + bias, product), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_outputs_that_are_inputs_constants_or_twice_the_same(tmp_path):
    nodes = [
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Identity", ["r"], ["again"]),
        helper.make_node("Identity", ["c"], ["held"]),
    ]
    constants = {"c": np.arange(3, dtype=np.float32)}
    onnx.save(model(nodes, {"x": X}, ("same", "r", "again", "held"), constants), tmp_path / "m.onnx")
    graph = read_onnx(tmp_path / "m.onnx")
    assert graph.outputs == ("same", "r", "again", "held")
    expected = (X, np.maximum(X, 0), np.maximum(X, 0), constants["c"])
    for ours, theirs in zip(by_cosim(graph, [X]), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_shape_computations_fold_and_dead_nodes_go(tmp_path):
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "axis"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
        helper.make_node("ConstantOfShape", ["s"], ["zeros"]),
        helper.make_node("Exp", ["x"], ["unused"]),
    ]
    constants = {"zero": np.array(0), "axis": np.array([0]), "rest": np.array([-1])}
    onnx.save(model(nodes, {"x": X}, constants=constants), tmp_path / "m.onnx")
    graph = read_onnx(tmp_path / "m.onnx")
    assert kinds(graph) == ["reshape"]
    assert graph.tensors["y"].shape == (2, 24)
    assert not graph.constants


def test_a_slice_of_a_slice_is_one_slice():
    graph = written(lambda low, x: view.cut(low, view.cut(low, view.cut(low, x, 2, 1, 8, 2), 2, 1, 4, 2), 1, -2, 3))
    assert kinds(graph) == ["slice"]
    np.testing.assert_array_equal(by_cosim(graph, [X])[0], X[:, :, 1:8:2][:, :, 1:4:2][:, -2:])


@pytest.mark.parametrize(
    ("start", "stop", "step"), [(None, None, -1), (5, None, -2), (-1, -4, -1), (6, 1, -3), (-100, 100, 3)]
)
def test_bounds_follow_python(start, stop, step):
    far = 100 if step > 0 else -100
    bounds = (7 if start is None else start, far if stop is None else stop, step)
    graph = written(lambda low, x: view.cut(low, x, 2, *bounds))
    np.testing.assert_array_equal(by_cosim(graph, [X])[0], X[:, :, slice(start, stop, step)])


def test_branches_with_known_conditions_and_local_functions(tmp_path):
    then = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["t"])], "then", [], [helper.make_empty_tensor_value_info("t")]
    )
    other = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["e"])], "else", [], [helper.make_empty_tensor_value_info("e")]
    )
    nodes = [
        helper.make_node("If", ["c"], ["b"], then_branch=then, else_branch=other),
        helper.make_node("Twice", ["b"], ["y"], domain="local"),
    ]
    twice = helper.make_function(
        "local", "Twice", ["a"], ["o"], [helper.make_node("Add", ["a", "a"], ["o"])], [helper.make_opsetid("", 17)]
    )
    proto = model(nodes, {"x": X}, constants={"c": np.array(False)}, functions=[twice])
    proto.opset_import.append(helper.make_opsetid("local", 1))
    onnx.save(proto, tmp_path / "m.onnx")
    graph = read_onnx(tmp_path / "m.onnx")
    assert kinds(graph) == ["neg", "add"]
    np.testing.assert_array_equal(by_cosim(graph, [X])[0], -2 * X)
