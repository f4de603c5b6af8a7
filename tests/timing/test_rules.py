"""Each rule of time on a case small enough to compute by hand; both timers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from cosim.errors import SimulationError
from cosim.program.program import Program
from cosim.timing import compiled, reference
from cosim.timing.times import HORIZON_FS, Cause, Times
from tests.timing.strategies import machine, program

Simulate = Callable[[Program], Times]
NO_PATH = -1


@pytest.fixture(params=[reference.simulate, compiled.simulate], ids=["reference", "compiled"])
def simulate(request: pytest.FixtureRequest) -> Simulate:
    return request.param


def compute(queue: int, cycles: int, waits: Sequence[tuple[int, int]] = ()) -> tuple:
    return queue, cycles, 0, 0, NO_PATH, waits


def move(queue: int, n_bytes: int, path: int = 0, waits: Sequence[tuple[int, int]] = ()) -> tuple:
    return queue, 0, 0, n_bytes, path, waits


def causes(times: Times) -> list[tuple[Cause, int]]:
    return [(Cause(c), int(i)) for c, i in zip(times.cause, times.cause_id, strict=True)]


def test_an_empty_program_takes_no_time(simulate: Simulate) -> None:
    assert simulate(program(machine(), [])).makespan_fs == 0


def test_a_queue_runs_in_order_and_names_its_predecessor(simulate: Simulate) -> None:
    times = simulate(program(machine(periods=[7]), [compute(0, 2), compute(0, 3)]))
    assert times.start_fs.tolist() == [0, 14]
    assert times.end_fs.tolist() == [14, 35]
    assert causes(times) == [(Cause.NONE, -1), (Cause.QUEUE, 0)]


def test_a_wait_is_for_completion_and_the_queue_wins_a_tie(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 1, 2], periods=[1, 1, 1], resources=[(4, 10)], paths=[[0]], latencies=[100])
    commands = [move(0, 4), compute(1, 50, [(0, 1)]), compute(2, 160), compute(2, 1, [(1, 1)])]
    times = simulate(program(hardware, commands))
    assert times.release_fs.tolist() == [10, 160, 160, 161]
    assert times.end_fs.tolist() == [110, 160, 160, 161]
    assert times.ready_fs.tolist() == [0, 110, 0, 160]
    assert causes(times) == [(Cause.NONE, -1), (Cause.WAIT, 0), (Cause.NONE, -1), (Cause.QUEUE, 2)]


def test_the_lowest_queue_wins_a_tie_of_waits(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 1, 2], periods=[1, 1, 1])
    times = simulate(program(hardware, [compute(0, 5), compute(1, 5), compute(2, 1, [(1, 1), (0, 1)])]))
    assert causes(times)[2] == (Cause.WAIT, 0)


def test_latency_is_paid_once_and_occupies_nothing(simulate: Simulate) -> None:
    hardware = machine(resources=[(4, 10)], paths=[[0]], latencies=[100])
    times = simulate(program(hardware, [move(0, 8), move(0, 8)]))
    assert times.start_fs.tolist() == [0, 20]
    assert times.release_fs.tolist() == [20, 40]
    assert times.end_fs.tolist() == [120, 140]


def test_completion_is_in_order(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1], resources=[(4, 10)], paths=[[0], [0]], latencies=[100, 0])
    times = simulate(program(hardware, [move(0, 4, 0), move(0, 4, 1), compute(1, 1, [(0, 2)])]))
    assert times.release_fs.tolist() == [10, 20, 111]
    assert times.end_fs.tolist() == [110, 110, 111]
    assert causes(times)[2] == (Cause.WAIT, 1)


def test_a_clocked_command_is_presented_at_its_next_edge(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 5], resources=[(1, 1)], paths=[[0]])
    times = simulate(program(hardware, [move(0, 3), compute(1, 2, [(0, 1)])]))
    assert (times.ready_fs[1], times.start_fs[1], times.end_fs[1]) == (3, 5, 15)
    assert causes(times)[1] == (Cause.WAIT, 0)


def test_cycles_begin_at_the_edge_after_the_grant(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 5], resources=[(8, 7)], paths=[[0]])
    times = simulate(program(hardware, [move(0, 8), (1, 2, 0, 8, 0, [])]))
    assert (times.start_fs[1], times.release_fs[1]) == (7, 20)
    assert causes(times)[1] == (Cause.RESOURCE, 0)


@pytest.mark.parametrize(("latency", "end"), [(3, 20), (4, 25)])
def test_serial_cycles_begin_at_the_edge_after_the_data(simulate: Simulate, latency: int, end: int) -> None:
    hardware = machine(periods=[5], resources=[(4, 12)], paths=[[0]], latencies=[latency])
    times = simulate(program(hardware, [(0, 2, 1, 4, 0, [])]))
    assert (times.release_fs[0], times.end_fs[0]) == (end, end)


def test_bytes_without_a_path_cost_nothing(simulate: Simulate) -> None:
    times = simulate(program(machine(), [(0, 0, 0, 64, NO_PATH, []), compute(0, 1)]))
    assert times.end_fs.tolist() == [0, 1]


def test_the_last_unit_is_rounded_up_and_a_hold_lasts_a_femtosecond(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1], resources=[(4, 10), (4, 0)], paths=[[0], [1]])
    times = simulate(program(hardware, [move(0, 6, 0), move(1, 9, 1)]))
    assert times.end_fs.tolist() == [15, 3]


def test_the_gap_of_a_fast_resource_is_free_for_a_rival(simulate: Simulate) -> None:
    hardware = machine(
        queue_engine=[0, 1, 2], periods=[1, 1, 1], resources=[(4, 10), (4, 2)], paths=[[0, 1], [1]],
    )  # fmt: skip
    commands = [move(0, 8, 0), compute(1, 3), move(1, 4, 1), compute(2, 1), move(2, 4, 1)]
    times = simulate(program(hardware, commands))
    assert times.start_fs.tolist() == [0, 0, 4, 0, 2]  # the one at 2 takes the end of the hold, the other follows it
    assert times.release_fs.tolist() == [20, 3, 6, 1, 4]
    assert causes(times)[2] == (Cause.RESOURCE, 1)
    assert causes(times)[4] == (Cause.RESOURCE, 1)
    assert times.blocked_fs.tolist() == [0, 0, 0, 0, 0]


def test_a_rival_in_the_gap_can_delay_the_next_unit(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1], resources=[(4, 10), (4, 4)], paths=[[0, 1], [1]])
    times = simulate(program(hardware, [move(0, 8, 0), compute(1, 8), move(1, 4, 1)]))
    assert times.start_fs.tolist() == [0, 0, 8]
    assert times.release_fs.tolist() == [22, 8, 12]  # the second unit starts at 12, not at 10
    assert times.blocked_fs.tolist() == [2, 0, 0]


def test_transfers_alternate_at_units(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1], resources=[(4, 10)], paths=[[0]])
    times = simulate(program(hardware, [move(0, 12), move(1, 12)]))
    assert times.start_fs.tolist() == [0, 10]
    assert times.release_fs.tolist() == [50, 60]
    assert times.blocked_fs.tolist() == [20, 20]
    assert causes(times)[1] == (Cause.RESOURCE, 0)


@pytest.mark.parametrize(("priorities", "start"), [([0, 0], 20), ([0, 1], 10), ([1, 0], 20)])
def test_a_rival_at_the_boundary_is_served_by_the_tie_break(
    simulate: Simulate, priorities: list[int], start: int
) -> None:
    hardware = machine(
        queue_engine=[0, 1], periods=[1, 1], priorities=priorities, resources=[(4, 10)], paths=[[0]],
    )  # fmt: skip
    times = simulate(program(hardware, [move(0, 12), compute(1, 10), move(1, 4)]))
    assert times.start_fs[2] == start
    assert times.release_fs[0] == 40


def test_equal_requests_go_by_priority_then_queue(simulate: Simulate) -> None:
    hardware = machine(
        queue_engine=[0, 1, 2], periods=[1, 1, 1], priorities=[0, 0, 1], resources=[(4, 10)], paths=[[0]],
    )  # fmt: skip
    assert simulate(program(hardware, [move(q, 4) for q in range(3)])).start_fs.tolist() == [10, 20, 0]


def test_a_blocked_request_does_not_hold_back_others(simulate: Simulate) -> None:
    hardware = machine(
        queue_engine=[0, 1, 2], periods=[1, 1, 1], resources=[(4, 10), (4, 10)], paths=[[0], [0, 1], [1]],
    )  # fmt: skip
    times = simulate(program(hardware, [move(0, 4, 0), move(1, 4, 1), compute(2, 1), move(2, 4, 2)]))
    assert times.start_fs.tolist() == [0, 11, 0, 1]  # overtaken by traffic that needs one link only
    assert causes(times)[1] == (Cause.RESOURCE, 1)


def test_the_lowest_resource_busy_until_the_start_is_named(simulate: Simulate) -> None:
    hardware = machine(
        queue_engine=[0, 1, 2], periods=[1, 1, 1], resources=[(4, 10)] * 3, paths=[[2], [1], [2, 0, 1]],
    )  # fmt: skip
    times = simulate(program(hardware, [move(0, 4, 0), move(1, 4, 1), move(2, 4, 2)]))
    assert causes(times)[2] == (Cause.RESOURCE, 1)


def test_the_resource_of_an_undisturbed_transfer_is_named_too(simulate: Simulate) -> None:
    hardware = machine(
        queue_engine=[0, 1, 2], periods=[1, 1, 1], resources=[(4, 2), (4, 20)], paths=[[0], [1], [0, 1]],
    )  # fmt: skip
    times = simulate(program(hardware, [move(0, 40, 0), move(1, 4, 1), move(2, 4, 2)]))
    assert times.release_fs.tolist() == [20, 20, 40]  # both links fall free at 20, the first after ten units
    assert causes(times)[2] == (Cause.RESOURCE, 0)


@pytest.mark.parametrize(
    ("policy", "starts"),
    [
        ("fixed", [0, 10, 20, 30, 40, 50]),
        ("priority", [40, 50, 0, 10, 20, 30]),
        ("round_robin", [0, 30, 10, 40, 20, 50]),
    ],
)
def test_policies(simulate: Simulate, policy: str, starts: list[int]) -> None:
    hardware = machine(queue_engine=[0, 0, 0], periods=[1], policies=[policy], priorities=[0, 2, 1])
    times = simulate(program(hardware, [compute(q, 10) for q in (0, 0, 1, 1, 2, 2)]))
    assert times.start_fs.tolist() == starts


def test_an_engine_held_by_another_queue_is_the_cause(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 0], periods=[1])
    times = simulate(program(hardware, [compute(0, 10), compute(1, 5)]))
    assert times.ready_fs.tolist() == [0, 0]
    assert causes(times)[1] == (Cause.ENGINE, 0)


def test_only_the_picked_head_competes(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 0, 1], periods=[1, 1], resources=[(4, 10)], paths=[[0]], priorities=[0, 0, 1])
    times = simulate(program(hardware, [move(0, 4), compute(1, 5), move(2, 4)]))
    assert times.start_fs.tolist() == [10, 20, 0]  # the pick waits for the link, the other head for the engine
    assert causes(times)[:2] == [(Cause.RESOURCE, 0), (Cause.ENGINE, 0)]


def test_the_pick_is_made_anew_while_nothing_started(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 0, 1, 2], periods=[1, 1, 1], resources=[(4, 10)], paths=[[0]], priorities=[0, 0, 1, 0])  # fmt: skip
    times = simulate(program(hardware, [compute(3, 4), compute(0, 2, [(3, 1)]), move(1, 4), move(2, 4)]))
    assert times.start_fs.tolist() == [0, 4, 10, 0]  # queue 0 comes at 4 and is preferred to queue 1, which waits


def test_commands_without_work_pass_in_one_instant(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 0, 1], periods=[3, 2])
    commands = [compute(0, 2), compute(1, 0), compute(2, 0, [(1, 1)]), compute(2, 0), compute(2, 1)]
    times = simulate(program(hardware, commands))
    assert times.start_fs.tolist() == [0, 0, 0, 0, 0]
    assert causes(times) == [(Cause.NONE, -1), (Cause.NONE, -1), (Cause.WAIT, 1), (Cause.QUEUE, 2), (Cause.QUEUE, 3)]


def test_a_command_without_work_waits_for_a_held_engine(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 0, 1], periods=[1, 1])
    times = simulate(program(hardware, [compute(0, 9), compute(0, 9), compute(2, 4), compute(1, 0, [(2, 1)])]))
    assert times.start_fs.tolist() == [0, 9, 0, 9]  # it takes the engine for no time, before the policy is asked
    assert causes(times)[3] == (Cause.ENGINE, 0)


def test_a_wait_is_never_consumed(simulate: Simulate) -> None:
    hardware = machine(queue_engine=[0, 1, 2], periods=[1, 1, 1])
    commands = [compute(0, 5), compute(1, 1, [(0, 1)]), compute(2, 1, [(0, 1)]), compute(2, 1, [(0, 1), (0, 0)])]
    assert simulate(program(hardware, commands)).start_fs.tolist() == [0, 5, 5, 6]


def test_femtoseconds_stay_exact_after_an_hour(simulate: Simulate) -> None:
    hardware = machine(periods=[1_000_000_007], resources=[(1, 1)], paths=[[0]])
    times = simulate(program(hardware, [compute(0, 4_000_000_000), move(0, 3), compute(0, 1)]))
    hour = 4_000_000_000 * 1_000_000_007
    assert times.release_fs.tolist() == [hour, hour + 3, hour + 2 * 1_000_000_007]


@pytest.mark.parametrize("count", [1, 2])
def test_a_deadlock_names_the_stuck_commands(simulate: Simulate, count: int) -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1])
    stuck = program(hardware, [compute(0, 1), compute(0, 1, [(1, count)]), compute(1, 1, [(0, 2)])])
    with pytest.raises(SimulationError, match=r"2 commands never start: command 1 of queue queue0") as caught:
        simulate(stuck)
    assert f"queue1 to complete {count} commands" in str(caught.value)
    assert "queue0 to complete 2 commands" in str(caught.value)


@pytest.mark.parametrize(
    "commands",
    [
        [compute(0, HORIZON_FS)],
        [compute(0, HORIZON_FS // 3), compute(0, HORIZON_FS // 6 + 1)],
        [(0, 0, HORIZON_FS // 2 + 1, 0, NO_PATH, [])],
        [compute(0, HORIZON_FS // 2), move(0, 1)],
    ],
)
def test_the_horizon_is_checked(simulate: Simulate, commands: list) -> None:
    hardware = machine(periods=[2], resources=[(1, 1)], paths=[[0]])
    with pytest.raises(SimulationError, match="horizon"):
        simulate(program(hardware, commands))


def test_a_path_over_nothing_is_refused(simulate: Simulate) -> None:
    with pytest.raises(SimulationError, match="no link or port"):
        simulate(program(machine(paths=[[]]), [move(0, 4)]))


def test_an_index_out_of_range_is_refused_before_compiled_code_reads_it() -> None:
    wrong = program(machine(), [compute(0, 1), compute(0, 2)])
    wrong.service[1] = 9
    with pytest.raises(SimulationError, match=r"service has values from 0 to 9"):
        compiled.simulate(wrong)


def test_a_transfer_beyond_the_horizon_is_refused_by_the_compiled_timer() -> None:
    hardware = machine(resources=[(1, 10**6)], paths=[[0]])
    with pytest.raises(SimulationError, match="horizon"):
        compiled.simulate(program(hardware, [move(0, 10**15)]))


def test_a_long_transfer_costs_no_event_per_unit() -> None:
    hardware = machine(queue_engine=[0, 1], periods=[1, 1], resources=[(1, 3)], paths=[[0]])
    times = compiled.simulate(program(hardware, [move(0, 10**12), compute(1, 3 * 10**11 + 1), move(1, 1)]))
    assert times.start_fs[2] == 3 * 10**11 + 3
    assert times.release_fs[0] == 3 * 10**12 + 3
    assert np.array_equal(times.blocked_fs, [3, 0, 0])
