"""The two timers give the same answer to every program, and a difference would be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from cosim.program.program import Program
from cosim.timing import compiled, reference
from cosim.timing.times import Cause, Times
from tests.timing.strategies import programs, seeded_program

COLUMNS = ("ready_fs", "start_fs", "release_fs", "end_fs", "blocked_fs", "cause", "cause_id")


def differences(program: Program) -> list[str]:
    a, b = reference.simulate(program), compiled.simulate(program)
    return [
        f"{name}: {getattr(a, name).tolist()} != {getattr(b, name).tolist()}"
        for name in COLUMNS
        if not np.array_equal(getattr(a, name), getattr(b, name))
    ]


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programs(most=14))
def test_timers_agree_on_any_program(program: Program) -> None:
    assert differences(program) == []


@pytest.mark.parametrize("first", range(0, 4000, 1000))
def test_timers_agree_on_seeded_programs(first: int) -> None:
    for seed in range(first, first + 1000):
        assert differences(seeded_program(seed, most=30)) == [], seed


@pytest.mark.slow
@pytest.mark.parametrize("most", [6, 24, 80, 300])
def test_timers_agree_on_thousands_of_programs(most: int) -> None:
    for seed in range(10_000, 10_000 + 200_000 // (most + 20)):
        assert differences(seeded_program(seed, most)) == [], seed


def test_seeded_programs_reach_every_rule() -> None:
    causes = np.zeros(len(Cause), int)
    seen: dict[str, int] = dict.fromkeys(("blocked", "late end", "zero time", "serial", "priority", "round_robin"), 0)
    for seed in range(300):
        program = seeded_program(seed, most=30)
        times = compiled.simulate(program)
        causes += np.bincount(times.cause, minlength=len(Cause))
        seen["blocked"] += bool(times.blocked_fs.any())
        seen["late end"] += bool((times.end_fs > times.release_fs).any())
        seen["zero time"] += bool((times.end_fs == times.start_fs).any())
        seen["serial"] += bool(program.services.serial_cycles[program.service].any())
        for policy in ("priority", "round_robin"):
            seen[policy] += policy in program.machine.engine_policy
    assert causes.min() > 100
    assert min(seen.values()) > 50, seen


def swap_tie_break(program: Program) -> Program:
    """The program on a machine that serves the lowest priority first: what a timer with that mistake would run."""
    machine = program.machine
    return program.on(replace(machine, queue_priority=tuple(-p for p in machine.queue_priority)))


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("insort(self.waiting, request, key=KEY)", "self.waiting.append(request)"),
        ("max(last_end, end)", "end"),
        ("edge(start, period) + service.cycles_fs", "start + service.cycles_fs"),
        ("now + time", "now + max(t for _, t in request.holds)"),
        ("moved = int(env.now) + max(", "moved = int(env.now) + service.latency_fs + max("),
        ("request.queue <= self.last_served", "request.queue < self.last_served"),
        ("Request(env, (moved, rank, q)", "Request(env, (presented, rank, q)"),
    ],
)
def test_a_mistake_in_one_timer_is_seen(line: str, mistake: str) -> None:
    wrong = mutated(line, mistake)
    assert any(changed(wrong(p), compiled.simulate(p)) for p in map(seeded_program, range(400)))


def test_the_opposite_tie_break_is_seen() -> None:
    seen = [
        changed(reference.simulate(swap_tie_break(p)), compiled.simulate(p)) for p in map(seeded_program, range(100))
    ]
    assert any(seen)


def mutated(line: str, mistake: str) -> Callable[[Program], Times]:
    """`simulate` of the reference timer with one line changed."""
    source = Path(reference.__file__).read_text()
    assert source.count(line) == 1, line
    names: dict[str, object] = {"__name__": "mutated"}
    exec(compile(source.replace(line, mistake), "mutated.py", "exec"), names)
    return names["simulate"]  # type: ignore[return-value]


def changed(a: Times, b: Times) -> bool:
    return any(not np.array_equal(getattr(a, name), getattr(b, name)) for name in COLUMNS)
