"""Published peaks to the byte, the smallest arena by brute force, and the same bits out of an array of that size."""

import itertools
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from cosim_workloads import NETWORKS
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim import compress
from cosim.arena import plan
from cosim.arena.advice import advice
from cosim.arena.block import Block, blocks, live_bytes
from cosim.arena.export import as_header, as_json
from cosim.arena.place import ORDERS, first_fit, optimal
from cosim.arena.run import run
from cosim.errors import DescriptionError
from cosim.execute import whole
from cosim.graph import Builder

# Peak SRAM and flash of TinyEngine on STM32H743 as printed in mit-han-lab/tinyengine's README [KiB].
PUBLISHED = {
    "mcunet_in0": (49, 842),
    "mcunet_in1": (96, 727),
    "mcunet_in2": (215, 830),
    "mcunet_in3": (260, 835),
    "mcunet_in4": (416, 1825),
    "mcunet_vww1": (92, 521),
}
# arena, scratch, widened weights [byte]
PARTS = {
    "mcunet_in0": (46080, 2688, 1296),
    "mcunet_in1": (92160, 5000, 864),
    "mcunet_in2": (204800, 14112, 864),
    "mcunet_in3": (247808, 17672, 864),
    "mcunet_in4": (409600, 14792, 1728),
    "mcunet_vww1": (89600, 3528, 864),
}


def quantised(name, **arguments):
    network = NETWORKS[name]
    return compress(replace(network, arguments={**network.arguments, **arguments})(), "int8", calibrate=False)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_peaks_and_flash(name):
    arena = plan(quantised(name))
    assert (arena.placed.peak, arena.scratch_bytes, arena.kernel_bytes) == PARTS[name]
    sram, flash = PUBLISHED[name]
    assert round(arena.peak_bytes / 1024) == sram
    assert abs(arena.flash_bytes / 1024 - flash) < 2.01


def test_the_published_peak_of_proxyless():
    arena = plan(quantised("proxyless_mobile", width=0.3, image=176, mix=None))
    assert (arena.placed.peak, arena.scratch_bytes, arena.kernel_bytes) == (247808, 16928, 864)


