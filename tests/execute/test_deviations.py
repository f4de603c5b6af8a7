"""Sums that deviate by name: their arithmetic by hand, their limits, and equality where nothing can overflow."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import DescriptionError, UnsupportedError
from cosim.execute import whole
from cosim.execute.kernels.deviating import narrow_sums, pair_sums
from cosim.execute.kernels.winograd import winograd
from tests.execute.one import CASES, one_op, random_inputs

CONVOLUTIONS = ["conv", "conv_strided", "conv_dilated", "conv_grouped", "depthwise", "linear"]


def run(name, arithmetic, codes=None):
    kind, shapes, attributes = CASES[name]
    graph = replace(one_op(kind, shapes, **attributes), arithmetic=arithmetic)
    return whole(graph, codes or random_inputs(graph))["y"]


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("line", ["accumulator=32", "accumulator=32:overflow=saturate", "winograd=32"])
def test_with_enough_bits_nothing_deviates(name, line):
    np.testing.assert_array_equal(run(name, f"cosim:{line}"), run(name, "cosim"))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_small_weights_cannot_saturate_a_pair(name):
    kind, shapes, attributes = CASES[name]
    graph = one_op(kind, shapes, **attributes)
    codes = random_inputs(graph)
    codes["x1"] = np.clip(codes["x1"], -64, 63)  # 2 * 255 * 64 < 2^15
    np.testing.assert_array_equal(run(name, "cosim:pairs=int16", codes), run(name, "cosim", codes))
    codes["x1"][...] = 127
    codes["x0"][...] = 127
    if shapes[1][1] > 1:
        assert np.any(run(name, "cosim:pairs=int16", codes) != run(name, "cosim", codes))


def test_pairs_by_hand():
    windows = np.array([[[255, 255, 200]]])
    weights = np.array([[[127, 127, 100]], [[-127, -127, 1]], [[127, -127, 0]]])
    got = pair_sums(windows, weights, 10, np.array([[True]]))
    expected = np.array([32767 + 20000, -32768 + 200, 0]) - 10 * np.array([354, -253, 0])
    np.testing.assert_array_equal(got[0], expected)
    assert not pair_sums(windows, weights, 10, np.array([[False]])).any()


def test_narrow_accumulators_by_hand():
    windows, weights = np.array([[[100, 100, -100]]]), np.array([[[1, 1, 1]]])
    assert narrow_sums(windows, weights, 0, 8, "wrap", "here")[0, 0] == 100  # wrapping forgets the way
    assert narrow_sums(windows, weights, 0, 8, "saturate", "here")[0, 0] == 27  # 100, 127, 27
    assert narrow_sums(windows[:, :, :2], weights[:, :, :2], 0, 8, "wrap", "here")[0, 0] == 200 - 256
    assert narrow_sums(windows, weights, 0, 9, "error", "here")[0, 0] == 100
    with pytest.raises(DescriptionError, match=r"here.*1 of 1 sums overflow 8 bits"):
        narrow_sums(windows, weights, 0, 8, "error", "here")


def test_winograd_is_exact_until_its_registers_are_too_small():
    rng = np.random.default_rng(0)
    x, w = rng.integers(-255, 256, (2, 5, 7, 8)), rng.choice([-127, 127], (3, 5, 3, 3))
    views = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    direct = np.einsum("ncyxij,kcij->nkyx", views, w)
    np.testing.assert_array_equal(winograd(x, w, 16), direct)
    assert np.any(winograd(x, w, 10) != direct)  # the image needs 11 bits, the weights 12


def test_what_has_no_deviating_sums_says_so():
    kind, shapes, attributes = CASES["matmul"]
    graph = replace(one_op(kind, shapes, **attributes), arithmetic="cosim:accumulator=16")
    with pytest.raises(UnsupportedError, match="matmul"):
        whole(graph, random_inputs(graph))
    kind, shapes, attributes = CASES["conv"]
    graph = replace(one_op(kind, shapes, bits=16, **attributes), arithmetic="cosim:pairs=int16")
    with pytest.raises(UnsupportedError, match="8 bits"):
        whole(graph, random_inputs(graph))
