"""Searches kept on disk: the same answers, damaged files ignored, nothing written where it is not wanted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosim.mapping import TiledMapper
from cosim.mapping import tiler as tiler_module
from cosim.mapping.cache import Shelf
from cosim.mapping.search import Search
from cosim.program.plan import Mapping
from tests.mapping.networks import KINDS, device, residual


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COSIM_CACHE_DIR", str(tmp_path))
    return tmp_path / "mapping"


def mapped(**options: object) -> Mapping:
    return TiledMapper().map(residual(), device(), KINDS, options)


def tilings(mapping: Mapping) -> list[object]:
    return [plan.tiling for plan in mapping.plan.ops]


def test_a_second_run_searches_nothing_and_answers_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = mapped()
    assert list(folder.glob("*.json"))

    def no_search(*_: object) -> Search:
        raise AssertionError("searched again")

    monkeypatch.setattr(tiler_module.Tiler, "_search", no_search)
    second = mapped()
    assert tilings(first) == tilings(second)
    for name, value in vars(first.program).items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, getattr(second.program, name)), name


def test_without_the_cache_nothing_is_read_or_written(folder: Path) -> None:
    assert tilings(mapped(cache=False)) == tilings(mapped())
    for file in folder.glob("*.json"):
        file.unlink()
    mapped(cache="no")
    assert not list(folder.glob("*"))


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 0}', '{"format": 1, "answers": 3}'])
def test_damaged_files_are_ignored(folder: Path, damage: str) -> None:
    expected = tilings(mapped())
    for file in folder.glob("*.json"):
        file.write_text(damage, encoding="utf-8")
    assert tilings(mapped()) == expected


def test_an_answer_that_is_no_tiling_is_searched_again(folder: Path) -> None:
    expected = tilings(mapped())
    for file in folder.glob("*.json"):
        found = json.loads(file.read_text(encoding="utf-8"))
        found["answers"] = {
            question: {"cuts": "?"} if question.startswith("best") else answer
            for question, answer in found["answers"].items()
        }
        file.write_text(json.dumps(found), encoding="utf-8")
    assert tilings(mapped()) == expected


def test_another_clock_memory_or_objective_is_another_question(folder: Path) -> None:
    mapped()
    before = {file.name: file.read_bytes() for file in folder.glob("*.json")}
    hardware = device(sram="64 KiB")
    TiledMapper().map(residual(), hardware, KINDS, {})
    slower = {name: replace(clock, period_fs=2 * clock.period_fs) for name, clock in device().clocks.items()}
    TiledMapper().map(residual(), replace(device(), clocks=slower), KINDS, {})
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert len(list(folder.glob("*.json"))) > len(before)
    mapped(objective="latency")
    assert any((folder / name).read_bytes() != content for name, content in before.items())


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    shelf = Shelf(blocked / "below")
    shelf.store("key", {"a": 1})
    assert shelf.load("key") == {}