@st.composite
def block_lists(draw):
    """Up to five blocks of a few steps; some shrink."""
    found = []
    for number in range(draw(st.integers(1, 5))):
        first, length = draw(st.integers(0, 4)), draw(st.integers(1, 4))
        size, cut = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        sizes = np.full(length, size)
        sizes[cut:] = max(1, size // 2)
        found.append(Block((f"t{number}",), first, sizes))
    return found


def overlap(found, offsets):
    """Whether two blocks share a byte at some step."""
    for (one, low), (other, at) in itertools.combinations(list(zip(found, offsets, strict=True)), 2):
        if one.meets(other):
            ours, theirs = one.common(other)
            if np.any((low < at + theirs) & (at < low + ours)):
                return True
    return False


def fits(found, peak, offsets=()):
    """Whether blocks can be placed below `peak` at whole bytes, tried one by one."""
    if len(offsets) == len(found):
        return True
    block = found[len(offsets)]
    for offset in range(peak - block.size + 1):
        tried = (*offsets, offset)
        if not overlap(found[: len(tried)], tried) and fits(found, peak, tried):
            return True
    return False


@settings(deadline=None, max_examples=60)
@given(block_lists())
def test_the_optimal_planner_is_optimal(found):
    best = optimal(found)
    assert best.is_optimal
    assert not overlap(found, best.offsets)
    assert not fits(found, best.peak - 1)


@settings(deadline=None, max_examples=60)
@given(block_lists(), st.sampled_from(sorted(ORDERS)), st.sampled_from([1, 4, 16]))
def test_first_fit_overlaps_nothing_and_aligns(found, order, align):
    placed = first_fit(found, order, align)
    assert not overlap(found, placed.offsets)
    assert all(offset % align == 0 for offset in placed.offsets)
    steps = max(block.last for block in found) + 1
    least = int(live_bytes(found, steps).max())
    assert placed.peak >= least
    assert placed.is_optimal == (placed.peak == least)


def calibrated(builder):
    return compress(builder.build(), "int8")


def inverted_residuals():
    """Depthwise layers of stride 1 and 2, a residual, a depthwise whose input is used again, a view."""
    b = Builder("residuals", seed=4)
    x = b.input("x", (1, 3, 12, 12))
    x = b.conv2d(x, 8, 3, padding=1, activation="relu6")
    y = b.depthwise(b.conv2d(x, 16, 1, activation="relu6"), 3, padding=1, activation="relu6")
    x = b.add(b.conv2d(y, 8, 1), x)
    y = b.depthwise(b.conv2d(x, 24, 1, activation="relu6"), 5, stride=2, padding=2, activation="relu6")
    x = b.conv2d(y, 8, 1)
    x = b.add(b.depthwise(x, 3, padding=1), x)
    b.output(b.linear(b.flatten(b.max_pool2d(x, 2, 2)), 5))
    return calibrated(b)


@pytest.mark.parametrize("stack", ["tinyengine", "plain"])
@pytest.mark.parametrize("planner", ["first-fit", "optimal"])
def test_the_same_bits_out_of_an_array_of_that_size(stack, planner):
    graph = inverted_residuals()
    x = np.random.default_rng(0).standard_normal((1, 3, 12, 12)).astype(np.float32)
    made = run(plan(graph, stack, planner), {"x": x})
    expected = whole(graph, {"x": x})
    for name in graph.outputs:
        np.testing.assert_array_equal(made[name], expected.codes[name])


def test_a_wrong_offset_gives_other_numbers():
    graph = inverted_residuals()
    arena = plan(graph)
    x = np.random.default_rng(0).standard_normal((1, 3, 12, 12)).astype(np.float32)
    # an op reads before it writes: only two steps together show
    pairs = itertools.combinations(range(len(arena.blocks)), 2)
    common = {pair: [arena.blocks[n] for n in pair] for pair in pairs}
    biggest, other = next(
        pair for pair, (a, b) in common.items() if a.meets(b) and len(a.common(b)[0]) > 1 and "x" not in a.tensors
    )
    offsets = list(arena.placed.offsets)
    offsets[other] = offsets[biggest]
    broken = replace(arena, placed=replace(arena.placed, offsets=tuple(offsets)))
    name = graph.outputs[0]
    assert not np.array_equal(run(broken, {"x": x})[name], whole(graph, {"x": x}).codes[name])


def test_depthwise_in_place_needs_no_room_of_its_own():
    graph = inverted_residuals()
    inside, beside = blocks(graph, in_place=True), blocks(graph, in_place=False)
    assert len(inside) == len(beside) - 2  # the third depthwise layer's input is added to its output
    assert plan(graph, planner="optimal").placed.peak < plan(graph, "plain", "optimal").placed.peak
    assert plan(graph, planner="optimal").placed.peak < plan(graph).placed.peak  # first fit by size leaves a gap here


def test_what_a_stride_frees_is_used():
    shrinking = [block for block in blocks(inverted_residuals(), in_place=True) if block.sizes[-1] < block.sizes[0]]
    assert [(block.sizes[0], block.sizes[-1]) for block in shrinking] == [(24 * 144, 24 * 36)]


def test_the_export_says_every_offset(tmp_path):
    arena = plan(inverted_residuals())
    told = as_json(arena)
    assert told["arena_bytes"] == max(block["offset_bytes"] + block["size_bytes"] for block in told["blocks"])
    assert sum(told["flash"].values()) == told["flash_bytes"]
    header = tmp_path / "arena.h"
    header.write_text(as_header(arena))
    for tensor, offset in arena.offsets.items():
        assert f" {offset}u /* {arena.graph.tensors[tensor].bytes} bytes */" in header.read_text()
    try:
        subprocess.run(["cc", "-fsyntax-only", "-x", "c", str(header)], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no C compiler")


def test_advice_is_about_what_it_saves():
    told = advice(plan(inverted_residuals(), "plain"))
    assert any("in place" in text for text in told)


def test_unknown_names_are_refused():
    graph = inverted_residuals()
    with pytest.raises(DescriptionError, match="tinyengine"):
        plan(graph, "tinyengin")
    with pytest.raises(DescriptionError, match="optimal"):
        plan(graph, planner="best")
