"""The compressions: contract, what is left alone, sizes as stated, and how they go with others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import compress, fold
from cosim.errors import DescriptionError
from cosim.execute import whole
from cosim.formats import IntegerFormat
from cosim.graph import Builder, Stored
from cosim.plugin import load_registry
from cosim.testing import CompressionContract, FormatContract, sample_graph
from cosim_plugins.smartexchange.compression import Projection, slicings
from cosim_plugins.smartexchange.constant import Decomposed, Stated
from cosim_plugins.smartexchange.options import OPTIONS, parsed
from cosim_plugins.smartexchange.storage import slice_bits


def network(seed=0):
    b = Builder("net", seed)
    x = b.input("image", (1, 24, 8, 8))
    x = b.relu(b.batch_norm(b.conv2d(x, 32, 3, padding=1, name="first")))
    x = b.relu(b.conv2d(x, 32, 3, padding=1, name="window"))
    x = b.relu(b.conv2d(x, 48, 1, name="pointwise"))
    x = b.depthwise(x, 3, padding=1, name="depthwise")
    x = b.conv2d(x, 8, 5, padding=2, name="five")
    b.output(b.linear(b.flatten(x), 10, name="head"))
    return b.build()


def known():
    registry = load_registry()
    return {"formats": registry["formats"], "kernels": registry["kernels"]}


def image(seed=0):
    return np.random.default_rng(seed).standard_normal((1, 24, 8, 8)).astype(np.float32)


class TestSmartExchange(CompressionContract):
    @pytest.fixture
    def compression(self):
        return load_registry()["compressions"]["smartexchange"]

    @pytest.fixture
    def graph(self):
        return network()


class TestWhereNothingIsDecomposed(TestSmartExchange):
    @pytest.fixture
    def graph(self):
        return sample_graph(batch=2)


class TestPruned(CompressionContract):
    @pytest.fixture
    def compression(self):
        return load_registry()["compressions"]["pruned"]


class TestRebuiltWeights(FormatContract):
    @pytest.fixture
    def format(self):
        return load_registry()["formats"]["smartexchange"]


def test_every_option_is_read():
    values = {"rows": "no", "scaled": "yes", "index": "no", "first": "yes", "pointwise": "no", "linear": "no"}
    values |= {"skip": "a+b", "activations": "affine", "method": "mse"}
    given = {key: values.get(key, "1") for key in OPTIONS}
    choice, plain = parsed(given), parsed({})
    assert choice.calibration == {"method": "mse", "samples": 1, "seed": 1}
    assert choice.skip == {"a", "b"}
    for field in ("channels", "index", "first", "pointwise", "linear", "activations"):
        assert getattr(choice, field) != getattr(plain, field)
    for field in ("theta", "iterations", "tolerance", "by_rows", "sparsity", "scaled"):
        assert getattr(choice.recipe, field) != getattr(plain.recipe, field)


@pytest.mark.parametrize(
    "option", ["theta=x", "sparsity=1.1", "rows=maybe", "activations=int4", "iterations=0", "tetha=1"]
)
def test_bad_options(option):
    with pytest.raises(DescriptionError):
        compress(network(), f"smartexchange:{option}")


def test_what_is_left_alone():
    def names(options):
        return {name.partition(".")[0] for name in slicings(fold(network()), parsed(options))}

    assert names({}) == {"window", "pointwise", "head"}  # not the first, a depthwise one, a 5x5 one
    assert names({"first": "yes"}) == {"first", "window", "pointwise", "head"}
    assert names({"linear": "no", "pointwise": "no"}) == {"window"}
    assert names({"skip": "window+head"}) == {"pointwise"}


def test_weights_that_would_grow_are_left_alone():
    b = Builder("small", 0)
    b.output(b.conv2d(b.relu(b.input("image", (1, 12, 4, 4))), 8, 1, name="few"))  # 4 rows: 48 + 72 + 4 bits for 96
    for calibrate in (True, False):
        graph = compress(b.build(), "smartexchange", calibrate=calibrate)
        assert graph.tensors["few.weight"].encoding.format == "int8"
        assert "no weight" in graph.provenance[-1]


def test_stored_size_is_the_formula_and_real_weights_meet_the_stated_one():
    stated = compress(network(), "smartexchange:sparsity=0.5", calibrate=False)
    real = compress(network(), "smartexchange:sparsity=0.5:theta=0:rows=no")
    for graph in (stated, real):
        encoding = graph.tensors["window.weight"].encoding
        assert encoding.storage.all_bits == 32 * int(slice_bits(48, 96))  # 32 filters of 32 channels
        assert isinstance(graph.constants["window.weight"], Stated if graph is stated else Decomposed)
        rows = graph.constants["window.weight"].nonzero_rows
        assert rows.shape == (32, 96)
        assert (rows.sum(axis=1) == 48).all()
    without = compress(network(), "smartexchange:index=no", calibrate=False).tensors["window.weight"]
    assert without.encoding.storage.all_bits == 32 * int(slice_bits(96, 96, index=False))
    assert any("as stated" in line for line in stated.provenance)


def test_values_of_a_stated_weight_are_refused():
    graph = compress(network(), "smartexchange", calibrate=False)
    with pytest.raises(DescriptionError, match="no values"):
        graph.constants["window.weight"].array()


def test_pruned_channels_go_as_a_whole():
    graph = compress(network(), "smartexchange:channels=0.25:theta=0:rows=no")
    parts = graph.constants["window.weight"]
    lost = ~parts.nonzero_rows.reshape(32, 32, 3).any(axis=(0, 2))
    assert lost.sum() == 8
    weights = np.abs(fold(network()).constants["window.weight"].array()).sum(axis=(0, 2, 3))
    assert set(np.flatnonzero(lost)) == set(np.argsort(weights)[:8])
    assert isinstance(load_registry()["formats"]["smartexchange"], IntegerFormat)


def test_integers_compute_what_the_rebuilt_weights_do():
    """The decomposed network in integers stays near the same network with its rebuilt weights in fp32."""
    graph = network()
    small = compress(graph, "smartexchange", {"image": image()[:1]})
    rebuilt = {name: Stored(c.parts.weights()) for name, c in small.constants.items() if isinstance(c, Decomposed)}
    folded = fold(graph)
    real = replace(folded, constants={**folded.constants, **rebuilt})
    wanted = whole(real, {"image": image()}, **known()).real("head")
    found = whole(small, {"image": image()}, **known()).real("head")
    assert np.linalg.norm(found - wanted) < 0.05 * np.linalg.norm(wanted)


def test_biases_are_in_steps_of_the_sums():
    small = compress(network(), "smartexchange", {"image": image()})
    for op in small.ops:
        if len(op.inputs) == 3:
            x, w, bias = (small.tensors[name].encoding for name in op.inputs)
            assert bias.format == "int32"
            np.testing.assert_allclose(bias.scale, x.scale * w.scale)


def test_a_bias_beyond_32_bits_stays_real():
    graph = network()
    huge = np.full(32, 1e7, np.float32)
    graph = replace(graph, constants={**graph.constants, "window.bias": Stored(huge)})
    small = compress(graph, "smartexchange")
    assert small.tensors["window.bias"].encoding.format == "fp32"
    assert small.tensors["pointwise.bias"].encoding.format == "int32"


def test_with_int8_behind_it_nothing_changes():
    alone = compress(network(), "smartexchange")
    both = compress(network(), "smartexchange,int8:activations=symmetric")
    assert {n: t.encoding.format for n, t in both.tensors.items()} == {
        n: t.encoding.format for n, t in alone.tensors.items()
    }
    run = [whole(graph, {"image": image()}, **known())["head"] for graph in (alone, both)]
    np.testing.assert_array_equal(*run)


@pytest.mark.parametrize(
    "line", ["int8,smartexchange", "smartexchange,smartexchange", "smartexchange:activations=symmetric,smartexchange"]
)
def test_a_compressed_graph_is_refused(line):
    with pytest.raises(DescriptionError, match="compressed already"):
        compress(network(), line)


@pytest.mark.parametrize(
    ("line", "form", "bias"),
    [
        ("", "fp32", "fp32"),
        (",int8:activations=symmetric", "int8", "int32"),
        (",adaptivfloat8", "adaptivfloat8", "fp32"),
    ],
)
def test_activations_may_be_left_to_another_compression(line, form, bias):
    graph = compress(network(), f"smartexchange:activations=fp32{line}")
    assert graph.tensors["window.weight"].encoding.format == "smartexchange"
    assert graph.tensors["window.bias"].encoding.format == bias
    assert graph.tensors["head"].encoding.format == form
    wanted = whole(compress(network(), "smartexchange:activations=fp32"), {"image": image()}, **known()).real("head")
    found = whole(graph, {"image": image()}, **known()).real("head")
    assert np.linalg.norm(found - wanted) < 0.1 * np.linalg.norm(wanted)


def test_int8_behind_it_is_what_it_does_itself():
    """The same codes whether it quantises activations itself or leaves them to int8."""
    data = {"image": image()}
    alone = compress(network(), "smartexchange", data)
    behind = compress(network(), "smartexchange:activations=fp32,int8:activations=symmetric", data)
    np.testing.assert_array_equal(*(whole(graph, data, **known())["head"] for graph in (alone, behind)))


def test_a_format_has_nothing_left_to_code():
    with pytest.raises(DescriptionError, match="nothing is left"):
        compress(network(), "smartexchange:activations=symmetric,adaptivfloat8")


@pytest.mark.parametrize("next_step", ["adaptivfloat8", "int8"])
def test_the_activations_are_left_to_a_step_that_follows(next_step):
    given = compress(network(), f"smartexchange:activations=fp32,{next_step}")
    assert compress(network(), f"smartexchange,{next_step}").digest == given.digest


def test_nan_is_refused():
    graph = network()
    bad = np.full((32, 32, 3, 3), np.nan, np.float32)
    graph = replace(graph, constants={**graph.constants, "window.weight": Stored(bad)})
    with pytest.raises(DescriptionError, match="NaN"):
        compress(graph, "smartexchange")


def test_projection_is_what_the_compression_does():
    """One step of retraining gives the weights that inference rebuilds, and changes them little when done again."""
    graph, choice = fold(network()), parsed({"sparsity": "0.3"})
    project = Projection(slicings(graph, choice), choice)
    once = project({name: c.array() for name, c in graph.constants.items()})
    assert set(once) == {"window.weight", "pointwise.weight", "head.weight"}
    small = compress(network(), "smartexchange:sparsity=0.3")
    for name, weights in once.items():
        np.testing.assert_array_equal(weights, small.constants[name].parts.weights())
    for name, weights in project(once).items():
        assert np.linalg.norm(weights - once[name]) < 0.05 * np.linalg.norm(once[name])


def test_pruning_keeps_the_largest_of_each_filter():
    graph = compress(network(), "pruned:sparsity=0.25")
    kept = graph.constants["window.weight"]
    assert (kept.nonzero == 216).all()  # of 288
    assert graph.tensors["window.weight"].encoding.storage.all_bits == 32 * (8 * 216 + 288)
    real = fold(network()).constants["window.weight"].array().reshape(32, -1)
    codes = kept.array().reshape(32, -1)
    for row, code in zip(np.abs(real), codes, strict=True):
        assert not code[np.argsort(row, kind="stable")[:72]].any()
    assert graph.tensors["depthwise.weight"].encoding.storage is None
    for bad in ("sparsity=1", "sparsity=x", "share=0.5"):
        with pytest.raises(DescriptionError):
            compress(network(), f"pruned:{bad}")
