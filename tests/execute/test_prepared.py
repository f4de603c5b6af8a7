"""A prepared graph computes what the kernels compute, whatever the op, its shape and the rounding rule."""

import gc
import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.compress import compress, int8
from cosim.errors import DescriptionError
from cosim.execute import KERNELS, prepare, prepared, steps, whole
from cosim.graph import Builder, Op, Stored
from tests.execute.one import CASES, one_op, random_inputs
from tests.execute.test_scheduled import network

# Kernels of other identity, so that no step takes their place.
PLAIN = {name: (lambda call, kernel=kernel: kernel(call)) for name, kernel in KERNELS.items()}
ARITHMETICS = (
    "cosim", "onnxruntime", "pytorch-qnnpack", "tflite", "tflite-builtin", "tflite-reference", "pytorch-fbgemm",
    "pytorch-onednn", "ncnn", "tosa", "mnn", "pytorch-fbgemm:pairs=taps",
)  # fmt: skip


def constant(graph, seed=0):
    """The graph of one op with its parameters as constants, and codes for the input."""
    codes = random_inputs(graph, seed)
    known = {name: Stored(codes.pop(name)) for name in graph.inputs[1:]}
    return replace(graph, inputs=graph.inputs[:1], constants=known), codes


def steps_of(graph):
    ready = prepare(graph)
    return [ready.step(op) is not None for op in graph.ops]


def check(graph, codes):
    np.testing.assert_array_equal(prepare(graph).run(codes)["y"], prepare(graph, kernels=PLAIN).run(codes)["y"])


@st.composite
def convolutions(draw):
    groups = draw(st.sampled_from((1, 1, 1, 2, 3)))
    inner, outer = draw(st.integers(1, 9)), draw(st.sampled_from((1, 2, 7, 31, 33, 40, 65)))
    if draw(st.booleans()):  # depthwise
        groups, inner, outer = draw(st.sampled_from((2, 5, 16, 63, 64, 65, 100))), 1, 1
    fy, fx = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    strides, dilations = (tuple(draw(st.integers(1, 2)) for _ in range(2)) for _ in range(2))
    pads = tuple(draw(st.integers(0, 2)) for _ in range(4))
    sizes = [
        draw(st.integers(max(dilation * (taps - 1) + 1 - before - after, 1), 11))
        for dilation, taps, before, after in zip(dilations, (fy, fx), pads[:2], pads[2:], strict=True)
    ]
    shapes = [(draw(st.integers(1, 3)), groups * inner, *sizes), (groups * outer, inner, fy, fx)]
    if draw(st.booleans()):
        shapes.append((groups * outer,))
    activation = draw(st.sampled_from(("none", "relu", "relu6")))
    return shapes, {
        "strides": strides, "dilations": dilations, "pads": pads, "groups": groups, "activation": activation
    }  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(convolutions(), st.sampled_from(ARITHMETICS), st.integers(0, 3))
def test_convolutions(case, arithmetic, seed):
    shapes, attributes = case
    graph, codes = constant(one_op("conv2d", shapes, seed=seed, **attributes), seed)
    graph = replace(graph, arithmetic=arithmetic)
    if seed == 3:
        codes = {"x0": np.full_like(codes["x0"], -128)}
        graph = replace(graph, constants={**graph.constants, "x1": Stored(np.full(shapes[1], -128, np.int8))})
    assert steps_of(graph) == [True] or "pairs" in arithmetic
    check(graph, codes)


def test_only_the_ops_that_deviate_have_no_step():
    attributes = {"pads": (1, 1, 1, 1), "groups": 16}
    for preset in ("pytorch-fbgemm", "pytorch-fbgemm:pairs=taps"):
        graph, codes = constant(one_op("conv2d", [(1, 16, 5, 5), (16, 1, 3, 3)], **attributes))
        graph = replace(graph, arithmetic=preset)
        assert steps_of(graph) == ["pairs" not in preset]
        codes = {"x0": np.full_like(codes["x0"], -128)}
        check(replace(graph, constants={"x1": Stored(np.full((16, 1, 3, 3), -128, np.int8))}), codes)


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("shapes", [[(1, 37), (33, 37), (33,)], [(5, 8), (3, 8)], [(2, 20, 12), (64, 12), (64,)]])
def test_linear(shapes, arithmetic):
    graph, codes = constant(one_op("linear", shapes, activation="relu"))
    graph = replace(graph, arithmetic=arithmetic)
    assert steps_of(graph) == [True]
    check(graph, codes)


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize(
    ("kind", "shapes", "attributes", "has_step"),
    [
        ("add", [(2, 5, 3, 4)] * 2, {"activation": "relu6"}, True),
        ("sub", [(2, 5, 3, 4)] * 2, {}, True),
        ("mul", [(3, 4)] * 2, {"activation": "relu"}, True),
        ("maximum", [(1, 2, 3, 4)] * 2, {}, True),
        ("add", [(2, 5, 3, 4), (5, 1, 1)], {}, False),
        ("relu6", [(2, 5, 3, 4)], {}, True),
        ("silu", [(2, 5, 3, 4)], {}, True),
        ("requantize", [(2, 5, 3, 4)], {}, True),
        ("reduce_mean", [(2, 21, 5, 7)], {"axes": (2, -1), "keepdims": False}, True),
        ("reduce_mean", [(2, 3, 5, 7)], {"axes": (1, 2), "keepdims": False}, False),
        ("max_pool2d", [(2, 3, 9, 8)], {"kernel": (3, 2), "strides": (2, 2), "pads": (1, 1, 1, 0)}, False),
    ],
)
def test_other_ops(kind, shapes, attributes, has_step, arithmetic):
    graph = replace(one_op(kind, shapes, **attributes), arithmetic=arithmetic)
    assert steps_of(graph) == [has_step]
    check(graph, random_inputs(graph))


