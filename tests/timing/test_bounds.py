"""Every makespan lies between its bounds; the bounds are met where theory says so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from cosim.errors import SimulationError
from cosim.program.program import Program
from cosim.timing import bounds, compiled
from cosim.timing.bounds import check_bounds
from cosim.timing.times import HORIZON_FS
from tests.timing.strategies import machine, program, programs, seeded_program


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programs(most=10))
def test_the_makespan_lies_between_its_bounds(program: Program) -> None:
    check_bounds(program, compiled.simulate(program))


def test_bounds_hold_and_are_often_met() -> None:
    met = {"low": 0, "high": 0}
    for seed in range(1500):
        random = seeded_program(seed)
        limits, makespan = bounds.bounds(random), compiled.simulate(random).makespan_fs
        assert limits.low_fs <= makespan <= limits.high_fs, seed
        met["low"] += limits.low_fs == makespan
        met["high"] += limits.high_fs == makespan
    assert met["low"] > 500
    assert met["high"] > 20


def test_a_resource_can_limit() -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1], resources=[(4, 10), (4, 3)], paths=[[0, 1], [1]])
    limits = bounds.bounds(program(hardware, [(0, 0, 0, 8, 0, []), (1, 0, 0, 6, 1, [])]))
    assert limits == bounds.Bounds(low_fs=20, high_fs=25, limiter="resource link0")  # 6 bytes: 3 fs and 3 * 2 / 4 up


def test_an_engine_can_limit() -> None:
    hardware = machine(queue_engine=[0, 0], periods=[5])
    limits = bounds.bounds(program(hardware, [(0, 2, 0, 0, -1, []), (1, 3, 0, 0, -1, [])]))
    assert limits == bounds.Bounds(low_fs=25, high_fs=25 + 2 * 2 * 5, limiter="engine engine0")


def test_dependences_can_limit() -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 4], resources=[(4, 10)], paths=[[0]], latencies=[5])
    limits = bounds.bounds(program(hardware, [(0, 0, 0, 4, 0, []), (1, 1, 1, 0, -1, [(0, 1)])]))
    assert (limits.low_fs, limits.limiter) == (24, "dependences")  # 10 + 5, the edge at 16, 4 and 4
    assert limits.high_fs == 15 + 8 + 3 * 4


def test_times_outside_the_bounds_are_a_bug() -> None:
    random = seeded_program(3)
    times = compiled.simulate(random)
    for factor in (0, 1000):
        with pytest.raises(SimulationError, match="the compiled timer found a makespan"):
            check_bounds(random, replace(times, end_fs=times.end_fs * factor))


@pytest.mark.parametrize("wait", [(1, 1), (0, 9), (0, 1)])
def test_a_wait_for_a_larger_id_is_refused(wait: tuple[int, int]) -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1])
    with pytest.raises(SimulationError, match="command 0 waits for a command with a larger id"):
        bounds.bounds(program(hardware, [(0, 1, 0, 0, -1, [wait]), (1, 1, 0, 0, -1, [])]))


def test_sums_beyond_the_largest_integer_are_exact() -> None:
    hardware = machine(queue_engine=[0, 1, 2], periods=[1, 1, 1])
    limits = bounds.bounds(program(hardware, [(q, HORIZON_FS - 9, 0, 0, -1, []) for q in range(3)]))
    assert (limits.low_fs, limits.high_fs) == (HORIZON_FS - 9, 3 * (HORIZON_FS - 9) + 3 * 2)


@pytest.mark.parametrize(
    "commands",
    [[(0, HORIZON_FS, 0, 0, -1, [])], [(0, HORIZON_FS // 4, HORIZON_FS // 2, 0, -1, [])], [(0, HORIZON_FS // 3, 0, 0, -1, [])] * 2],
)  # fmt: skip
def test_the_horizon_is_checked(commands: list) -> None:
    with pytest.raises(SimulationError, match="horizon"):
        bounds.bounds(program(machine(periods=[2]), commands))
