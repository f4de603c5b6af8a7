import numpy as np
import pytest

from cosim.compress import accuracy
from cosim.compress.accuracy import correct, paired, wilson
from cosim.errors import DescriptionError
from cosim.graph import Builder


def classifier(x, y, classes, batch=1):
    """Ridge regression to one-hot labels: closed form, no training loop."""
    flat = np.hstack([x.reshape(len(x), -1), np.ones((len(x), 1))])
    target = np.eye(classes)[y] - 1 / classes
    solution = np.linalg.solve(flat.T @ flat + 10.0 * np.eye(flat.shape[1]), flat.T @ target)
    builder = Builder("ridge", seed=0)
    name = builder.input("x", (batch, *x.shape[1:]))
    name = name if x.ndim == 2 else builder.flatten(name)
    weight = builder.constant("w", solution[:-1].T.astype(np.float32))
    bias = builder.constant("b", solution[-1].astype(np.float32))
    builder.output(builder.op("linear", [name, weight, bias]))
    return builder.build()


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((4, 6))
    y = rng.integers(0, 4, 600)
    x = (centres[y] + 0.8 * rng.standard_normal((600, 6))).astype(np.float32)
    return classifier(x, y, 4), x, y


def test_accuracy_has_intervals_and_a_disjoint_split(blobs):
    graph, x, y = blobs
    result = accuracy(graph, "int8", (x, y), seed=2)
    assert (result.n, result.calibration_n) == (540, 60)
    assert 0.7 < result.low < result.value < result.high < 1.0
    assert result.change == pytest.approx(result.value - result.float_value)
    assert result.change_low <= result.change <= result.change_high
    assert abs(result.change) < 0.03
    assert result == accuracy(graph, "int8", (x, y), seed=2)
    unchanged = accuracy(graph, "none", (x, y))
    assert unchanged.change == 0.0
    assert unchanged.value == unchanged.float_value


def test_a_broken_network_is_seen_to_be_worse(blobs):
    graph, x, y = blobs
    # Calibrated on a thousandth of the range: everything saturates.
    data = x.copy()
    order = np.random.default_rng(0).permutation(len(x))
    data[order[:60]] *= 0.001
    result = accuracy(graph, "int8", (data, y))
    assert result.change_high < -0.05


def test_a_file_a_function_and_another_batch(blobs, tmp_path):
    graph, x, y = blobs
    np.savez(tmp_path / "set.npz", x=x, y=y)

    def share(outputs, targets):
        return float((outputs.argmax(axis=1) == targets).mean())

    plain = accuracy(graph, "int8", (x, y))
    own = accuracy(graph, "int8", tmp_path / "set.npz", metric=share)
    assert own.metric == "share"
    assert own.value == plain.value
    assert own.low < own.value < own.high
    assert accuracy(classifier(x, y, 4, batch=7), "int8", (x, y)).n == plain.n


def test_digits():
    datasets = pytest.importorskip("sklearn.datasets")
    digits = datasets.load_digits()
    x, y = (digits.images / 16.0).astype(np.float32)[:, None], digits.target
    half = len(x) // 2
    graph = classifier(x[:half], y[:half], 10)
    result = accuracy(graph, "int8", (x[half:], y[half:]))
    assert result.float_value > 0.85
    assert result.change_low < 0.0 < result.change_high
    assert abs(result.change) < 0.02


def test_intervals_from_the_literature():
    # Wilson's interval for 0 of 10 and 81 of 263 (Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857).
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    before = np.array([True] * 50 + [False] * 50)
    low, high = paired(before, before)
    assert low < 0 < high
    assert paired(before, np.ones(100, bool))[0] > 0.35


def test_top_k_takes_the_first_of_equal_scores():
    scores = np.array([[1, 1, 0], [0, 2, 2], [3, 1, 2]])
    np.testing.assert_array_equal(correct(scores, np.array([1, 1, 2]), 1), [False, True, False])
    np.testing.assert_array_equal(correct(scores, np.array([1, 2, 2]), 2), [True, True, True])


def test_sets_that_cannot_be_meant(blobs):
    graph, x, y = blobs
    for arguments, text in (
        ({"dataset": (x, y[:-1])}, "599 targets"),
        ({"dataset": (x, y + 1)}, "not labels"),
        ({"dataset": (x[:1], y[:1])}, "leaves none"),
        ({"dataset": (x, y), "calibration_fraction": 1.0}, "leaves none"),
        ({"dataset": (x, y), "metric": "top3"}, "unknown metric"),
    ):
        with pytest.raises(DescriptionError, match=text):
            accuracy(graph, "int8", **arguments)
