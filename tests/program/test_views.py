"""Views: bytes of one tensor that are elements of another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.program import BufferTable, findings


def only(lines, *words):
    """Some line has all words."""
    assert any(all(word in line for word in words) for line in lines), lines


def first(condition) -> int:
    return int(np.flatnonzero(condition)[0])


def view_program(toys, *views):
    """A tensor written by two queues, seen through views by an op on one of them."""
    steps = [(toys.MATMUL, (6, 6)), *((toys.RESHAPE, shape) for shape in views), (toys.MATMUL, (3, 2))]
    graph = toys.graph_of((4, 6), *steps)
    last = graph.ops[-1].name
    program = toys.map_chain(graph, {"op1": (2, 6, 6), last: (8, 2, 3)}, resident=("t1",), macs=2).program()
    return graph, program, first(program.buffers.root >= 0)


@pytest.mark.parametrize("views", [((8, 3),), ((24,), (8, 3))])
def test_a_view_needs_all_of_its_root(toys, views):
    graph, program, _ = view_program(toys, *views)
    assert findings(program, graph) == []
    reader = len(program) - 2
    assert program.ops[program.op[reader]] == graph.ops[-1].name
    wait = int(program.wait_offset[reader]) + [q for q, _ in program.waits(reader)].index(toys.MAC2)
    only(findings(toys.weaken(program, wait), graph), f"command {reader}", "without waiting for", "(mac2[0], op1")
    last = np.flatnonzero(program.op == 0)[-1]
    only(findings(toys.with_box(program, last, [(2, 4), (0, 5), (0, 6)]), graph), f"command {reader}", "not written")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("address", 1, "lies outside its root"),
        ("memory", 0, "has not the memory"),
        ("bits", 16, "bits"),
        ("content", 1, "partial sums"),
    ],
)
def test_a_view_that_shows_something_else_is_found(toys, column, value, words):
    graph, program, view = view_program(toys, (8, 3))
    found = findings(toys.changed(program, **{f"buffers__{column}": (view, value)}), graph)
    assert found
    if column != "bits":
        only(found, f"buffer {view} ", words)


def test_a_view_of_an_unrelated_tensor_is_found(toys):
    graph, program, view = view_program(toys, (8, 3))
    weights = first((program.buffers.tensor == program.tensors.index("w1")) & (program.buffers.memory == toys.SRAM))
    moved = toys.changed(
        program, buffers__root=(view, weights), buffers__address=(view, int(program.buffers.address[weights]))
    )
    only(findings(moved, graph), f"buffer {view} ", "no chain of view ops leads from w1 to t2")


def test_a_ring_of_views_is_found(toys):
    graph, program, view = view_program(toys, (8, 3))
    only(findings(toys.changed(program, buffers__root=(view, view)), graph), f"buffer {view}", "ring")


@pytest.mark.parametrize(
    ("view_box", "root_box", "shift", "right"),
    [
        ([(0, 8), (0, 3)], [(0, 4), (0, 6)], 0, True),
        ([(2, 4), (0, 3)], [(1, 2), (0, 6)], 0, True),
        ([(2, 4), (0, 3)], [(0, 2), (0, 6)], 6, True),
        ([(2, 4), (0, 3)], [(0, 2), (0, 6)], 3, False),
        ([(2, 3), (0, 3)], [(1, 2), (0, 3)], 0, True),
        ([(2, 3), (0, 3)], [(1, 2), (3, 6)], 0, False),
        ([(0, 8), (0, 2)], [(0, 4), (0, 4)], 0, False),
        ([(4, 8), (0, 3)], [(0, 2), (0, 6)], 0, False),
    ],
)
def test_views_of_pieces_show_their_own_elements(toys, view_box, root_box, shift, right):
    graph = toys.graph_of((4, 6), (toys.RESHAPE, (8, 3)))
    mapper = toys.Mapper(graph)
    mapper.view("t1", [(0, 8), (0, 3)], mapper.home["t0"])
    root = mapper.buffer("t0", root_box, toys.SRAM, 100)
    mapper.move(toys.LOAD, mapper.home["t0"], root, root_box)
    mapper.buffer("t1", view_box, toys.SRAM, 100 + shift, root=root)
    assert (findings(mapper.program(), graph) == []) == right


def test_writing_to_a_view_is_found(toys):
    graph, program, view = view_program(toys, (8, 3))
    root = int(program.buffers.root[view])
    names = {**vars(program.buffers)}
    names["root"] = np.append(program.buffers.root, np.int32(root)).astype(np.int32)
    table = BufferTable(**{n: c if n == "root" else np.append(c, c[root]) for n, c in names.items()})
    twin = replace(program, buffers=table)
    command = first(program.write == root)
    only(findings(toys.changed(twin, write=(command, len(table) - 1)), graph), f"command {command}", "writes to a view")
