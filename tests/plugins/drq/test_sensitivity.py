"""The predictor: means of regions against a threshold, exact at ties, as its options say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim_plugins.drq.sensitivity import Sensitivity, region_of


def predictor(shape, region, **options):
    starts = tuple(np.arange(0, extent, size) for extent, size in zip(shape, region, strict=True))
    return Sensitivity(starts, None, **options)


def test_the_figure_of_the_paper_by_its_text():
    """Fig. 4: means 4 1 / 2 5 and a threshold of 3; the text calls large means sensitive, the printed mask small ones."""
    means = np.array([[4, 1], [2, 5]])
    image = np.kron(means, np.ones((2, 2)))[None, None]
    assert predictor(image.shape, (1, 1, 2, 2), threshold=3).decide(image)[0, 0].tolist() == [[1, 0], [0, 1]]
    inverted = predictor(image.shape, (1, 1, 2, 2), threshold=3, inverted=True)
    assert inverted.decide(image)[0, 0].tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("scale", [1.0, 1 / 3, 0.1, 7.3e-3])
def test_a_mean_that_equals_the_threshold(scale):
    image = (np.array([[[[10, 20], [12, 18]]]]) * scale).astype(np.float32)  # the mean is 15
    found = {
        (threshold, inclusive): predictor(
            image.shape, (1, 1, 2, 2), threshold=threshold, inclusive=inclusive, scale=scale
        ).decide(image)[0, 0, 0, 0]
        for threshold in (14.75, 15, 15.25)
        for inclusive in (False, True)
    }
    assert found == {
        (14.75, False): 1,
        (14.75, True): 1,
        (15, False): 0,
        (15, True): 1,
        (15.25, False): 0,
        (15.25, True): 0,
    }


def test_regions_at_the_edge():
    image = np.full((1, 1, 3, 3), 10.0)
    existing = predictor(image.shape, (1, 1, 2, 2), threshold=6).decide(image)
    full = predictor(image.shape, (1, 1, 2, 2), threshold=6, full=4).decide(image)
    assert existing[0, 0].tolist() == [[1, 1], [1, 1]]
    assert full[0, 0].tolist() == [[1, 0], [0, 0]]


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 999), channels=st.integers(1, 4), rows=st.integers(1, 9), columns=st.integers(1, 9),
    region=st.tuples(st.integers(1, 4), st.integers(1, 5)), threshold=st.integers(-20, 140), across=st.booleans(),
)  # fmt: skip
def test_every_element_has_the_flag_of_its_region(seed, channels, rows, columns, region, threshold, across):
    image = np.random.default_rng(seed).integers(-128, 128, (2, channels, rows, columns))
    sizes = region_of(image.shape, region, across=across)
    found = predictor(image.shape, sizes, threshold=threshold).members_of(image.astype(np.float64))
    for n, c, y, x in np.ndindex(image.shape):
        box = [slice(i // s * s, i // s * s + s) for i, s in zip((n, c, y, x), sizes, strict=True)]
        part = image[tuple(box)]
        assert found[n, c, y, x] == (int(part.sum()) > threshold * part.size)


def test_regions_of_other_shapes():
    assert region_of((8, 3, 32, 32), (4, 16), across=False) == (1, 1, 4, 16)
    assert region_of((8, 3, 2, 7), (4, 16), across=True) == (1, 3, 2, 7)
    assert region_of((8, 100), (4, 16), across=False) == (1, 1)
    assert region_of((8, 5, 100), (4, 16), across=True) == (1, 1, 100)


def test_settings_change_the_key():
    one = predictor((1, 1, 4, 4), (1, 1, 2, 2), threshold=3)
    keys = {one.key()} | {
        predictor((1, 1, 4, 4), (1, 1, 2, 2), **options).key()
        for options in ({"threshold": 4}, {"threshold": 3, "inclusive": True}, {"threshold": 3, "inverted": True},
                        {"threshold": 3, "scale": 2.0}, {"threshold": 3, "full": 4})
    }  # fmt: skip
    assert len(keys) == 6
