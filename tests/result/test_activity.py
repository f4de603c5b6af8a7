"""Tables that charts are drawn from: slices of time, roofs, quality, tiles."""

from __future__ import annotations

import numpy as np
import pytest

import cosim
from cosim.execute.quality import largest_error
from cosim.result.activity import SLICES
from cosim.result.gaps import CAUSES
from cosim.result.table import rows


@pytest.fixture(scope="module", params=[("ds_cnn", "1 MiB"), ("resnet8", "24 KiB")], ids=["fits", "spills"])
def result(request):
    network, size = request.param
    return cosim.run(network, "npu/edge-256", overrides={"memories.sram.size": size}, execute="whole")


def test_slices_add_up_to_the_engines(result):
    activity = result.table("activity")
    for engine in rows(result.table("engines")):
        mine = activity["engine"] == engine["engine"]
        for part in ("busy_ms", *(f"stall_{cause}_ms" for cause in CAUSES)):
            assert activity[part][mine].sum() == pytest.approx(engine[part], abs=1e-15), (engine["engine"], part)


def test_a_slice_holds_no_more_than_its_length(result):
    activity = result.table("activity")
    spent = activity["busy_ms"] + sum(activity[f"stall_{cause}_ms"] for cause in CAUSES)
    assert (spent <= (activity["end_ms"] - activity["start_ms"]) * (1 + 1e-9)).all()
    assert (spent > 0).all()
    assert len(np.unique(activity["start_ms"])) <= SLICES
    assert activity["end_ms"].max() <= result.summary["latency_ms"] * (1 + 1e-12)


def test_gaps_of_the_timeline_are_the_stalls_of_the_engines(result):
    timeline = result.table("timeline")
    for engine in rows(result.table("engines")):
        mine = timeline["engine"] == engine["engine"]
        for cause in CAUSES:
            late = timeline["gap_fs"] - timeline["early_fs"]
            gaps = late[mine & (timeline["gap_cause"] == cause)].sum()
            gaps += timeline["early_fs"][mine & (timeline["early_cause"] == cause)].sum()
            blocked = timeline["blocked_fs"][mine].sum() if cause == "link" else 0
            assert (gaps + blocked) * 1e-12 == pytest.approx(engine[f"stall_{cause}_ms"], abs=1e-15)
    assert (timeline["gap_cause"][timeline["gap_fs"] == 0] == "").all()


def test_tiles_name_the_loops_that_are_cut(result):
    timeline, graph = result.table("timeline"), result.simulation.graph
    ops = {op.name: {dim.name: dim.size for dim in graph.space(op).dims} for op in graph.ops}
    seen = 0
    for row in rows(timeline):
        if row["is_move"] or row["tile"] == "whole":
            continue
        for part in row["tile"].split(", "):
            name, _, span = part.partition(" ")
            low, high = map(int, span.split(":"))
            assert 0 <= low < high <= ops[row["op"]][name]
            assert high - low < ops[row["op"]][name]
            seen += 1
    assert seen or result.summary["network"] == "ds_cnn", "without tiles this says nothing"


def test_roofs_are_those_of_the_summary(result):
    roof = result.summary["roofline"]
    found = {row["roof"]: row for row in rows(result.table("roofs"))}
    assert found[roof["engine"]]["peak_macs_per_s"] == pytest.approx(roof["peak_macs_per_s"])
    assert found[roof["memory"]]["peak_bytes_per_s"] == pytest.approx(roof["peak_bytes_per_s"])


def test_quality_agrees_with_the_ops_and_is_empty_without_execution(result):
    quality, ops = result.frame("quality"), result.frame("ops").set_index("op")
    assert len(quality)
    np.testing.assert_array_equal(ops.loc[quality["op"], "sqnr_db"], quality["sqnr_db"])
    finite = quality[np.isfinite(quality["sqnr_db"])]
    assert ((finite["max_error"] > 0) & (finite["max_error"] < 10)).all()
    assert len(cosim.run("ds_cnn", "npu/edge-256").table("quality")["op"]) == 0


def test_the_largest_error_is_relative_to_the_largest_magnitude():
    assert largest_error([1.0, -4.0], [1.0, -3.0]) == 0.25
    assert largest_error([0.0], [0.0]) == 0.0
    assert largest_error([0.0], [1.0]) == float("inf")
