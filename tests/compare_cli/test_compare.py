"""`compare` through stand-ins for the peers: numbers side by side, causes that add up, and every way it can go wrong."""

from __future__ import annotations

import json
import shutil

import pytest

from cosim.cli import main
from cosim.compare import report
from cosim.compare.comparison import compare
from cosim.compare.explain import causes, causes_of, impossible
from cosim.compare.peers import PEERS, PeerPython
from cosim.errors import DescriptionError, UnsupportedError
from tests.compare_cli.fakes import install


def difference(found):
    return found.latency_cycles - report.total_cycles(found)


@pytest.fixture
def scalesim(topology, scale_cfg, python):
    return compare(topology, scale_cfg, "scalesim", python=python)


@pytest.fixture
def zigzag(topology, accelerator, python):
    return compare(topology, accelerator, "zigzag", python=python)


def test_a_systolic_array_takes_the_cycles_that_scalesim_counts(scalesim):
    for ours, theirs in scalesim.products:
        groups = 32 if ours.op == "DP3" else 1
        assert abs(ours.whole_cycles - theirs.parts["compute"]) <= groups, (
            ours.op
        )  # the tool's groups end one cycle early
    assert difference(scalesim) / scalesim.latency_cycles < 0.01


def test_products_of_one_shape_are_run_once(scalesim):
    assert scalesim.theirs.ran == 3
    assert len(scalesim.products) == 4
    first, second = (scalesim.theirs.products[name] for name in ("Conv1", "Conv2"))
    assert first == second


def test_stalls_of_the_peer_are_a_cause(topology, scale_cfg, tmp_path):
    found = compare(topology, scale_cfg, "scalesim", python=install(tmp_path / "stalling", stall=1000))
    assert {cause.name: cause.cycles for cause in causes(found)}["stall"] == -1000 * (2 + 32 + 1)


@pytest.mark.parametrize("name", ["scalesim", "zigzag"])
def test_causes_add_up_to_the_difference(name, request):
    found = request.getfixturevalue(name)
    for ours, theirs in found.products:
        assert sum(causes_of(ours, theirs).values()) == pytest.approx(ours.cycles - theirs.cycles, abs=1e-6)
    assert sum(cause.cycles for cause in causes(found)) == pytest.approx(difference(found), abs=1e-3)


def test_zigzag_s_parts_energy_and_complaints_are_shown(zigzag):
    costs = zigzag.theirs.products["FC"]
    assert (costs.cycles, costs.energy_pj) == (0 + 325, 2.0 * 640)
    assert {name: costs.parts[name] for name in ("stall", "onload", "offload")} == {
        "stall": 5, "onload": 20, "offload": 300
    }  # fmt: skip
    assert any("spatial unrolling (C:32) exceeded" in note for note in zigzag.theirs.notes)


def test_a_peer_below_its_own_memory_port_is_named_with_the_bound(zigzag):
    found = dict(impossible(zigzag))
    inputs, weights, outputs = 16 * 17 * 17, 9 * 16 * 24, 24 * 8 * 8
    assert found["Conv1"].bound_cycles == (inputs + weights + outputs) * 8 / 64
    assert "FC" not in found  # 714 bytes take 89 cycles, it says 325


def test_a_whole_network_has_ops_that_the_peer_leaves_out(python):
    found = compare("resnet8", "npu/systolic-32x32", "zigzag", python=python)
    assert {ours.op for ours in found.others}
    assert sum(ours.cycles for ours, _ in found.products) + sum(ours.cycles for ours in found.others) == pytest.approx(
        found.latency_cycles, rel=1e-9
    )
    assert any("written from npu/systolic-32x32" in note for note in found.theirs.notes)


def test_vela_gives_totals_alone(root, python):
    file = root / "tests" / "frontend" / "litert" / "ds_cnn.tflite"
    found = compare(file, "npu/edge-256", "vela", python=python, accelerator="ethos-u55-256")
    assert found.theirs.totals["cycles"] == 1000
    assert found.theirs.totals["npu_cycles"] == 700
    assert report.as_json(found)["theirs"]["totals"]["latency_ms"] == 2
    assert not found.theirs.products


@pytest.mark.parametrize("name", ["scalesim", "zigzag"])
def test_json_is_one_object_of_plain_values(name, request):
    document = report.as_json(request.getfixturevalue(name))
    assert json.loads(json.dumps(document)) == document
    assert document["peer"] == name
    assert {row["op"] for row in document["products"]} == {"Conv1", "Conv2", "DP3", "FC"}
    assert document["notes"]


