from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import int8
from cosim.errors import DescriptionError, SimulationError, UnsupportedError
from cosim.execute import KERNELS, compare, sqnr, whole
from cosim.execute.epilogue import Epilogue, Scales
from cosim.formats.builtin import FORMATS
from cosim.graph import Builder
from tests.execute.one import one_op, random_inputs
from tests.execute.tiny_mapper import TinyMapper


def chain():
    builder = Builder("chain", seed=3)
    x = builder.input("x", (1, 4))
    a = builder.linear(x, 5, name="a")
    b = builder.relu(a, name="b")
    c = builder.linear(b, 3, name="c")
    builder.output(c)
    return builder.build()


X = {"x": np.array([[1.0, -2.0, 0.5, 3.0]], np.float32)}


def test_only_what_is_asked_for_is_kept():
    graph = chain()
    seen = []
    assert set(whole(graph, X, observe=lambda name, codes: seen.append(name))) == {"c"}
    assert seen == ["x", "a", "b", "c"]
    assert set(whole(graph, X, keep=["a", "x"])) == {"a", "x", "c"}
    everything = whole(graph, X, keep="all")
    assert set(everything) == set(graph.tensors)
    np.testing.assert_array_equal(everything["b"], np.maximum(everything["a"], 0))
    with pytest.raises(DescriptionError, match="not kept"):
        whole(graph, X)["a"]
    with pytest.raises(DescriptionError, match="did you mean"):
        whole(graph, X, keep=["aa"])


def test_inputs_are_checked():
    graph = chain()
    with pytest.raises(DescriptionError, match="is not given"):
        whole(graph, {})
    with pytest.raises(DescriptionError, match="unknown input"):
        whole(graph, {**X, "y": X["x"]})
    with pytest.raises(DescriptionError, match=r"shape \(4,\)"):
        whole(graph, {"x": np.zeros(4)})
    with pytest.raises(DescriptionError, match="NaN"):
        whole(graph, {"x": np.full((1, 4), np.nan)})
    with pytest.raises(DescriptionError, match="dtype"):
        whole(graph, {"x": np.full((1, 4), "a")})


def test_integers_are_codes_for_an_integer_input_and_numbers_for_a_float_one():
    graph = chain()
    small = int8(graph)
    codes = FORMATS["int8"].encode(X["x"], small.tensors["x"].encoding)
    np.testing.assert_array_equal(whole(small, {"x": codes})["c"], whole(small, X)["c"])
    np.testing.assert_array_equal(
        whole(graph, {"x": np.array([[1, -2, 0, 3]])})["c"], whole(graph, {"x": np.array([[1.0, -2, 0, 3]])})["c"]
    )


def test_states_start_at_zero_and_are_carried_over():
    builder = Builder("sum", seed=0)
    x, total = builder.input("x", (2,)), builder.input("total", (2,))
    after = builder.add(x, total, name="after")
    builder.output(after)
    builder.state(after, total)
    graph = builder.build()
    state = {}
    for step in range(1, 4):
        values = whole(graph, {"x": np.array([1.0, 2.0]), **state})
        np.testing.assert_array_equal(values["after"], [step, 2 * step])
        state = values.states()


def test_a_kernel_from_outside_is_used_and_a_missing_one_names_the_hook():
    graph = one_op("relu", [(3,)], integer=False)
    codes = {"x0": np.array([-1.0, 0.0, 2.0], np.float32)}
    kernels = {**KERNELS, "relu": lambda call: call.encoded(call.real(0) + 1)}
    np.testing.assert_array_equal(whole(graph, codes, kernels=kernels)["y"], [0, 1, 3])
    with pytest.raises(UnsupportedError, match="cosim_kernels"):
        whole(graph, codes, kernels={})


def test_the_order_of_a_program_must_cover_the_op():
    graph = int8(chain())
    program = TinyMapper(graph, seed=1).program()
    np.testing.assert_array_equal(whole(graph, X, order=program)["c"], whole(graph, X)["c"])
    flags = np.where(program.op == 2, 2, program.flags).astype(np.int8)  # every tile of c stays partial
    unfinished = replace(program, flags=flags)
    with pytest.raises(SimulationError, match="elements"):
        whole(graph, X, order=unfinished)


def test_weight_only_quantisation_computes_in_float():
    graph = one_op("linear", [(3, 8), (4, 8)], integer=False)
    mixed = one_op("linear", [(3, 8), (4, 8)])
    graph = graph.with_tensors([mixed.tensors["x1"]])
    x = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    w = random_inputs(mixed)["x1"]
    expected = x @ (w * mixed.tensors["x1"].encoding.scale[:, None]).T
    np.testing.assert_allclose(whole(graph, {"x0": x, "x1": w})["y"], expected, rtol=1e-5, atol=1e-5)


