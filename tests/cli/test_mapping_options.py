"""Options of the mapper on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run

RUN = ("run", "ds_cnn", "--on", "npu/edge-256")


def test_objective_and_map_options_reach_the_mapper(cosim: Run) -> None:
    plain = json.loads(cosim(*RUN, "--no-cache", "--json").out)
    memory = json.loads(cosim(*RUN, "--no-cache", "--objective", "memory", "--json").out)
    assert memory["peak_bytes"]["sram"] < plain["peak_bytes"]["sram"]
    assert memory["latency_ms"] > plain["latency_ms"]
    same = json.loads(cosim(*RUN, "--no-cache", "--map", "objective=memory", "--json").out)
    assert same["latency_ms"] == memory["latency_ms"]


def test_no_cache_writes_nothing(cosim: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSIM_CACHE_DIR", str(tmp_path / "cache"))
    cosim(*RUN, "--no-cache")
    assert not (tmp_path / "cache").exists()
    cosim(*RUN)
    assert list((tmp_path / "cache").rglob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--objective", "speed"), "balanced"),
        (("--map", "seconds=-1"), "above 0"),
        (("--map", "tiles=3"), "objective"),
        (("--map", "fuse"), "--map"),
    ],
)
def test_a_wrong_option_is_refused(refused: Callable[..., str], arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(*RUN, *arguments)


def test_pareto_prints_and_marks(cosim: Run) -> None:
    found = cosim("pareto", "ds_cnn", "--on", "npu/edge-256", "--objectives", "latency,memory", "--json")
    points = json.loads(found.out)["points"]
    assert [point["objective"] for point in points] == ["latency", "memory"]
    assert all(point["is_on_front"] for point in points)
    assert "main memory traffic" in cosim("pareto", "ds_cnn", "--on", "npu/edge-256", "--objectives", "5%").out
