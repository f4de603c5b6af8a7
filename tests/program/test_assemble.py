"""`assemble`: shared services and boxes, permutation by keys, and the errors of a wrong draft."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import SimulationError
from cosim.program import Draft, assemble
from cosim.program.rows import unique_rows


@given(st.lists(st.lists(st.integers(-2, 2), max_size=3), max_size=30))
@settings(deadline=None)
def test_unique_rows_group_equal_rows_in_order_of_appearance(rows):
    offset = np.cumsum([0, *map(len, rows)])
    classes, first = unique_rows(offset, np.array([value for row in rows for value in row], np.int64))
    distinct = list(dict.fromkeys(map(tuple, rows)))
    assert classes.tolist() == [distinct.index(tuple(row)) for row in rows]
    assert [tuple(rows[i]) for i in first] == distinct


def draft_of(**columns) -> Draft:
    """Four commands on four queues that differ in nothing else, unless `columns` say so."""
    draft = Draft(op_names=["o"], tensor_names=["t"], action_names=["a", "b"])
    rows = draft.add_boxes(np.array([[[0, 4]], [[4, 8]], [[0, 4]], [[4, 8]]]))
    draft.add_boxes(np.array([[[0, 4], [4, 8]]]))
    draft.add_buffers(memory=0, address=np.arange(4) * 8, capacity=4, tensor=0, box=rows, bits=8)
    given = {
        "reads": np.array([0, 1, 2, 3, 3]),
        "read_counts": np.array([1, 0, 3, 1]),
        "actions": np.array([[1, 2]]),
        "queue": np.arange(4),
        "op": -1,
        "tensor": 0,
        "box": rows,
        "flags": 0,
        "write": np.arange(4),
        "cycles": 7,
        "serial_cycles": 0,
        "n_bytes": 0,
        "path": -1,
    }
    draft.add_commands(**{**given, **columns})
    return draft


def test_one_service_class_per_engine_and_equal_columns(toys):
    plain = assemble(draft_of(), toys.MACHINE)
    assert plain.service.tolist() == [0, 1, 1, 2]  # queues 1 and 2 share an engine
    assert plain.services.cycles.tolist() == [7, 7, 7]
    assert plain.services.actions.tolist() == [[1, 2]] * 3
    for name, value in (("cycles", 8), ("serial_cycles", 1), ("n_bytes", 64), ("path", 0)):
        base = {"cycles": 7, "serial_cycles": 0, "n_bytes": 0, "path": -1}[name]
        other = assemble(draft_of(**{name: np.array([base, base, value, base])}), toys.MACHINE)
        assert other.service.tolist() == [0, 1, 2, 3]
        assert getattr(other.services, name)[2] == value
    counted = assemble(draft_of(actions=np.array([[1, 2], [1, 2], [1, 3], [1, 2]])), toys.MACHINE)
    assert counted.service.tolist() == [0, 1, 2, 3]


def test_equal_boxes_are_stored_once(toys):
    program = assemble(draft_of(), toys.MACHINE)
    assert len(program.boxes) == 3
    assert program.box.tolist() == [0, 1, 0, 1]
    assert program.buffers.box.tolist() == [0, 1, 0, 1]
    assert program.boxes.box(2).tolist() == [[0, 4], [4, 8]]


def test_left_out_buffer_columns_mean_codes_without_root(toys):
    buffers = assemble(draft_of(), toys.MACHINE).buffers
    assert buffers.root.tolist() == [-1] * 4
    assert buffers.content.tolist() == [0] * 4
    assert buffers.preloaded.tolist() == [False] * 4


def test_keys_give_the_order_and_everything_moves_along(toys):
    draft = draft_of(cycles=np.array([5, 6, 7, 8]))
    draft.add_dependences(np.array([1, 3]), np.array([0, 0]))
    program = assemble(draft, toys.MACHINE, order=np.array([1, 1, 0, 1]))
    assert program.queue.tolist() == [2, 0, 1, 3]
    assert program.services.cycles[program.service].tolist() == [7, 5, 6, 8]
    assert [program.reads(c).tolist() for c in range(4)] == [[1, 2, 3], [0], [], [3]]
    assert [program.waits(c) for c in range(4)] == [[], [], [(0, 1)], [(0, 1)]]


def test_keys_in_order_change_nothing(toys):
    graph = toys.graph_of((4, 6), (toys.MATMUL, (6, 4)))
    mapper = toys.map_chain(graph, {"op1": (2, 2, 3)})
    plain = mapper.program()
    toys.assert_equal(mapper.program(np.arange(len(plain)) * 3), plain)


def test_an_empty_draft_is_an_empty_program(toys):
    program = assemble(Draft(), toys.MACHINE)
    assert len(program) == len(program.buffers) == len(program.boxes) == len(program.services) == 0
    assert program.wait_offset.tolist() == [0]


@pytest.mark.parametrize(("later", "earlier"), [(1, 2), (2, 2)])
def test_a_dependence_on_the_future_names_both(toys, later, earlier):
    draft = draft_of()
    draft.add_dependences(np.array([later]), np.array([earlier]))
    with pytest.raises(SimulationError, match=rf"command {later} depends on command {earlier}.*\n.*append"):
        assemble(draft, toys.MACHINE)


def test_keys_that_turn_a_dependence_round_are_refused(toys):
    draft = draft_of()
    draft.add_dependences(np.array([2]), np.array([1]))
    with pytest.raises(SimulationError, match=r"command 2 depends on command 1.*\n.*smaller sort key"):
        assemble(draft, toys.MACHINE, order=np.array([0, 2, 1, 3]))


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"queue": np.array([0, 1, 2, 4])}, "a command names queue 4 of 4"),
        ({"queue": np.array([0, 1, -1, 3])}, "a command names queue -1 of 4"),
        ({"box": np.array([0, 1, 2, 9])}, "a command names box 9 of 5"),
        ({"op": 1 << 40}, "column 'op' holds values"),
        ({"path": 1 << 20}, "column 'path' holds values"),
        ({"actions": np.zeros((1, 3), int)}, "counts 3 actions, 2 are named"),
        ({"read_counts": np.array([1, 1, 3, 1])}, "5 reads, but the counts add up to 6"),
    ],
)
def test_a_wrong_column_is_refused(toys, columns, text):
    with pytest.raises(SimulationError, match=text):
        assemble(draft_of(**columns), toys.MACHINE)


def test_a_dependence_on_nothing_is_refused(toys):
    draft = draft_of()
    draft.add_dependences(np.array([3]), np.array([-1]))
    with pytest.raises(SimulationError, match="a dependence names command -1 of 4"):
        assemble(draft, toys.MACHINE)


def test_a_buffer_column_given_only_sometimes_is_refused(toys):
    draft = draft_of()
    draft.add_buffers(memory=0, address=0, capacity=4, tensor=0, box=0, bits=8, root=-1)
    with pytest.raises(SimulationError, match="'root' has 1 of 5 rows"):
        assemble(draft, toys.MACHINE)


def test_keys_of_another_length_are_refused(toys):
    with pytest.raises(SimulationError, match="sort keys for 4 commands"):
        assemble(draft_of(), toys.MACHINE, order=np.arange(3))


def test_a_clock_sweep_keeps_the_program(toys):
    program = assemble(draft_of(), toys.MACHINE)
    faster = program.on(replace(toys.MACHINE, engine_period_fs=(1, 1, 1)))
    assert faster.services is program.services
    assert faster.machine.engine_period_fs == (1, 1, 1)
