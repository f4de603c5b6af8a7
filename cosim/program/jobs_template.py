"""`Template`: one frame of a job, as it is repeated: its commands between the release of its input and its results."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, SimulationError
from cosim.graph.graph import Graph
from cosim.hardware.machine import Machine
from cosim.program.jobs_hazards import Hazards, hazards_of
from cosim.program.program import BoxTable, BufferTable, Content, Int8, Int16, Int32, Int64, Program, ServiceTable
from cosim.program.structure import roots

ALIGNMENT = 64


@dataclass(frozen=True)
class Chunk:
    """Commands of one frame, in the template's own numbers.

    Attributes
    ----------
    later, earlier
        Pairs of commands of which the first starts after the second has completed.
    admit, collect
        First command that admits an input, last one that collects an output; -1 for none.
    hazards
        What these commands may overwrite, and who must be done before.
    """

    queue: Int16
    service: Int32
    op: Int32
    tensor: Int32
    box: Int32
    flags: Int8
    write: Int32
    read_offset: Int64
    read_buffer: Int32
    later: Int64
    earlier: Int64
    admit: int
    collect: int
    hazards: Hazards

    def __len__(self) -> int:
        return len(self.queue)


@dataclass(frozen=True)
class Template:
    """A frame to be repeated.

    Attributes
    ----------
    queues
        The device's queues that it uses, as indices of the common machine; the job's doors are numbered behind them.
    first, later
        Commands of the first frame and of any other.
    shared
        Buffers that all frames share: constants, where they lie and where they stay, shape (buffers,).
    still
        Buffers whose bytes are those of a shared one, shape (buffers,).
    constant
        Tensors that all frames share, shape (tensors,).
    release_service
        Service of the command that waits for the next release; its cycles differ from frame to frame.
    main, world
        Memories of which every frame in flight, or every frame, has its own copy.
    """

    job: str
    queues: tuple[int, ...]
    actions: tuple[str, ...]
    machine: Machine = field(repr=False)
    ops: tuple[str, ...] = field(repr=False)
    tensors: tuple[str, ...] = field(repr=False)
    first: Chunk = field(repr=False)
    later: Chunk = field(repr=False)
    boxes: BoxTable = field(repr=False)
    buffers: BufferTable = field(repr=False)
    services: ServiceTable = field(repr=False)
    shared: NDArray[np.bool_] = field(repr=False)
    still: NDArray[np.bool_] = field(repr=False)
    constant: NDArray[np.bool_] = field(repr=False)
    release_service: int
    main: int
    world: int
    world_bytes: int

    def n_commands(self, frames: int) -> int:
        """Commands of so many frames."""
        return len(self.first) + (frames - 1) * len(self.later)

    def moving(self, memory: int) -> tuple[int, int]:
        """First and last byte of what is not shared in a memory [byte]; (0, 0) for nothing."""
        mine = (self.buffers.memory == memory) & ~self.still
        if not mine.any():
            return 0, 0
        start = int(self.buffers.address[mine].min()) // ALIGNMENT * ALIGNMENT
        return start, _aligned(int((self.buffers.address + self.buffers.capacity)[mine].max()))

    def extent(self, memory: int, copies: int) -> int:
        """Bytes that the job takes of a memory with so many copies of what is not shared [byte]."""
        mine = self.buffers.memory == memory
        end = _aligned(int((self.buffers.address + self.buffers.capacity)[mine].max(initial=0)))
        low, high = self.moving(memory)
        return end + (copies - 1) * (high - low)


def template(machine: Machine, job: str, graph: Graph, first: Program, later: Program, main_memory: str) -> Template:
    """The frame of a job on the common `machine`, whose queues and memories are found by name.

    Raises `DescriptionError` for a network without inputs: nothing would say when a frame begins.
    """
    if not graph.inputs:
        raise DescriptionError(f"{graph.name} has no input", where=f"job {job}", fix="a network with an input")
    used = sorted(set(first.queue.tolist()))
    own = first.machine
    world = len(machine.memories)
    place = np.array([machine.memories.index(name) for name in own.memories], np.int16)
    table = replace(first.buffers, memory=place[first.buffers.memory])
    doors = _doors(graph, first, table, machine.memories.index(main_memory), world)
    constant = np.array([name in graph.constants for name in first.tensors], np.bool_)
    shared = constant[table.tensor] & (table.preloaded | table.resident) & (table.root < 0)
    shared = np.concatenate([shared, np.zeros(doors.n, np.bool_)])
    buffers = doors.appended(table)
    still = shared[roots(buffers.root)]
    given = buffers.preloaded & ~still
    given[len(table) :] = False  # what the world holds before time starts is really there
    buffers = replace(buffers, preloaded=buffers.preloaded & ~given)
    numbers = np.full(len(own.queues), -1, np.int16)
    numbers[used] = np.arange(len(used))
    services, release, at_once = _services(first.services)
    chunks = [
        _chunk(one, numbers[one.queue], doors, buffers, still, len(used), (release, at_once)) for one in (first, later)
    ]
    return Template(
        job=job,
        queues=tuple(machine.queues.index(own.queues[queue]) for queue in used),
        actions=first.actions,
        machine=own,
        ops=first.ops,
        tensors=first.tensors,
        first=chunks[0],
        later=chunks[1],
        boxes=first.boxes,
        buffers=buffers,
        services=services,
        shared=shared,
        still=still,
        constant=constant,
        release_service=release,
        main=machine.memories.index(main_memory),
        world=world,
        world_bytes=doors.n_bytes,
    )


@dataclass(frozen=True)
class _Doors:
    """What passes between the device and the world.

    Attributes
    ----------
    homes, exits
        Buffer of each input that is used, and of each output that is computed.
    copied
        Buffers in the world, each as a copy of one in the device: inputs before they are released, inputs, outputs.
    """

    homes: list[int]
    exits: list[int]
    copied: list[int]
    n_bytes: int
    addresses: list[int]
    preloaded: list[bool]
    world: int

    @property
    def n(self) -> int:
        """Buffers in the world."""
        return len(self.copied)

    def appended(self, table: BufferTable) -> BufferTable:
        """The table with the buffers in the world behind it."""
        rows = np.array(self.copied, np.int64)
        columns: dict[str, Any] = {name: np.concatenate([values, values[rows]]) for name, values in vars(table).items()}
        new = slice(len(table), None)
        columns["memory"][new] = self.world
        columns["address"][new] = self.addresses
        columns["root"][new] = -1
        columns["preloaded"][new] = self.preloaded
        columns["resident"][new] = False
        columns["ring"][new] = -1
        return BufferTable(**columns)


def _doors(graph: Graph, program: Program, table: BufferTable, main: int, world: int) -> _Doors:
    """Buffers of inputs and outputs; in the world an input has one before and one after its release."""
    index = {name: number for number, name in enumerate(program.tensors)}
    homes = [_whole(graph, program, table, index[name], main, is_given=True) for name in graph.inputs]
    used = [home for home in homes if home >= 0]
    if not used:
        raise DescriptionError(f"{graph.name} uses none of its inputs", fix="a network that computes from its input")
    computed = [name for name in graph.outputs if name not in graph.constants and name not in graph.inputs]
    exits = [_whole(graph, program, table, index[name], main) for name in computed]
    if min(exits, default=0) < 0:
        raise SimulationError(f"an output of {graph.name} is nowhere whole at the end")
    copied = [*used, *used, *exits]
    sizes = [_aligned(int(table.capacity[row])) for row in copied]
    addresses = [sum(sizes[:number]) for number in range(len(sizes))]
    preloaded = [number < len(used) for number in range(len(copied))]
    return _Doors(used, exits, copied, sum(sizes), addresses, preloaded, world)


def _whole(
    graph: Graph, program: Program, table: BufferTable, tensor: int, main: int, *, is_given: bool = False
) -> int:
    """The buffer that holds all of a tensor, in main memory if there is one; -1 for none."""
    shape = np.array(graph.tensors[program.tensors[tensor]].shape, np.int64)
    mine = (table.tensor == tensor) & (table.content == Content.CODES) & (table.ring < 0)
    if is_given:
        mine &= table.preloaded & (table.root < 0)
    found = [
        row
        for row in np.flatnonzero(mine).tolist()
        if (program.boxes.box(int(table.box[row])) == np.stack([np.zeros_like(shape), shape], axis=1)).all()
    ]
    return min(found, key=lambda row: (table.memory[row] != main, row), default=-1)


def _services(table: ServiceTable) -> tuple[ServiceTable, int, int]:
    """Two services more: one that lasts until a release, one that takes no time."""

    def longer(values: NDArray[Any], value: int) -> NDArray[Any]:
        return np.concatenate([values, np.full((2, *values.shape[1:]), value, values.dtype)])

    n = len(table)
    grown = ServiceTable(
        cycles=longer(table.cycles, 0),
        serial_cycles=longer(table.serial_cycles, 0),
        n_bytes=longer(table.n_bytes, 0),
        path=longer(table.path, -1),
        actions=longer(table.actions, 0),
    )
    return grown, n, n + 1


def _chunk(
    program: Program,
    queue: Int16,
    doors: _Doors,
    buffers: BufferTable,
    still: NDArray[np.bool_],
    n_queues: int,
    services: tuple[int, int],
) -> Chunk:
    """Release, admission, the program's own commands, collection."""
    n_in, n_out, n = len(doors.homes), len(doors.exits), len(program)
    world = len(buffers) - doors.n
    scene, sensor, taken = (np.arange(world + start, world + stop) for start, stop in _spans(n_in, n_out))
    homes, exits = np.array(doors.homes, np.int64), np.array(doors.exits, np.int64)
    source = np.concatenate([scene, sensor])
    target = np.concatenate([sensor, homes])
    release, at_once = services
    before = {
        "queue": np.repeat([n_queues, n_queues + 1], n_in),
        "service": np.array([release, *[at_once] * (2 * n_in - 1)]),
        "write": target,
    }
    after = {"queue": np.full(n_out, n_queues + 2), "service": np.full(n_out, at_once), "write": taken}
    moved = {"op": -1, "flags": 0}

    def column(name: str, own: NDArray[Any]) -> NDArray[Any]:
        head = before.get(name, np.full(2 * n_in, moved.get(name, 0)))
        tail = after.get(name, np.full(n_out, moved.get(name, 0)))
        if name in {"tensor", "box"}:
            values = getattr(buffers, name)
            head, tail = values[target], values[taken]
        return np.concatenate([head, own, tail]).astype(own.dtype)

    counts = np.concatenate([np.ones(2 * n_in), np.diff(program.read_offset), np.ones(n_out)]).astype(np.int64)
    found = Chunk(
        queue=column("queue", queue),
        service=column("service", program.service),
        op=column("op", program.op),
        tensor=column("tensor", program.tensor),
        box=column("box", program.box),
        flags=column("flags", program.flags),
        write=column("write", program.write),
        read_offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        read_buffer=np.concatenate([source, program.read_buffer, exits]).astype(np.int32),
        later=np.zeros(0, np.int64),
        earlier=np.zeros(0, np.int64),
        admit=n_in,
        collect=2 * n_in + n + n_out - 1 if n_out else -1,
        hazards=Hazards.none(),
    )
    later, earlier = _pairs(program, found, buffers, exits, n_in)
    return replace(found, later=later, earlier=earlier, hazards=hazards_of(found, buffers, still, n_queues + 3))


