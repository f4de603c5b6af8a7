"""The machine that several jobs share: its own engines with a queue per job, and two more engines per job.

``"JOB.release"`` holds a command per frame for as long as the next release is away; ``"JOB.door"`` admits inputs and
collects outputs. Neither is part of the device, and what they do takes no time of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError, unknown
from cosim.hardware.machine import Machine

if TYPE_CHECKING:
    from cosim.program.jobs import Job
    from cosim.program.jobs_template import Template

WORLD = "world"
"""What is outside of the device: where inputs come from and outputs go to."""
POLICIES = ("fixed", "priority", "round_robin")
DOORS = ("release", "admit", "collect")
"""Queues that every job has beside those of the device, in this order behind them."""


@dataclass(frozen=True)
class Seats:
    """The common machine, and where each job sits.

    Attributes
    ----------
    queues
        Of each job: index of the common queue for each queue of its template.
    """

    machine: Machine
    queues: tuple[tuple[int, ...], ...]

    def path(self, own: Machine, path: NDArray[np.int16]) -> NDArray[np.int16]:
        """Paths of a job's own machine as those of the common one."""
        routes = {self._route(self.machine, number): number for number in reversed(range(len(self.machine.paths)))}
        table = np.full(len(own.paths) + 1, -1, np.int16)
        for number in set(path[path >= 0].tolist()):
            if self._route(own, number) not in routes:
                raise SimulationError(f"no path over {self._route(own, number)[0]} on the common machine")
            table[number] = routes[self._route(own, number)]
        return np.asarray(table[path], np.int16)

    @staticmethod
    def _route(machine: Machine, path: int) -> tuple[tuple[str, ...], int]:
        return tuple(machine.resources[r] for r in machine.paths[path]), machine.path_latency_fs[path]


def common_machine(machine: Machine, jobs: Sequence[Job], templates: Sequence[Template], policy: str) -> Seats:
    """`machine` with a queue per job and engine that the job uses, jobs in the order given."""
    if policy not in POLICIES:
        raise unknown("policy", policy, POLICIES)
    engines, periods = list(machine.engines), list(machine.engine_period_fs)
    names: list[str] = []
    engine_of: list[int] = []
    priority: list[int] = []
    seats: list[tuple[int, ...]] = []
    # A job's priority decides first, then the engine's own.
    step = 1 + max(machine.queue_priority, default=0) - min(machine.queue_priority, default=0)
    for job, one in zip(jobs, templates, strict=True):
        seat: list[int] = []
        for queue in one.queues:
            seat.append(len(names))
            names.append(f"{machine.queues[queue]}:{job.name}")
            engine_of.append(machine.queue_engine[queue])
            priority.append(job.priority * step + machine.queue_priority[queue])
        for number, door in enumerate(DOORS):
            if number < 2:
                engines.append(f"{job.name}.{'release' if number == 0 else 'door'}")
                periods.append(1)
            seat.append(len(names))
            names.append(f"{job.name}.{door}")
            engine_of.append(len(engines) - 1)
            priority.append(0)
        seats.append(tuple(seat))
    return Seats(
        Machine(
            engines=tuple(engines),
            engine_period_fs=tuple(periods),
            engine_policy=(policy,) * len(engines),
            queues=tuple(names),
            queue_engine=tuple(engine_of),
            queue_priority=tuple(priority),
            resources=machine.resources,
            unit_bytes=machine.unit_bytes,
            unit_fs=machine.unit_fs,
            paths=machine.paths,
            path_latency_fs=machine.path_latency_fs,
            memories=(*machine.memories, WORLD),
            memory_bytes=(*machine.memory_bytes, world_bytes(jobs, templates)),
        ),
        tuple(seats),
    )


def world_bytes(jobs: Sequence[Job], templates: Sequence[Template]) -> int:
    """Bytes of the inputs and outputs of all frames [byte]."""
    return sum(one.world_bytes * job.frames for job, one in zip(jobs, templates, strict=True))