def test_the_command_prints_both_sides(topology, scale_cfg, python, capsys):
    arguments = ["compare", str(topology), "--on", str(scale_cfg), "--with", "scalesim", "--peer-python", str(python)]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    for word in ("SCALE-Sim", "Conv1", "DP3", "why:", "array", "CPU time", "groups run"):
        assert word in shown.out
    assert "note: scale.cfg: clock: 1 GHz assumed" in shown.err
    assert "note: SCALE-Sim walks every cycle: about 2 s of CPU time" in shown.err
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hardware"] == "example"


def test_the_files_for_the_peer_can_be_kept(topology, accelerator, python, tmp_path):
    compare(topology, accelerator, "zigzag", python=python, keep=tmp_path / "kept")
    assert {path.name for path in (tmp_path / "kept").iterdir()} >= {"hardware.yaml", "mapping.yaml", "workload.yaml"}
    with pytest.raises(DescriptionError, match="not empty"):
        compare(topology, accelerator, "zigzag", python=python, keep=tmp_path / "kept")


def wrong(capsys, *arguments):
    assert main(["compare", *map(str, arguments)]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_a_peer_that_is_not_there_is_said_with_what_to_install(topology, scale_cfg, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cosim.compare.peers._importable", lambda module: False)
    said = wrong(capsys, topology, "--on", scale_cfg, "--with", "scalesim")
    assert "SCALE-Sim is not installed" in said
    assert "pip install scalesim==3.0.0 'numpy<2.4'" in said
    assert "--peer-python" in said


def test_a_device_that_the_peer_has_no_words_for_is_refused_at_once(topology, python, capsys, monkeypatch):
    monkeypatch.setattr("cosim.compare.comparison.simulate", lambda *_, **__: pytest.fail("simulated"))
    said = wrong(capsys, topology, "--on", "npu/edge-256", "--with", "scalesim", "--peer-python", python)
    assert "SCALE-Sim knows no other" in said


def test_an_environment_in_the_folder_is_found(tmp_path, monkeypatch, python):
    home = tmp_path / ".peers" / "zigzag" / "bin"
    home.mkdir(parents=True)
    shutil.copy(python, home / "python")
    monkeypatch.chdir(tmp_path)
    assert PeerPython.find(PEERS["zigzag"]).path == home / "python"


def test_an_interpreter_without_the_peer(topology, scale_cfg, tmp_path, capsys):
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    said = wrong(capsys, topology, "--on", scale_cfg, "--with", "scalesim", "--peer-python", bare)
    assert "has no SCALE-Sim" in said


@pytest.mark.parametrize(("content", "message"), [(None, "no such file"), ("not a program", "cannot be started")])
def test_an_interpreter_that_is_none(topology, scale_cfg, tmp_path, capsys, content, message):
    path = tmp_path / "python"
    if content:
        path.write_text(content)
    assert message in wrong(capsys, topology, "--on", scale_cfg, "--with", "scalesim", "--peer-python", path)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("raise TypeError('only 0-dimensional arrays can be converted')\n", "pip install 'numpy<2.4'"),
        ("import six_that_is_not_there\n", "ended with code 1"),
        ("raise ModuleNotFoundError(\"No module named 'six'\")\n", "pip install six"),
    ],
)
def test_a_peer_that_fails_is_quoted_with_the_remedy(topology, scale_cfg, tmp_path, capsys, broken, message):
    python = install(tmp_path / "broken", broken=broken)
    said = wrong(capsys, topology, "--on", scale_cfg, "--with", "scalesim", "--peer-python", python)
    assert "SCALE-Sim ended with code 1" in said
    assert message in said


def test_a_peer_that_takes_too_long_is_stopped(topology, scale_cfg, tmp_path):
    python = install(tmp_path / "slow", broken="import time; time.sleep(60)\n")
    with pytest.raises(UnsupportedError, match="not done after 1 s"):
        compare(topology, scale_cfg, "scalesim", python=python, timeout_s=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--with", "scale-sim"], "unknown peer 'scale-sim'; did you mean 'scalesim'"),
        (["--with", "zigzag", "--objective", "fame"], "--objective: found 'fame'"),
        (["--with", "vela"], "Vela reads int8 .tflite files"),
        (["--with", "scalesim", "--set", "engines.array.rows=8"], "not the file that the peer reads"),
    ],
)
def test_what_cannot_be_asked_is_refused(topology, scale_cfg, python, capsys, arguments, message):
    assert message in wrong(capsys, topology, "--on", scale_cfg, "--peer-python", python, *arguments)


@pytest.mark.parametrize(
    ("given", "message"),
    [([], "no Ethos-U is named"), (["--peer-config", "ethos-u55-250"], "did you mean 'ethos-u55-256'")],
)
def test_vela_needs_an_accelerator(root, python, capsys, given, message):
    file = root / "tests" / "frontend" / "litert" / "ds_cnn.tflite"
    said = wrong(capsys, file, "--on", "npu/edge-256", "--with", "vela", "--peer-python", python, *given)
    assert message in said
