"""`scheduled`: a program's commands in simulated order, on real bytes at their planned addresses.

A command reads (copies) its boxes when it starts, poisons its destination, and writes its result when it ends. So a
command that starts before its data are there, reads a wrong address or misses a halo computes visibly wrong numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import DescriptionError, SimulationError
from cosim.execute.backends import resolved
from cosim.execute.call import Array
from cosim.execute.kernels import KERNELS
from cosim.execute.memory import Memory
from cosim.execute.tiles import Tiles, kernel_of
from cosim.execute.values import Keep, Values, constant_codes, input_codes, kept_names
from cosim.formats import Format
from cosim.formats.builtin import FORMATS, find_format
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes
from cosim.plugin.functions import Kernel
from cosim.program.finding import Findings
from cosim.program.program import Content, Flag, Program
from cosim.program.views import check_views

Times = NDArray[np.int64]
Versions = NDArray[np.int64]


def scheduled(
    program: Program,
    graph: Graph,
    start_fs: Times,
    end_fs: Times,
    inputs: Mapping[str, ArrayLike],
    *,
    keep: Keep = (),
    kernels: Mapping[str, Kernel] = KERNELS,
    formats: Mapping[str, Format] = FORMATS,
    backend: str = "numpy",
) -> Values:
    """Values that the program leaves in its memories: graph outputs, and those of `keep` that are still there whole.

    Parameters
    ----------
    start_fs, end_fs
        When each command starts and ends, shape (commands,) [fs].
    inputs
        Real numbers, or codes as integers, by input name.
    backend
        As in `whole`.

    Raises
    ------
    SimulationError
        Where a command names a box that is not in its buffer, or an output is nowhere in memory.
    """
    if len(start_fs) != len(program) or len(end_fs) != len(program):
        found = f"{len(start_fs)} starts and {len(end_fs)} ends for {len(program)} commands"
        raise DescriptionError(found, fix="pass the times of this very program")
    wanted = kept_names(graph, keep)
    memory = Memory(program, graph, formats)
    given = input_codes(graph, inputs, formats)
    _preload(memory, given)
    run = _Run(program, graph, memory, kernels, formats, resolved(backend))
    for command, is_end in _events(np.asarray(start_fs), np.asarray(end_fs)):
        if is_end:
            run.end(command)
        else:
            run.start(command)
    results = {}
    versions = check_views(program, graph, Findings(0)).version
    for name in sorted(wanted):
        if name in given:
            results[name] = given[name]
        elif name in graph.constants:
            results[name] = constant_codes(graph, name, formats)
        else:
            codes = _surviving(memory, name, versions, run.written)
            if codes is not None:
                results[name] = codes
            elif name in graph.outputs or name in graph.states:
                message = f"output {name!r} is in no memory when the program has ended"
                raise SimulationError(message, where=f"graph {graph.name}")
    return Values(graph, results, formats)


def _events(start: Times, end: Times) -> list[tuple[int, bool]]:
    """(command, is its end) in time order.

    At one instant, commands that started earlier end first; then come starts by id, and a command without duration
    ends before the next one starts.
    """
    n = len(start)
    ids = np.arange(n)
    at_once = start == end
    time = np.concatenate([end, start])
    phase = np.concatenate([np.where(at_once, 1, 0), np.ones(n, np.int64)])
    command = np.concatenate([ids, ids])
    is_end = np.concatenate([np.ones(n, np.bool_), np.zeros(n, np.bool_)])
    order = np.lexsort((is_end, command, phase, time))
    return list(zip(command[order].tolist(), is_end[order].tolist(), strict=True))


def _preload(memory: Memory, given: Mapping[str, Array]) -> None:
    """Put constants and inputs where the program expects them before time starts."""
    program, graph = memory.program, memory.graph
    codes: dict[str, Array] = dict(given)
    for buffer in np.flatnonzero(program.buffers.preloaded & (program.buffers.root < 0)).tolist():
        layout = memory.layout(buffer)
        if layout.name not in codes:
            if layout.name not in graph.constants:
                message = f"buffer {buffer} is preloaded with {layout.name!r}, which is neither constant nor input"
                raise SimulationError(message)
            codes[layout.name] = constant_codes(graph, layout.name, memory.formats)
        part = codes[layout.name][tuple(slice(low, high) for low, high in layout.box.tolist())]
        memory.write(buffer, layout.box, part, f"preload of buffer {buffer}")


@dataclass(frozen=True)
class _Write:
    """The result of a running command, to be written when it ends."""

    box: Boxes
    values: Array = field(repr=False)


@dataclass
class _Run:
    """Commands in flight.

    Attributes
    ----------
    written
        Order in which each buffer was last written, shape (buffers,); 0 where it was not.
    writes
        Number of writes so far.
    """

    program: Program
    graph: Graph
    memory: Memory
    kernels: Mapping[str, Kernel]
    formats: Mapping[str, Format]
    backend: str = "numpy"
    flying: dict[int, _Write] = field(default_factory=dict)
    writes: int = 0
    written: NDArray[np.int64] = field(init=False)
    _ops: dict[str, Op] = field(init=False)
    _tiles: dict[int, Tiles] = field(default_factory=dict)
    _row: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.written = np.zeros(len(self.program.buffers), np.int64)
        self._ops = {op.name: op for op in self.graph.ops}
        self._row = np.zeros(len(self.program), np.int64)

    def start(self, command: int) -> None:
        """Read, compute, poison."""
        where = f"command {command}"
        result = self._move(command, where) if self.program.op[command] < 0 else self._compute(command, where)
        self.memory.poison(int(self.program.write[command]), result.box, where)
        self.flying[command] = result

    def end(self, command: int) -> None:
        """Write."""
        if command not in self.flying:
            message = f"command {command} ends before it starts"
            raise DescriptionError(message)
        result = self.flying.pop(command)
        buffer = int(self.program.write[command])
        self.memory.write(buffer, result.box, result.values, f"command {command}")
        self.writes += 1
        self.written[buffer] = self.writes

    def _move(self, command: int, where: str) -> _Write:
        box = self.program.boxes.box(int(self.program.box[command]))
        source, target = int(self.program.reads(command)[0]), int(self.program.write[command])
        one, other = self.memory.layout(source), self.memory.layout(target)
        if (one.name, one.content, one.dtype) != (other.name, other.content, other.dtype):
            message = f"moves {one.name!r} ({one.content.name}) into a buffer of {other.name!r} ({other.content.name})"
            raise SimulationError(message, where=where)
        return _Write(box, self.memory.read(source, box, where))

    def _compute(self, command: int, where: str) -> _Write:
        tiles = self._tiles_of(command)
        row, reads = int(self._row[command]), self.program.reads(command).tolist()
        flags = int(self.program.flags[command])
        operands: list[Array | None] = []
        for position, name in enumerate(tiles.op.inputs):
            buffer = reads[position]
            if buffer < 0:
                if not tiles.is_empty(row, position):
                    message = (
                        f"names no buffer for input {name!r}, of which it needs {tiles.boxes[position][row].tolist()}"
                    )
                    raise SimulationError(message, where=f"{where}, op {tiles.op.name}")
                operands.append(None)
                continue
            self._expect(buffer, name, Content.CODES, where)
            if tiles.is_empty(row, position):
                operands.append(None)
            else:
                operands.append(self.memory.read(buffer, tiles.boxes[position][row], where))
        sums = None
        if flags & Flag.ACCUMULATE:
            self._expect(reads[-1], tiles.op.output, Content.ACCUMULATORS, where)
            sums = self.memory.read(reads[-1], tiles.outputs[row], where)
        partial = bool(flags & Flag.PARTIAL)
        content = Content.ACCUMULATORS if partial else Content.CODES
        self._expect(int(self.program.write[command]), tiles.op.output, content, where)
        kernel = kernel_of(tiles.op, self.kernels)
        return _Write(tiles.outputs[row], kernel(tiles.call(row, operands, sums, partial)))

    def _expect(self, buffer: int, tensor: str, content: Content, where: str) -> None:
        layout = self.memory.layout(buffer)
        if (layout.name, layout.content) != (tensor, content):
            message = f"buffer {buffer} holds {layout.content.name.lower()} of {layout.name!r}"
            raise SimulationError(message, where=where, allowed=f"{content.name.lower()} of {tensor!r}")

    def _tiles_of(self, command: int) -> Tiles:
        """All tiles of a command's op, with their boxes, computed once."""
        index = int(self.program.op[command])
        if index not in self._tiles:
            name = self.program.ops[index]
            if name not in self._ops:
                message = f"op {name!r} of the program is not in graph {self.graph.name!r}"
                raise DescriptionError(message)
            op = self._ops[name]
            commands = np.flatnonzero(self.program.op == index)
            self._row[commands] = np.arange(len(commands))
            boxes = self.program.boxes.boxes(self.program.box[commands], len(self.graph.space(op).dims))
            self._tiles[index] = Tiles.of(self.graph, op, boxes, self.formats, self.backend)
        return self._tiles[index]


