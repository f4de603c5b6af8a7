"""Cutting an op into tiles must not change its numbers: any box of loops, partial sums in any order."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosim.execute import KERNELS, Tiles, whole
from cosim.execute.tiles import accumulators_of
from cosim.graph import Role
from tests.execute.one import CASES, one_op, random_inputs


@st.composite
def cuts(draw, space):
    """Inner boundaries of each loop, obeying roles and exclusive pairs."""
    points = []
    for dim in space.dims:
        inner = [] if dim.role is Role.WHOLE or dim.size == 1 else list(range(1, dim.size))
        chosen = draw(st.lists(st.sampled_from(inner), unique=True, max_size=2)) if inner else []
        points.append([0, *sorted(chosen), dim.size])
    for first, second in space.exclusive:
        if len(points[second]) > 2:
            points[first] = list(range(space.dims[first].size + 1))
    return points


def tiles_of(points):
    """All tiles, shape (tiles, loops, 2)."""
    spans = [np.stack([p[:-1], p[1:]], axis=1) for p in points]
    grids = np.meshgrid(*[np.arange(len(s)) for s in spans], indexing="ij")
    return np.stack([s[g.reshape(-1)] for s, g in zip(spans, grids, strict=True)], axis=1)


def run_tiles(graph, codes, points, order):
    """The output assembled tile by tile; `order` shuffles tiles that add to the same element too."""
    op = graph.ops[0]
    space = graph.space(op)
    boxes = tiles_of(points)[order]
    tiles = Tiles.of(graph, op, boxes)
    whole_shape = graph.tensors["y"].shape
    dtype = whole(graph, codes)["y"].dtype
    out = np.zeros(whole_shape, dtype)
    done = np.zeros(whole_shape, int)
    sums, seen = {}, {}
    reductions = space.reductions()
    per_output = int(np.prod([len(points[i]) - 1 for i in reductions])) if reductions else 1
    for index in range(len(boxes)):
        operands = [
            None if tiles.is_empty(index, i) else codes[name][tuple(slice(*b) for b in tiles.boxes[i][index])]
            for i, name in enumerate(op.inputs)
        ]
        place = tuple(map(tuple, tiles.outputs[index].tolist()))
        seen[place] = seen.get(place, 0) + 1
        partial = seen[place] < per_output
        result = KERNELS[op.kind.name](tiles.call(index, operands, sums.get(place), partial))
        if partial:
            assert result.dtype == accumulators_of(graph, op)
            sums[place] = result
        else:
            out[tuple(slice(*b) for b in place)] = result
            done[tuple(slice(*b) for b in place)] += 1
    assert (done == 1).all()
    return out


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_integer_tiles_give_the_bits_of_the_whole(case, data):
    kind, shapes, attributes = CASES[case]
    seed = data.draw(st.integers(0, 100))
    bits = data.draw(st.sampled_from([8, 8, 16]))
    graph = one_op(kind, shapes, bits=bits, seed=seed, **attributes)
    codes = random_inputs(graph, seed)
    points = data.draw(cuts(graph.space(graph.ops[0])))
    n = int(np.prod([len(p) - 1 for p in points]))
    order = np.random.default_rng(seed).permutation(n)
    expected = whole(graph, codes)["y"]
    np.testing.assert_array_equal(run_tiles(graph, codes, points, order), expected)


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_float_tiles_stay_within_the_summation_bound(case, data):
    kind, shapes, attributes = CASES[case]
    graph = one_op(kind, shapes, integer=False, **attributes)
    codes = random_inputs(graph, 1)
    points = data.draw(cuts(graph.space(graph.ops[0])))
    n = int(np.prod([len(p) - 1 for p in points]))
    expected = whole(graph, codes)["y"]
    np.testing.assert_allclose(run_tiles(graph, codes, points, np.arange(n)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", [name for name, (kind, _, _) in CASES.items() if kind not in {"gather", "quantize"}])
def test_strides_of_the_inputs_do_not_matter(case):
    kind, shapes, attributes = CASES[case]
    graph = one_op(kind, shapes, **attributes)
    codes = random_inputs(graph)
    strided = {name: np.asfortranarray(array) for name, array in codes.items()}
    np.testing.assert_array_equal(whole(graph, strided)["y"], whole(graph, codes)["y"])
