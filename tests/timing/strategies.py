"""Random small programs for timers, and a builder for programs written by hand.

The numbers are small on purpose: ties in time are what tells two timers apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from cosim.hardware.machine import Machine
from cosim.program.program import BoxTable, BufferTable, Program, ServiceTable

POLICIES = ("fixed", "priority", "round_robin")

Command = tuple[int, int, int, int, int, Sequence[tuple[int, int]]]
"""Queue, cycles, serial cycles, bytes, path, and the waits as (queue, count)."""


def machine(
    *,
    queue_engine: Sequence[int] = (0,),
    periods: Sequence[int] = (1,),
    policies: Sequence[str] | None = None,
    priorities: Sequence[int] | None = None,
    resources: Sequence[tuple[int, int]] = (),
    paths: Sequence[Sequence[int]] = (),
    latencies: Sequence[int] | None = None,
) -> Machine:
    """A machine whose `resources` are pairs (bytes per unit, time of a unit [fs])."""
    return Machine(
        engines=tuple(f"engine{i}" for i in range(len(periods))),
        engine_period_fs=tuple(periods),
        engine_policy=tuple(policies or ["fixed"] * len(periods)),
        queues=tuple(f"queue{i}" for i in range(len(queue_engine))),
        queue_engine=tuple(queue_engine),
        queue_priority=tuple(priorities or [0] * len(queue_engine)),
        resources=tuple(f"link{i}" for i in range(len(resources))),
        unit_bytes=tuple(unit for unit, _ in resources),
        unit_fs=tuple(time for _, time in resources),
        paths=tuple(tuple(path) for path in paths),
        path_latency_fs=tuple(latencies or [0] * len(paths)),
        memories=(),
        memory_bytes=(),
    )


def program(hardware: Machine, commands: Sequence[Command]) -> Program:
    """A program of commands in the order of their ids; each distinct cost is one service."""
    costs = sorted({c[1:5] for c in commands})
    service = {cost: i for i, cost in enumerate(costs)}
    table = np.array(costs, np.int64).reshape(-1, 4)
    waits = [wait for c in commands for wait in c[5]]
    n = len(commands)
    return Program(
        machine=hardware, ops=(), tensors=(), actions=(),
        queue=np.array([c[0] for c in commands], np.int16),
        service=np.array([service[c[1:5]] for c in commands], np.int32),
        op=np.full(n, -1, np.int32), tensor=np.full(n, -1, np.int32), box=np.zeros(n, np.int32),
        flags=np.zeros(n, np.int8), write=np.full(n, -1, np.int32),
        read_offset=np.zeros(n + 1, np.int64), read_buffer=np.zeros(0, np.int32),
        wait_offset=np.cumsum([0, *(len(c[5]) for c in commands)]).astype(np.int64),
        wait_queue=np.array([q for q, _ in waits], np.int16),
        wait_count=np.array([count for _, count in waits], np.int32),
        boxes=BoxTable(np.zeros(2, np.int64), np.zeros(0, np.int32)),
        buffers=BufferTable(*(np.zeros(0, t) for t in (np.int16, np.int64, np.int64, np.int32, np.int32, np.int16, np.int8, np.int32, np.bool_, np.bool_, np.int8))),
        services=ServiceTable(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(np.int16), np.zeros((len(costs), 0), np.int64)),
    )  # fmt: skip


def random_machine(choose: Callable[[int, int], int]) -> Machine:
    """A machine of 1 to 4 engines with 1 to 3 queues each, and 1 to 4 resources on paths of 1 to 3."""
    n_engines, n_resources, n_paths = choose(1, 4), choose(1, 4), choose(1, 4)
    queue_engine = [e for e in range(n_engines) for _ in range(choose(1, 3))]
    if choose(0, 1):  # queues of an engine need not be neighbours
        for i in range(len(queue_engine) - 1):
            j = choose(i, len(queue_engine) - 1)
            queue_engine[i], queue_engine[j] = queue_engine[j], queue_engine[i]
    resources = [(1 << choose(0, 3), choose(1, 6)) for _ in range(n_resources)]
    paths = [[choose(0, n_resources - 1) for _ in range(choose(1, 3))] for _ in range(n_paths)]
    return machine(
        queue_engine=queue_engine,
        periods=[choose(1, 5) for _ in range(n_engines)],
        policies=[POLICIES[choose(0, 2)] for _ in range(n_engines)],
        priorities=[choose(-1, 1) for _ in queue_engine],
        resources=resources,
        paths=paths,
        latencies=[choose(0, 1) * choose(0, 7) for _ in range(n_paths)],
    )


def random_program(choose: Callable[[int, int], int], most: int = 24) -> Program:
    """A program of up to `most` commands whose waits point to smaller ids. `choose(low, high)` includes both."""
    hardware = random_machine(choose)
    n_queues, n_paths = len(hardware.queues), len(hardware.paths)
    longest_transfer = (0, 8, 24, 60)[choose(0, 3)]
    many_waits = choose(0, 2)
    commands: list[Command] = []
    counts = [0] * n_queues
    for _ in range(choose(1, most)):
        q = choose(0, n_queues - 1)
        kind = choose(0, 7)
        cycles = choose(1, 6) if kind in {0, 1, 4, 5} else 0
        serial = choose(1, 4) if kind in {1, 6} else 0
        n_bytes = choose(0, longest_transfer) if kind in {2, 3, 4, 5, 6} else 0
        path = choose(-1 if kind == 5 else 0, n_paths - 1)  # bytes without a path cost nothing
        waits = [(w, choose(0, counts[w])) for w in (choose(0, n_queues - 1) for _ in range(choose(0, many_waits)))]
        commands.append((q, cycles, serial, n_bytes, path, waits))
        counts[q] += 1
    return program(hardware, commands)


@st.composite
def programs(draw: Any, most: int = 24) -> Program:
    """Hypothesis: any program that `random_program` can build, shrinking to few commands and small numbers."""
    return random_program(lambda low, high: draw(st.integers(low, high)), most)


def seeded_program(seed: int, most: int = 24) -> Program:
    """The program of a seed: quick to build, for runs of many thousands."""
    rng = np.random.default_rng(seed)
    return random_program(lambda low, high: int(rng.integers(low, high + 1)), most)
