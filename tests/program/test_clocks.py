"""Vector clocks and waits against the definition: reachability between starts and ends of commands."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.program import Draft, Program, assemble
from cosim.program.clocks import execution_order, vector_clocks

TRANSFER, COMPUTE, BLOCKING_TRANSFER = range(3)


@st.composite
def drafts(draw):
    """Commands of three service kinds on the four queues of the toy machine, with any backward dependences."""
    n = draw(st.integers(1, 14))
    kinds = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    queues = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=2 * n))
    pairs = [(max(a, b), min(a, b)) for a, b in pairs if a != b]
    return bare_draft(queues, kinds, pairs), pairs


def bare_draft(queues, kinds, pairs) -> Draft:
    draft = Draft(op_names=[], tensor_names=["t"], action_names=["bytes"])
    draft.add_commands(
        reads=np.empty(0, np.int64),
        read_counts=np.zeros(len(queues), np.int64),
        actions=np.zeros((1, 1), np.int64),
        queue=queues,
        op=-1,
        tensor=0,
        box=0,
        flags=0,
        write=0,
        cycles=0,
        serial_cycles=np.where(kinds == BLOCKING_TRANSFER, 3, 0),
        n_bytes=np.where(kinds == COMPUTE, 0, 64),
        path=np.where(kinds == COMPUTE, -1, 0),
    )
    draft.add_boxes(np.array([[[0, 1]]]))
    draft.add_buffers(memory=0, address=0, capacity=1, tensor=0, box=0, bits=8)
    if pairs:
        draft.add_dependences(*np.array(pairs).T)
    return draft


def happens_before(program: Program) -> set[tuple[int, int]]:
    """Pairs (a, c): the end of a comes before the start of c, whatever the durations are."""
    events = nx.DiGraph()
    services = program.services
    for command in range(len(program)):
        events.add_edge(("start", command), ("end", command))
        for queue, count in program.waits(command):
            other = int(program.queue_order[program.queue_offset[queue] + count - 1])
            events.add_edge(("end", other), ("start", command))
    for queue in range(len(program.machine.queues)):
        members = program.queue_order[program.queue_offset[queue] : program.queue_offset[queue + 1]].tolist()
        for before, after in pairwise(members):
            events.add_edge(("start", before), ("start", after))
            events.add_edge(("end", before), ("end", after))
            row = program.service[before]
            if services.n_bytes[row] == 0 or services.path[row] < 0 or services.serial_cycles[row] > 0:
                events.add_edge(("end", before), ("start", after))
    pairs = set()
    for command in range(len(program)):
        reached = nx.descendants(events, ("end", command))
        pairs |= {(command, other) for event, other in reached if event == "start"}
    return pairs


def clock_pairs(program: Program) -> set[tuple[int, int]]:
    clocks = vector_clocks(program, np.arange(len(program)))
    before = clocks[:, program.queue] > program.position[None, :]
    return {(int(a), int(c)) for c, a in zip(*np.nonzero(before), strict=True)}


@given(drafts())
@settings(max_examples=150, deadline=None)
def test_clocks_say_exactly_what_is_reachable(toys, case):
    draft, pairs = case
    program = assemble(draft, toys.MACHINE)
    assert clock_pairs(program) == happens_before(program)
    assert {(earlier, later) for later, earlier in pairs} <= happens_before(program)


@given(drafts())
@settings(max_examples=150, deadline=None)
def test_every_wait_that_is_left_is_needed(toys, case):
    draft, pairs = case
    program = assemble(draft, toys.MACHINE)
    stated = {(earlier, later) for later, earlier in pairs}
    for wait in range(len(program.wait_count)):
        assert not stated <= happens_before(toys.weaken(program, wait))


def test_a_pipelined_transfer_does_not_block_its_successor(toys):
    kinds = np.array([TRANSFER, TRANSFER, COMPUTE, COMPUTE])
    program = assemble(bare_draft(np.array([0, 0, 0, 0]), kinds, []), toys.MACHINE)
    assert vector_clocks(program, np.arange(4))[:, 0].tolist() == [0, 0, 0, 3]


def test_serial_cycles_make_a_transfer_block(toys):
    kinds = np.array([BLOCKING_TRANSFER, TRANSFER, COMPUTE])
    program = assemble(bare_draft(np.array([0, 0, 0]), kinds, []), toys.MACHINE)
    assert vector_clocks(program, np.arange(3))[:, 0].tolist() == [0, 1, 1]


def test_a_wait_on_the_own_queue_survives_only_behind_a_pipelined_transfer(toys):
    moves = assemble(bare_draft(np.zeros(2, int), np.array([TRANSFER, TRANSFER]), [(1, 0)]), toys.MACHINE)
    computes = assemble(bare_draft(np.zeros(2, int), np.array([COMPUTE, COMPUTE]), [(1, 0)]), toys.MACHINE)
    assert moves.waits(1) == [(0, 1)]
    assert computes.waits(1) == []


@given(drafts())
@settings(max_examples=50, deadline=None)
def test_execution_order_respects_every_wait(toys, case):
    program = assemble(case[0], toys.MACHINE)
    order = execution_order(program)
    step = np.empty(len(program), np.int64)
    step[order] = np.arange(len(program))
    assert sorted(order.tolist()) == list(range(len(program)))
    assert all(step[a] < step[c] for a, c in happens_before(program))
