"""Accesses against brute force: every point of a random tile, and the elements that it really touches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.graph import KINDS, Role

FAMILIES = [
    "conv2d",
    "conv_transpose2d",
    "max_pool2d",
    "avg_pool2d",
    "linear",
    "matmul",
    "binary",
    "slice",
    "concat",
    "movement",
    "rows",
]


def _tile(draw, space):
    """A random box of the space that keeps its rules."""
    tile = []
    for dim in space.dims:
        low = 0 if dim.role is Role.WHOLE else draw(st.integers(0, dim.size - 1))
        high = dim.size if dim.role is Role.WHOLE else draw(st.integers(low + 1, dim.size))
        tile.append((low, high))
    for group, channel in space.exclusive:
        if tile[group][1] - tile[group][0] > 1:
            tile[channel] = (0, space.dims[channel].size)
    return np.array([tile], np.int64)


def _aligned(index, shape):
    """Index of a broadcast operand."""
    tail = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else i for i, size in zip(tail, shape, strict=True))


def _touched(case, p):
    """Indices of each input, then of the output, at point `p`, before clipping; written from the definitions."""
    a, shapes, name = case.attributes, case.shapes, case.kind.name
    if name == "conv2d":
        n, g, k, c, oy, ox, fy, fx = p
        kk, cc = g * (shapes[1][0] // a["groups"]) + k, g * shapes[1][1] + c
        y = oy * a["strides"][0] + fy * a["dilations"][0] - a["pads"][0]
        x = ox * a["strides"][1] + fx * a["dilations"][1] - a["pads"][1]
        return [(n, cc, y, x), (kk, c, fy, fx), (kk,)][: len(shapes)], (n, kk, oy, ox)
    if name == "conv_transpose2d":
        n, g, k, c, oy, ox, fy, fx = p
        cc, kk = g * (shapes[1][0] // a["groups"]) + c, g * shapes[1][1] + k
        y, rest_y = divmod(oy + a["pads"][0] - fy * a["dilations"][0], a["strides"][0])
        x, rest_x = divmod(ox + a["pads"][1] - fx * a["dilations"][1], a["strides"][1])
        image = None if rest_y or rest_x else (n, cc, y, x)
        return [image, (cc, k, fy, fx), (kk,)][: len(shapes)], (n, kk, oy, ox)
    if "pool" in name:
        n, c, oy, ox, fy, fx = p
        dy, dx = a.get("dilations", (1, 1))
        y, x = oy * a["strides"][0] + fy * dy - a["pads"][0], ox * a["strides"][1] + fx * dx - a["pads"][1]
        return [(n, c, y, x)], (n, c, oy, ox)
    if name == "linear":
        *rows, n, k = p
        return [(*rows, k), (n, k), (n,)][: len(shapes)], (*rows, n)
    if name == "matmul":
        *b, m, n, k = p
        right = (n, k) if a["transpose_b"] else (k, n)
        left = (*_aligned(b, shapes[0][:-2]), m, k)
        return [left, (*_aligned(b, shapes[1][:-2]), *right)], (*b, m, n)
    if name == "slice":
        return [tuple(s + i * t for i, s, t in zip(p, a["starts"], a["steps"], strict=True))], p
    if name == "concat":
        axis, start, out = a["axis"] % len(p), 0, []
        for shape in shapes:
            out.append(tuple(i - start if d == axis else i for d, i in enumerate(p)))
            start += shape[axis]
        return out, p
    if name == "pad":
        return [tuple(i - before for i, (before, _) in zip(p, a["pads"], strict=True))], p
    if name == "transpose":
        source = [0] * len(p)
        for i, axis in zip(p, a["permutation"], strict=True):
            source[axis] = i
        return [tuple(source)], p
    if name == "gather":
        axis, rank = a["axis"] % len(shapes[0]), len(shapes[1])
        return [(*p[:axis], None, *p[axis + rank :]), p[axis : axis + rank]], p
    if name in ("layer_norm", "rms_norm"):
        axis = a.get("axis", -1) % len(p)
        return [p, *(p[axis:] for _ in shapes[1:])], p
    if name == "batch_norm":
        return [p, *((p[1],),) * 4], p
    if name.startswith("reduce"):
        kept = [0 if d in a["axes"] else i for d, i in enumerate(p) if a["keepdims"] or d not in a["axes"]]
        return [p], tuple(kept)
    return [_aligned(p, shape) for shape in shapes], p


def _hull(indices, shape):
    """Half-open hull of a set of indices, clipped; None stands for any index of the axis."""
    box = []
    for axis, size in enumerate(shape):
        values = [index[axis] for index in indices]
        if None in values:
            box.append((0, size))
        else:
            box.append((max(0, min(size, *values)), max(0, min(size, max(values) + 1))))
    return np.array(box).reshape(-1, 2)


def _is_empty(box):
    return bool((box[:, 1] <= box[:, 0]).any())


@pytest.mark.parametrize("family", FAMILIES)
def test_boxes_are_what_points_touch(family, cases):
    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def check(data):
        case = data.draw(cases[family])
        tile = _tile(data.draw, case.space)
        points = list(itertools.product(*(range(low, high) for low, high in tile[0])))
        touched = [_touched(case, p) for p in points]
        for position, access in enumerate((*case.space.inputs, case.space.output)):
            is_output = position == len(case.shapes)
            indices = [t[1] if is_output else t[0][position] for t in touched]
            indices = [index for index in indices if index is not None]
            shape = case.output if is_output else case.shapes[position]
            assert access.shape == shape
            box = access.boxes(tile)[0]
            if not indices:
                continue  # every point fell between the inserted zeros: the box may be anything
            hull = _hull(indices, shape)
            skips = family == "conv_transpose2d" and max(case.attributes["dilations"]) > 1
            if _is_empty(hull):
                assert _is_empty(box) or skips
            elif skips:
                # dilated taps may skip the ends that the affine hull keeps
                assert (box[:, 0] <= hull[:, 0]).all()
                assert (box[:, 1] >= hull[:, 1]).all()
            else:
                np.testing.assert_array_equal(box, hull)

    check()


def _cuts(draw, size):
    inner = sorted(draw(st.sets(st.integers(1, size - 1), max_size=2))) if size > 1 else []
    edges = [0, *inner, size]
    return list(itertools.pairwise(edges))


@pytest.mark.parametrize("family", FAMILIES)
def test_tiles_unite_to_the_whole_op(family, cases):
    """Every output element is written by the tiles as often as the whole op has reduction parts: no gap, no overlap."""

    @settings(max_examples=40, deadline=None)
    @given(st.data())
    def check(data):
        case = data.draw(cases[family])
        space = case.space
        cuts = [_cuts(data.draw, dim.size) if dim.role is Role.PARALLEL else [(0, dim.size)] for dim in space.dims]
        for group, channel in space.exclusive:
            if len(cuts[channel]) > 1:
                cuts[group] = [(i, i + 1) for i in range(space.dims[group].size)]
        tiles = np.array(list(itertools.product(*cuts)), np.int64)
        written = np.zeros(case.output, int)
        for box in space.output.boxes(tiles):
            written[tuple(slice(low, high) for low, high in box)] += 1
        assert (written == 1).all()

    check()


def test_window_of_a_padded_convolution_overhangs():
    kind = KINDS["conv2d"]
    attributes = {**kind.defaults, "pads": (1, 2, 1, 2), "strides": (2, 2)}
    shapes = ((1, 1, 6, 6), (1, 1, 3, 3))
    space = kind.space(attributes, shapes, kind.infer(attributes, shapes))
    image = space.inputs[0]
    np.testing.assert_array_equal(image.reach(space.whole)[0, 2:], [(-1, 6), (-2, 7)])
    np.testing.assert_array_equal(image.overhang(space.whole)[0, 2:], [(1, 0), (2, 1)])


def test_reshape_moves_equal_leading_axes_together():
    kind = KINDS["reshape"]
    space = kind.space({}, ((4, 3, 5),), (4, 15))
    box = space.inputs[0].boxes(np.array([[(1, 2), (3, 4)]]))[0]
    np.testing.assert_array_equal(box, [(1, 2), (0, 3), (0, 5)])


def test_resize_reads_the_whole_image():
    kind = KINDS["resize"]
    space = kind.space(kind.defaults, ((1, 2, 3, 4),), (1, 2, 6, 8))
    box = space.inputs[0].boxes(np.array([[(0, 1), (1, 2), (5, 6), (0, 1)]]))[0]
    np.testing.assert_array_equal(box, [(0, 1), (1, 2), (0, 3), (0, 4)])


def test_groups_exclude_cutting_their_channels():
    kind = KINDS["conv2d"]
    attributes = {**kind.defaults, "groups": 2}
    space = kind.space(attributes, ((1, 4, 3, 3), (6, 2, 1, 1)), (1, 6, 3, 3))
    named = [(space.dims[a].name, space.dims[b].name) for a, b in space.exclusive]
    assert named == [("G", "K"), ("G", "C")]
    depthwise = kind.space({**attributes, "groups": 4}, ((1, 4, 3, 3), (4, 1, 1, 1)), (1, 4, 3, 3))
    assert depthwise.exclusive == ()