def test_integer_operands_may_write_a_real_output():
    graph = one_op("linear", [(3, 8), (4, 8), (4,)])
    real = one_op("linear", [(3, 8), (4, 8), (4,)], integer=False).tensors["y"]
    codes = random_inputs(graph)
    got = whole(graph.with_tensors([real]), codes)["y"]
    x = (codes["x0"] - graph.tensors["x0"].encoding.zero_point) * graph.tensors["x0"].encoding.scale
    w = codes["x1"] * graph.tensors["x1"].encoding.scale[:, None]
    np.testing.assert_allclose(got, x @ w.T + codes["x2"] * graph.tensors["x2"].encoding.scale, rtol=1e-5)


def test_sqnr():
    assert sqnr([3.0, 4.0], [3.0, 4.0]) == float("inf")
    assert sqnr([3.0, 4.0], [3.0, 4.5]) == pytest.approx(20.0)
    assert sqnr([0.0], [1.0]) == float("-inf")
    with pytest.raises(DescriptionError):
        sqnr([0.0], [1.0, 2.0])


def test_compare_lists_every_op_with_its_ratio():
    graph = chain()
    small = int8(graph, {"x": X["x"]})
    table = compare(small, graph, X)
    assert [list(row) for row in table] == [["op", "kind", "tensor", "format", "is_output", "sqnr_db", "max_error"]] * 3
    assert [row["op"] for row in table] == ["a", "b", "c"]
    assert [row["is_output"] for row in table] == [False, False, True]
    assert all(row["sqnr_db"] > 25 for row in table)
    expected = sqnr(whole(graph, X).real("c"), whole(small, X).real("c"))
    assert table[-1]["sqnr_db"] == expected


@pytest.mark.parametrize(
    ("tie", "zero_point", "codes"),
    [
        ("even", "outside", [-2, -2, 0, 0, 0, 2, 2]),
        ("up", "outside", [-2, -1, 0, 0, 1, 2, 3]),
        ("away", "outside", [-3, -2, -1, 0, 1, 2, 3]),
    ],
)
def test_ties(tie, zero_point, codes):
    acc = np.array([[-5, -3, -1, 0, 1, 3, 5]], np.int32).T
    rule = Epilogue("test", tie=tie, zero_point=zero_point)
    got = rule(
        acc,
        np.zeros(1, np.int64),
        Scales(1.0, np.array([0.5]), 1.0),
        axis=1,
        zero=7,
        low=-128,
        high=127,
        storage=np.dtype("int8"),
    )
    np.testing.assert_array_equal(got[:, 0], np.array(codes) + 7)


def test_zero_point_inside_the_rounding_moves_even_ties():
    arguments = {"axis": 1, "zero": 1, "low": -128, "high": 127, "storage": np.dtype("int8")}
    acc, bias, scale = np.array([[1]], np.int32), np.zeros(1, np.int64), Scales(1.0, np.array([0.5]), 1.0)
    assert Epilogue()(acc, bias, scale, **arguments)[0, 0] == 1  # rint(0.5) + 1
    assert Epilogue(zero_point="inside")(acc, bias, scale, **arguments)[0, 0] == 2  # rint(0.5 + 1)
    with pytest.raises(UnsupportedError, match="no epilogue"):
        Epilogue(multiplier="q31", zero_point="inside")
    with pytest.raises(UnsupportedError, match="no epilogue"):
        Epilogue(tie="odd")


def test_saturation_and_rounding_beyond_24_bits():
    arguments = {"axis": 0, "zero": 0, "low": -128, "high": 127, "storage": np.dtype("int8")}
    acc = np.array([2**31 - 1, -(2**31), 2**24 + 1], np.int32)
    scale = Scales(1.0, np.array([1.0, 1.0, 2.0**-24]), 1.0)
    np.testing.assert_array_equal(Epilogue()(acc, np.zeros(3, np.int64), scale, **arguments), [127, -128, 1])
    # float32 cannot hold 2^24 + 1: the multiplier sees 2^24
    wide = {**arguments, "high": 2**31 - 129, "storage": np.dtype("int32")}
    assert Epilogue()(acc[2:], np.zeros(1, np.int64), Scales(1.0, np.ones(1), 1.0), **wide)[0] == 2**24
