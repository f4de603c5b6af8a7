"""What reaches a screen, whatever its width and its characters."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cosim import DescriptionError, load_graph

ON = ("--on", "npu/edge-256")
Cosim = Callable[..., Any]


def plain(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command as a process on a screen of ASCII."""
    command = [sys.executable, "-m", "cosim", *arguments]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **environment})


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["encoding", "locale"],
)
def test_a_screen_without_blocks_gets_other_characters(environment: dict[str, str]) -> None:
    done = plain("run", "ds_cnn", *ON, **environment)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("ascii")
    assert "####" in text
    assert "?" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 100])
@pytest.mark.parametrize(
    "command", [("run",), ("explain",), ("memory",), ("check",), ("explain", "--op", "blocks.0.pw")], ids=" ".join
)
def test_no_number_is_ever_cut(
    cosim: Cosim, monkeypatch: pytest.MonkeyPatch, width: int, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    verb, *options = command
    text = cosim(verb, "ds_cnn", *ON, *options).out
    cut = [word for word in re.findall(r"\S*…", text) if word[:1].isdigit()]
    assert not cut, text
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_columns_without_room_are_named(cosim: Cosim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert "no room for: " in cosim("run", "ds_cnn", *ON).out
    monkeypatch.setenv("COLUMNS", "120")
    assert "no room for: " not in cosim("run", "ds_cnn", *ON).out


def test_an_open_batch_is_said_on_stderr_and_not_in_the_json(cosim: Cosim, open_batch: Path) -> None:
    for command in ("run", "explain", "memory", "check"):
        outcome = cosim(command, open_batch, *ON, "--json")
        assert outcome.code == 0
        assert re.fullmatch(r"note: .*batch.*1\n", outcome.err), outcome.err
        assert json.loads(outcome.out)["network"] == "open"
    assert cosim("run", "ds_cnn", *ON).err == ""


def test_a_shape_and_a_batch_that_disagree_are_refused(refused: Callable[..., str], open_batch: Path) -> None:
    assert "says 2 samples" in refused("run", open_batch, *ON, "--batch", 4, "--shape", "x=2x4")
    assert load_graph(open_batch, batch=4, shapes={"x": (1, 4)}).tensors["x"].shape == (4, 4)
    assert load_graph(open_batch, batch=2, shapes={"x": (2, 4)}).tensors["x"].shape == (2, 4)
    with pytest.raises(DescriptionError, match="batch is 4"):
        load_graph(open_batch, batch=4, shapes={"x": (2, 4)})


def test_what_is_seeded_and_what_is_changed_is_said(cosim: Cosim) -> None:
    setting = ("--set", "memories.dram.bandwidth=6.4 GB/s")
    text = cosim("run", "ds_cnn", *ON, "--execute", "whole", *setting).out
    assert "calibrated on seeded data, inputs seeded" in " ".join(text.split())
    assert re.search(r"changed +memories\.dram\.bandwidth = 6\.4 GB/s", text)
    assert re.search(r"changed +memories\.dram\.bandwidth = 6\.4 GB/s", cosim("explain", "ds_cnn", *ON, *setting).out)
    assert "changed" not in cosim("run", "ds_cnn", *ON).out


def test_a_large_program_is_announced(cosim: Cosim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosim.simulation.MANY_COMMANDS", 10)
    outcome = cosim("run", "ds_cnn", *ON, "--json")
    assert re.fullmatch(r"warning: the program has \d+ commands.*\n", outcome.err)
    assert json.loads(outcome.out)["commands"] > 10


@pytest.mark.parametrize(("option", "offered"), [("--frob", ""), ("--exeute", "--execute")])
def test_only_alike_options_are_offered(cosim: Cosim, option: str, offered: str) -> None:
    message = cosim("run", "ds_cnn", *ON, option).err
    assert option in message
    found = re.findall(r"--\w+", message.split(option, 1)[1])
    assert found == ([offered] if offered else [])


def test_where_results_go_does_not_change_them(cosim: Cosim, tmp_path: Path) -> None:
    for name in ("a", "b"):
        figure = tmp_path / f"{name}.svg"
        assert cosim("run", "ds_cnn", *ON, f"--out={tmp_path / name}", "--figure", figure).code == 0
    summaries = [(tmp_path / name / "summary.json").read_bytes() for name in ("a", "b")]
    assert summaries[0] == summaries[1]
    assert b'"cosim run ds_cnn --on npu/edge-256"' in summaries[0]


def test_check_answers_first_and_lists_every_op(cosim: Cosim) -> None:
    text = cosim("check", "ds_cnn", *ON, "--compress", "fp16").out
    assert text.startswith("ds_cnn on npu/edge-256: 12 of 12 ops on the host, 100.0% of the MACs\n")
    for op in load_graph("ds_cnn").ops:
        assert (f"\n{op.name} " in text) is (op.kind.name in ("conv2d", "linear", "reduce_mean", "softmax"))
    assert text.count("the engine computes on int8, int16, int32, fp32") == 1, "equal reasons are said once"
    assert "12 of 12 ops on mac, vector" in cosim("check", "ds_cnn", *ON).out


def test_explain_has_a_head_and_finds_fused_ops(cosim: Cosim) -> None:
    text = cosim("explain", "ds_cnn", *ON).out
    assert text.startswith("ds_cnn on npu/edge-256\nlatency ")
    assert "'hidden'" in text
    assert "stem.bn.relu is fused into stem.conv" in cosim("explain", "ds_cnn", *ON, "--op", "stem.bn.relu").out
    found = json.loads(cosim("explain", "ds_cnn", *ON, "--op", "stem.bn", "--json").out)
    assert found["op"]["op"] == "stem.conv"
    assert found["op"]["fused"] == "stem.bn stem.bn.relu"


def test_names_of_outputs_are_quoted(cosim: Cosim, open_batch: Path) -> None:
    assert re.search(r"SQNR +'y' ", cosim("run", open_batch, *ON, "--execute", "whole").out)


def test_compressions_list_their_options(cosim: Cosim) -> None:
    (found,) = [row for row in json.loads(cosim("compressions", "--json").out) if row["name"] == "int8"]
    assert "method: " in found["options"]
    assert all(row["summary"] for row in json.loads(cosim("metrics", "--json").out))
