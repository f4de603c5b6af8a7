"""The search on real digits: accuracy rises as region and threshold shrink, and it ends where the target is met."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from cosim_workloads.data import Labelled, digits

from cosim import load_graph
from cosim.errors import DescriptionError
from cosim_plugins.drq.search import fake_activations, search
from cosim_plugins.drq.settings import Settings
from cosim_plugins.training import accuracy, trained

START = Settings.of({"region": "4x4", "threshold": "80"})


@pytest.fixture(scope="module")
def network():
    return trained(load_graph("digits_cnn"), digits("train"), epochs=5, seed=0)


@pytest.fixture(scope="module")
def validation():
    test = digits("test")
    return Labelled(test.inputs[:160], test.labels[:160])


def test_it_halves_until_the_target_is_met(network, validation):
    target = accuracy(network, validation, compress="int8") - 0.02
    points = search(network, digits("train"), validation, start=START, target=target, epochs=1)
    assert 1 < len(points) < 6
    assert [point.accuracy >= target for point in points] == [False] * (len(points) - 1) + [True]
    assert [point.share for point in points] == sorted(point.share for point in points)
    assert points[1].settings == START.halved()
    assert points[-1].graph.values == "trained"


def test_it_stops_at_once_where_nothing_is_asked(network, validation):
    points = search(network, digits("train"), validation, start=START, target=0.0, epochs=1)
    assert [point.settings for point in points] == [START]


def test_a_target_is_a_share(network, validation):
    with pytest.raises(DescriptionError, match="target"):
        search(network, digits("train"), validation, start=START, target=98)


def test_fake_activations_are_those_of_the_mask(network):
    fake = fake_activations(network, Settings.of({"region": "2x2", "threshold": "100"}))
    x = digits("train").inputs[:4]
    seen = fake("input", x)
    integers = np.rint(x / (x.max() / 255))
    means = integers.reshape(4, 1, 4, 2, 4, 2).mean(axis=(3, 5), keepdims=True)
    mask = np.broadcast_to(means > 100, (4, 1, 4, 2, 4, 2)).reshape(x.shape)
    expected = np.where(mask, integers, integers // 16 * 16) * (x.max() / 255)
    np.testing.assert_allclose(seen, expected, atol=1e-5)
    assert fake("unheard-of", x) is x
