"""Indices, names, lengths and outputs of a Program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim.errors import SimulationError
from cosim.program import Flag, check, findings


def only(lines, *words):
    """Some line has all words."""
    assert any(all(word in line for word in words) for line in lines), lines


def first(condition) -> int:
    return int(np.flatnonzero(condition)[0])


def two_matmuls(toys, **options):
    graph = toys.graph_of((8, 12), (toys.MATMUL, (12, 8)), (toys.MATMUL, (8, 6)))
    return graph, toys.map_chain(graph, {"op1": (4, 4, 6), "op2": (4, 3, 3)}, **options)


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


@pytest.mark.parametrize(
    "column", ["queue", "service", "op", "tensor", "box", "write", "wait_queue", "read_buffer", "buffers__root"]
)
@pytest.mark.parametrize("value", [-3, 32_000])
def test_an_index_out_of_range_is_found(toys, column, value):
    graph, mapper = two_matmuls(toys)
    only(findings(toys.changed(mapper.program(), **{column: (4, value)}), graph), str(value), "allowed")


@pytest.mark.parametrize("count", [0, -1, 30_000])
def test_a_wait_for_commands_that_do_not_exist_is_found(toys, count):
    graph, mapper = two_matmuls(toys)
    only(findings(toys.changed(mapper.program(), wait_count=(0, count)), graph), f"waits for {count}")


def test_a_program_of_another_graph_is_refused(toys):
    _, mapper = two_matmuls(toys)
    other = toys.graph_of((8, 12), (toys.MATMUL, (12, 8)))
    only(findings(mapper.program(), other), "'op2' is not in graph")


def test_findings_are_bounded(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    nothing = replace(program, wait_offset=np.zeros_like(program.wait_offset), wait_queue=program.wait_queue[:0])
    nothing = replace(nothing, wait_count=program.wait_count[:0])
    assert len(findings(nothing, graph)) == 20
    assert len(findings(nothing, graph, limit=3)) == 3


def test_an_unwritten_output_is_found(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    kept = toys.with_box(program, len(program) - 1, [(4, 8), (3, 5)])
    only(findings(kept, graph), "output t2", "no buffer holds all of it")


def test_an_output_that_is_replaced_is_found(toys):
    graph = toys.graph_of((8, 12), (toys.MATMUL, (12, 8)), (toys.MATMUL, (8, 6)), outputs=("t1", "t2"))
    mapper = toys.map_chain(graph, {"op1": (4, 8, 12), "op2": (8, 6, 4)})
    program = mapper.program()
    assert findings(program, graph) == []
    one, two = (
        first((program.buffers.memory == toys.DRAM) & (program.buffers.tensor == program.tensors.index(t)))
        for t in ("t1", "t2")
    )
    placed = toys.changed(program, buffers__address=(two, int(program.buffers.address[one])))
    assert findings(placed, graph) == ["output t1: no buffer holds all of it at the end"]


def test_a_preloaded_activation_is_found(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    buffer = int(program.write[final(program)])
    only(findings(toys.changed(program, buffers__preloaded=(buffer, True)), graph), "preloaded, but its tensor is comp")


def test_inputs_and_constants_must_be_preloaded(toys):
    graph, mapper = two_matmuls(toys)
    only(findings(toys.changed(mapper.program(), buffers__preloaded=(1, False)), graph), "w1", "not written before")


def test_a_box_of_a_buffer_outside_its_tensor_is_found(toys):
    graph, mapper, inputs = small(toys)
    mapper.compute(toys.MAC, graph.ops[0], [*WHOLE, (0, 4)], inputs, mapper.in_dram("t1"))
    program = toys.with_box(mapper.program(), 0, [(0, 2), (1, 5)])
    boxed = toys.changed(program, buffers__box=(2, int(program.box[0])))
    only(findings(boxed, graph), "buffer 2", "outside the tensor (2, 4)")
    program = toys.with_box(mapper.program(), 0, [(0, 2)])
    boxed = toys.changed(program, buffers__box=(2, int(program.box[0])))
    with pytest.raises(SimulationError, match=r"buffer 2 \(t0\[0:2\] in sram at 0\): wrong number of axes"):
        check(boxed, graph)


def test_bytes_without_a_path_and_negative_cycles_are_found(toys):
    graph, mapper = two_matmuls(toys)
    only(findings(toys.changed(mapper.program(), services__path=(0, -1)), graph), "service 0", "bytes over no path")
    only(findings(toys.changed(mapper.program(), services__cycles=(0, -1)), graph), "service 0", "cycles is -1")


def test_offsets_and_lengths_that_do_not_fit_are_found(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    only(findings(toys.changed(program, read_offset=(3, 40)), graph), "read offsets do not cut")
    only(findings(toys.changed(program, wait_offset=(len(program), 1)), graph), "wait offsets do not cut")
    only(findings(toys.changed(program, boxes__offset=(1, 3)), graph), "box")
    only(findings(replace(program, op=program.op[:-1]), graph), "values of 'op' for")
    only(findings(replace(program, wait_queue=program.wait_queue[:-1]), graph), "differ in number")
    only(findings(replace(program, actions=("bytes",)), graph), "actions have shape")
    only(findings(replace(program, ops=("op1", "op1")), graph), "two ops have one name")