@pytest.mark.parametrize("attributes", [CASES["max_pool"][2], {"kernel": (2, 2), "strides": (3, 3), "ceil_mode": True}])
def test_max_pool_in_one_encoding(attributes):
    graph = one_op("max_pool2d", [(2, 3, 9, 8)], **attributes)
    x, y = graph.tensors["x0"], graph.tensors["y"]
    graph = graph.with_tensors([replace(y, encoding=x.encoding)])
    assert steps_of(graph) == [True]
    check(graph, random_inputs(graph))
    check(graph, {"x0": np.full(x.shape, -128, np.int8)})


@pytest.mark.parametrize("name", ["conv", "linear", "conv_grouped"])
@pytest.mark.parametrize("change", ["weight zero point", "weights move", "16 bits", "deviating sums", "own kernel"])
def test_what_has_no_step_runs_by_its_kernel(name, change):
    kind, shapes, attributes = CASES[name]
    graph = one_op(
        kind, shapes, weight_zero=change == "weight zero point", bits=16 if change == "16 bits" else 8, **attributes
    )
    kernels = PLAIN if change == "own kernel" else KERNELS
    codes = random_inputs(graph)
    if change != "weights move":
        graph, codes = constant(graph)
    if change == "deviating sums":
        graph = replace(graph, arithmetic="cosim:accumulator=12")
    ready = prepare(graph, kernels=kernels)
    assert ready.step(graph.ops[0]) is None
    np.testing.assert_array_equal(ready.run(codes)["y"], prepare(graph, kernels=PLAIN).run(codes)["y"])


def test_sums_that_may_pass_32_bits_are_finished_by_the_rule():
    graph, codes = constant(one_op("linear", [(2, 66600), (2, 66600), (2,)]))
    extreme = Stored(np.full((2, 66600), -128, np.int8))
    graph = replace(graph, constants={**graph.constants, "x1": extreme})
    for value in (-128, 127):
        check(graph, {"x0": np.full_like(codes["x0"], value)})


@pytest.mark.parametrize("groups", [1, 4])
def test_a_bias_that_takes_sums_past_32_bits(groups):
    """Without the wrapping of some frameworks acc + bias is exact; the bound must count bytes, not weights alone."""
    shapes = [(1, 4, 3, 4), (4, 4 // groups, 1, 3), (4,)]
    graph, codes = constant(one_op("conv2d", shapes, groups=groups))
    most = {"x1": np.full(shapes[1], 127, np.int8), "x2": np.full(4, (1 << 31) - 2000, np.int32)}
    graph = replace(graph, constants={name: Stored(values) for name, values in most.items()})
    scale = np.asarray(graph.tensors["x0"].encoding.scale * graph.tensors["x1"].encoding.scale)
    for name, step in (("x2", scale), ("y", np.array(scale.max() * 2.0**25))):
        tensor = graph.tensors[name]
        graph = graph.with_tensors([replace(tensor, encoding=replace(tensor.encoding, scale=step))])
    check(graph, {"x0": np.full_like(codes["x0"], 127)})


def test_no_step_reads_behind_its_bytes(monkeypatch):
    read = []

    def dense(x, images, size, pixels, weights, rescale):
        last = (images - 1) * size + pixels.max() + weights.taps.max() + (weights.groups - 1) * weights.inner
        read.append((last + 4 * weights.quads, len(x)))
        return codes_of(x, images, size, pixels, weights, rescale)

    def deep(self, x, pixels, rescale):
        read.append((pixels.max() + self.taps.max() + self.firsts.max() + 64, len(x)))
        return codes(self, x, pixels, rescale)

    codes_of, codes = steps.codes_of, steps.Channelwise.codes
    monkeypatch.setattr(steps, "codes_of", dense)
    monkeypatch.setattr(steps.Channelwise, "codes", deep)
    for shapes, groups in (
        ([(1, 3, 5, 5), (4, 3, 1, 1)], 1),
        ([(2, 5, 5, 5), (4, 5, 3, 3)], 1),
        ([(1, 6, 5, 5), (4, 3, 3, 3)], 2),
        ([(1, 7, 5, 5), (7, 1, 3, 3)], 7),
        ([(2, 70, 5, 5), (70, 1, 3, 3)], 70),
    ):
        check(*constant(one_op("conv2d", shapes, groups=groups)))
    check(*constant(one_op("linear", [(3, 37), (5, 37)])))
    assert len(read) == 6
    assert all(last <= size for last, size in read)


def test_everything_of_a_network_can_be_kept_and_observed():
    graph = int8(network(3))
    inputs = {"x": np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)}
    ready, plain = prepare(graph), prepare(graph, kernels=PLAIN)
    assert sum(ready.step(op) is not None for op in graph.ops) > 4
    expected, got = plain.run(inputs, keep="all"), ready.run(inputs, keep="all")
    seen = {}
    ready.run(inputs, observe=seen.__setitem__)
    assert set(got) == set(expected) == set(graph.tensors)
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name])
        assert got[name].dtype == expected[name].dtype
        assert got[name].flags.c_contiguous
        if name in seen:
            np.testing.assert_array_equal(seen[name], expected[name])
    with pytest.raises(DescriptionError, match="not kept"):
        ready.run(inputs)[graph.ops[0].output]


