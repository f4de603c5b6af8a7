"""Data of the zoo."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from cosim_workloads.data import digits, synthetic_images

from cosim.errors import DescriptionError


def test_digits_split_without_overlap():
    pytest.importorskip("sklearn")
    train, test = digits("train"), digits("test")
    assert train.inputs.shape == (1437, 1, 8, 8)
    assert test.inputs.shape == (360, 1, 8, 8)
    assert set(test.labels) == set(range(10))
    assert 0 <= test.inputs.min() < test.inputs.max() <= 1
    rows = {image.tobytes() for image in train.inputs}
    assert sum(image.tobytes() in rows for image in test.inputs) == 0
    np.testing.assert_array_equal(digits("test").inputs, test.inputs)
    assert (digits("test", seed=1).labels != test.labels).any()


def test_digits_part_is_checked():
    with pytest.raises(DescriptionError, match="train, test"):
        digits("validation")


def test_digits_without_sklearn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DescriptionError, match="pip install scikit-learn"):
        digits()


def test_synthetic_images_are_seeded_normalised_and_smooth():
    images = synthetic_images((3, 32, 20), 4, seed=5)
    assert images.shape == (4, 3, 32, 20)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, synthetic_images((3, 32, 20), 4, seed=5))
    assert (images != synthetic_images((3, 32, 20), 4, seed=6)).any()
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(images.std(axis=(1, 2, 3)), 1, rtol=1e-4)
    neighbours = np.corrcoef(images[..., 1:].ravel(), images[..., :-1].ravel())[0, 1]
    assert neighbours > 0.5


def test_synthetic_images_of_one_pixel_are_finite():
    assert np.isfinite(synthetic_images((1, 1, 1), 2)).all()


@pytest.mark.parametrize(("shape", "n"), [((8, 8), 1), ((1, 0, 8), 1), ((1, 8, 8), 0)])
def test_synthetic_images_are_checked(shape, n):
    with pytest.raises(DescriptionError, match="at least 1"):
        synthetic_images(shape, n)
