"""Boxes: what a command needs is what its buffers hold, moves and tiles are what they should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.program import Content, Flag, findings


def only(lines, *words):
    """Some line has all words."""
    assert any(all(word in line for word in words) for line in lines), lines


def first(condition) -> int:
    return int(np.flatnonzero(condition)[0])


def two_matmuls(toys, **options):
    graph = toys.graph_of((8, 12), (toys.MATMUL, (12, 8)), (toys.MATMUL, (8, 6)))
    return graph, toys.map_chain(graph, {"op1": (4, 4, 6), "op2": (4, 3, 3)}, **options)


def small(toys):
    """One matmul with its operands in SRAM; commands are up to the test."""
    graph = toys.graph_of((2, 4), (toys.MATMUL, (4, 2)))
    mapper = toys.Mapper(graph)
    x, w = mapper.buffer("t0", [(0, 2), (0, 4)], toys.SRAM, 0), mapper.buffer("w1", [(0, 4), (0, 2)], toys.SRAM, 8)
    mapper.move(toys.LOAD, mapper.home["t0"], x, [(0, 2), (0, 4)])
    mapper.move(toys.LOAD, mapper.home["w1"], w, [(0, 4), (0, 2)])
    return graph, mapper, [x, w]


WHOLE = [(0, 2), (0, 2)]


def test_a_halo_that_is_one_short_is_found(toys):
    graph = toys.graph_of((4, 12), (toys.CONV, (4, 4, 3)))
    program = toys.map_chain(graph, {"op1": (4, 4, 4, 3)}).program()
    move = first((program.op < 0) & (program.tensor == 0) & (program.position == 2))
    box = program.boxes.box(int(program.box[move]))
    assert box.tolist() == [[0, 4], [3, 9]]
    box[1, 1] -= 1
    narrow = toys.with_box(program, move, box)
    only(findings(narrow, graph), "op1", "t0[0:4, 3:9]", "not written before")
    both = toys.changed(narrow, buffers__box=(int(program.write[move]), int(narrow.box[move])))
    only(findings(both, graph), "op1", "input 0 must contain t0[0:4, 3:9]")


def test_swapped_tiles_are_found(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    computes = np.flatnonzero(program.op == 0)
    for other in computes[1:].tolist():
        box = program.box.copy()
        box[[computes[0], other]] = box[[other, computes[0]]]
        only(findings(replace(program, box=box), graph), f"command {computes[0]}")


def test_swapped_moves_are_found(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    moves = np.flatnonzero((program.op < 0) & (program.tensor == 0))
    box = program.box.copy()
    box[moves[:2]] = box[moves[1::-1]]
    only(findings(replace(program, box=box), graph), f"command {moves[0]}", "destination must contain")


def test_a_move_into_another_tensors_buffer_is_found(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    only(findings(toys.changed(program, write=(0, int(program.write[1]))), graph), "command 0", "destination", "t0")


def test_reading_the_wrong_slot_is_found(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    for command in np.flatnonzero(program.op == 0).tolist():
        read = int(program.read_offset[command])
        for other in set(program.read_buffer[program.read_offset[:-1][program.op == 0]].tolist()):
            if other != program.read_buffer[read]:
                assert findings(toys.changed(program, read_buffer=(read, other)), graph)


def test_a_missing_read_is_found(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    read = int(program.read_offset[first(program.op == 0)])
    only(findings(toys.changed(program, read_buffer=(read, -1)), graph), "no buffer for input 0, t0")


def test_a_tile_may_not_cut_a_loop_that_must_stay_whole(toys):
    graph = toys.graph_of((2, 4), (toys.RESHAPE, (8, 1)))
    mapper = toys.Mapper(graph)
    home = mapper.in_dram("t1")
    for cut in ((0, 5), (5, 8)):
        mapper.compute(toys.MAC, graph.ops[0], [cut, (0, 1)], [mapper.home["t0"]], home)
    only(findings(mapper.program(), graph), "command 0", "cuts loop D0, which must stay whole")


def test_a_view_op_may_be_computed_as_a_copy(toys):
    graph = toys.graph_of((2, 4), (toys.RESHAPE, (8, 1)))
    mapper = toys.Mapper(graph)
    mapper.compute(toys.MAC, graph.ops[0], [(0, 8), (0, 1)], [mapper.home["t0"]], mapper.in_dram("t1"))
    assert findings(mapper.program(), graph) == []


def test_exclusive_loops_are_not_cut_together(toys):
    graph, mapper, inputs = small(toys)
    op = graph.ops[0]
    space = op.kind.space
    kind = replace(op.kind, space=lambda *given: replace(space(*given), exclusive=((0, 1),)))
    grouped = replace(graph, ops=(replace(op, kind=kind),))
    home = mapper.in_dram("t1")
    for cut in ((0, 1), (1, 2)):
        mapper.compute(toys.MAC, op, [(0, 2), cut, (0, 4)], inputs, home)
    program = mapper.program()
    assert findings(program, graph) == []
    only(findings(program, grouped), "command 2", "cuts loop N across several M")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("flags", 1, "a move has no flags"),
        ("tensor", 1, "moves a box"),
        ("op", 0, "its tile needs 3 loops"),
    ],
)
def test_a_move_that_is_none_is_found(toys, column, value, words):
    graph = toys.graph_of((2, 4, 1), (toys.RESHAPE, (8,)), (toys.RESHAPE, (2, 4)), (toys.MATMUL, (4, 2)))
    graph_small, mapper, inputs = small(toys)
    mapper.compute(toys.MAC, graph_small.ops[0], [*WHOLE, (0, 4)], inputs, mapper.in_dram("t1"))
    program = toys.changed(mapper.program(), **{column: (0, value)})
    if column == "tensor":
        program = toys.with_box(program, 0, [(0, 2)])
    only(findings(program, graph_small), "command 0", words)
    assert findings(program, graph)


def test_a_move_of_nothing_or_onto_itself_is_found(toys):
    graph, mapper, inputs = small(toys)
    mapper.compute(toys.MAC, graph.ops[0], [*WHOLE, (0, 4)], inputs, mapper.in_dram("t1"))
    program = mapper.program()
    only(findings(toys.with_box(program, 0, [(0, 2), (3, 3)]), graph), "command 0", "moves nothing")
    itself = toys.changed(program, read_buffer=(0, int(program.write[0])))
    only(findings(itself, graph), "command 0", "moves a buffer onto itself")
    only(findings(toys.changed(program, read_buffer=(0, -1)), graph), "command 0", "a move reads one buffer")


def test_an_output_column_must_name_the_output(toys):
    graph, mapper, inputs = small(toys)
    mapper.compute(toys.MAC, graph.ops[0], [*WHOLE, (0, 4)], inputs, mapper.in_dram("t1"))
    only(findings(toys.changed(mapper.program(), tensor=(2, 0)), graph), "command 2", "its tensor is not t1")


def test_a_tile_outside_the_loops_is_found(toys):
    graph, mapper, inputs = small(toys)
    mapper.compute(toys.MAC, graph.ops[0], [*WHOLE, (0, 4)], inputs, mapper.in_dram("t1"))
    for tile in ([(0, 2), (0, 3), (0, 4)], [(0, 2), (0, 2), (4, 4)], [(-1, 2), (0, 2), (0, 4)]):
        only(findings(toys.with_box(mapper.program(), 2, tile), graph), "command 2", "empty or outside the loops")


@pytest.mark.parametrize(("tile", "rest"), [((3, 8), (0, 3)), ((0, 5), (5, 8))])
def test_a_read_that_ends_inside_a_written_piece_needs_that_piece(toys, tile, rest):
    """An operand arrives in two pieces by two queues; the first tile begins or ends in the middle of one."""
    graph = toys.graph_of((1, 8), (toys.MATMUL, (8, 1)))
    mapper, op = toys.Mapper(graph), graph.ops[0]
    x, w = mapper.buffer("t0", [(0, 1), (0, 8)], toys.SRAM, 0), mapper.buffer("w1", [(0, 8), (0, 1)], toys.SRAM, 8)
    sums = mapper.buffer("t1", [(0, 1), (0, 1)], toys.SRAM, 16, content=Content.ACCUMULATORS)
    mapper.move(toys.LOAD, mapper.home["t0"], x, [(0, 1), (0, 4)])
    mapper.move(toys.STORE, mapper.home["t0"], x, [(0, 1), (4, 8)])
    mapper.move(toys.MAC2, mapper.home["w1"], w, [(0, 8), (0, 1)])
    first_tile = mapper.compute(toys.MAC, op, [(0, 1), (0, 1), tile], [x, w], sums, Flag.PARTIAL)
    mapper.compute(toys.MAC, op, [(0, 1), (0, 1), rest], [x, w], mapper.in_dram("t1"), Flag.ACCUMULATE, sums)
    program = mapper.program()
    assert findings(program, graph) == []
    assert program.waits(first_tile) == [(toys.LOAD, 1), (toys.MAC2, 1), (toys.STORE, 1)]
    for wait in range(3):
        only(findings(toys.weaken(program, wait), graph), f"command {first_tile} ", "without waiting for")
