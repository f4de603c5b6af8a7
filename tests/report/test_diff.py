"""`diff` explains all of a difference, the same forwards and backwards."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cosim
from cosim.errors import DescriptionError
from cosim.report.diff import diff
from cosim.report.diff.make import femtojoules
from cosim.report.diff.match import match
from cosim.result import Result
from cosim.result.table import rows

CASES = {
    "plain": ("ds_cnn", "npu/edge-256", {}),
    "slow memory": ("ds_cnn", "npu/edge-256", {"overrides": {"memories.dram.bandwidth": "50 MB/s"}}),
    "no array for it": ("ds_cnn", "npu/edge-256", {"overrides": {"engines.mac.formats": "[fp32]"}}),
    "other array": ("ds_cnn", "npu/systolic-32x32", {}),
    "other network": ("resnet8", "npu/edge-256", {}),
    "no compression": ("ds_cnn", "npu/edge-256", {"compress": "none"}),
    "not fused": ("ds_cnn", "npu/edge-256", {"options": {"fuse": "none"}, "seed": 1}),
}
PAIRS = list(itertools.permutations(CASES, 2))


@pytest.fixture(scope="module")
def results():
    return {name: cosim.run(network, on, **more) for name, (network, on, more) in CASES.items()}


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_every_attribution_adds_up_exactly(results, one, other):
    a, b = results[one], results[other]
    found = diff(a, b)
    step = b.summary["latency_fs"] - a.summary["latency_fs"]
    assert found.latency_fs == step
    assert sum(line.difference_fs for line in found.time) == step
    assert sum(line.difference_fs for line in found.ops) == step
    assert sum(y - x for _, x, y in found.time_by(lambda line: line.engine)) == step
    bills = [sum(femtojoules(row["energy_pj"]) for row in rows(r.table("actions"))) for r in (a, b)]
    assert found.energy_fj == bills[1] - bills[0]
    assert sum(line.difference_fj for line in found.energy) == found.energy_fj
    assert sum(line.difference_fj for line in found.ops) == found.energy_fj
    assert bills[0] == pytest.approx(a.summary["energy_uj"] * 1e9, abs=len(a.table("actions")["count"]))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_backwards_is_the_opposite(results, one, other):
    forwards, backwards = diff(results[one], results[other]), diff(results[other], results[one])
    for name, keys, values in (
        ("time", ("op_b", "op_a", "engine", "cause"), ("difference_fs",)),
        ("ops", ("op_b", "op_a"), ("difference_fs", "difference_fj")),
        ("energy", ("component", "action", "part", "state"), ("difference_fj",)),
        ("area", ("component", "unit"), ("difference_um2",)),
    ):
        swapped = [key.translate(str.maketrans("ab", "ba")) if key.startswith("op_") else key for key in keys]
        there = {tuple(row[k] for k in keys): [row[v] for v in values] for row in forwards.table(name)}
        back = {tuple(row[k] for k in swapped): [-row[v] for v in values] for row in backwards.table(name)}
        assert there == back
    assert {(o.key, o.b, o.a) for o in forwards.origins} == {(o.key, o.a, o.b) for o in backwards.origins}


@pytest.mark.parametrize("name", CASES)
def test_a_result_does_not_differ_from_itself(results, name, tmp_path):
    results[name].save(tmp_path / "saved")
    for other in (results[name], tmp_path / "saved"):
        found = diff(results[name], other)
        assert found.is_equal
        assert not found.origins
        assert not found.latency_fs
        assert not found.energy_fj


@pytest.mark.parametrize(
    ("table", "change"),
    [("totals", {"b": 1.0}), ("time", {"b_fs": -1}), ("energy", {"b_fj": -1}), ("area", {"b_um2": -1.0}),
     ("ops", {"changes": ("engine mac -> vector",)})],
)  # fmt: skip
def test_results_are_equal_only_if_everything_is(results, table, change):
    found = diff(results["plain"], results["plain"])
    first, *rest = getattr(found, table)
    assert not dataclasses.replace(found, **{table: (dataclasses.replace(first, **change), *rest)}).is_equal


def test_what_was_saved_differs_as_what_was_run(results, tmp_path):
    for name in ("plain", "slow memory"):
        results[name].save(tmp_path / name)
    assert diff(tmp_path / "plain", tmp_path / "slow memory") == diff(results["plain"], results["slow memory"])


def test_a_slow_memory_is_named_as_the_cause(results):
    found = diff(results["plain"], results["slow memory"])
    assert not found.is_equal
    assert [(o.key, o.a, o.b) for o in found.origins] == [("hardware memories.dram.bandwidth", "12.8 GB/s", "50 MB/s")]
    cause, a, b = found.time_by(lambda line: f"{line.cause} {line.engine}")[0]
    assert cause == "load dma_in"
    assert b - a > 0.8 * found.latency_fs > 0


def test_an_op_that_moved_to_another_engine_is_named(results):
    found = diff(results["plain"], results["no array for it"])
    moved = {line.op_a: line.changes for line in found.ops if line.engine_a == "mac" and line.engine_b == "vector"}
    assert "stem.conv" in moved
    assert "engine mac -> vector" in moved["stem.conv"]


def test_options_of_the_mapper_and_seeds_are_named(results):
    keys = {origin.key: (origin.a, origin.b) for origin in diff(results["plain"], results["not fused"]).origins}
    assert keys["settings.options.fuse"] == ("-", "none")
    assert keys["seeds.seed"] == ("0", "1")


def test_formats_are_named(results):
    found = diff(results["plain"], results["no compression"])
    assert {"key": "compress", "a": "int8", "b": "none"} in found.table("origins")
    assert any("formats int8 int8 int32 int8 -> fp32" in change for line in found.ops for change in line.changes)


def test_a_bill_says_whether_counts_or_prices_differ(results):
    found = diff(results["plain"], cosim.run("ds_cnn", "npu/edge-256", overrides={"technology": "cmos-28nm"}))
    reasons = {(line.component, line.action): line.reason for line in found.energy if line.difference_fj}
    assert reasons["mac", "mac_int8"] == "price"
    slower = diff(results["plain"], results["slow memory"])
    assert {line.reason for line in slower.energy if line.component == "dram" and line.state == "background"} == {
        "count"
    }


def test_frames_hold_what_the_tables_hold(results):
    found = diff(results["plain"], results["other array"])
    frame = found.frame("time")
    assert int(frame.difference_fs.sum()) == found.latency_fs
    assert list(found.frame("totals").columns) == ["name", "unit", "a", "b", "difference", "ratio"]


def test_a_result_without_a_ledger_is_refused(results, tmp_path):
    old = dataclasses.replace(
        results["plain"], makers={k: v for k, v in results["plain"].makers.items() if k != "ledger"}
    )
    with pytest.raises(DescriptionError, match="earlier cosim"):
        diff(results["plain"], old)
    with pytest.raises(DescriptionError, match="no cosim result"):
        diff(tmp_path, results["plain"])


# --- which op is which -------------------------------------------------------------------------------------------


def op(name, kind="conv2d", macs=1, fused=""):
    return {"op": name, "kind": kind, "macs": macs, "fused": fused}


def test_ops_of_the_same_name_are_pairs():
    found = match([op("a"), op("b")], [op("b"), op("a")])
    assert set(found.pairs) == {("a", "a"), ("b", "b")}
    assert not found.notes


def test_a_run_of_renamed_ops_is_paired_between_its_neighbours():
    found = match([op("a"), op("x", macs=3), op("y"), op("z")], [op("a"), op("p", macs=3), op("q"), op("z")])
    assert ("x", "p") in found.pairs
    assert ("y", "q") in found.pairs
    assert found.notes["x", "p"] == "another name"


def test_ops_that_are_not_alike_are_no_pairs():
    found = match([op("a"), op("x", macs=3)], [op("a"), op("p", macs=4)])
    assert found.pairs == (("a", "a"), ("x", ""), ("", "p"))
    assert found.notes == {("x", ""): "only in A", ("", "p"): "only in B"}


def test_fused_and_split_ops_are_told():
    found = match([op("conv"), op("relu", "relu")], [op("conv", fused="bn relu")])
    assert found.notes["relu", ""] == "part of conv in B"
    found = match([op("conv")], [op("conv.0"), op("conv.1")])
    assert found.notes["conv", ""] == "split into conv.0, conv.1 in B"
    assert found.notes["", "conv.1"] == "a part of conv, which is whole in A"


names = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6)


@given(names, names, st.randoms(use_true_random=False))
def test_matching_is_the_same_from_both_sides(one, other, random):
    a, b = ([op(name, macs=random.randrange(2)) for name in some] for some in (one, other))
    there, back = match(a, b), match(b, a)
    assert set(there.pairs) == {(x, y) for y, x in back.pairs}
    assert {x for x, _ in there.pairs} - {""} == set(one)
    assert {y for _, y in there.pairs} - {""} == set(other)
    assert len({pair[0] for pair in there.pairs if pair[0]}) == sum(bool(pair[0]) for pair in there.pairs)


def test_a_loaded_result_has_its_ledger(results, tmp_path):
    results["plain"].save(tmp_path / "r")
    loaded = Result.load(tmp_path / "r").table("ledger")
    assert {name: column.tolist() for name, column in loaded.items()} == {
        name: column.tolist() for name, column in results["plain"].table("ledger").items()
    }
