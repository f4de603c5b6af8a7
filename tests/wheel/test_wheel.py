"""The wheel: what is in it, and that it works where the sources are absent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheel

FOLDERS = {
    "cosim": "cosim",
    "cosim_plugins": "plugins/cosim_plugins",
    "cosim_hw_models": "hw_models",
    "cosim_workloads": "workloads",
}
RUN = ("cosim", "run", "mobilenet_v2", "--on", "npu/edge-256", "--json")


def test_the_wheel_holds_our_packages_and_nothing_else(wheel, checkout):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    version = wheel.name.split("-")[1]
    assert {name.partition("/")[0] for name in names} == {*FOLDERS, f"cosim-{version}.dist-info"}
    expected = {
        f"{package}/{path.relative_to(checkout / folder).as_posix()}"
        for package, folder in FOLDERS.items()
        for path in (checkout / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if "dist-info" not in name} == expected


def test_the_wheel_says_who_may_use_it_and_what_it_adds(wheel):
    archive = zipfile.ZipFile(wheel)
    info = next(name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name)
    assert b"Apache License" in archive.read(f"{info}/licenses/LICENSE")
    points = archive.read(f"{info}/entry_points.txt").decode()
    assert "cosim = cosim.cli:main" in points
    assert "[cosim]" in points
    metadata = archive.read(f"{info}/METADATA").decode()
    assert "Requires-Python: >=3.11" in metadata
    assert "License-Expression: Apache-2.0" in metadata


def test_the_first_command_works_in_an_empty_environment_from_elsewhere(environment, tmp_path):
    assert environment.run("python", "-c", "import torch", cwd=tmp_path).returncode != 0
    done = environment.run(*RUN, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    where = environment.run("python", "-c", "import cosim; print(cosim.__file__)", cwd=tmp_path).stdout
    assert where.startswith(str(environment.folder))
    assert list(tmp_path.iterdir()) == [], "a run without --out leaves nothing behind"


def test_the_numbers_work_without_torch(environment, tmp_path):
    command = ("run", "ds_cnn", "--on", "npu/edge-256", "--execute", "scheduled", "--out", "result")
    done = environment.run("cosim", *command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result" / "summary.json").is_file()


def test_a_run_works_where_nothing_can_be_written(environment, tmp_path):
    wrap = read_only(environment.folder, tmp_path)
    touched = environment.run("python", "-c", f"open({str(environment.folder / 'x')!r}, 'w')", cwd=tmp_path, wrap=wrap)
    assert "Error" in touched.stderr, "the environment is not read-only: the test would prove nothing"
    home = str(environment.folder / "no-home")  # does not exist and cannot be made
    done = environment.run(*RUN, cwd=tmp_path, wrap=wrap, HOME=home, PYTHONDONTWRITEBYTECODE="")
    assert done.returncode == 0, done.stderr
    assert not Path(home).exists()


def read_only(*folders):
    """What to put before a command so that it cannot write to `folders`; permissions do not hold back root."""
    mounts = " && ".join(f"mount --bind '{f}' '{f}' && mount -o remount,bind,ro '{f}'" for f in folders)
    wrap = ("unshare", "--mount", "--map-root-user", "bash", "-c", f'{mounts} && cd "$PWD" && exec "$0" "$@"')
    if os.geteuid() == 0:
        wrap = tuple(part for part in wrap if part != "--map-root-user")
    if shutil.which("unshare") is None or subprocess.run([*wrap, "true"], check=False).returncode != 0:
        pytest.skip("no mount namespaces on this machine")
    return wrap


def test_a_stranger_s_plugin_passes_its_suite_beside_the_wheel(environment, checkout, tmp_path):
    sources = tmp_path / "acme"
    shutil.copytree(checkout / "tests" / "acme_plugin" / "distribution", sources)
    environment.install("pytest", sources)
    shutil.rmtree(sources / "acme_cosim")  # only the installed one may be found
    done = environment.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=sources)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = environment.run("cosim", "formats", cwd=tmp_path)
    assert "acme_log4" in listed.stdout, listed.stderr


@pytest.mark.slow
def test_our_own_suite_passes_on_the_wheel(environment, checkout, tmp_path):
    shutil.copytree(checkout / "tests", tmp_path / "tests")
    for name in ("pyproject.toml", "Makefile", "docs"):
        source = checkout / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, tmp_path / name)
    environment.install("flatbuffers", "hypothesis", "networkx", "pytest", "pytest-xdist", "setuptools")
    command = ("-m", "pytest", "-n", "2", "-q", "--ignore=tests/architecture", "--ignore=tests/docs")
    command += ("--ignore=tests/acme_plugin",)  # tested on the wheel above
    done = environment.run("python", *command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-8000:]
