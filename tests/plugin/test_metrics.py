"""Metrics: figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.errors import DescriptionError
from cosim.plugin import load_registry

SCORES = np.array([[0.1, 0.9, 0.0], [0.5, 0.5, 0.2], [0.3, 0.2, 0.1]])


def metric(name):
    return load_registry().get("metrics", name)


def test_top1_is_the_share_of_labels_that_come_first():
    assert metric("top1")(SCORES, np.array([1, 0, 2])) == pytest.approx(2 / 3)


def test_of_equal_scores_the_lower_class_wins():
    assert metric("top1")(SCORES[1:2], np.array([1])) == 0.0
    assert metric("top1")(SCORES[1:2], np.array([0])) == 1.0


def test_top5_counts_the_first_five():
    scores = np.arange(10.0)[None]
    assert [metric("top5")(scores, np.array([label])) for label in (9, 5, 4, 0)] == [1.0, 1.0, 0.0, 0.0]


def test_integer_scores_at_the_lowest_code_are_not_turned_around():
    assert metric("top1")(np.array([[-128, 127]], np.int8), np.array([1])) == 1.0


@pytest.mark.parametrize("labels", [np.array([1]), np.array([[1], [0], [2]])])
def test_labels_of_another_shape_are_refused(labels):
    with pytest.raises(DescriptionError, match="labels"):
        metric("top1")(SCORES, labels)


def test_sqnr_of_a_tenth_of_the_amplitude_is_20_db():
    reference = np.array([3.0, -4.0])
    assert metric("sqnr_db")(reference * 1.1, reference) == pytest.approx(20.0)


def test_sqnr_of_equal_and_of_silent_outputs():
    assert metric("sqnr_db")(SCORES, SCORES) == float("inf")
    assert metric("sqnr_db")(SCORES, np.zeros_like(SCORES)) == float("-inf")


def test_sqnr_of_other_shapes_is_refused():
    with pytest.raises(DescriptionError, match="differ"):
        metric("sqnr_db")(SCORES, SCORES[:2])
