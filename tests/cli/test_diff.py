"""`cosim diff`, `cosim slowdown` and `cosim compare-designs` as a user calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cosim.cli import main

Cosim = Callable[..., Any]
ON = ("--on", "npu/edge-256")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signal.signal", lambda *_: None)
        for name, more in (
            ("a", ()),
            ("b", ("--set", "memories.dram.bandwidth=50MB/s")),
            ("c", ("--map", "fuse=none", "--set", "engines.vector.lanes=4")),
        ):
            assert main(["run", "ds_cnn", *ON, *more, "--out", str(folder / name)]) == 0
    return folder


def test_diff_tells_totals_origins_causes_ops_and_bills(cosim: Cosim, saved: Path) -> None:
    outcome = cosim("diff", saved / "a", saved / "b")
    assert outcome.code == 0
    for text in (
        "A  ds_cnn on npu/edge-256", "with memories.dram.bandwidth = 50MB/s", "longer", "totals", "what was asked for",
        "12.8 GB/s", "latency, by what it went to", "waiting for data", "latency, by op", "energy, by component",
    ):  # fmt: skip
        assert text in outcome.out, text
    assert cosim("diff", saved / "a", saved / "b").out == outcome.out


def test_equal_results_are_said_to_be_equal(cosim: Cosim, saved: Path) -> None:
    outcome = cosim("diff", saved / "a", saved / "a")
    assert outcome.code == 0
    assert "The results are equal." in outcome.out
    assert "latency, by" not in outcome.out


def test_diff_as_json_adds_up(cosim: Cosim, saved: Path) -> None:
    facts = json.loads(cosim("diff", saved / "a", saved / "c", "--json").out)
    assert not facts["is_equal"]
    assert sum(line["difference_fs"] for line in facts["time"]) == facts["latency_difference_fs"] != 0
    assert sum(line["difference_fj"] for line in facts["energy"]) == facts["energy_difference_fj"]
    assert {"key": "settings.options.fuse", "a": "-", "b": "none"} in facts["origins"]


def test_what_is_no_result_is_refused(refused: Callable[..., str], saved: Path) -> None:
    assert "no cosim result" in refused("diff", saved / "a", "missing")
    assert "no cosim result" in refused("diff", saved, saved / "a")
    (saved / "a" / "ledger.csv").rename(saved / "ledger.csv")
    try:
        assert "damaged" in refused("diff", saved / "a", saved / "b")
    finally:
        (saved / "ledger.csv").rename(saved / "a" / "ledger.csv")


def test_slowdown_shows_every_device_and_goes_on_where_a_network_does_not_fit(cosim: Cosim) -> None:
    outcome = cosim("slowdown", "ds_cnn", "resnet8", *ON, "--on", "mcu/gap8", "--on", "npu/systolic-32x32")
    assert outcome.code == 0
    for text in ("npu/edge-256: 256 GMAC/s at the peak of mac", "fewer MACs", "of the time", "depthwise", "is lost to"):
        assert text in " ".join(outcome.out.split()), text
    facts = json.loads(cosim("slowdown", "ds_cnn", "mobilenet_v2", "--on", "mcu/gap8", "--json").out)
    assert [run["network"] for run in facts["runs"]] == ["ds_cnn"]
    assert len(facts["not_run"]) == 1
    assert sum(facts["runs"][0]["parts_fs"].values()) == facts["runs"][0]["latency_fs"]


def test_slowdown_refuses_what_does_not_run_at_all(refused: Callable[..., str]) -> None:
    assert "bytes too many" in refused("slowdown", "mobilenet_v2", "--on", "mcu/gap8")
    assert "did you mean 'npu/edge-256'" in refused("slowdown", "ds_cnn", "--on", "npu/edge-265")


def test_designs_are_compared(cosim: Cosim) -> None:
    asked = ("compare-designs", "npu/edge-256", "npu/systolic-32x32", "--network", "ds_cnn", "--at", "iso-peak")
    outcome = cosim(*asked)
    assert outcome.code == 0
    for text in ("target 256 GMAC/s, that of npu/edge-256", "engines.array.rows = 16", "EDP", "inf/s/mm2"):
        assert text in " ".join(outcome.out.split()), text
    facts = json.loads(cosim(*asked, "--json").out)
    assert [design["mismatch"] for design in facts["designs"]] == [0.0, 0.0]


def test_designs_that_cannot_be_compared_are_refused(refused: Callable[..., str]) -> None:
    asked = ("compare-designs", "npu/edge-256", "fpga/dpuczdx8g-b4096", "--network", "ds_cnn")
    assert "LUTs" in refused(*asked)
    assert "iso-area, iso-peak, iso-power" in refused(*asked, "--at", "iso-cost")
    assert "none of the designs has this key" in refused(*asked, "--at", "iso-peak", "--scale", "engines.mac.row")
