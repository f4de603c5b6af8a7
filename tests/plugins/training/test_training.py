"""Training: the same for the same seed, with formats and projections in the loop."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from cosim_workloads.data import Labelled, digits

from cosim.compress import fold
from cosim.errors import DescriptionError, UnsupportedError
from cosim.execute import whole
from cosim.formats import fit, quantise
from cosim.graph import Builder, rebatch
from cosim.library import load_graph
from cosim.plugin import load_registry
from cosim_plugins.training import accuracy, digit_rows, digits_lstm, fake, interval, trained

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def graph():
    return load_graph("digits_cnn")


@pytest.fixture(scope="module")
def few():
    data = digits("train")
    return Labelled(data.inputs[:256], data.labels[:256])


@pytest.fixture(scope="module")
def learned(graph):
    return trained(graph, digits("train"), epochs=6, seed=0)


def test_it_learns(learned):
    assert learned.values == "trained"
    assert "6 epochs of 1437 samples" in learned.provenance[-1]
    assert accuracy(learned, digits("test")) > 0.96
    assert accuracy(load_graph("digits_cnn"), digits("test")) < 0.3


def test_one_seed_one_network(graph, few):
    def digest(seed):
        return trained(graph, few, epochs=1, seed=seed).digest

    assert digest(3) == digest(3) != digest(4)


def test_threads_are_as_before(graph, few):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        seen = []
        trained(graph, few, epochs=1, progress=lambda share: seen.append((share, torch.get_num_threads())))
        assert seen == [(1.0, 1)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_quantisation_in_the_loop_saves_two_bits(learned):
    """Two-bit weights given afterwards break the network, trained with they do not."""
    spec = "formats:weights=int2:activations=int8"
    train, test = digits("train"), digits("test")
    options = {"fake_weights": fake("int2", axis=0), "fake_activations": fake("int8"), "start": learned}
    aware = trained(learned, train, epochs=4, seed=0, **options)
    assert accuracy(learned, test, compress=spec) < 0.6
    assert accuracy(aware, test, compress=spec) > 0.93


def test_any_registered_format_is_what_the_forward_pass_sees():
    values = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)
    for name in ("int4", "posit8_1", "mxfp4"):
        known = load_registry()["formats"][name]
        expected = quantise(known, values, fit(known, values))
        assert np.array_equal(fake(name)("w", values), expected)
        assert not np.array_equal(expected, values)


def test_what_is_faked_is_what_inference_rounds(few):
    b = Builder("net")
    x = b.input("input", (1, 1, 8, 8))
    x = b.relu(b.batch_norm(b.conv2d(x, 4, 3, name="conv"), name="norm"), name="relu")
    b.output(b.linear(b.flatten(x), 10, name="fc"))
    graph = b.build()
    weights, activations = set(), set()

    def noted(names):
        return lambda name, values: (names.add(name), values)[1]

    trained(graph, few, epochs=1, fake_weights=noted(weights), fake_activations=noted(activations))
    assert weights == {"conv.weight", "fc.weight"}
    assert activations == {"input", *(op.output for op in fold(graph).ops)}
    assert not {"conv", "norm"} & activations


def test_a_fake_that_changes_nothing_changes_nothing(graph, few):
    def same(_name, values):
        return values

    plain = trained(graph, few, epochs=1)
    faked = trained(graph, few, epochs=1, fake_weights=same, fake_activations=same)
    assert plain.digest == faked.digest


def test_what_is_projected_stays_projected(graph, few):
    def pruned(weights):
        array = weights["conv2.weight"]
        return {"conv2.weight": np.where(np.abs(array) < np.median(np.abs(array)), 0, array)}

    result = trained(graph, few, epochs=2, project=pruned)
    array = result.constants["conv2.weight"].array()
    assert (array == 0).mean() == 0.5
    assert not (result.constants["conv1.weight"].array() == 0).any()


@pytest.mark.parametrize(
    ("returned", "message"),
    [({"conv2.wieght": np.zeros(1)}, "did you mean 'conv2.weight'"), ({"fc.bias": np.zeros(3)}, r"shape \(3,\)")],
)
def test_a_projection_that_does_not_fit_is_refused(graph, few, returned, message):
    with pytest.raises(DescriptionError, match=message):
        trained(graph, few, epochs=1, project=lambda _: returned)


def test_it_begins_where_it_is_told(graph, few, learned):
    small = {"epochs": 1, "rate": 1e-9}
    for start in (learned, {name: constant.array() for name, constant in learned.constants.items()}):
        result = trained(graph, few, start=start, **small)
        weight = result.constants["conv1.weight"].array()
        assert np.allclose(weight, learned.constants["conv1.weight"].array(), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "at least one epoch"),
        ({"batch": 257}, "one batch of samples"),
        ({"rate": 1e30}, "the loss is"),
    ],
)
def test_what_cannot_be_trained_is_refused(graph, few, change, message):
    with pytest.raises(DescriptionError, match=message):
        trained(graph, few, **{"epochs": 2, **change})


def test_labels_that_are_no_classes_are_refused(graph, few):
    with pytest.raises(DescriptionError, match="labels from 0 to 10"):
        trained(graph, Labelled(few.inputs, np.arange(256) % 11), epochs=1)


def test_without_torch_the_remedy_is_named(graph, few, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UnsupportedError, match=r"pip install cosim\[torch\]"):
        trained(graph, few, epochs=1)


def test_without_scikit_learn_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DescriptionError, match="pip install scikit-learn"):
        digit_rows("train")


# The sequence task


def test_the_lstm_is_the_one_of_torch():
    graph = rebatch(digits_lstm(hidden=6, seed=5), 3)
    rows = digit_rows("test").inputs[:3]
    lstm = torch.nn.LSTM(8, 6, batch_first=True)
    arrays = {name: torch.from_numpy(np.asarray(c.array())) for name, c in graph.constants.items()}
    lstm.load_state_dict({f"{name[5:]}_l0": a for name, a in arrays.items() if name.startswith("lstm.")})
    with torch.no_grad():
        last = lstm(torch.from_numpy(rows))[0][:, -1]
        theirs = last @ arrays["fc.weight"].T + arrays["fc.bias"]
    values = whole(graph, {"input": rows})
    np.testing.assert_allclose(values.real("fc"), theirs.numpy(), rtol=1e-4, atol=1e-5)


def test_the_lstm_learns_and_starts_from_nothing():
    names = set()
    result = trained(digits_lstm(), digit_rows("train"), epochs=20, rate=5e-3, project=lambda w: names.update(w) or {})
    assert names == set(result.constants) - {"start"}
    assert accuracy(result, digit_rows("test")) > 0.92
    assert not np.any(result.constants["start"].array())  # a table: no training moves it
    assert len([name for name in result.constants if name.startswith("lstm.")]) == 4


def test_rows_are_the_images():
    rows, labels = digit_rows("test")
    images, same = digits("test")
    assert rows.shape == (360, 8, 8)
    assert np.array_equal(rows, images[:, 0])
    assert np.array_equal(labels, same)


# Intervals


def test_wilson_of_one_share():
    low, high = interval(0.95, 360)  # 342 of 360, by the formula with z = 1.96
    assert low == pytest.approx(0.9224, abs=1e-4)
    assert high == pytest.approx(0.9681, abs=1e-4)
    assert interval(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_student_over_seeds():
    low, high = interval([0.90, 0.92, 0.94], 360)  # mean 0.92, s 0.02, t(2) 4.3027, over sqrt(3)
    assert (low + high) / 2 == pytest.approx(0.92)
    assert (high - low) / 2 == pytest.approx(4.302653 * 0.02 / 3**0.5, rel=1e-6)
    assert interval([0.95, 0.95], 180) == interval(0.95, 360)  # seeds that agree leave the samples' part


@pytest.mark.parametrize(("shares", "n"), [([], 10), (1.1, 10), (0.5, 0), (float("nan"), 10)])
def test_no_interval_of_nothing(shares, n):
    with pytest.raises(DescriptionError, match="shares"):
        interval(shares, n)
