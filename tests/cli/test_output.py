"""What the commands print: one JSON object, tables, and the same bytes twice."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.result import Result

ON = ("--on", "npu/edge-256")
Cosim = Callable[..., Any]

# key -> type; the contract of docs/reference/json.md
NUMBERS = (
    "latency_ms", "energy_uj", "energy_uj_low", "energy_uj_high", "utilization_temporal", "bound_low_ms",
    "bound_high_ms", "area_um2",
)  # fmt: skip
TEXTS = ("network", "hardware", "technology", "energy_boundary", "timer", "values", "execute", "inference")
PROVENANCE = ("versions", "plugins", "seeds", "hashes", "overrides", "command_line", "settings", "network", "notes")


def test_json_is_one_object_with_the_promised_keys(cosim: Cosim) -> None:
    outcome = cosim("run", "ds_cnn", *ON, "--json", "--seed", 3)
    assert outcome.code == 0
    assert outcome.err == ""
    summary = json.loads(outcome.out)
    for key in NUMBERS:
        assert isinstance(summary[key], float), key
        assert math.isfinite(summary[key]), key
        assert summary[key] > 0, key
    for key in TEXTS:
        assert isinstance(summary[key], str), key
    assert set(PROVENANCE) <= set(summary["provenance"])
    assert set(summary["peak_bytes"]) == {"dram", "sram", "accumulator"}
    assert all(isinstance(peak, int) for peak in summary["peak_bytes"].values())
    assert summary["macs"] == 2_656_768
    assert summary["energy_uj_low"] <= summary["energy_uj"] <= summary["energy_uj_high"]
    assert summary["bound_low_ms"] <= summary["latency_ms"] <= summary["bound_high_ms"]
    assert math.fsum(summary["critical_path_ms"].values()) == pytest.approx(summary["latency_ms"])
    assert math.fsum(summary["energy_by_component_uj"].values()) == pytest.approx(summary["energy_uj"])
    assert summary["provenance"]["seeds"] == {"seed": 3}
    assert summary["provenance"]["command_line"] == "cosim run ds_cnn --on npu/edge-256 --json --seed 3"
    assert summary["sqnr_db"] is None


def test_an_override_changes_the_answer_and_is_recorded(cosim: Cosim) -> None:
    slow = json.loads(cosim("run", "ds_cnn", *ON, "--json", "--set", "memories.dram.bandwidth=100MB/s").out)
    fast = json.loads(cosim("run", "ds_cnn", *ON, "--json").out)
    assert slow["latency_ms"] > fast["latency_ms"]
    assert slow["provenance"]["overrides"] == {"memories.dram.bandwidth": "100MB/s"}
    assert slow["provenance"]["hashes"]["hardware"] != fast["provenance"]["hashes"]["hardware"]


def test_both_timers_print_the_same(cosim: Cosim) -> None:
    runs = [
        json.loads(cosim("run", "ds_cnn", *ON, "--json", "--timer", timer).out) for timer in ("compiled", "reference")
    ]
    assert [run["timer"] for run in runs] == ["compiled", "reference"]
    assert len({run["latency_fs"] for run in runs}) == 1
    assert len({run["energy_uj"] for run in runs}) == 1


def test_executed_numbers_are_reported(cosim: Cosim, tmp_path: Path) -> None:
    outcome = cosim("run", "ds_cnn", *ON, "--execute", "scheduled", "--out", tmp_path / "r")
    assert outcome.code == 0
    assert "SQNR" in outcome.out
    result = Result.load(tmp_path / "r")
    (ratio,) = result.summary["sqnr_db"].values()
    assert ratio > 5
    assert result.summary["execute"] == "scheduled"
    assert np.isfinite(result.table("ops")["sqnr_db"]).any()


def test_the_same_run_twice_gives_the_same_bytes(cosim: Cosim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert cosim("run", "ds_cnn", *ON, "--out", "r", "--timeline", "--trace").code == 0
        folders.append({path.name: path.read_bytes() for path in (tmp_path / name / "r").iterdir()})
    assert folders[0] == folders[1]
    assert {"ops.csv", "timeline.csv", "trace.json", "summary.json"} <= set(folders[0])
    assert json.loads(folders[0]["trace.json"])["traceEvents"]


def test_check_counts_every_op(cosim: Cosim) -> None:
    outcome = cosim("check", "ds_cnn", *ON, "--json")
    assert outcome.code == 0
    found = json.loads(outcome.out)
    assert found["is_supported"] is True
    assert sum(found["ops"].values()) == len(found["verdicts"])
    assert found["macs"] == {"mapped": 2_656_768, "host fallback": 0, "unsupported": 0}


def test_check_shows_the_cost_of_a_fallback(cosim: Cosim) -> None:
    found = json.loads(cosim("check", "ds_cnn", *ON, "--json", "--compress", "fp16").out)
    fallen = [verdict for verdict in found["verdicts"] if verdict["status"] == "host fallback"]
    assert fallen
    assert all(verdict["engine"] == "host" and verdict["bound_ms"] > 0 and verdict["reasons"] for verdict in fallen)


def test_check_says_no_with_exit_code_1_and_the_hook(cosim: Cosim) -> None:
    settings = ("--set", "engines.host.formats=[int8]", "--set", "engines.vector.formats=[int8]")
    outcome = cosim("check", "ds_cnn", *ON, "--compress", "none", *settings)
    assert outcome.code == 1
    assert "unsupported" in outcome.out
    assert "cosim_engine_kinds" in outcome.out


def test_explain_names_a_source_for_every_price(cosim: Cosim) -> None:
    found = json.loads(cosim("explain", "ds_cnn", *ON, "--json").out)
    assert all(row["source"] for row in found["actions"])
    total = math.fsum(sum(engines.values()) for engines in found["critical_path_by_op_ms"].values())
    assert total == pytest.approx(found["latency_ms"])


def test_explain_of_an_op_shows_tile_traffic_and_prices(cosim: Cosim) -> None:
    outcome = cosim("explain", "ds_cnn", *ON, "--op", "blocks.0.pw")
    assert outcome.code == 0
    for word in ("tile", "loops", "traffic", "mac.mac_int8", "sources"):
        assert word in outcome.out


def test_memory_plan_as_json_file_and_figure(cosim: Cosim, tmp_path: Path) -> None:
    outcome = cosim("memory", "ds_cnn", *ON, "--out", tmp_path / "plan.json", "--figure", tmp_path / "plan.png")
    assert outcome.code == 0
    plan = json.loads((tmp_path / "plan.json").read_text())
    for memory in plan["memories"]:
        assert max(memory["live_bytes"]) == memory["peak_bytes"] <= memory["size_bytes"]
        assert len(memory["live_bytes"]) == len(plan["ops"])
        for placed in memory["placements"]:
            assert placed["address_bytes"] + placed["size_bytes"] <= memory["size_bytes"]
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")
    assert "written to" in outcome.out


@pytest.mark.parametrize(
    "command",
    ["hw", "workloads", "formats", "engines", "compressions", "mappers", "technologies", "metrics", "plugins"],
)
def test_lists_name_something_and_where_it_comes_from(cosim: Cosim, command: str) -> None:
    rows = json.loads(cosim(command, "--json").out)
    assert rows
    assert all(row.get("from", row.get("distribution")) for row in rows)
    assert str(next(iter(rows[0].values()))) in cosim(command).out


def test_accuracy_on_held_out_samples(cosim: Cosim, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((24, 1, 49, 10)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, y=generator.integers(0, 12, 24))
    found = json.loads(cosim("accuracy", "ds_cnn", "--data", tmp_path / "d.npz", "--json").out)
    assert found["n"] + found["calibration_n"] == 24
    assert found["low"] <= found["value"] <= found["high"]
    assert found["change"] == pytest.approx(found["value"] - found["float_value"])


def test_accuracy_without_targets_says_so(cosim: Cosim, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((4, 1, 49, 10), np.float32))
    outcome = cosim("accuracy", "ds_cnn", "--data", tmp_path / "d.npz")
    assert outcome.code == 2
    assert "unknown array 'y'" in outcome.err
