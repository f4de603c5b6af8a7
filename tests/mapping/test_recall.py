"""Groups that were chosen before: found again, the same bytes, nothing believed that is not so; and the time budget."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosim.graph.graph import Graph
from cosim.mapping import TiledMapper, mapper
from cosim.mapping.fusion import Fuser
from cosim.mapping.objective import find_objective
from cosim.mapping.problem import Problem
from cosim.mapping.recall import QUESTION, Recall
from cosim.mapping.tiler import Tiler
from cosim.program.plan import Mapping
from tests.mapping.blocks import inverted
from tests.mapping.networks import KINDS, device, int8_formats

HARDWARE = device(sram="8 KiB", accumulator="1 KiB")


def chain() -> Graph:
    return int8_formats(inverted().build())


def mapped(graph: Graph | None = None, **options: object) -> Mapping:
    options = {"resident": "none", **options}
    return TiledMapper().map(chain() if graph is None else graph, HARDWARE, KINDS, options)


def grouped(mapping: Mapping) -> list[tuple[str, int]]:
    return [(plan.group, plan.blocks) for plan in mapping.plan.ops]


def assert_same(one: Mapping, other: Mapping) -> None:
    for table in ("buffers", "boxes", "services"):
        for name, value in vars(getattr(one.program, table)).items():
            assert np.array_equal(value, getattr(getattr(other.program, table), name)), name
    for name, value in vars(one.program).items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, getattr(other.program, name)), name
    assert grouped(one) == grouped(other)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COSIM_CACHE_DIR", str(tmp_path))
    return tmp_path / "mapping"


def refuse(*_: object, **__: object) -> Mapping:
    raise AssertionError("searched again")


def recalled(folder: Path) -> list[Path]:
    return [file for file in folder.glob("*.json") if QUESTION in json.loads(file.read_text("utf-8"))["answers"]]


def test_a_second_run_looks_for_no_groups_and_answers_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = mapped(cache=False)
    assert len(set(grouped(without))) > 1, "no group, nothing is shown"
    assert not folder.exists()
    first = mapped()
    assert len(recalled(folder)) == 1
    monkeypatch.setattr(mapper, "improved", refuse)
    monkeypatch.setattr(Tiler, "_search", refuse)
    assert_same(first, mapped())
    assert_same(first, without)


def test_op_by_op_neither_asks_nor_keeps(folder: Path) -> None:
    mapped(fuse="none")
    assert recalled(folder) == []


@pytest.mark.parametrize(
    "rows",
    [
        None,
        3,
        "none",
        [[0]],
        [[1, 3, 2, [0, 5, 99]]],
        [[1, 3, 2, [0, 5, 5, 14]]],
        [[3, 1, 2, [0, 5, 14]]],
        [[1, 9, 2, [0, 5, 14]]],
        [[1, 3, 9, [0, 5, 14]]],
        [[1, 2, 2, [0, 5, 14]], [2, 3, 2, [0, 5, 14]]],
        [[-3, 3, 2, [0, 5, 14]]],
    ],
)
def test_what_is_no_choice_of_groups_is_not_believed(folder: Path, rows: object) -> None:
    expected = mapped()
    (file,) = recalled(folder)
    found = json.loads(file.read_text("utf-8"))
    found["answers"][QUESTION] = rows
    file.write_text(json.dumps(found), encoding="utf-8")
    assert_same(expected, mapped())


def test_another_network_device_or_objective_is_another_question() -> None:
    def key(graph: Graph, hardware: object = HARDWARE, objective: str = "balanced", **changes: object) -> str:
        problem = replace(Problem.of(graph, hardware, KINDS), **changes)  # type: ignore[arg-type]
        tiler = Tiler(graph, problem.hardware, KINDS)
        recall = Recall(Fuser(problem, tiler), find_objective(objective))
        return recall.digest

    graph = chain()
    slow = {name: replace(clock, period_fs=2 * clock.period_fs) for name, clock in HARDWARE.clocks.items()}
    x = graph.tensors["input"]
    wider = graph.with_tensors([replace(x, encoding=replace(x.encoding, bits=16))])
    keys = [
        key(graph),
        key(graph, replace(HARDWARE, clocks=slow)),
        key(graph, device(sram="9 KiB", accumulator="1 KiB")),
        key(graph, objective="latency"),
        key(graph, objective="5%"),
        key(wider),
        key(replace(graph, outputs=(*graph.outputs, graph.ops[0].output))),
        key(graph, keeps_activations=False),
        key(graph, fuses_post_ops=True),
    ]
    assert len(set(keys)) == len(keys)
    assert key(chain()) == keys[0]


def test_without_time_no_groups_are_tried_and_nothing_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Fuser, "expected", refuse)
    hasty = mapped(seconds=1e-9)
    assert {group for group, _ in grouped(hasty)} == {""}
    assert caplog.text.count("time for the search") == 1
    assert recalled(folder) == []
