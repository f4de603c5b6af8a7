"""First and steady inferences in a Result: figures that agree with the tables, one line where they differ."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

import cosim
from cosim.report.summary import head
from cosim.result import Result
from cosim.result.table import rows


@pytest.fixture(scope="module", params=["auto", "none"])
def result(request: pytest.FixtureRequest) -> Result:
    return cosim.run("autoencoder", "npu/edge-256", options={"resident": request.param})


def printed(result: Result) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(head(result))
    return out.getvalue()


def test_the_first_inference_moves_what_the_tables_say(result: Result) -> None:
    main = next(row for row in rows(result.table("memories")) if row["memory"] == result.summary["main_memory"])
    assert result.summary["dram_bytes"] == main["read_bytes"] + main["write_bytes"]


def test_what_stays_is_in_the_memory_plan_and_saves_its_bytes(result: Result) -> None:
    summary = result.summary
    placed = [row for row in rows(result.table("placements")) if row["role"] == "resident"]
    assert summary["resident_bytes"] == sum(row["size_bytes"] for row in placed)
    assert bool(placed) == (summary["steady_dram_bytes"] < summary["dram_bytes"])
    assert summary["steady_latency_ms"] <= summary["latency_ms"]
    assert summary["steady_energy_uj"] <= summary["energy_uj"]


def test_a_line_is_printed_where_they_differ(result: Result) -> None:
    assert ("every inference after it" in printed(result)) == (result.summary["resident_bytes"] > 0)


def test_without_residents_both_are_the_same() -> None:
    summary = cosim.run("autoencoder", "npu/edge-256", options={"resident": "none"}).summary
    assert summary["resident_bytes"] == 0
    for key in ("latency_ms", "energy_uj", "energy_uj_low", "energy_uj_high", "dram_bytes"):
        assert summary[f"steady_{key}"] == summary[key]


def test_an_autoencoder_whose_weights_all_stay_is_no_longer_bound_by_memory() -> None:
    summary = cosim.run("autoencoder", "npu/edge-256").summary
    assert summary["steady_latency_ms"] < 0.2 * summary["latency_ms"]
    assert summary["steady_dram_bytes"] == 1280  # its input and its output
