"""Where the time went: nothing is lost and nothing counts twice."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.timing import Cause, compiled, critical_path, engine_busy, resource_busy, stalls
from tests.timing.strategies import machine, program, seeded_program

SEEDS = range(300)


def test_stalls_of_a_small_case() -> None:
    hardware = machine(queue_engine=[0, 1, 1], periods=[1, 3], resources=[(4, 10)], paths=[[0]])
    commands = [(0, 0, 0, 8, 0, []), (1, 0, 0, 4, 0, []), (2, 1, 0, 0, -1, []), (1, 2, 0, 0, -1, [(0, 1)])]
    times = compiled.simulate(program(hardware, commands))
    table = stalls(program(hardware, commands), times)
    # link0: queue0 0-10, queue1 10-20, queue0 20-30; engine1: queue1 10-20, queue2 20-24 (edge 21), queue1 from 30
    assert [row for row in table.rows() if row[2]] == [
        ("queue0", "blocked", 10),
        ("queue1", "wait", 10),
        ("queue1", "resource", 10),
        ("queue2", "engine", 20),
    ]
    assert engine_busy(program(hardware, commands), times).tolist() == [30, 10 + 4 + 6]
    assert resource_busy(program(hardware, commands), times).tolist() == [30]


def test_each_queue_is_stalled_or_held_until_its_last_release() -> None:
    for seed in SEEDS:
        random = seeded_program(seed)
        times = compiled.simulate(random)
        lost = stalls(random, times).lost_fs.sum(axis=1)
        for q in range(len(random.machine.queues)):
            mine = random.queue == q
            held = (times.release_fs - times.start_fs)[mine].sum()
            assert lost[q] + held == times.release_fs[mine].max(initial=0), seed


def test_engines_and_resources_are_never_busier_than_the_run() -> None:
    for seed in SEEDS:
        random = seeded_program(seed)
        times = compiled.simulate(random)
        assert engine_busy(random, times).max() <= times.makespan_fs
        assert resource_busy(random, times).max() <= times.makespan_fs


def test_resource_work_does_not_depend_on_cutting() -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1], resources=[(4, 10), (2, 1)], paths=[[0, 1], [0]])
    both = program(hardware, [(0, 0, 0, 13, 0, []), (1, 0, 0, 6, 1, [])])
    assert resource_busy(both, compiled.simulate(both)).tolist() == [30 + 3 + 10 + 5, 6 + 1]


def test_times_of_another_program_are_refused() -> None:
    with pytest.raises(ValueError, match="times for"):
        resource_busy(seeded_program(0), compiled.simulate(program(machine(), [])))


def test_the_critical_path_of_a_small_case() -> None:
    hardware = machine(queue_engine=[0, 1, 2, 2], periods=[1, 1, 1], resources=[(4, 10)], paths=[[0]], latencies=[7])
    commands = [
        (0, 0, 0, 4, 0, []),  # 0: 0-10, arrives at 17
        (0, 0, 0, 4, 0, []),  # 1: 10-20, arrives at 27
        (1, 0, 0, 4, 0, []),  # 2: link until 10, then command 1 is served later: 10-20
        (2, 5, 0, 0, -1, [(1, 1)]),  # 3: waits for command 2
        (3, 6, 0, 0, -1, [(1, 1)]),  # 4: engine held by 3
    ]
    times = compiled.simulate(program(hardware, commands))
    assert times.start_fs.tolist() == [0, 20, 10, 27, 32]
    assert critical_path(program(hardware, commands), times).tolist() == [4, 3, 2, 0]


def test_in_order_completion_is_on_the_critical_path() -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1], resources=[(4, 10)], paths=[[0], [0]], latencies=[90, 0])
    late = program(hardware, [(0, 0, 0, 4, 0, []), (0, 0, 0, 4, 1, []), (1, 1, 0, 0, -1, [(0, 2)])])
    assert critical_path(late, compiled.simulate(late)).tolist() == [2, 0]


def test_the_critical_path_leads_from_the_end_to_time_zero() -> None:
    for seed in SEEDS:
        random = seeded_program(seed)
        times = compiled.simulate(random)
        path = critical_path(random, times)
        assert times.end_fs[path[0]] == times.makespan_fs
        assert times.cause[path[-1]] == Cause.NONE
        assert times.start_fs[path[-1]] == 0
        assert (np.diff(times.start_fs[path]) <= 0).all()
        assert len(set(path.tolist())) == len(path)


def test_an_empty_program_has_no_critical_path() -> None:
    empty = program(machine(), [])
    assert len(critical_path(empty, compiled.simulate(empty))) == 0
