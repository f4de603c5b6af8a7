"""What is left out decides nothing about itself; the roofline is the slower of MACs and bytes, op by op."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from cosim.plugin import Measured, Peaks
from cosim.validate.baseline import proportional, roofline_ms
from cosim.validate.score import ranks, score
from tests.validate.toy import network


def rows(values):
    return [Measured("t", f"n{i}", f"t{i // 2}", "latency_ms", v, "made up") for i, v in enumerate(values)]


def test_a_row_s_own_topology_has_no_say():
    x, given = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), rows([2.0, 4.0, 9.0, 12.0, 5.0, 6.0])
    before = proportional(x, given)
    np.testing.assert_allclose(before[:2], np.median([3.0, 3.0, 1.0, 1.0]) * x[:2])
    changed = [replace(row, value=100 * row.value) if row.topology == "t0" else row for row in given]
    np.testing.assert_array_equal(proportional(x, changed)[:2], before[:2])
    assert not np.array_equal(proportional(x, changed)[2:], before[2:])


def test_a_row_that_has_no_macs_bends_no_other():
    x, given = np.array([0.0, 0.0, 3.0, 4.0, 5.0, 6.0]), rows([2.0, 4.0, 9.0, 12.0, 5.0, 6.0])
    np.testing.assert_allclose(proportional(x, given), np.array([0, 0, 1.0, 1.0, 3.0, 3.0]) * x)


def test_one_topology_alone_is_not_predicted():
    assert np.isnan(proportional(np.ones(2), rows([1.0, 2.0]))).all()


def test_the_roofline_takes_the_slower_of_two():
    graph = network(8, 2)
    by_macs = roofline_ms(graph, Peaks(1e6, 1e18, "made up"))
    assert by_macs == pytest.approx(1e3 * graph.macs / 1e6)
    moved = 0
    for op in graph.ops:
        moved += sum(graph.tensors[name].bytes for name in (*op.inputs, op.output))
    assert roofline_ms(graph, Peaks(1e18, 1e6, "made up")) == pytest.approx(1e3 * moved / 1e6)


def test_errors_are_relative_to_what_was_measured():
    found = score([1.1, 1.8, 3.0, 8.0], [1.0, 2.0, 3.0, 4.0])
    assert found.n == 4
    assert found.median == pytest.approx(0.1)
    assert found.bias == pytest.approx(0.05)
    assert found.p90 == pytest.approx(np.quantile([0.1, 0.1, 0.0, 1.0], 0.9))


def test_ranks_are_spearman_s():
    one, other = np.array([1, 5, 2, 2, 9.0]), np.array([3, 4, 1, 2, 7.0])
    assert ranks(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert np.isnan(ranks([1.0, 2.0], [1.0, 2.0]))
    assert np.isnan(ranks([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]))
