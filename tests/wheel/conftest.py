"""A wheel built from what belongs to the project, and an empty environment that holds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Environment:
    """A virtual environment without this source tree."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *what):
        call(self.python, "-m", "pip", "install", "--quiet", *what)

    def run(self, *command, cwd, wrap=(), **changes):
        """A command of the environment, run in `cwd` with nothing of ours on the path."""
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "NUMBA", "VIRTUAL", "XDG"))}
        variables["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{variables['PATH']}"
        return subprocess.run(
            [*wrap, self.folder / "bin" / command[0], *command[1:]],
            cwd=cwd,
            env={**variables, **changes},
            capture_output=True,
            text=True,
            check=False,
        )


def call(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """The files of the project, without what an earlier build left behind."""
    listed = call("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout.splitlines()
    folder = tmp_path_factory.mktemp("checkout")
    for name in listed:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def dist(checkout):
    """Folder with the sdist, and the wheel that was built from the sdist."""
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", checkout / "dist", checkout)
    return checkout / "dist"


@pytest.fixture(scope="session")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def environment(tmp_path_factory, wheel):
    """An environment with the wheel and what it requires: no extra, so no torch and no pytest."""
    made = Environment(tmp_path_factory.mktemp("environment") / "venv")
    call(sys.executable, "-m", "venv", made.folder)
    made.install(wheel)
    return made
