"""Sums that deviate by name: their arithmetic by hand, their limits, and equality where nothing can overflow."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import compress
from cosim.errors import DescriptionError, UnsupportedError
from cosim.execute import scheduled, whole
from cosim.execute.kernels.deviating import narrow_sums, pair_sums
from cosim.execute.kernels.winograd import winograd
from cosim.execute.overflow import overflow_rows, watched
from cosim.graph import Builder
from tests.execute.one import CASES, one_op, random_inputs
from tests.execute.tiny_mapper import TinyMapper, as_soon_as_possible

CONVOLUTIONS = ["conv", "conv_strided", "conv_dilated", "conv_grouped", "depthwise", "linear"]


def run(name, arithmetic, codes=None):
    kind, shapes, attributes = CASES[name]
    graph = replace(one_op(kind, shapes, **attributes), arithmetic=arithmetic)
    return whole(graph, codes or random_inputs(graph))["y"]


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize(
    "line",
    [
        "accumulator=32",
        "accumulator=32:overflow=saturate",
        "accumulator=8:overflow=count",
        "winograd=32",
        "winograd=32:tile=4",
    ],
)
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


@pytest.mark.parametrize(("tile", "bits", "fewer"), [(2, 16, 10), (4, 16, 12)])
def test_winograd_is_exact_until_its_registers_are_too_small(tile, bits, fewer):
    rng = np.random.default_rng(0)
    x, w = rng.integers(-255, 256, (2, 5, 7, 9)), rng.choice([-127, 127], (3, 5, 3, 3))
    views = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    direct = np.einsum("ncyxij,kcij->nkyx", views, w)
    np.testing.assert_array_equal(winograd(x, w, bits, tile=tile), direct)
    assert np.any(winograd(x, w, fewer, tile=tile) != direct)


def test_sums_of_the_larger_tile_lose_results_beyond_their_32_bits():
    x, w = np.full((1, 64, 3, 3), 127), np.full((1, 64, 3, 3), 127)
    exact = 64 * 9 * 127 * 127
    assert exact > 2**31 / 576
    assert winograd(x, w, 16)[0, 0, 0, 0] == exact
    wrapped = (exact * 576 + 2**31) % 2**32 - 2**31
    assert winograd(x, w, 16, tile=4)[0, 0, 0, 0] == int(wrapped / 576)


def conv(channels=24, seed=0):
    """A dense 3x3 convolution with extreme operands."""
    builder = Builder("deep", seed=seed)
    x = builder.input("x", (1, channels, 6, 6))
    builder.output(builder.conv2d(x, 16, 3, padding=1))
    graph = compress(builder.build(), "int8")
    return graph, {"x": np.random.default_rng(seed).integers(-128, 128, (1, channels, 6, 6)).astype(np.int8)}


def counted(graph, codes, line):
    with watched() as counts:
        values = whole(replace(graph, arithmetic=line), codes)[graph.outputs[0]]
    return values, counts[graph.ops[0].name]


def test_overflows_are_counted_and_the_width_that_would_do_is_enough():
    graph, codes = conv()
    exact = whole(graph, codes)[graph.outputs[0]]
    values, found = counted(graph, codes, "cosim:accumulator=17:overflow=count")
    np.testing.assert_array_equal(values, exact)
    assert found.sums == exact.size
    assert 0 < found.overflows < found.sums
    enough, none = counted(graph, codes, f"cosim:accumulator={found.bits}:overflow=wrap")
    np.testing.assert_array_equal(enough, exact)
    assert none.overflows == 0
    assert (none.least, none.most) == (found.least, found.most)
    _, one_less = counted(graph, codes, f"cosim:accumulator={found.bits - 1}:overflow=wrap")
    assert one_less.overflows > 0
    for way in ("wrap", "saturate"):
        assert np.any(counted(graph, codes, f"cosim:accumulator=14:overflow={way}")[0] != exact)
    assert [row["op"] for row in overflow_rows({"a": found})] == ["a"]


def test_exact_sums_are_not_counted_and_watching_ends():
    graph, codes = conv()
    with watched() as counts:
        whole(graph, codes)
    assert counts == {}
    whole(replace(graph, arithmetic="cosim:accumulator=14:overflow=count"), codes)
    assert counts == {}


@pytest.mark.parametrize("line", ["accumulator=13:overflow=wrap", "accumulator=13:overflow=saturate", "accumulator=40"])
def test_a_schedule_goes_on_from_the_partial_sums_of_the_tile_before(line):
    """Hardware keeps the narrow sum between tiles: what wraps is that of any order, what saturates that of its own."""
    graph, codes = conv()
    graph = replace(graph, arithmetic=f"cosim:{line}")
    expected = whole(graph, codes)[graph.outputs[0]]
    program = TinyMapper(graph, seed=2).program()
    times = as_soon_as_possible(program, 2)
    got = scheduled(program, graph, *times, codes)[graph.outputs[0]]
    in_order = whole(graph, codes, order=program)[graph.outputs[0]]
    np.testing.assert_array_equal(got, in_order)
    if "saturate" not in line:
        np.testing.assert_array_equal(got, expected)


def test_a_saturating_sum_starts_where_the_last_tile_ended():
    windows, weights = np.array([[[100, 100, 100]]]), np.array([[[1, 1, -1]]])
    assert narrow_sums(windows, weights, 0, 8, "saturate", "here", start=np.array([[20]]))[0, 0] == 27 - 20
    assert narrow_sums(windows, weights, 0, 8, "wrap", "here", start=np.array([[20]]))[0, 0] == 120 - 20


@pytest.mark.parametrize("name", ["matmul", "transposed"])
def test_other_products_deviate_too(name):
    kind, shapes, attributes = CASES[name]
    graph = one_op(kind, shapes, **attributes)
    codes = random_inputs(graph)
    exact = whole(graph, codes)["y"]
    with watched() as counts:
        for line in ("accumulator=40", "accumulator=10:overflow=count"):
            np.testing.assert_array_equal(whole(replace(graph, arithmetic=f"cosim:{line}"), codes)["y"], exact)
    assert 0 < counts["op"].overflows < counts["op"].sums
    assert np.any(whole(replace(graph, arithmetic="cosim:accumulator=8"), codes)["y"] != exact)


def test_what_has_no_deviating_sums_says_so():
    kind, shapes, attributes = CASES["matmul"]
    graph = replace(one_op(kind, shapes, **attributes), arithmetic="cosim:pairs=int16")
    with pytest.raises(UnsupportedError, match="matmul"):
        whole(graph, random_inputs(graph))
    kind, shapes, attributes = CASES["conv"]
    graph = replace(one_op(kind, shapes, bits=16, **attributes), arithmetic="cosim:pairs=int16")
    with pytest.raises(UnsupportedError, match="8 bits"):
        whole(graph, random_inputs(graph))