def _spans(n_in: int, n_out: int) -> tuple[tuple[int, int], ...]:
    return (0, n_in), (n_in, 2 * n_in), (2 * n_in, 2 * n_in + n_out)


def _pairs(
    program: Program, chunk: Chunk, buffers: BufferTable, exits: NDArray[np.int64], n_in: int
) -> tuple[Int64, Int64]:
    """What the commands of a frame wait for within it."""
    shift, n = 2 * n_in, len(program)
    waiting = np.repeat(np.arange(n), np.diff(program.wait_offset))
    waited = program.queue_order[program.queue_offset[program.wait_queue] + program.wait_count - 1]
    later, earlier = [waiting + shift], [waited + shift]
    # An input is admitted once it has been released, and the first command of each queue comes after that.
    later.append(np.arange(n_in, 2 * n_in))
    earlier.append(np.arange(n_in))
    _, heads = np.unique(program.queue, return_index=True)
    later.append(heads + shift)
    earlier.append(np.full(len(heads), 2 * n_in - 1))
    # An output is collected when whoever writes its bytes has done so.
    root = roots(buffers.root)
    for number, row in enumerate(exits.tolist()):
        writers = np.flatnonzero(root[chunk.write[: shift + n]] == root[row])
        queues = chunk.queue[writers].astype(np.int64)
        last = np.full(int(queues.max(initial=0)) + 1, -1, np.int64)
        np.maximum.at(last, queues, writers)
        last = last[last >= 0]
        later.append(np.full(len(last), shift + n + number))
        earlier.append(last)
    return np.concatenate(later).astype(np.int64), np.concatenate(earlier).astype(np.int64)


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT) * ALIGNMENT