def _surviving(memory: Memory, tensor: str, versions: Versions, written: NDArray[np.int64]) -> Array | None:
    """A tensor from buffers whose bytes nobody has overwritten; None unless they hold all of it.

    `versions` says which buffers are one, shape (buffers,): what is written to a part is written to the whole.
    """
    program, graph = memory.program, memory.graph
    if tensor not in program.tensors:
        return None
    table = program.buffers
    mine = (table.tensor == program.tensors.index(tensor)) & (table.content == Content.CODES) & (table.ring < 0)
    shape = graph.tensors[tensor].shape
    form = find_format(graph.tensors[tensor].encoding.held.format, memory.formats)
    out = np.zeros(shape, form.storage)
    done = np.zeros(shape, np.bool_)
    for buffer in np.flatnonzero(mine).tolist():
        if not _is_there(program, buffer, versions, written):
            continue
        layout = memory.layout(buffer)
        place = tuple(slice(low, high) for low, high in layout.box.tolist())
        out[place] = memory.read(buffer, layout.box, f"output {tensor}")
        done[place] = True
        if layout.shape == shape:
            return out
    return out if done.all() else None


def _is_there(program: Program, buffer: int, versions: Versions, written: NDArray[np.int64]) -> bool:
    """Whether a buffer, or what it shows, has been filled, and nothing else written there since."""
    table = program.buffers
    low, high = table.address[buffer], table.address[buffer] + table.capacity[buffer]
    here = (table.memory == table.memory[buffer]) & (table.address < high) & (table.address + table.capacity > low)
    same = here & (versions == versions[buffer])
    since = int(written[same].max())
    is_filled = since > 0 or bool(table.preloaded[same].any())
    return is_filled and not (here & ~same & (written > since)).any()
