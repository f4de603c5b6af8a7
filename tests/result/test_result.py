"""What the tables of a run say about one another: sums, orders, and a round trip."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import cosim
from cosim.compress.fold import fold
from cosim.errors import DescriptionError
from cosim.graph import Builder
from cosim.program.program import Flag
from cosim.result import Result
from cosim.result.fused import fused
from cosim.result.gaps import CAUSES
from cosim.result.table import rows
from cosim.result.work import Work
from cosim.simulation import simulate
from cosim.timing import Cause

CASES = [("ds_cnn", "npu/edge-256", {}), ("resnet8", "npu/systolic-32x32", {"memories.sram.size": "12 KiB"})]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case[0])
def result(request: pytest.FixtureRequest) -> Result:
    network, device, overrides = request.param
    hardware = cosim.load_hardware(device, overrides=overrides)
    return Result.from_simulation(simulate(cosim.load_graph(network), hardware, execute="whole"))


def test_engines_account_for_the_whole_latency(result: Result) -> None:
    for row in rows(result.table("engines")):
        stalls = math.fsum(row[f"stall_{cause}_ms"] for cause in CAUSES)
        assert stalls == pytest.approx(row["stall_ms"])
        assert row["busy_ms"] + stalls + row["idle_ms"] == pytest.approx(result.summary["latency_ms"])
        assert min(row["busy_ms"], row["idle_ms"], *(row[f"stall_{cause}_ms"] for cause in CAUSES)) >= 0


def test_the_critical_path_is_the_latency(result: Result) -> None:
    path = result.table("critical_path")
    assert (path["length_ms"] >= 0).all()
    assert path["length_ms"].sum() == pytest.approx(result.summary["latency_ms"])
    assert result.table("ops")["critical_ms"].sum() == pytest.approx(path["length_ms"][path["op"] != ""].sum())


def test_bytes_by_op_add_up_to_those_of_the_memories(result: Result) -> None:
    ops = result.table("ops")
    for memory in rows(result.table("memories")):
        for direction in ("read", "write"):
            assert ops[f"{memory['memory']}_{direction}_bytes"].sum() == memory[f"{direction}_bytes"]
        assert memory["peak_bytes"] <= memory["extent_bytes"] <= memory["size_bytes"]


def test_energy_by_op_adds_up_to_the_counted_actions(result: Result) -> None:
    actions = result.table("actions")
    counted = actions["energy_pj"][actions["state"] == "action"].sum()
    assert result.table("ops")["energy_pj"].sum() == pytest.approx(counted)
    assert result.table("op_actions")["energy_pj"].sum() == pytest.approx(counted)
    assert actions["energy_pj"].sum() == pytest.approx(result.summary["energy_uj"] * 1e6)


def test_macs_are_those_of_the_graph_and_of_the_engines(result: Result) -> None:
    assert result.table("ops")["macs"].sum() == result.summary["macs"]
    assert result.table("engines")["macs"].sum() == result.summary["macs"]


def test_ratios_lie_between_zero_and_one(result: Result) -> None:
    spatial = result.table("ops")["utilization_spatial"]
    for ratio in (spatial[~np.isnan(spatial)], result.table("engines")["utilization_temporal"]):
        assert ((ratio >= 0) & (ratio <= 1)).all()
    busy = result.table("links")["utilization_temporal"]
    assert ((busy >= 0) & (busy <= 1)).all()


def test_no_op_beats_its_bound(result: Result) -> None:
    ops = result.table("ops")
    assert (ops["busy_cycles"] >= ops["bound_cycles"]).all()


def test_every_move_serves_an_op_that_touches_its_tensor(result: Result) -> None:
    assert result.simulation is not None
    graph = result.simulation.graph
    touched = {op.name: {*op.inputs, op.output} for op in graph.ops}
    for row in rows(result.table("timeline")):
        assert row["op"], row
        if row["is_move"] and row["tensor"] not in touched[row["op"]]:
            # views show the same bytes under another name
            assert any(op.kind.is_view and row["tensor"] in (*op.inputs, op.output) for op in graph.ops), row


def test_a_store_serves_the_op_that_made_it_and_not_the_one_that_loads_it_again(result: Result) -> None:
    assert result.simulation is not None
    ops = {op.name: op for op in result.simulation.graph.ops}
    stores = [row for row in rows(result.table("timeline")) if row["engine"] == "dma_out"]
    assert stores
    for row in stores:
        assert ops[row["op"]].output == row["tensor"]


def test_the_spilling_case_spills_and_blocks(result: Result) -> None:
    """Without this the checks above would say nothing about stores that are loaded again and about shared paths."""
    if result.summary["network"] == "resnet8":
        timeline = result.table("timeline")
        assert (timeline["engine"] == "dma_out").sum() > 10
        assert (timeline["blocked_fs"] > 0).any()


def test_a_result_comes_back_from_disk_as_it_was(result: Result, tmp_path: Path) -> None:
    result.save(tmp_path / "r", timeline=True, trace=True)
    again = Result.load(tmp_path / "r")
    assert again.summary == result.summary
    for name in result.makers:
        for column, values in result.table(name).items():
            np.testing.assert_array_equal(again.table(name)[column], values, err_msg=f"{name}.{column}")
    with pytest.raises(DescriptionError, match="no events"):
        again.save(tmp_path / "again", trace=True)


def test_frames_are_pandas_and_units_end_the_names(result: Result) -> None:
    units = ("_ms", "_fs", "_cycles", "_bytes", "_pj", "_um2", "_mhz", "_db", "_bytes_per_s", "_macs_per_s", "_bits")
    free = {"count", "macs", "commands", "command", "cycles", "first_op", "last_op"}  # counts, and positions
    free |= {"blocks", "sums", "overflows", "least", "most"}  # counts, and values of integer sums
    free |= {"max_error"}  # a ratio that may exceed 1
    for name in result.makers:
        frame = result.frame(name)
        for column in frame.select_dtypes("number").columns:
            is_ratio = column.startswith("utilization_")
            assert column.endswith(units) or is_ratio or column in free, f"{name}.{column}"
    assert list(result.ops.columns)[:3] == ["op", "kind", "engine"]


def test_an_unknown_frame_offers_the_nearest(result: Result) -> None:
    with pytest.raises(DescriptionError, match="did you mean 'engines'"):
        result.table("engine")


def linear(inputs: int, outputs: int) -> cosim.Graph:
    builder = Builder("head", 0)
    builder.output(builder.linear(builder.input("x", (1, inputs)), outputs, name="fc"))
    return builder.build()


def waits(result: Result, engine: str) -> dict[str, float]:
    """Cause -> share of the waiting of an engine."""
    row = next(row for row in rows(result.table("engines")) if row["engine"] == engine)
    return {cause: row[f"stall_{cause}_ms"] / row["stall_ms"] for cause in CAUSES}


def test_waiting_for_weights_is_waiting_for_a_load() -> None:
    """Partial sums live in another memory than weights: what a command writes says nothing about what it reads."""
    result = cosim.run(linear(1024, 1024), "npu/edge-256", overrides={"memories.sram.size": "64 KiB"})
    assert result.simulation is not None
    assert (result.simulation.program.flags & Flag.PARTIAL).any(), "reduction tiles, or nothing is shown"
    found = waits(result, "mac")
    assert found["load"] > 0.9
    assert found["store"] == 0


def test_only_what_empties_memory_is_a_store(result: Result) -> None:
    assert result.simulation is not None
    program, times = result.simulation.program, result.simulation.times
    work = Work(result.simulation)
    engines = np.array(program.machine.engines)
    waiting = np.flatnonzero(times.cause == Cause.WAIT)
    cause, behind = np.array(CAUSES)[work.gaps.cause[waiting]], times.cause_id[waiting]
    assert set(engines[work.engine[behind[cause == "store"]]]) <= {"dma_out"}
    spilled = waiting[(cause == "load") & (engines[work.engine[behind]] == "dma_out")]
    for command in spilled.tolist():  # what was stored is loaded again
        assert program.tensor[command] == program.tensor[times.cause_id[command]]
    if result.summary["network"] == "resnet8":
        assert (cause == "store").any()
        assert (cause == "load").any()


def test_a_result_in_one_line(result: Result) -> None:
    assert len(repr(result)) < 100
    assert result.summary["network"] in repr(result)


def test_every_op_that_was_folded_is_found_again(result: Result) -> None:
    assert result.simulation is not None
    original, graph = result.simulation.original, result.simulation.graph
    kept = {op.name for op in graph.ops}
    gone = [op.name for op in original.ops if op.name not in kept]
    named = " ".join(result.table("ops")["fused"].tolist()).split()
    assert gone
    assert sorted(named) == sorted(gone)


def test_an_identity_belongs_to_what_made_its_input() -> None:
    builder = Builder("small", 0)
    x = builder.linear(builder.input("x", (1, 4)), 4, name="a")
    x = builder.op("identity", [x], name="same")
    builder.output(builder.linear(builder.relu(x, name="relu"), 2, name="b"))
    graph = builder.build()
    assert fused(graph, fold(graph)) == {"same": "a", "relu": "a"}
    assert fused(graph, graph) == {}


def test_an_engine_that_counts_digits_did_the_macs_of_its_ops() -> None:
    result = cosim.run("ds_cnn", "npu/smartexchange", compress="smartexchange")
    engines = result.table("engines")
    done = dict(zip(engines["engine"], engines["macs"], strict=True))
    assert done["array"] == result.summary["macs"]
    assert result.summary["main_engine"] == "array"
    assert result.summary["utilization_spatial"] > 0
