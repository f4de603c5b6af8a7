"""A stranger's distribution, installed beside cosim: its own suite, and what cosim makes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CLI = ("-m", "cosim")
SOURCE = Path(__file__).parent / "distribution"


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    """Folder of an installed acme-cosim, with its dist-info, and a copy of its sources."""
    folder = tmp_path_factory.mktemp("acme")
    sources = folder / "sources"  # a build writes beside its sources
    shutil.copytree(SOURCE, sources)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", folder / "site", sources], check=True, capture_output=True, text=True)
    return folder


def run(acme, *command, **changes):
    """A command with acme on the path and this source tree nowhere."""
    environment = {**os.environ, "PYTHONPATH": str(acme / "site"), **changes}
    return subprocess.run(
        [sys.executable, *command], cwd=acme / "sources", env=environment, capture_output=True, text=True, check=False
    )


def test_its_own_suite_passes(acme):
    done = run(acme, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def test_its_names_stand_beside_ours_with_their_owner(acme):
    code = """
from cosim.plugin import load_registry
registry = load_registry()
print(registry.owner("engine_kinds", "acme_zero_skip"), registry.owner("formats", "acme_log4").distribution)
print(registry.owner("engine_kinds", "mac_array").distribution)
"""
    done = run(acme, "-c", code)
    assert done.stdout.splitlines() == ["acme-cosim 1.2.3 (acme) acme-cosim", "cosim"], done.stderr


def test_the_command_line_runs_its_device(acme):
    done = run(acme, *CLI, "run", "ds_cnn", "--on", "acme/zero-skip-64", "--json")
    assert done.returncode == 0, done.stderr
    assert "acme/zero-skip-64" in done.stdout


def test_its_section_stands_in_the_report_of_its_device_and_of_no_other(acme, tmp_path):
    for device, is_there in (("acme/zero-skip-64", True), ("npu/edge-256", False)):
        done = run(acme, *CLI, "run", "ds_cnn", "--on", device, "--out", str(tmp_path / "r"))
        assert done.returncode == 0, done.stderr
        done = run(acme, *CLI, "report", str(tmp_path / "r"), "--out", str(tmp_path / "r.html"))
        assert done.returncode == 0, done.stderr
        assert ("run on the zero-skipping array" in (tmp_path / "r.html").read_text("utf-8")) == is_there


def test_two_distributions_with_one_name_stop_the_run(acme, tmp_path):
    package = acme / "site" / "acme_cosim"
    shutil.copytree(package, tmp_path / "twin_cosim")
    info = tmp_path / "twin_cosim-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: twin-cosim\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[cosim]\ntwin = twin_cosim\n", encoding="utf-8")
    path = os.pathsep.join([str(acme / "site"), str(tmp_path)])
    done = run(acme, *CLI, "formats", PYTHONPATH=path)
    assert done.returncode == 2, done.stdout
    assert "acme-cosim 1.2.3" in done.stderr
    assert "twin-cosim 1.0" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plugin_that_cannot_be_imported_stops_the_run(acme, tmp_path):
    (tmp_path / "broken_cosim.py").write_text("import a_package_that_is_not_there\n", encoding="utf-8")
    info = tmp_path / "broken_cosim-0.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-cosim\nVersion: 0.9\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[cosim]\nbroken = broken_cosim\n", encoding="utf-8")
    done = run(acme, *CLI, "formats", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2, done.stdout
    assert "broken-cosim 0.9" in done.stderr
    assert "a_package_that_is_not_there" in done.stderr
    assert "Traceback" not in done.stderr


def test_its_reproduction_is_listed_and_runs(acme, tmp_path):
    listed = run(acme, *CLI, "reproduce")
    assert "acme_sparsity" in listed.stdout, listed.stderr
    assert "acme-cosim" in listed.stdout
    done = run(acme, *CLI, "reproduce", "acme_sparsity", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "acme-cosim 1.2.3 (acme)" in (tmp_path / "out" / "README.md").read_text("utf-8")
    assert (tmp_path / "out" / "products.png").read_bytes().startswith(b"\x89PNG")
