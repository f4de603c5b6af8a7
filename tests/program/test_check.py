"""What `check` accepts, and every way to break a real Program that it must notice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import SimulationError
from cosim.program import Flag, check, findings


def two_matmuls(toys, **options):
    graph = toys.graph_of((8, 12), (toys.MATMUL, (12, 8)), (toys.MATMUL, (8, 6)))
    return graph, toys.map_chain(graph, {"op1": (4, 4, 6), "op2": (4, 3, 3)}, **options)


def mixed(toys, **options):
    """A split reduction, a window with a halo, a tensor that stays in SRAM, a view of it, a view in DRAM."""
    graph = toys.graph_of(
        (8, 12),
        (toys.MATMUL, (12, 8)),
        (toys.CONV, (4, 8, 3)),
        (toys.RESHAPE, (8, 4)),
        (toys.MATMUL, (4, 6)),
        (toys.RESHAPE, (4, 12)),
        (toys.MATMUL, (12, 2)),
    )
    steps = {"op1": (4, 4, 6), "op2": (2, 3, 4, 3), "op4": (4, 3, 2), "op6": (2, 2, 5)}
    return graph, toys.map_chain(graph, steps, resident=("t2",), **options)


CASES = {
    "two_matmuls": two_matmuls,
    "two_mac_queues": lambda toys: two_matmuls(toys, macs=2),
    "single_slots": lambda toys: two_matmuls(toys, depth=1),
    "mixed": mixed,
    "mixed_three_slots": lambda toys: mixed(toys, depth=3, macs=2),
}


@pytest.fixture(params=CASES)
def case(request, toys):
    graph, mapper = CASES[request.param](toys)
    return graph, mapper.program()


def only(lines, *words):
    """Some line has all words."""
    assert any(all(word in line for word in words) for line in lines), lines


def test_a_right_program_has_no_findings(case):
    graph, program = case
    assert findings(program, graph) == []
    check(program, graph)


def test_every_weakened_wait_is_found(toys, case):
    graph, program = case
    assert len(program.wait_count) > 20
    missed = [w for w in range(len(program.wait_count)) if not findings(toys.weaken(program, w), graph)]
    assert missed == []


@given(
    sizes=st.lists(st.integers(1, 7), min_size=4, max_size=4),
    tiles=st.lists(st.integers(1, 4), min_size=7, max_size=7),
    depth=st.integers(1, 3),
    macs=st.integers(1, 2),
    resident=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_tiling_passes_and_needs_all_its_waits(toys, sizes, tiles, depth, macs, resident):
    m, n, k, o = sizes
    graph = toys.graph_of((m, k), (toys.MATMUL, (k, n)), (toys.CONV, (o, m, 3)))
    steps = {"op1": tiles[:3], "op2": tiles[3:]}
    mapper = toys.map_chain(graph, steps, depth=depth, macs=macs, resident=("t1",) if resident else ())
    program = mapper.program()
    assert findings(program, graph) == []
    for wait in range(0, len(program.wait_count), max(1, len(program.wait_count) // 8)):
        assert findings(toys.weaken(program, wait), graph)


def test_an_order_given_by_keys_is_checked_the_same(toys):
    graph, mapper = two_matmuls(toys)
    plain = mapper.program()
    keys = np.arange(len(plain)) + np.where(plain.queue == toys.LOAD, -2.5, 0)
    program = mapper.program(keys)
    assert program.op.tolist() != plain.op.tolist()
    assert findings(program, graph) == []
    assert all(findings(toys.weaken(program, w), graph) for w in range(len(program.wait_count)))


def first(condition) -> int:
    return int(np.flatnonzero(condition)[0])


def final(program) -> int:
    return first((program.op >= 0) & (program.flags & Flag.PARTIAL == 0))


def test_a_buffer_shifted_into_its_neighbour_is_found(toys):
    """Each slot of the rings, moved by one byte towards the slot that is filled while it is still read."""
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    loads = np.flatnonzero((program.queue == toys.LOAD) & (program.tensor < 2))
    loads = loads[loads < first(program.op == 1)]
    for one, other in zip(loads[:-2], loads[2:], strict=True):
        buffer, neighbour = int(program.write[other]), int(program.write[one])
        toward = np.sign(int(program.buffers.address[neighbour]) - int(program.buffers.address[buffer]))
        moved = toys.changed(program, buffers__address=(buffer, int(program.buffers.address[buffer]) + int(toward)))
        only(findings(moved, graph), f"buffer {buffer} ", f"is placed over buffer {neighbour} ")


def test_an_overfull_memory_names_the_buffer_and_the_sizes(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    only(findings(toys.changed(program, buffers__address=(5, (1 << 16) - 8)), graph), "buffer 5", "sram", "65536")


def test_a_capacity_below_the_box_is_found(toys):
    graph, mapper = two_matmuls(toys)
    only(findings(toys.changed(mapper.program(), buffers__capacity=(5, 23)), graph), "buffer 5", "fit 23")


def test_too_few_bits_are_found(toys):
    graph, mapper = two_matmuls(toys)
    only(findings(toys.changed(mapper.program(), buffers__bits=(5, 4)), graph), "buffer 5", "4 bits")


def test_two_buffers_at_one_place_are_named_with_both_commands(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    lines = findings(toys.changed(program, buffers__address=(7, int(program.buffers.address[4]))), graph)
    only(lines, "buffer 7 (t0", "is placed over buffer 4 (t0", "command 3 (load[2]", "waiting for command 0 (load[0]")


def test_preloaded_buffers_must_not_share_bytes(toys):
    graph, mapper = two_matmuls(toys)
    only(findings(toys.changed(mapper.program(), buffers__address=(1, 95)), graph), "both are there before time starts")


def test_a_preloaded_buffer_is_there_from_the_start(toys):
    """A weight preloaded under a slot that is used earlier than the weight."""
    graph = toys.graph_of((2, 3), (toys.MATMUL, (3, 2)), (toys.MATMUL, (2, 2)))
    program = toys.map_chain(graph, {"op1": (2, 2, 3), "op2": (2, 2, 2)}).program()
    weights = first(program.buffers.tensor == program.tensors.index("w2"))
    slot = first(program.buffers.memory == toys.SRAM)
    moved = toys.changed(
        program, buffers__memory=(weights, toys.SRAM), buffers__address=(weights, int(program.buffers.address[slot]))
    )
    only(findings(moved, graph), f"buffer {slot} ", "is placed over", "w2")


def test_a_missing_tile_names_the_op_and_the_box(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    command = first(program.op == 0)
    tile = program.boxes.box(int(program.box[command]))
    tile[2, 1] -= 1
    only(findings(toys.with_box(program, command, tile), graph), "op op1", "[0:4, 0:4, 5:6]", "(M, N, K)", "never")


def test_a_tile_computed_twice_is_found(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    command = first(program.op == 0)
    tile = program.boxes.box(int(program.box[command]))
    tile[2, 1] += 1
    only(findings(toys.with_box(program, command, tile), graph), "op op1", "6:7]", "more than once")


def test_an_op_without_commands_is_found(toys):
    _, mapper = two_matmuls(toys)
    longer = toys.graph_of((8, 12), (toys.MATMUL, (12, 8)), (toys.MATMUL, (8, 6)), (toys.MATMUL, (6, 2)))
    lines = findings(mapper.program(), longer)
    only(lines, "op op3", "no command computes it")
    only(lines, "output t3", "no buffer holds all of it")


@pytest.mark.parametrize("flag", [Flag.ACCUMULATE, Flag.PARTIAL])
def test_a_flipped_flag_is_found(toys, case, flag):
    graph, program = case
    for command in np.flatnonzero(program.op >= 0).tolist():
        assert findings(toys.changed(program, flags=(command, int(program.flags[command]) ^ flag)), graph)


def test_a_deadlock_names_the_ring(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    wait = first(program.wait_queue[program.wait_offset[7] : program.wait_offset[8]] == toys.MAC)
    stuck = toys.changed(program, wait_count=(int(program.wait_offset[7]) + wait, 3))
    lines = findings(stuck, graph)
    only(lines, "deadlock", "command 7 (load[4]", "until mac has completed 3", "until load has completed 6")
    with pytest.raises(SimulationError, match="deadlock"):
        check(stuck, graph)


def test_waiting_for_itself_is_a_deadlock(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    command = int(np.searchsorted(program.wait_offset, 1))  # the first command with a wait
    own, position = int(program.queue[command - 1]), int(program.position[command - 1])
    stuck = toys.changed(program, wait_queue=(0, own), wait_count=(0, position + 1))
    only(findings(stuck, graph), "deadlock", f"command {command - 1}", f"completed {position + 1}")


def test_a_wait_for_a_larger_id_is_found_even_if_it_ends(toys):
    graph, mapper = two_matmuls(toys)
    program = mapper.program()
    later = toys.changed(program, wait_count=(0, int(program.wait_count[0]) + 1))
    only(findings(later, graph), "which has a larger id")
