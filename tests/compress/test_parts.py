"""Formats of channel groups and regions by rule: the numbers, the bytes, and the run on hardware."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cosim
from cosim.compress import fold
from cosim.compress.assign import assign_formats
from cosim.compress.rules import parse_rules
from cosim.compress.sensitivity import sensitivity
from cosim.errors import DescriptionError, UnsupportedError
from cosim.execute import compare, scheduled, sqnr, whole
from cosim.execute.tiles import Tiles
from cosim.graph import Builder
from cosim.graph.graph import Graph
from cosim.library import load_graph, load_hardware
from cosim.plugin.registry import load_registry
from cosim.result import Result
from cosim.simulation import seeded_inputs
from tests.execute.tiny_mapper import TinyMapper, as_soon_as_possible, one_by_one

REGISTRY = load_registry()
FORMATS, KERNELS = REGISTRY["formats"], REGISTRY["kernels"]
KNOWN = {"formats": FORMATS, "kernels": KERNELS}


def network(seed: int = 0) -> Graph:
    builder = Builder("small", seed=seed)
    x = builder.input("x", (1, 3, 8, 8))
    y = builder.conv2d(x, 6, 3, padding=1, activation="relu", name="a")
    z = builder.depthwise(y, 3, padding=1, activation="relu6", name="dw")
    y = builder.add(builder.conv2d(z, 6, 1, name="b"), y, activation="relu")
    y = builder.concat([builder.max_pool2d(y, 2, 2), builder.avg_pool2d(y, 2, 2)])
    y = builder.linear(builder.flatten(y), 5, name="fc")
    builder.output(builder.softmax(y))
    return builder.build()


INPUTS = {"x": np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)}


def assigned(rules: str, graph: Graph | None = None) -> Graph:
    return assign_formats(fold(graph or network()), parse_rules(rules, FORMATS, where="rules"), FORMATS)


RULES = {
    "channel groups": "* weights=int8 activations=int8\nkind:conv2d weights[channels=0:50%]=int4",
    "input channels": "* weights=int8 activations=int8\nb weights[inputs=0:2]=int4",
    "regions": "* weights=int8 activations=int8\nb activations[rows=0:4]=int4\ndw activations[channels=1:3,columns=2:7]=int5",
    "view of a region": "* weights=int8 activations=int4\nkind:concat activations[rows=0:2]=int8",
    "values decide": "* weights=int4 activations=int4\nkind:conv2d activations[mean>0.2,region=4x4]=int8",
    "groups of 32": "* weights=int4/32 activations=int8",
    "floats in part": "* weights=mxfp4 activations=int8\na activations[rows=0:4]=fp6_e2m3\nb weights[channels=0:2]=fp6_e2m3",
    "int3": "* weights=int3 activations=int3",
    "int5, int7": "* weights=int7 activations=int5",
    "int12": "* weights=int12 activations=int12",
    "fp6": "* weights=fp6_e2m3 activations=fp6_e3m2",
    "mxfp4": "* weights=mxfp4 activations=mxfp4",
    "nvfp4": "* weights=nvfp4 activations=bfp8",
}


@pytest.mark.parametrize("name", RULES)
def test_a_schedule_on_real_bits_gives_the_numbers_of_the_whole(name: str) -> None:
    graph = assigned(RULES[name])
    for seed in (0, 1):
        program = TinyMapper(graph, seed=seed, formats=FORMATS).program()
        expected = whole(graph, INPUTS, order=program, keep="all", **KNOWN)
        for times in (one_by_one(program), as_soon_as_possible(program, seed)):
            got = scheduled(program, graph, *times, INPUTS, keep="all", **KNOWN)
            assert set(graph.outputs) <= set(got)
            for tensor in got:
                np.testing.assert_array_equal(got[tensor], expected[tensor], err_msg=tensor)


def test_a_convolution_of_mixed_operands_is_the_sum_of_those_of_its_parts() -> None:
    graph = assigned(RULES["regions"] + "\nkind:conv2d weights[channels=0:2]=int4")
    values = whole(graph, INPUTS, keep="all", **KNOWN)
    op = next(op for op in graph.ops if op.name == "b")
    assert graph.tensors[op.inputs[0]].encoding.format == "int8+int5"
    call = Tiles.of(graph, op, formats=FORMATS).call(0, [values[name] for name in op.inputs])
    parts = call.by_part(0)
    assert [part.format for part, _ in parts] == ["int8", "int5"]
    zero, weights = call.zero(0), call.operand(1).astype(np.int64)[:, :, 0, 0]
    sums = [np.einsum("kc,nchw->nkhw", weights, codes.astype(np.int64) - zero) for _, codes in parts]
    together = np.einsum("kc,nchw->nkhw", weights, call.operand(0).astype(np.int64) - zero)
    np.testing.assert_array_equal(sums[0] + sums[1], together)
    # On the five-bit part every code is a multiple of 2 ** (8 - 5) above the lowest.
    assert np.all((parts[1][1].astype(int) - zero) % 8 == 0)


def test_channels_of_a_part_have_exactly_the_codes_of_that_format_alone() -> None:
    mixed, wide, narrow = (
        assigned(f"* activations=int8\na weights={text}")
        for text in ("int8 weights[channels=2:4]=int4", "int8", "int4")
    )
    name = next(op for op in mixed.ops if op.name == "a").inputs[1]
    codes = mixed.constants[name].array()
    np.testing.assert_array_equal(codes[2:4], narrow.constants[name].array()[2:4])
    np.testing.assert_array_equal(codes[[0, 1, 4, 5]], wide.constants[name].array()[[0, 1, 4, 5]])
    assert mixed.tensors[name].bytes == 27 * (4 * 8 + 2 * 4) // 8
    assert len({graph.digest for graph in (mixed, wide, narrow)}) == 3


def test_masks_choose_regions(tmp_path: Path) -> None:
    mask = np.array([[True, False], [False, True]])
    np.savez(tmp_path / "masks.npz", b=mask)
    graph = assigned(f"* weights=int8 activations=int4\nb activations[mask={tmp_path / 'masks.npz'}:b,region=4x4]=int8")
    codes = whole(graph, INPUTS, keep=["b"], **KNOWN)["b"].astype(int)
    zero = int(graph.tensors["b"].encoding.held.zero_point)
    coarse = (codes - zero) % 16 == 0
    assert coarse[:, :, :4, 4:].all()
    assert coarse[:, :, 4:, :4].all()
    assert not coarse[:, :, :4, :4].all()
    assert graph.tensors["b"].bytes == 6 * (32 * 8 + 32 * 4) // 8
    with pytest.raises(DescriptionError, match="the mask has shape"):
        assigned(f"b activations[mask={tmp_path / 'masks.npz'}:b,region=2x4]=int8")


def test_more_sensitive_channels_are_kept_by_a_part() -> None:
    truth = whole(fold(network()), INPUTS, **KNOWN).outputs()
    quality = {}
    for name, rules in {
        "int4": "* weights=int4 activations=int8",
        "mixed": "* weights=int4 activations=int8\n* weights[channels=0:50%]=int8",
        "int8": "* weights=int8 activations=int8",
    }.items():
        given = whole(assigned(rules), INPUTS, **KNOWN).outputs()
        quality[name] = sqnr(next(iter(truth.values())), next(iter(given.values())))
    assert quality["int4"] < quality["mixed"] < quality["int8"]


def test_compress_takes_lines_and_the_device_runs_them() -> None:
    rules = ["* weights=int8 activations=int8", "kind:conv2d weights[channels=0:50%]=int4"]
    small = cosim.compress(load_graph("ds_cnn"), "formats", rules=[*rules, "stem.conv activations[rows=0:15]=int4"])
    assert "int8+int4" in small.provenance[-1]
    device = load_hardware(
        "npu/edge-256",
        {
            "engines.mac.formats": "[int8, int4, int8+int4]",
            "engines.vector.formats": "[int8, int16, int32, fp32, int8+int4]",
        },
    )
    inputs = seeded_inputs(load_graph("ds_cnn"), 0)
    result = cosim.simulate(small, device, compress="none", execute="scheduled", inputs=inputs)
    table = Result.from_simulation(result).table("tensors")
    assert "int8+int4" in table["format"].tolist()
    expected = whole(small, inputs, **KNOWN)[small.outputs[0]]
    np.testing.assert_array_equal(result.values[small.outputs[0]], expected)
    with pytest.raises(UnsupportedError, match=r"int8\+int4"):
        cosim.simulate(small, load_hardware("npu/edge-256"), compress="none")


def test_sensitivity_of_a_part() -> None:
    found = sensitivity(network(), ["int4", "weights[channels=0:50%]=int4"], FORMATS, INPUTS["x"])
    ratio = {(damage.op, damage.format): damage.sqnr_db for damage in found}
    assert ratio["a", "weights[channels=0:50%]=int4"] > ratio["a", "int4"]
    assert ratio["softmax_0", "weights[channels=0:50%]=int4"] == float("inf")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("* weights[channel=0:4]=int4", "names no part of a tensor"),
        ("* weights[channels=0:4=int4", "no closing bracket"),
        ("* weights[region=4x4]=int4", "not which"),
        ("* activations[mean>high,region=4x4]=int4", "mean>high"),
        ("* activations[mean>0,rows=0:4]=int4", "for values and for places"),
        ("* activations=int4/32", "whose scales are known beforehand"),
        ("* weights=int4/0", "an integer >= 1"),
        ("* activations[mask=none.npz:a,region=2x2]=int4", "cannot be read"),
        ("* weights", "gives no format"),
    ],
)
def test_lines_that_mean_nothing_say_so(line: str, message: str) -> None:
    with pytest.raises(DescriptionError, match=message) as caught:
        parse_rules(line, FORMATS, where="mine.txt")
    assert "mine.txt, line 1" in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("a weights[channels=0:64]=int4", "shares, such as 0:50%"),
        ("fc activations[rows=0:2]=int8", "has no rows"),
        ("kind:reshape activations[channels=0:50%]=int8", "is a view"),
        ("a weights=mxfp4 weights[inputs=0:1]=mxfp6_e2m3", "cuts a block of 32"),
        ("* activations=fp8_e4m3\na activations[mean>0,region=4x4]=int8", "values cannot decide"),
    ],
)
def test_parts_that_a_tensor_does_not_have_are_named(rules: str, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        assigned(rules)


def test_bad_data_is_named() -> None:
    bad = INPUTS["x"].copy()
    bad[0, 0, 0, 0] = np.nan
    rules = parse_rules("* weights=int4 activations=int4", FORMATS, where="rules")
    with pytest.raises(DescriptionError, match="holds NaN or infinity") as caught:
        assign_formats(fold(network()), rules, FORMATS, bad)
    assert "'x'" in str(caught.value)


def test_zeros_are_exact_in_every_part() -> None:
    zeros = np.zeros_like(INPUTS["x"])
    for rules in RULES.values():
        graph = assign_formats(fold(network()), parse_rules(rules, FORMATS, where="rules"), FORMATS, zeros)
        assert np.isfinite(whole(graph, {"x": zeros}, **KNOWN).real(graph.outputs[0])).all()


def test_a_quantised_network_is_no_float_reference() -> None:
    small = assigned("* weights=int8 activations=int8")
    assert compare(small, small, INPUTS, **KNOWN) == []
    assert compare(small, network(), INPUTS, **KNOWN)
