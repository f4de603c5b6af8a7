"""Small ops drawn at random, shared by the tests of shapes and of accesses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from cosim.graph import KINDS, Shape, Space


class Case:
    """One op kind with attributes and input shapes, inferred."""

    def __init__(self, kind: str, shapes: tuple[Shape, ...], **attributes: Any) -> None:
        self.kind = KINDS[kind]
        self.shapes = shapes
        self.given = attributes
        self.attributes = {**self.kind.defaults, **attributes}
        self.output = self.kind.infer(self.attributes, shapes)
        self.space: Space = self.kind.space(self.attributes, shapes, self.output)

    def __repr__(self) -> str:
        return f"{self.kind.name} {self.shapes} {self.given} -> {self.output}"


def _size(draw: Any, low: int = 1, high: int = 4) -> int:
    return draw(st.integers(low, high))


@st.composite
def convolutions(draw: Any, kind: str = "conv2d") -> Case:
    groups, in_group, out_group = _size(draw, 1, 3), _size(draw, 1, 2), _size(draw, 1, 2)
    taps = (_size(draw, 1, 3), _size(draw, 1, 3))
    dilations = (_size(draw, 1, 2), _size(draw, 1, 2))
    strides = (_size(draw, 1, 3), _size(draw, 1, 3))
    pads = tuple(_size(draw, 0, 2) for _ in range(4))
    reach = [d * (t - 1) + 1 for d, t in zip(dilations, taps, strict=True)]
    image = tuple(
        _size(draw, max(1, r - pads[a] - pads[a + 2]), max(1, r - pads[a] - pads[a + 2]) + 3)
        for a, r in enumerate(reach)
    )
    if kind == "conv_transpose2d":
        pads = tuple(min(p, (reach[a % 2] - 1) // 2) for a, p in enumerate(pads))
    x = (_size(draw, 1, 2), groups * in_group, *image)
    w = (groups * out_group, in_group, *taps) if kind == "conv2d" else (groups * in_group, out_group, *taps)
    shapes = (x, w, (groups * out_group,)) if draw(st.booleans()) else (x, w)
    extra = {}
    if kind == "conv_transpose2d":
        bound = [max(s, d) - 1 for s, d in zip(strides, dilations, strict=True)]
        extra["output_padding"] = tuple(_size(draw, 0, b) for b in bound)
    return Case(kind, shapes, strides=strides, pads=pads, dilations=dilations, groups=groups, **extra)


@st.composite
def pools(draw: Any, kind: str = "max_pool2d") -> Case:
    kernel = (_size(draw, 1, 3), _size(draw, 1, 3))
    dilations = (_size(draw, 1, 2), _size(draw, 1, 2)) if kind == "max_pool2d" else (1, 1)
    half = [k // 2 for k in kernel]  # torch's bound
    pads = (_size(draw, 0, half[0]), _size(draw, 0, half[1]))
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    image = tuple(_size(draw, max(1, r - 2 * p), r + 4) for r, p in zip(reach, pads, strict=True))
    x = (_size(draw, 1, 2), _size(draw, 1, 2), *image)
    given = {
        "kernel": kernel,
        "strides": (_size(draw, 1, 3), _size(draw, 1, 3)),
        "pads": pads * 2,
        "ceil_mode": draw(st.booleans()),
    }
    if kind == "max_pool2d":
        given["dilations"] = dilations
    return Case(kind, (x,), **given)


@st.composite
def _shape(draw: Any, least: int = 1, most: int = 4) -> Shape:
    return tuple(draw(st.lists(st.integers(1, 4), min_size=least, max_size=most)))


@st.composite
def linears(draw: Any) -> Case:
    x = draw(_shape())
    k = _size(draw)
    shapes = (x, (k, x[-1]), (k,)) if draw(st.booleans()) else (x, (k, x[-1]))
    return Case("linear", shapes)


def _ones(draw: Any, shape: Shape) -> Shape:
    """`shape` with some extents 1 and some leading axes missing: it broadcasts back."""
    thinned = tuple(draw(st.sampled_from((1, n))) for n in shape)
    return thinned[draw(st.integers(0, len(thinned))) :]


@st.composite
def matmuls(draw: Any) -> Case:
    batch = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    m, n, k = _size(draw), _size(draw), _size(draw)
    transpose_b = draw(st.booleans())
    a = (*_ones(draw, batch), m, k)
    b = (*_ones(draw, batch), *((n, k) if transpose_b else (k, n)))
    return Case("matmul", (a, b), transpose_b=transpose_b)


@st.composite
def binaries(draw: Any) -> Case:
    shape = draw(_shape())
    return Case(draw(st.sampled_from(("add", "mul", "pow"))), (_ones(draw, shape), _ones(draw, shape)))


@st.composite
def slices(draw: Any) -> Case:
    x = draw(_shape(1, 3))
    starts = tuple(draw(st.integers(0, n - 1)) for n in x)
    stops = tuple(draw(st.integers(s + 1, n)) for s, n in zip(starts, x, strict=True))
    return Case("slice", (x,), starts=starts, stops=stops, steps=tuple(_size(draw, 1, 3) for _ in x))


@st.composite
def concats(draw: Any) -> Case:
    x = draw(_shape())
    axis = draw(st.integers(-len(x), len(x) - 1))
    shapes = tuple(
        tuple(_size(draw) if i == axis % len(x) else n for i, n in enumerate(x)) for _ in range(_size(draw, 1, 3))
    )
    return Case("concat", shapes, axis=axis)


@st.composite
def movements(draw: Any) -> Case:
    x = draw(_shape())
    kind = draw(st.sampled_from(("pad", "transpose", "broadcast_to", "gather")))
    if kind == "pad":
        return Case(kind, (x,), pads=tuple((_size(draw, 0, 2), _size(draw, 0, 2)) for _ in x))
    if kind == "transpose":
        return Case(kind, (x,), permutation=tuple(draw(st.permutations(range(len(x))))))
    if kind == "broadcast_to":
        return Case(kind, (_ones(draw, x),), shape=x)
    return Case(kind, (x, draw(_shape(0, 2))), axis=draw(st.integers(-len(x), len(x) - 1)))


@st.composite
def rows(draw: Any) -> Case:
    """Ops with axes that stay in one piece."""
    x = draw(_shape(2, 4))
    axis = draw(st.integers(-len(x), len(x) - 1))
    kind = draw(st.sampled_from(("softmax", "layer_norm", "rms_norm", "batch_norm", "reduce_mean", "reduce_max")))
    if kind == "softmax":
        return Case(kind, (x,), axis=axis)
    if kind == "layer_norm":
        affine = (x[axis:],) * draw(st.integers(0, 2))
        return Case(kind, (x, *affine), axis=axis)
    if kind == "rms_norm":
        return Case(kind, (x, x[-1:]))
    if kind == "batch_norm":
        return Case(kind, (x, *((x[1],),) * 4))
    axes = tuple(draw(st.lists(st.integers(0, len(x) - 1), min_size=1, unique=True)))
    return Case(kind, (x,), axes=axes, keepdims=draw(st.booleans()))


CASES = {
    "conv2d": convolutions(),
    "conv_transpose2d": convolutions("conv_transpose2d"),
    "max_pool2d": pools(),
    "avg_pool2d": pools("avg_pool2d"),
    "linear": linears(),
    "matmul": matmuls(),
    "binary": binaries(),
    "slice": slices(),
    "concat": concats(),
    "movement": movements(),
    "rows": rows(),
}


@pytest.fixture(scope="session")
def cases() -> dict[str, st.SearchStrategy[Case]]:
    """Strategies by family."""
    return CASES
