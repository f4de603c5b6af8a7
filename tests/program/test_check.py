"""What `check` accepts, and every way to break a real Program that it must notice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import SimulationError
from cosim.program import BufferTable, Content, Flag, check, findings


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
@settings(max_examples=40, deadline=None)
def test_any_tiling_passes_and_needs_all_its_waits(toys, sizes, tiles, depth, macs, resident):
    m, n, k, o = sizes
    graph = toys.graph_of((m, k), (toys.MATMUL, (k, n)), (toys.CONV, (o, m, 3)))
    steps = {"op1": tiles[:3], "op2": tiles[3:]}
    mapper = toys.map_chain(graph, steps, depth=depth, macs=macs, resident=("t1",) if resident else ())
    program = mapper.program()
    assert findings(program, graph) == []
    for wait in range(0, len(program.wait_count), max(1, len(program.wait_count) // 20)):
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


# --- memory


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
    only(findings(toys.changed(mapper.program(), buffers__address=(1, 95)), graph), "both are preloaded")


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


# --- boxes


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


# --- coverage


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


# --- sums


@pytest.mark.parametrize("flag", [Flag.ACCUMULATE, Flag.PARTIAL])
def test_a_flipped_flag_is_found(toys, case, flag):
    graph, program = case
    for command in np.flatnonzero(program.op >= 0).tolist():
        assert findings(toys.changed(program, flags=(command, int(program.flags[command]) ^ flag)), graph)


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


# --- order


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


# --- indices, names, outputs


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


# --- views


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
