"""Patches: the same bits in fewer bytes, and every recomputed product counted."""

import numpy as np
import pytest
from cosim_workloads import NETWORKS
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim import compress
from cosim.arena.patches import cut_points, search, stage
from cosim.arena.plan import patched, plan
from cosim.arena.run import run
from cosim.errors import DescriptionError
from cosim.execute import whole
from cosim.graph import Builder


def network(seed=4, size=16, kernel=3):
    """A stem, inverted residuals of stride 1 and 2, and a head."""
    b = Builder("residuals", seed=seed)
    x = b.input("x", (1, 3, size, size))
    x = b.conv2d(x, 8, 3, padding=1, stride=2, activation="relu6", name="stem")
    y = b.depthwise(b.conv2d(x, 16, 1, activation="relu6"), kernel, padding=kernel // 2, activation="relu6")
    x = b.add(b.conv2d(y, 8, 1), x)
    y = b.depthwise(b.conv2d(x, 24, 1, activation="relu6"), 5, stride=2, padding=2, activation="relu6")
    x = b.conv2d(y, 8, 1, name="narrow")
    x = b.max_pool2d(x, 2, 2)
    b.output(b.linear(b.flatten(x), 5))
    return compress(b.build(), "int8")


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 3), st.sampled_from([15, 16, 21]), st.sampled_from([3, 5]), st.integers(1, 4), st.data())
def test_the_same_bits_patch_by_patch(seed, size, kernel, patches, data):
    graph = network(seed, size, kernel)
    output = data.draw(st.sampled_from([name for _, name in cut_points(graph)]))
    patches = min(patches, *graph.tensors[output].shape[2:])
    x = np.random.default_rng(seed).standard_normal((1, 3, size, size)).astype(np.float32)
    expected = whole(graph, {"x": x})
    for stack in ("tinyengine", "plain"):
        made = run(plan(graph, stack, stage=stage(graph, output, patches)), {"x": x})
        for name in graph.outputs:
            np.testing.assert_array_equal(made[name], expected.codes[name])


def test_one_patch_is_the_whole_layer():
    graph = network()
    for _, output in cut_points(graph):
        assert stage(graph, output, 1).extra_macs == 0


def test_what_is_computed_again_is_counted():
    graph = network()
    output = "narrow"
    made = stage(graph, output, 2)
    assert made.extra_macs > 0
    by_hand = 0
    for patch in made.patches:
        for op in made.ops:
            by_hand += (
                int(np.prod(patch.tiles[op.name][0, :, 1] - patch.tiles[op.name][0, :, 0]))
                * graph.space(op).macs_per_point
            )
    assert made.macs == by_hand


def test_a_halo_that_is_lost_gives_other_numbers():
    graph = network()
    made = stage(graph, "narrow", 2)
    x = np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32)
    arena = plan(graph, stage=made)
    biggest = max(arena.blocks, key=lambda block: block.size)
    assert biggest.size < max(block.size for block in plan(graph).blocks)
    stem = next(op for op in made.ops if op.name == "stem")
    shifted = made.patches[3].tiles[stem.name]
    shifted[0, :, 0] += (shifted[0, :, 0] > 0).astype(np.int64)  # one row and column fewer
    with pytest.raises((AssertionError, ValueError, IndexError)):
        np.testing.assert_array_equal(
            run(arena, {"x": x})[graph.outputs[0]], whole(graph, {"x": x}).codes[graph.outputs[0]]
        )


def test_the_best_stage_needs_less_and_recomputes_little():
    graph = compress(NETWORKS["mobilenet_v2_035"](), "int8", calibrate=False)
    best = patched(graph, most_extra=0.1)
    assert best.stage is not None
    assert best.stage.extra_macs <= 0.1 * graph.macs
    assert best.peak_bytes < 0.5 * plan(graph).peak_bytes
    assert all(one.extra_macs <= 0.02 * graph.macs for one in search(graph, most_extra=0.02))


def test_where_no_stage_can_end_is_said():
    graph = network()
    with pytest.raises(DescriptionError, match="narrow"):
        stage(graph, "x", 2)
    with pytest.raises(DescriptionError, match="1 to 4"):
        stage(graph, "narrow", 9)
