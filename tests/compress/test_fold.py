import time

import numpy as np
import pytest

from cosim.compress import fold
from cosim.execute import whole
from cosim.graph import Builder, check_graph


def with_norms():
    builder = Builder("norms", seed=2)
    x = builder.input("x", (1, 4, 8, 8))
    y = builder.relu6(builder.batch_norm(builder.conv2d(x, 6, 3, padding=1, groups=2)))
    y = builder.batch_norm(builder.depthwise(y, 3, bias=False), gamma=0.7)
    y = builder.relu(builder.batch_norm(builder.conv_transpose2d(y, 4, 3, 2, groups=2, bias=False)))
    y = builder.op("clip", [builder.add(y, builder.batch_norm(y))], low=0.0, high=6.0)
    y = builder.op("identity", [y])
    y = builder.global_avg_pool(y, keepdims=False)
    y = builder.relu(builder.batch_norm(builder.linear(y, 5)))
    builder.output(builder.op("identity", [y]))
    return builder.build()


@pytest.fixture(scope="module")
def case():
    graph = with_norms()
    rng = np.random.default_rng(0)
    return graph, fold(graph), {"x": rng.standard_normal((1, 4, 8, 8)).astype(np.float32)}


def test_the_numbers_stay(case):
    graph, folded, inputs = case
    # Statistics that matter, or a wrong gain would not show.
    assert any(
        np.std(graph.constants[n].array()) > 0 for n in graph.constants if "gamma" in n or "bn" in n or "weight" in n
    )
    before, after = whole(graph, inputs), whole(folded, inputs)
    for name in graph.outputs:
        np.testing.assert_allclose(after.real(name), before.real(name), rtol=1e-4, atol=1e-5)


def test_what_is_left(case):
    graph, folded, _ = case
    check_graph(folded)
    kinds = [op.kind.name for op in folded.ops]
    # The norm whose input has two readers stays; the identity that is the output stays.
    assert kinds == ["conv2d", "conv2d", "conv_transpose2d", "batch_norm", "add", "reduce_mean", "linear", "identity"]
    assert [op["activation"] for op in folded.ops if "activation" in op.kind.defaults] == [
        "relu6",
        "none",
        "relu",
        "relu6",
        "relu",
    ]
    assert folded.outputs == graph.outputs
    assert set(folded.tensors) == set(folded.inputs) | set(folded.constants) | {op.output for op in folded.ops}
    assert folded.provenance[-1] == "folded 4 batch norms, fused 4 activations, removed 1 identities"
    assert fold(folded) is folded


def test_statistics_that_are_not_trivial():
    builder = Builder("one", seed=0)
    x = builder.input("x", (1, 2, 4, 4))
    rng = np.random.default_rng(1)
    w = builder.constant("w", rng.standard_normal((3, 2, 1, 1)).astype(np.float32))
    y = builder.op("conv2d", [x, w])
    parameters = [builder.constant(n, rng.uniform(0.5, 2, 3).astype(np.float32)) for n in ("g", "b", "m", "v")]
    builder.output(builder.op("batch_norm", [y, *parameters], epsilon=0.1))
    graph = builder.build()
    folded = fold(graph)
    inputs = {"x": rng.standard_normal((1, 2, 4, 4)).astype(np.float32)}
    name = graph.outputs[0]
    np.testing.assert_allclose(whole(folded, inputs)[name], whole(graph, inputs)[name], rtol=1e-5, atol=1e-5)
    weight, bias = (folded.constants[n] for n in folded.ops[0].inputs[1:])
    assert weight.digest() != bias.digest()
    assert weight.digest() == fold(graph).constants[folded.ops[0].inputs[1]].digest()


def test_nothing_is_computed(case, monkeypatch):
    graph, _, _ = case
    for constant in graph.constants.values():
        monkeypatch.setattr(type(constant), "array", lambda self: pytest.fail("computed"))
    start = time.perf_counter()
    fold(graph).digest  # noqa: B018 - the digest needs no values either
    assert time.perf_counter() - start < 0.5


def test_a_norm_after_an_output_is_not_folded():
    builder = Builder("two", seed=0)
    x = builder.input("x", (1, 2, 4, 4))
    y = builder.conv2d(x, 3, 1)
    builder.output(y)
    builder.output(builder.relu(builder.batch_norm(y)))
    graph = builder.build()
    assert [op.kind.name for op in fold(graph).ops] == ["conv2d", "batch_norm", "relu"]


def test_an_output_with_two_readers_is_not_folded_or_fused():
    builder = Builder("two", seed=0)
    y = builder.conv2d(builder.input("x", (1, 2, 4, 4)), 3, 1)
    z = builder.linear(builder.flatten(builder.add(y, builder.batch_norm(y))), 3)
    builder.output(builder.add(z, builder.relu(z)))
    graph = builder.build()
    assert [op.kind.name for op in fold(graph).ops] == [op.kind.name for op in graph.ops]
