"""`together`: the frames of several jobs as one Program on one machine, with a queue per job on every engine.

A job is a network's program that runs again and again: frame k is released at a time of its own, its input appears then,
and its commands follow those of frame k - 1 in the same queues. So frames of one job are pipelined over the engines, and
jobs compete where their queues meet. What a frame may overwrite of an earlier one is a wait like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, InfeasibleError
from cosim.graph.graph import Graph
from cosim.hardware.machine import Machine
from cosim.program.clocks import blocking_services
from cosim.program.jobs_frames import Frames, frames_of
from cosim.program.jobs_graph import union
from cosim.program.jobs_machine import WORLD, Seats, common_machine
from cosim.program.jobs_template import Template, template
from cosim.program.program import BoxTable, BufferTable, Int16, Int32, Int64, Program, ServiceTable
from cosim.program.waits import reduce_waits

MOST_COMMANDS = 4_000_000  # of all frames: some 2 GB with their vector clocks


@dataclass(frozen=True, eq=False)
class Job:
    """One network's program in a run.

    Attributes
    ----------
    graph
        What `first` and `later` compute.
    first, later
        Commands of the first frame, and of every later one, when resident constants are in their place
        (`cosim.program.steady`).
    releases_fs
        When the input of each frame appears, ascending [fs].
    priority
        Higher goes first, where the engine's policy asks for it and on shared links.
    in_flight
        Frames that may be under way at once: each has its own copy of what lies in main memory.
    """

    name: str
    graph: Graph
    first: Program
    later: Program
    releases_fs: tuple[int, ...]
    priority: int = 0
    in_flight: int = 1

    @property
    def frames(self) -> int:
        """How often the network runs."""
        return len(self.releases_fs)


@dataclass(frozen=True, eq=False)
class Together:
    """Several jobs as one Program.

    Attributes
    ----------
    program, graph
        Every frame is an instance of the job's ops on tensors of its own: ``"job#3/conv"``; constants are shared:
        ``"job/conv.weight"``.
    job, frame
        Of each command, shape (commands,).
    is_device
        Commands of the device's engines; the others release, admit and collect, and take no time of any engine,
        shape (commands,).
    """

    program: Program
    graph: Graph = field(repr=False)
    jobs: tuple[Job, ...]
    job: Int16 = field(repr=False)
    frame: Int32 = field(repr=False)
    is_device: NDArray[np.bool_] = field(repr=False)


def together(machine: Machine, jobs: Sequence[Job], *, main_memory: str, policy: str = "round_robin") -> Together:
    """The frames of `jobs` on `machine`.

    Parameters
    ----------
    policy
        How an engine picks among the heads of the jobs, see `Machine`.

    Raises
    ------
    DescriptionError
        Two jobs of one name, releases out of order, recurrent networks of several frames, or too many commands.
    InfeasibleError
        The jobs together need more of a memory than there is.
    """
    _check_jobs(jobs)
    templates = [template(machine, job.name, job.graph, job.first, job.later, main_memory) for job in jobs]
    n = sum(one.n_commands(job.frames) for one, job in zip(templates, jobs, strict=True))
    if n > MOST_COMMANDS:
        raise DescriptionError(
            f"{n:,} commands in all frames", allowed=f"at most {MOST_COMMANDS:,}", fix="fewer frames"
        )
    seats = common_machine(machine, jobs, templates, policy)
    bases = _bases(seats, jobs, templates, main_memory)
    parts = [
        frames_of(one, job.releases_fs, job.in_flight, base)
        for one, job, base in zip(templates, jobs, bases, strict=True)
    ]
    program = _merged(seats, parts, templates)
    job_of = np.repeat(np.arange(len(jobs), dtype=np.int16), [len(part.queue) for part in parts])
    return Together(
        program=program,
        graph=union([(job.name, job.graph, job.frames) for job in jobs]),
        jobs=tuple(jobs),
        job=job_of,
        frame=np.concatenate([part.frame for part in parts]).astype(np.int32),
        is_device=np.array(program.machine.queue_engine)[program.queue] < len(machine.engines),
    )


def _check_jobs(jobs: Sequence[Job]) -> None:
    if not jobs:
        raise DescriptionError("no job", fix="name at least one")
    names = [job.name for job in jobs]
    for job in jobs:
        where = f"job {job.name}"
        if names.count(job.name) > 1:
            raise DescriptionError("two jobs of this name", where=where, fix="rename one")
        if not job.releases_fs or min(job.releases_fs) < 0 or list(job.releases_fs) != sorted(job.releases_fs):
            raise DescriptionError("releases are not times in ascending order", where=where)
        if job.in_flight < 1:
            raise DescriptionError(f"{job.in_flight} frames in flight", where=where, allowed="1 or more")
        if job.graph.states and job.frames > 1:
            raise DescriptionError(
                f"{job.graph.name} keeps state between inferences, and a frame of a job cannot hand it to the next",
                where=where,
                fix="frames: 1, or a network without state",
            )


def _bases(seats: Seats, jobs: Sequence[Job], templates: Sequence[Template], main_memory: str) -> list[dict[int, int]]:
    """First byte of each job in every memory: one behind the other."""
    machine = seats.machine
    used = [0] * len(machine.memories)
    wanted: list[list[tuple[str, int]]] = [[] for _ in used]
    bases: list[dict[int, int]] = []
    for job, one in zip(jobs, templates, strict=True):
        bases.append({memory: used[memory] for memory in range(len(used))})
        for memory, name in enumerate(machine.memories):
            copies = {main_memory: job.in_flight, WORLD: job.frames}.get(name, 1)
            extent = one.extent(memory, copies)
            used[memory] += extent
            wanted[memory].append((job.name, extent))
    for memory, size in enumerate(machine.memory_bytes):
        if used[memory] > size and machine.memories[memory] != WORLD:
            shares = ", ".join(f"{name} {n}" for name, n in wanted[memory])
            raise InfeasibleError(
                f"the jobs need {used[memory]} bytes of {machine.memories[memory]} ({shares}), {size} are there: "
                f"{used[memory] - size} bytes too many",
                fix="give each job a smaller share, or fewer frames in flight",
            )
    return bases


def _merged(seats: Seats, parts: Sequence[Frames], templates: Sequence[Template]) -> Program:
    """Columns of all jobs, one behind the other, each with its own queues, ops, tensors, boxes, buffers and services."""
    columns: dict[str, list[NDArray[Any]]] = {}
    shift = {"op": 0, "tensor": 0, "box": 0, "buffer": 0, "service": 0, "read": 0, "wait": 0}
    actions: dict[str, None] = dict.fromkeys(name for one in templates for name in one.actions)
    names = {name: column for column, name in enumerate(actions)}

    def add(name: str, values: NDArray[Any]) -> None:
        columns.setdefault(name, []).append(values)

    for part, one, queues in zip(parts, templates, seats.queues, strict=True):
        later, earlier = part.dependences
        blocking = blocking_services(part.services)[part.service]
        wait_offset, wait_queue, wait_count = reduce_waits(part.queue, blocking, later, earlier, len(queues))
        seat = np.array(queues, np.int16)
        add("queue", seat[part.queue])
        add("service", part.service + shift["service"])
        add("op", np.where(part.op >= 0, part.op + shift["op"], -1))
        add("tensor", part.tensor + shift["tensor"])
        add("box", part.box + shift["box"])
        add("flags", part.flags)
        add("write", part.write + shift["buffer"])
        add("read_offset", part.read_offset[1:] + shift["read"])
        add("read_buffer", np.where(part.read_buffer >= 0, part.read_buffer + shift["buffer"], -1))
        add("wait_offset", wait_offset[1:] + shift["wait"])
        add("wait_queue", seat[wait_queue])
        add("wait_count", wait_count)
        add("box.offset", part.boxes.offset[1:] + len_of(columns, "box.bounds"))
        add("box.bounds", part.boxes.bounds)
        table = part.buffers
        moved = {
            "tensor": table.tensor + shift["tensor"],
            "box": table.box + shift["box"],
            "root": np.where(table.root >= 0, table.root + shift["buffer"], -1),
        }
        for name in vars(table):
            add(f"buffers.{name}", moved.get(name, getattr(table, name)))
        counted = np.zeros((len(part.services), len(names)), np.int64)
        counted[:, [names[action] for action in one.actions]] = part.services.actions
        for name in ("cycles", "serial_cycles", "n_bytes"):
            add(f"services.{name}", getattr(part.services, name))
        add("services.path", seats.path(one.machine, part.services.path))
        add("services.actions", counted)
        shift["op"] += len(part.ops)
        shift["tensor"] += len(part.tensors)
        shift["box"] += len(part.boxes)
        shift["buffer"] += len(table)
        shift["service"] += len(part.services)
        shift["read"] += len(part.read_buffer)
        shift["wait"] += len(wait_count)
    return _program(seats.machine, parts, tuple(actions), columns)


def len_of(columns: dict[str, list[NDArray[Any]]], name: str) -> int:
    """Values that a column has so far."""
    return sum(map(len, columns.get(name, [])))


def _program(
    machine: Machine, parts: Sequence[Frames], actions: tuple[str, ...], columns: dict[str, list[NDArray[Any]]]
) -> Program:
    zero = np.zeros(1, np.int64)

    def joined(name: str, dtype: Any) -> Any:
        return np.concatenate(columns[name]).astype(dtype, copy=False)

    def offsets(name: str) -> Int64:
        return np.concatenate([zero, *columns[name]]).astype(np.int64)

    buffers = {
        name.partition(".")[2]: np.concatenate(values)
        for name, values in columns.items()
        if name.startswith("buffers.")
    }
    types: dict[str, Any] = {name: getattr(parts[0].buffers, name).dtype for name in buffers}
    services = {
        name: joined(f"services.{name}", np.int16 if name == "path" else np.int64)
        for name in ("cycles", "serial_cycles", "n_bytes", "path", "actions")
    }
    return Program(
        machine=machine,
        ops=tuple(name for part in parts for name in part.ops),
        tensors=tuple(name for part in parts for name in part.tensors),
        actions=actions,
        queue=joined("queue", np.int16),
        service=joined("service", np.int32),
        op=joined("op", np.int32),
        tensor=joined("tensor", np.int32),
        box=joined("box", np.int32),
        flags=joined("flags", np.int8),
        write=joined("write", np.int32),
        read_offset=offsets("read_offset"),
        read_buffer=joined("read_buffer", np.int32),
        wait_offset=offsets("wait_offset"),
        wait_queue=joined("wait_queue", np.int16),
        wait_count=joined("wait_count", np.int32),
        boxes=BoxTable(offsets("box.offset"), joined("box.bounds", np.int32)),
        buffers=BufferTable(**{name: values.astype(types[name], copy=False) for name, values in buffers.items()}),
        services=ServiceTable(**services),
    )


def alone(machine: Machine, job: Job, *, main_memory: str) -> Together:
    """`job` with all its frames and releases, and nobody beside it."""
    return together(machine, [replace(job, priority=0)], main_memory=main_memory)
