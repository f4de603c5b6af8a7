"""The examples run as they are read: on less by default, in full with the marker `slow`."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "examples"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("[a-d]_*.py"))
PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_BYTES = 150_000
MOST_LINES = 80


@pytest.fixture
def example(monkeypatch):
    """An example as a module; it imports what lies beside it, as when it is run."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name):
        for module in (name, "picture"):
            sys.modules.pop(module, None)
        return importlib.import_module(name)

    yield load
    for module in (*SCRIPTS, "picture", "train_digits"):
        sys.modules.pop(module, None)


def drawn(folder, name):
    picture = (folder / f"{name}.png").read_bytes()
    assert picture.startswith(PNG)
    assert 5_000 < len(picture) < LARGEST_BYTES
    return picture


def test_there_are_four_and_each_can_be_read_at_once():
    assert SCRIPTS == ["a_device_classes", "b_time_against_macs", "c_formats_and_arrays", "d_memory_or_multipliers"]
    for name in SCRIPTS:
        text = (FOLDER / f"{name}.py").read_text("utf-8")
        assert len(text.splitlines()) < MOST_LINES, name
        assert f"python docs/examples/{name}.py FOLDER" in ast.get_docstring(ast.parse(text))


def test_pictures_of_the_examples_are_there_and_small():
    for name in ("device-classes", "time-against-macs", "formats-and-arrays", "memory-or-multipliers"):
        drawn(ROOT / "docs" / "images", name)


def test_a_device_classes(example, tmp_path, capsys):
    a = example("a_device_classes")
    devices = {name: a.DEVICES[name] for name in ("npu/edge-256", "fpga/dpuczdx8g-b4096", "mcu/stm32h743")}
    a.main(tmp_path / "one", networks={"ds_cnn": a.BLUE, "autoencoder": a.VERMILION}, devices=devices)
    first = drawn(tmp_path / "one", "device-classes")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3 * 6 - 2  # the fabric has no energy
    a.main(tmp_path / "two", networks={"ds_cnn": a.BLUE, "autoencoder": a.VERMILION}, devices=devices)
    assert drawn(tmp_path / "two", "device-classes") == first
    assert a.measure("mobilenet_v2", "mcu/stm32h743") is None


def test_b_time_against_macs(example, tmp_path, capsys):
    b = example("b_time_against_macs")
    networks = {"resnet8": "ResNet-8", "ds_cnn": "DS-CNN"}
    b.main(
        tmp_path, networks=networks, devices={name: b.DEVICES[name] for name in ("npu/edge-256", "npu/systolic-32x32")}
    )
    drawn(tmp_path, "time-against-macs")
    assert capsys.readouterr().out.count("ds_cnn has 4.7 times fewer MACs than resnet8") == 2
    from cosim.report.slowdown import CAUSES

    shown = [cause for _, causes in b.PARTS.values() for cause in causes]
    assert sorted(shown) == sorted(CAUSES)  # every cause is in the picture, once


def test_c_formats_and_arrays(example, tmp_path, capsys):
    pytest.importorskip("sklearn")
    c = example("c_formats_and_arrays")
    c.main(tmp_path, formats=("int8", "int3"), samples=100)
    drawn(tmp_path, "formats-and-arrays")
    front = capsys.readouterr().out.splitlines()
    assert front[0].startswith("int3")
    assert front[-1].startswith("int8")


def test_c_marks_what_nothing_beats(example):
    c = example("c_formats_and_arrays")

    class Found:
        def __init__(self, value):
            self.value = value

    def point(value, energy, time):
        return ("format", "array", Found(value), energy, time)

    assert c.beats(point(0.9, 1, 1), point(0.9, 2, 1))
    assert c.beats(point(0.95, 1, 1), point(0.9, 1, 1))
    assert not c.beats(point(0.9, 1, 1), point(0.9, 1, 1))
    assert not c.beats(point(0.95, 2, 1), point(0.9, 1, 1))


def test_d_memory_or_multipliers(example, tmp_path, capsys):
    d = example("d_memory_or_multipliers")
    d.main(tmp_path, network="ds_cnn", sizes=(64, 128))
    drawn(tmp_path, "memory-or-multipliers")
    said = capsys.readouterr().out
    assert said.count(" KiB ") == 2 * len(d.ARRAYS)
    for word in ("energy between", "where the energy", "where the area", "doi:"):
        assert word in said


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_in_full_as_a_reader_runs_them(name, tmp_path):
    if name.startswith("c_"):
        pytest.importorskip("sklearn")
    done = subprocess.run(
        [sys.executable, FOLDER / f"{name}.py", tmp_path], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*.png"))) == 1


@pytest.mark.slow
def test_the_weights_are_those_of_the_training(example, tmp_path, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    from safetensors.numpy import load_file

    t = example("train_digits")
    kept, t.WEIGHTS = t.WEIGHTS, tmp_path / "again.safetensors"
    t.main()
    again, before = load_file(t.WEIGHTS), load_file(kept)
    assert again.keys() == before.keys()
    assert all(
        abs(again[name] - before[name]).max() < 0.05 for name in before
    )  # sums in another order on other machines
    assert float(capsys.readouterr().out.split()[-2]) > 96
