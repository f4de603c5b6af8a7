"""Mixed products: the sum of two masked convolutions, and pure int4 or int8 where a mask is all zeros or all ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import UnsupportedError
from cosim.execute import Tiles, whole
from cosim.execute.overflow import watched
from cosim.library import load_hardware
from cosim.plugin import load_registry
from cosim.simulation import simulate, with_numerics
from cosim_plugins.drq.formats import is_sensitive
from tests.plugins.drq.networks import convolved, image, layer, run

LOW, HIGH = "threshold=-1000", "threshold=1000"


def integers(small, values, name):
    """Real value / scale of a tensor, exact."""
    encoding = small.tensors[name].encoding.held
    form = load_registry()["formats"][encoding.format]
    return form.integers(values[name], encoding)


def sums(small, values):
    """Integer sums of `conv` from its output, whose scale is that of the sums here."""
    registry = load_registry()
    op = next(op for op in small.ops if op.name == "conv")
    call = Tiles.of(small, op, formats=registry["formats"]).call(0, [values[name] for name in op.inputs], None, True)
    return registry["kernels"][op.kind.name](call)


@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 4), filters=st.integers(1, 3), kernel=st.sampled_from([1, 2, 3]), stride=st.integers(1, 2),
    padding=st.integers(0, 1), rows=st.integers(4, 9), columns=st.integers(4, 9), positive=st.booleans(),
    narrow=st.sampled_from(["msb", "round", "clip"]), region=st.sampled_from(["1x1", "2x4", "3x2", "16x16"]),
    threshold=st.integers(-40, 120), scope=st.sampled_from(["channel", "all"]), seed=st.integers(0, 99),
)  # fmt: skip
def test_a_mixed_convolution_is_the_sum_of_two_masked_ones(
    channels, filters, kernel, stride, padding, rows, columns, positive, narrow, region, threshold, scope, seed
):
    graph = layer(channels=channels, filters=filters, kernel=kernel, stride=stride, padding=padding,
                  size=(rows, columns), bias=False, seed=seed)  # fmt: skip
    line = f"drq:narrow={narrow}:region={region}:threshold={threshold}:scope={scope}"
    small, values = run(graph, image(graph, seed, positive=positive), line)
    op = next(op for op in small.ops if op.name == "conv")
    assert op.kind.name == "mixed_conv2d"
    x, w = integers(small, values, "x")[0], values[op.inputs[1]].astype(np.int64)
    mask = is_sensitive(values["x"])[0]
    narrow_w = np.clip(w, -8, 7) if narrow == "clip" else np.minimum((w + 8 * (narrow == "round")) // 16, 7)
    step = 1 if narrow == "clip" else 16
    wide = convolved(np.where(mask, x, 0), w, stride, padding)
    small_part = convolved(np.where(mask, 0, x) // step, narrow_w, stride, padding)
    np.testing.assert_array_equal(sums(small, values)[0], wide + step**2 * small_part)


def test_a_mask_of_ones_is_int8():
    graph = layer()
    inputs = image(graph)
    small, values = run(graph, inputs, f"drq:{LOW}")
    plain, expected = run(graph, inputs, "int8")
    assert is_sensitive(values["x"]).all()
    np.testing.assert_array_equal(
        integers(small, values, "x"), expected["x"].astype(int) - plain.tensors["x"].encoding.zero_point
    )
    np.testing.assert_array_equal(values["conv"], expected["conv"])


def test_a_mask_of_zeros_is_int4():
    graph = layer(bias=False)
    small, values = run(graph, image(graph), f"drq:{HIGH}")
    assert not is_sensitive(values["x"]).any()
    op = next(op for op in small.ops if op.name == "conv")
    x, w = integers(small, values, "x")[0], values[op.inputs[1]].astype(np.int64)
    assert len(np.unique(x)) <= 16
    np.testing.assert_array_equal(sums(small, values)[0], 256 * convolved(x // 16, w // 16, 1, 1))


def test_linear_layers_are_mixed_too():
    from cosim.graph import Builder

    b = Builder("linear", seed=0)
    b.output(b.linear(b.input("x", (2, 40)), 7, bias=False, name="conv"))
    graph = b.build()
    inputs = {"x": np.random.default_rng(0).uniform(0, 1, (2, 40)).astype(np.float32)}
    small, values = run(graph, inputs, "drq:threshold=100")
    x, w, mask = (
        integers(small, values, "x"),
        values[small.ops[0].inputs[1]].astype(np.int64),
        is_sensitive(values["x"]),
    )
    assert 0.2 < mask.mean() < 0.8
    np.testing.assert_array_equal(mask, x > 100)
    expected = np.where(mask, x, 0) @ w.T + 256 * (np.where(mask, 0, x // 16) @ (w // 16).T)
    np.testing.assert_array_equal(sums(small, values), expected)


def test_relu_per_branch_differs_from_relu_of_the_sum():
    from cosim.graph import Builder

    b = Builder("relu", seed=1)
    b.output(b.conv2d(b.input("x", (1, 3, 9, 11)), 5, 3, padding=1, bias=False, activation="relu", name="conv"))
    graph = b.build()
    inputs = image(graph)
    small, values = run(graph, inputs, "drq:region=2x4:threshold=90:relu=branch")
    _, other = run(graph, inputs, "drq:region=2x4:threshold=90")
    op = next(op for op in small.ops if op.name == "conv")
    x, w, mask = integers(small, values, "x")[0], values[op.inputs[1]].astype(np.int64), is_sensitive(values["x"])[0]
    wide = convolved(np.where(mask, x, 0), w, 1, 1)
    narrow = 256 * convolved(np.where(mask, 0, x // 16), w // 16, 1, 1)
    scale = float(small.tensors["x"].encoding.scale) * small.tensors[op.inputs[1]].encoding.scale[:, None, None]
    step, zero = float(small.tensors["conv"].encoding.scale), int(small.tensors["conv"].encoding.zero_point)
    for found, real in ((values, np.maximum(wide, 0) + np.maximum(narrow, 0)), (other, np.maximum(wide + narrow, 0))):
        expected = np.clip(np.rint(real * scale / step) + zero, zero, 127)
        np.testing.assert_array_equal(found["conv"][0], expected)
    assert not np.array_equal(values["conv"], other["conv"])
    with pytest.raises(UnsupportedError, match="cut_reductions"):
        sums(small, values)


@pytest.mark.parametrize(("bits", "fits"), [(32, True), (16, False)])
def test_a_narrow_accumulator_counts_its_overflows(bits, fits):
    graph = layer(bias=False, channels=16)
    small, values = run(graph, image(graph), "drq:region=2x4:threshold=60")
    counted = with_numerics(small, f"accumulator={bits}:overflow=count")
    registry = load_registry()
    with watched() as counts:
        again = whole(counted, image(graph), formats=registry["formats"], kernels=registry["kernels"])
    np.testing.assert_array_equal(again["conv"], values["conv"])
    assert (counts["conv"].overflows == 0) == fits
    assert counts["conv"].bits > 16


def small_machine(*, sums=2048, buffer=4096, **more):
    """The machine of the paper with so little memory that everything is cut."""
    sizes = {"memories.buffer.size": f"{buffer} B", "memories.sums.size": f"{sums} B", "memories.buffer.banks": "1",
             "memories.sums.banks": "1"}  # fmt: skip
    return load_hardware("npu/drq", {**sizes, **{f"engines.array.{key}": value for key, value in more.items()}})


@pytest.mark.parametrize("scope", ["channel", "all"])
def test_a_schedule_computes_the_same_bits(scope):
    from cosim.graph import Builder

    b = Builder("net", seed=3)
    x = b.conv2d(b.input("x", (1, 3, 19, 21)), 16, 3, padding=1, activation="relu", name="one")
    y = b.conv2d(x, 16, 3, padding=1, activation="relu", name="two")
    x = b.add(x, y, name="sum")
    x = b.max_pool2d(x, 2, name="pool")
    x = b.depthwise(x, 3, padding=1, name="deep")
    b.output(b.linear(b.flatten(x), 10, name="head"))
    graph = b.build()
    inputs = image(graph)
    line = f"drq:region=3x4:threshold=40:scope={scope}"
    found = simulate(
        graph, small_machine(buffer=24576, sums=4096), compress=line, inputs=inputs, data=inputs, execute="scheduled"
    )
    assert len(found.program) > 40
    assert np.unique(found.program.op[found.program.op >= 0], return_counts=True)[1].max() > 3
    registry = load_registry()
    known = {"formats": registry["formats"], "kernels": registry["kernels"]}
    expected = whole(found.graph, inputs, **known)
    for name in found.graph.outputs:
        np.testing.assert_array_equal(found.values[name], expected[name])
    share = {n: is_sensitive(c).mean() for n, c in whole(found.graph, inputs, keep="all", **known).codes.items()
             if found.graph.tensors[n].encoding.is_mixed}  # fmt: skip
    assert sum(0 < value < 1 for value in share.values()) >= 3, share
