"""Reproductions that are registered as an installed distribution's are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from cosim.cli import main
from cosim.plugin import Plugin, Registry, Reproduced, Row, build_registry, hookimpl, load_registry
from cosim.plugin import registry as module
from cosim.plugin.registry import installed_plugins

ACME = Path(__file__).parents[1] / "acme_plugin" / "distribution"


@dataclass
class Paper:
    """A reproduction whose figures a test chooses."""

    found: object = None
    name: str = "paper"
    summary: str = "what a test needs"
    source: str = "A test, doi:10.0000/test"
    extras: tuple[str, ...] = ()
    ran: list[int] = field(default_factory=list)

    def run(self, *, seed: int, progress: Callable[[str, float], None]) -> object:
        progress("all of it", 0.0)
        self.ran.append(seed)
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found


def row(**changed: object) -> Row:
    """A printed figure of 2 that is predicted as 3."""
    given = {"part": "Table 1", "case": "net", "quantity": "power", "unit": "mW", "paper": 2.0, "ours": 3.0}
    return Row(**{**given, "evidence": "printed", "role": "predicted", **changed})


def registry_of(paper: Paper) -> Registry:
    """A registry with one reproduction."""
    plugin = ModuleType("papers")
    plugin.cosim_reproductions = hookimpl(lambda: {paper.name: lambda: paper})
    return build_registry([Plugin("papers", "papers-cosim", "0.3", lambda: plugin)])


@pytest.fixture
def paper() -> Paper:
    return Paper(Reproduced((row(),)))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, paper: Paper) -> Iterator[Paper]:
    """The test's paper and acme's beside everything that is installed."""
    monkeypatch.syspath_prepend(str(ACME))
    import acme_cosim

    plugin = ModuleType("papers")
    plugin.cosim_reproductions = hookimpl(lambda: {paper.name: lambda: paper})
    more = (
        Plugin("acme", "acme-cosim", "1.2.3", lambda: acme_cosim),
        Plugin("papers", "papers-cosim", "0.3", lambda: plugin),
    )
    plugins = (*installed_plugins(), *more)
    monkeypatch.setattr(module, "installed_plugins", lambda: plugins)
    load_registry.cache_clear()
    yield paper
    load_registry.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "acme_cosim"]:
        del sys.modules[name]


@pytest.fixture
def cosim(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: Paper
) -> Callable[..., tuple[int, str, str]]:
    """The command line in a folder of its own: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
