"""Rows that stay for the next block: cheaper than computing them again, and every way to lose one is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.compress import compress
from cosim.graph.builder import Builder
from cosim.mapping.groups import group_of
from cosim.mapping.strips import Cut
from cosim.program.check import findings
from cosim.program.program import Program
from cosim.program.row_rings import ring_of
from cosim.program.store import load_program, save_program
from tests.mapping.blocks import HALO, SMALL, case, even, executed, graph_of, macs, moved, pooled, viewed, whole_group
from tests.mapping.networks import int8_formats

NAME = "residual around windows, rows"


def rings(program: Program) -> list[int]:
    return [int(row) for row in np.flatnonzero(program.buffers.ring >= 0)]


def changed(program: Program, row: int, **columns: Any) -> Program:
    """The program with other columns of one buffer."""
    table = program.buffers
    found = {name: getattr(table, name).copy() for name in columns}
    for name, value in columns.items():
        found[name][row] = value
    return replace(program, buffers=replace(table, **found))


@pytest.mark.parametrize("name", sorted(HALO))
def test_keeping_rows_is_never_slower_moves_no_more_and_takes_no_more_room(name: str) -> None:
    _, again, times = case(name)
    _, kept, shorter = case(name, keep=True)
    assert shorter.makespan_fs < times.makespan_fs
    assert moved(kept.program) <= moved(again.program)
    assert macs(kept.program) < macs(again.program)
    for memory in SMALL.memories:
        if memory != SMALL.main_memory:
            assert _blocks(kept, memory) <= _blocks(again, memory)


def _blocks(mapping: Any, memory: str) -> int:
    return sum(p.n_bytes for p in mapping.plan.placements if p.role == "block" and p.memory == memory)


@pytest.mark.parametrize("name", sorted(HALO))
def test_a_ring_holds_no_more_rows_than_it_must(name: str) -> None:
    """With one row less something is replaced too early or never there, and the numbers are wrong."""
    graph, mapping, times = case(name, keep=True)
    program = mapping.program
    right = executed(graph, program, times)
    for buffer in rings(program):
        ring = ring_of(program, buffer)
        assert 0 < ring.held < ring.extent
        row_bytes = int(program.buffers.capacity[buffer]) // ring.held
        fewer = program
        while not findings(fewer, graph):
            held = ring_of(fewer, buffer).held - 1
            fewer = changed(program, buffer, capacity=held * row_bytes)
        lines = findings(fewer, graph)
        assert any("needs a row in that place" in line or "needs more rows" in line for line in lines)
        assert ring_of(fewer, buffer).held >= ring.held - 2  # capacities are aligned: there may be one to spare
        assert not np.array_equal(executed(graph, fewer, times), right)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"ring": 4}, "along axis 4 of 4"),
        ({"ring": -2}, "along axis -2 of 4"),
        ({"capacity": 8}, "holds none"),
        ({"bits": 12}, "not bytes"),
        ({"preloaded": True}, "before time starts"),
        ({"resident": True}, "before time starts"),
        ({"root": 0}, "a view"),
        ({"ring": -1}, "does not fit"),
    ],
)
def test_what_cannot_be_a_ring_is_refused(columns: dict[str, int], text: str) -> None:
    graph, mapping, _ = case(NAME, keep=True)
    program = mapping.program
    assert any(text in line for line in findings(changed(program, rings(program)[0], **columns), graph))


def test_rows_along_another_axis_are_found() -> None:
    graph, mapping, _ = case(NAME, keep=True)
    program = mapping.program
    broken = changed(program, rings(program)[0], ring=3)
    assert findings(broken, graph)


def test_a_program_with_rings_is_stored_whole(tmp_path: Path) -> None:
    graph, mapping, _ = case(NAME, keep=True)
    save_program(mapping.program, tmp_path)
    loaded = load_program(tmp_path)
    assert np.array_equal(loaded.buffers.ring, mapping.program.buffers.ring)
    assert findings(loaded, graph) == []


def test_rows_of_views_and_of_odd_elements_are_not_kept() -> None:
    graph = graph_of(viewed)
    group = whole_group(graph, 2, 3, keep=True)
    assert group is not None
    assert group.kept == frozenset()
    build = Builder("odd")
    x = build.conv2d(build.input("input", (1, 4, 12, 8)), 8, 1, name="a")
    build.output(build.conv2d(x, 8, 3, padding=1, name="b"))
    graph = int8_formats(build.build())
    odd = replace(graph.tensors[graph.ops[0].output].encoding, format="int4", bits=4)
    graph = graph.with_tensors([replace(graph.tensors[graph.ops[0].output], encoding=odd)])
    group = group_of(graph, 0, 1, 2, even(12, 3), keep=True)
    assert group is not None
    assert group.kept == frozenset()
    assert group.repeats


def test_only_what_overlaps_is_kept() -> None:
    graph = compress(pooled().build(), "int8", None, calibrate=False)
    group = whole_group(graph, 2, 3, keep=True)
    assert group is not None
    assert group.kept == {graph.ops[0].output}
    assert not group.repeats
    group = whole_group(graph, 2, 1, keep=True)
    assert group is not None
    assert group.kept == frozenset()


def test_ranges_of_blocks() -> None:
    cut = Cut(2, ((0, 5), (3, 8), (6, 10)))
    assert cut.overlaps
    assert cut.fresh.ranges == ((0, 5), (5, 8), (8, 10))
    assert not cut.fresh.overlaps
    assert cut.spanning(0) == cut
    assert cut.spanning(1).ranges == ((0, 5), (0, 8), (3, 10))
