"""`replicated`: one program on several equal cores that share some of their resources, for its times alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.hardware.machine import Machine
from cosim.program.program import Program, ServiceTable


def replicated(program: Program, copies: int, shared: Collection[str]) -> Program:
    """`copies` of `program` side by side: a core of its own for each, one of every resource in `shared`.

    All start at once. What comes out is for a timer: its buffers are those of one copy, so it must not be executed.
    """
    machine, services = program.machine, program.services
    n_queues, n_services = len(machine.queues), len(services)

    def tiled(column: NDArray[Any], step: int = 0) -> NDArray[Any]:
        return np.concatenate([column + np.asarray(step * copy, column.dtype) for copy in range(copies)])

    def offsets(column: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([column[:1], *(column[1:] + copy * column[-1] for copy in range(copies))])

    n_paths = len(machine.paths)
    path = [np.where(services.path < 0, -1, services.path + copy * n_paths) for copy in range(copies)]
    return replace(
        program,
        machine=_machine(machine, copies, shared),
        queue=tiled(program.queue, n_queues),
        service=tiled(program.service, n_services),
        op=tiled(program.op),
        tensor=tiled(program.tensor),
        box=tiled(program.box),
        flags=tiled(program.flags),
        write=tiled(program.write),
        read_offset=offsets(program.read_offset),
        read_buffer=tiled(program.read_buffer),
        wait_offset=offsets(program.wait_offset),
        wait_queue=tiled(program.wait_queue, n_queues),
        wait_count=tiled(program.wait_count),
        services=ServiceTable(
            tiled(services.cycles),
            tiled(services.serial_cycles),
            tiled(services.n_bytes),
            np.concatenate(path).astype(services.path.dtype),
            tiled(services.actions),
        ),
    )


def _machine(one: Machine, copies: int, shared: Collection[str]) -> Machine:
    """Engines, queues and paths of every copy; resources that are not shared are each copy's own."""
    numbers = [n for n, name in enumerate(one.resources) if name not in shared]
    common = [n for n, name in enumerate(one.resources) if name in shared]
    order = common + [n for _ in range(copies) for n in numbers]
    place = [
        {
            **{n: i for i, n in enumerate(common)},
            **{n: len(common) + c * len(numbers) + i for i, n in enumerate(numbers)},
        }
        for c in range(copies)
    ]
    return replace(
        one,
        engines=_named(one.engines, copies),
        engine_period_fs=one.engine_period_fs * copies,
        engine_policy=one.engine_policy * copies,
        queues=_named(one.queues, copies),
        queue_engine=tuple(e + c * len(one.engines) for c in range(copies) for e in one.queue_engine),
        queue_priority=one.queue_priority * copies,
        resources=tuple(one.resources[n] for n in common)
        + tuple(f"{one.resources[n]}@{c}" for c in range(copies) for n in numbers),
        unit_bytes=tuple(one.unit_bytes[n] for n in order),
        unit_fs=tuple(one.unit_fs[n] for n in order),
        paths=tuple(tuple(place[c][n] for n in path) for c in range(copies) for path in one.paths),
        path_latency_fs=one.path_latency_fs * copies,
    )


def _named(names: tuple[str, ...], copies: int) -> tuple[str, ...]:
    return tuple(f"{name}@{copy}" for copy in range(copies) for name in names)