def test_runs_do_not_disturb_one_another():
    graph = int8(network(4))
    rng = np.random.default_rng(2)
    images = [{"x": rng.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(4)]
    ready, name = prepare(graph), graph.outputs[0]
    alone = [ready.run(image)[name].copy() for image in images]
    wrong = []

    def work(index):
        got = [ready.run(images[index])[name] for _ in range(20)]
        wrong.extend(not np.array_equal(codes, alone[index]) for codes in got)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 80
    assert not any(wrong)


def small(seed):
    builder = Builder("small", seed=seed)
    x = builder.input("x", (1, 4, 6, 6))
    builder.output(builder.conv2d(x, 8, 3, padding=1))
    return int8(builder.build())


X = {"x": np.random.default_rng(5).standard_normal((1, 4, 6, 6)).astype(np.float32)}


def test_steps_of_a_graph_are_made_once_and_freed_with_it(monkeypatch):
    graph, made, step_of = small(0), [], prepared.step_of
    monkeypatch.setattr(prepared, "step_of", lambda call: made.append(call.op) or step_of(call))
    first = whole(graph, X)[graph.outputs[0]]
    count = len(made)
    assert count == len(graph.ops)
    np.testing.assert_array_equal(whole(graph, X)[graph.outputs[0]], first)
    assert len(made) == count
    made.clear()
    alive = weakref.ref(graph)
    assert graph in prepared._KEPT_STEPS
    held = len(prepared._KEPT_STEPS)
    del graph
    gc.collect()
    assert alive() is None
    assert len(prepared._KEPT_STEPS) < held


def test_another_graph_other_kernels_and_other_backends_have_their_own_steps(monkeypatch):
    one, other = small(0), small(1)
    name = one.outputs[0]
    before = whole(one, X)[name]
    assert not np.array_equal(whole(other, X)[name], before)
    changed = {**KERNELS, "conv2d": lambda call: np.zeros(call.shape, np.int8)}
    assert not whole(one, X, kernels=changed)[name].any()
    np.testing.assert_array_equal(whole(one, X)[name], before)
    weights = next(n for n, t in one.tensors.items() if n in one.constants and len(t.shape) == 4)
    flipped = replace(one, constants={**one.constants, weights: Stored(-one.constants[weights].array())})
    assert not np.array_equal(whole(flipped, X)[name], before)
    np.testing.assert_array_equal(whole(replace(one), X)[name], before)
    monkeypatch.setattr(prepared, "_KEPT", 10)
    huge = small(2)
    whole(huge, X)
    assert huge not in prepared._KEPT_STEPS


def test_batches_and_small_images():
    builder = Builder("batch", seed=0)
    x = builder.input("x", (5, 3, 8, 8))
    for channels, stride in ((40, 2), (24, 2), (70, 2)):
        x = builder.conv2d(x, channels, 3, padding=1, stride=stride)
        x = builder.conv2d(x, channels, 3, padding=1, groups=channels)
    builder.output(x)
    real = builder.build()
    for preset in ("onnxruntime", "tflite-builtin"):
        graph = compress(real, f"int8:preset={preset}")
        inputs = {"x": np.random.default_rng(0).standard_normal((5, 3, 8, 8)).astype(np.float32)}
        assert all(steps_of(graph))
        name = graph.outputs[0]
        np.testing.assert_array_equal(prepare(graph).run(inputs)[name], prepare(graph, kernels=PLAIN).run(inputs)[name])


def test_an_op_without_its_input_is_no_step():
    """A constant folded nowhere: the product of two constants runs by its kernel."""
    graph, codes = constant(one_op("linear", [(2, 8), (3, 8), (3,)]))
    both = replace(graph, inputs=(), constants={**graph.constants, "x0": Stored(codes["x0"])})
    assert isinstance(both.ops[0], Op)
    assert steps_of(both) == [False]
    np.testing.assert_array_equal(prepare(both).run({})["y"], prepare(graph).run(codes)["y"])
