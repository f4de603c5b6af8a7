"""Partial sums: complete, in order, spilled and fetched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cosim.program import Content, Flag, findings


def only(lines, *words):
    """Some line has all words."""
    assert any(all(word in line for word in words) for line in lines), lines


def first(condition) -> int:
    return int(np.flatnonzero(condition)[0])


def final(program) -> int:
    return first((program.op >= 0) & (program.flags & Flag.PARTIAL == 0))


def small(toys):
    """One matmul with its operands in SRAM; commands are up to the test."""
    graph = toys.graph_of((2, 4), (toys.MATMUL, (4, 2)))
    mapper = toys.Mapper(graph)
    x, w = mapper.buffer("t0", [(0, 2), (0, 4)], toys.SRAM, 0), mapper.buffer("w1", [(0, 4), (0, 2)], toys.SRAM, 8)
    mapper.move(toys.LOAD, mapper.home["t0"], x, [(0, 2), (0, 4)])
    mapper.move(toys.LOAD, mapper.home["w1"], w, [(0, 4), (0, 2)])
    return graph, mapper, [x, w]


WHOLE = [(0, 2), (0, 2)]


def test_a_sum_that_starts_again_is_incomplete(toys):
    """Three parts of a reduction, of which the second forgets the first."""
    graph = toys.graph_of((2, 6), (toys.MATMUL, (6, 2)))
    mapper = toys.map_chain(graph, {"op1": (2, 2, 2)})
    program = mapper.program()
    middle = first(program.flags == Flag.ACCUMULATE | Flag.PARTIAL)
    last = int(program.read_offset[middle + 1]) - 1
    offset = program.read_offset.copy()
    offset[middle + 1 :] -= 1
    broken = replace(program, read_offset=offset, read_buffer=np.delete(program.read_buffer, last))
    broken = toys.changed(broken, flags=(middle, int(Flag.PARTIAL)))
    assert findings(broken, graph) == [
        f"command {final(program)} (mac[2], op1[0:2, 0:2, 4:6]+=): finishes a sum of 4 of 6 points"
    ]


def test_sums_may_be_spilled_and_fetched(toys):
    """Partial sums leave for DRAM and come back into another buffer."""
    graph = toys.graph_of((2, 4), (toys.MATMUL, (4, 2)))
    _, program = spilled(toys, graph)
    assert findings(program, graph) == []
    assert all(findings(toys.weaken(program, w), graph) for w in range(len(program.wait_count)))
    fetch = first((program.op < 0) & (program.buffers.content[program.write] == Content.ACCUMULATORS)) + 1
    codes = toys.changed(program, buffers__content=(int(program.write[fetch]), int(Content.CODES)))
    assert findings(codes, graph)


def spilled(toys, graph):
    op, mapper = graph.ops[0], toys.Mapper(graph)
    whole = [(0, 2), (0, 2)]
    x, w = (mapper.buffer(n, b, toys.SRAM, a) for n, b, a in (("t0", [(0, 2), (0, 4)], 0), ("w1", [(0, 4), (0, 2)], 8)))
    mapper.move(toys.LOAD, mapper.home["t0"], x, [(0, 2), (0, 4)])
    mapper.move(toys.LOAD, mapper.home["w1"], w, [(0, 4), (0, 2)])
    sums, back = (mapper.buffer("t1", whole, toys.SRAM, a, content=Content.ACCUMULATORS) for a in (16, 32))
    away = mapper.buffer("t1", whole, toys.DRAM, 1000, content=Content.ACCUMULATORS)
    mapper.compute(toys.MAC, op, [*whole, (0, 2)], [x, w], sums, Flag.PARTIAL)
    mapper.move(toys.STORE, sums, away, whole)
    mapper.move(toys.LOAD, away, back, whole)
    home = mapper.in_dram("t1")
    out = mapper.buffer("t1", whole, toys.SRAM, 16)
    mapper.compute(toys.MAC2, op, [*whole, (2, 4)], [x, w], out, Flag.ACCUMULATE, back)
    mapper.move(toys.STORE, out, home, whole)
    return mapper, mapper.program()


def test_sums_rewritten_under_a_reader_are_found(toys):
    """A chain that goes on in another queue while the old sums are still being stored."""
    graph = toys.graph_of((2, 4), (toys.MATMUL, (4, 2)))
    op, mapper = graph.ops[0], toys.Mapper(graph)
    whole = [(0, 2), (0, 2)]
    x, w = (mapper.buffer(n, b, toys.SRAM, a) for n, b, a in (("t0", [(0, 2), (0, 4)], 0), ("w1", [(0, 4), (0, 2)], 8)))
    mapper.move(toys.LOAD, mapper.home["t0"], x, [(0, 2), (0, 4)])
    mapper.move(toys.LOAD, mapper.home["w1"], w, [(0, 4), (0, 2)])
    sums = mapper.buffer("t1", whole, toys.SRAM, 16, content=Content.ACCUMULATORS)
    copy = mapper.buffer("t1", whole, toys.DRAM, 1000, content=Content.ACCUMULATORS)
    out, home = mapper.buffer("t1", whole, toys.SRAM, 32), mapper.in_dram("t1")
    mapper.compute(toys.MAC, op, [*whole, (0, 1)], [x, w], sums, Flag.PARTIAL)
    mapper.move(toys.STORE, sums, copy, whole)
    mapper.compute(toys.MAC, op, [*whole, (1, 2)], [x, w], sums, Flag.PARTIAL | Flag.ACCUMULATE, sums)
    mapper.compute(toys.MAC, op, [*whole, (2, 4)], [x, w], out, Flag.ACCUMULATE, sums)
    mapper.move(toys.STORE, out, home, whole)
    program = mapper.program()
    assert findings(program, graph) == []
    assert program.waits(4) == [(toys.STORE, 1)]
    only(
        findings(toys.weaken(program, int(program.wait_offset[4])), graph), "mac[1]", "store[0]", "reads what was there"
    )


def test_codes_are_written_once(toys):
    graph, mapper, inputs = small(toys)
    home = mapper.in_dram("t1")
    mapper.compute(toys.MAC, graph.ops[0], [*WHOLE, (0, 4)], inputs, home)
    mapper.move(toys.LOAD, mapper.home["t0"], inputs[0], [(0, 1), (3, 4)])
    only(findings(mapper.program(), graph), "command 3", "writes buffer 2 (t0", "again, after command 0 (load[0]")


def test_sums_started_twice_without_order_are_found(toys):
    graph, mapper, inputs = small(toys)
    sums = mapper.buffer("t1", WHOLE, toys.SRAM, 16, content=Content.ACCUMULATORS)
    mapper.compute(toys.MAC, graph.ops[0], [*WHOLE, (0, 2)], inputs, sums, Flag.PARTIAL)
    mapper.compute(toys.MAC2, graph.ops[0], [*WHOLE, (2, 4)], inputs, sums, Flag.PARTIAL)
    program = mapper.program()
    (wait,) = np.flatnonzero(program.wait_queue == toys.MAC)
    lines = findings(toys.weaken(program, int(wait)), graph)
    only(lines, "command 3 (mac2[0]", "without waiting for command 2 (mac[0]", "which writes it before")


def test_sums_that_are_not_equally_far_are_found(toys):
    graph, mapper, inputs = small(toys)
    op = graph.ops[0]
    sums = mapper.buffer("t1", WHOLE, toys.SRAM, 16, content=Content.ACCUMULATORS)
    home = mapper.in_dram("t1")
    mapper.compute(toys.MAC, op, [(0, 1), (0, 2), (0, 2)], inputs, sums, Flag.PARTIAL)
    mapper.compute(toys.MAC, op, [(1, 2), (0, 2), (0, 3)], inputs, sums, Flag.PARTIAL)
    mapper.compute(toys.MAC, op, [*WHOLE, (3, 4)], inputs, home, Flag.ACCUMULATE, sums)
    only(findings(mapper.program(), graph), "command 4", "sums of different cells are not equally far")
