"""Every `console` and `python` block of the documentation runs, in order, in one folder per page."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from cosim.cli import main

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ABOUT_PROGRAMS = ("time", "mapping")
WITH_EXAMPLES = [page for page in PAGES if page.exists() and BLOCK.search(page.read_text("utf-8"))]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    names: dict[str, object] = {"__name__": "example", **(_given() if page.stem in ABOUT_PROGRAMS else {})}
    for kind, text in BLOCK.findall(page.read_text("utf-8")):
        if kind == "python":
            exec(compile(text, str(page), "exec"), names)
        else:
            _console(text, monkeypatch)


def _given() -> dict[str, object]:
    """What a page about programs takes for granted."""
    import cosim
    from cosim.simulation import simulate

    simulation = simulate(cosim.load_graph("ds_cnn"), cosim.load_hardware("npu/edge-256"))
    return {"program": simulation.program, "graph": simulation.graph, "hardware": simulation.hardware}


def _console(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
    assert commands, "a console block has lines that start with '$ '"
    for command in commands:
        program, *arguments = shlex.split(command, comments=True)
        if program in ("make", "pip"):
            continue
        assert program == "cosim", command
        monkeypatch.setattr(sys, "argv", ["cosim", *arguments])
        assert main(arguments) == 0, command


def test_links_between_pages_lead_somewhere() -> None:
    links = [(page, link) for page in PAGES for link in LINK.findall(page.read_text("utf-8"))]
    assert not [f"{page.relative_to(ROOT)}: {link}" for page, link in links if not (page.parent / link).exists()]
