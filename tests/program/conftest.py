"""Three op kinds, a machine and a mapper small enough to read, for real Programs with every kind of hazard.

The mapper works command by command and states exactly the hazards that exist: a read after the writes it reads, a
write after what it replaces. Tests take this module as the fixture `toys`.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from cosim.formats import Encoding
from cosim.graph.constant import Seeded
from cosim.graph.graph import Graph, Tensor, check_graph
from cosim.graph.op import Op, OpKind
from cosim.graph.space import Access, Axis, Dim, Role, Space
from cosim.hardware.machine import Machine
from cosim.program import BoxTable, Content, Draft, Flag, Program, assemble

INT8 = Encoding("int8", 8)
DRAM, SRAM = 0, 1
MACHINE = Machine(
    engines=("dma", "mac", "out"),
    engine_period_fs=(1000, 1000, 1000),
    engine_policy=("fixed", "fixed", "fixed"),
    queues=("load", "mac", "mac2", "store"),
    queue_engine=(0, 1, 1, 2),
    queue_priority=(0, 0, 0, 0),
    resources=("bus",),
    unit_bytes=(64,),
    unit_fs=(500,),
    paths=((0,),),
    path_latency_fs=(7000,),
    memories=("dram", "sram"),
    memory_bytes=(1 << 20, 1 << 16),
)
LOAD, MAC, MAC2, STORE = range(4)


def _matmul_space(_: Any, shapes: Any, __: Any) -> Space:
    (m, k), (_, n) = shapes
    dims = (Dim("M", m), Dim("N", n), Dim("K", k, Role.REDUCTION))
    left = Access((Axis(m, ((0, 1),)), Axis(k, ((2, 1),))))
    right = Access((Axis(k, ((2, 1),)), Axis(n, ((1, 1),))))
    return Space(dims, (left, right), Access((Axis(m, ((0, 1),)), Axis(n, ((1, 1),)))), 1)


def _conv_space(_: Any, shapes: Any, output: Any) -> Space:
    (c, length), (k, _, taps) = shapes
    dims = (Dim("K", k), Dim("X", output[1]), Dim("C", c, Role.REDUCTION), Dim("F", taps, Role.REDUCTION))
    image = Access((Axis(c, ((2, 1),)), Axis(length, ((1, 1), (3, 1)), -(taps // 2))))
    kernel = Access((Axis(k, ((0, 1),)), Axis(c, ((2, 1),)), Axis(taps, ((3, 1),))))
    return Space(dims, (image, kernel), Access((Axis(k, ((0, 1),)), Axis(output[1], ((1, 1),)))), 1)


def _reshape_space(_: Any, shapes: Any, output: Any) -> Space:
    dims = tuple(Dim(f"D{i}", size, Role.WHOLE) for i, size in enumerate(output))
    whole = Access(tuple(Axis(size, full=True) for size in shapes[0]))
    return Space(dims, (whole,), Access(tuple(Axis(size, ((i, 1),)) for i, size in enumerate(output))))


MATMUL = OpKind("toy_matmul", lambda _, s: (s[0][0], s[1][1]), _matmul_space)
CONV = OpKind("toy_conv1d", lambda _, s: (s[1][0], s[0][1]), _conv_space)
RESHAPE = OpKind("toy_reshape", lambda a, _: tuple(a["shape"]), _reshape_space, {"shape": ()}, is_view=True)


def graph_of(
    shape: tuple[int, ...], *steps: tuple[OpKind, tuple[int, ...]], outputs: tuple[str, ...] | None = None
) -> Graph:
    """A chain of ops t0 -> t1 -> ...; a step names its kind and the shape of its weights (or of its output)."""
    tensors = {"t0": Tensor("t0", shape, INT8)}
    constants, ops, last = {}, [], "t0"
    for number, (kind, given) in enumerate(steps, 1):
        inputs, attributes = (last,), {"shape": given}
        if not kind.is_view:
            weights = f"w{number}"
            tensors[weights] = Tensor(weights, given, INT8)
            constants[weights] = Seeded(given, weights, 0)
            inputs, attributes = (last, weights), {}
        shapes = tuple(tensors[name].shape for name in inputs)
        last = f"t{number}"
        tensors[last] = Tensor(last, kind.infer(attributes, shapes), INT8)
        ops.append(Op(f"op{number}", kind, inputs, last, attributes))
    graph = Graph("chain", tensors, tuple(ops), ("t0",), outputs or (last,), constants)
    check_graph(graph)
    return graph


@dataclass
class Live:
    """A buffer and who has touched it."""

    memory: int
    address: int
    capacity: int
    name: str
    box: np.ndarray
    root: int
    writes: list[tuple[int, np.ndarray]] = field(default_factory=list)
    reads: list[tuple[int, np.ndarray]] = field(default_factory=list)


def overlap(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((np.minimum(one[:, 1], other[:, 1]) > np.maximum(one[:, 0], other[:, 0])).all())


def volume(box: np.ndarray) -> int:
    return int(np.prod(np.maximum(box[:, 1] - box[:, 0], 0)))


class Mapper:
    """Appends commands one by one; dependences come from the accesses of all buffers so far."""

    def __init__(self, graph: Graph, machine: Machine = MACHINE) -> None:
        self.graph, self.machine = graph, machine
        self.draft = Draft(
            op_names=[op.name for op in graph.ops], tensor_names=list(graph.tensors), action_names=["bytes", "macs"]
        )
        self.live: list[Live] = []
        self.dram_end = 0
        self.home: dict[str, int] = {}
        for name in (*graph.inputs, *graph.constants):
            self.home[name] = self.in_dram(name, preloaded=True)

    def buffer(self, name: str, box: Any, memory: int, address: int, **columns: Any) -> int:
        """A new buffer; `content`, `root` and `preloaded` as columns."""
        box = np.asarray(box)
        content = columns.setdefault("content", Content.CODES)
        columns.setdefault("bits", 32 if content == Content.ACCUMULATORS else 8)
        capacity = columns.setdefault("capacity", volume(box) * columns["bits"] // 8)
        columns = {"root": -1, "preloaded": False, **columns}
        row = self.draft.add_boxes(box[None])[0]
        tensor = self.draft.tensor_names.index(name)
        self.draft.add_buffers(memory=memory, address=address, tensor=tensor, box=row, **columns)
        self.live.append(Live(memory, address, capacity, name, box, columns["root"]))
        return len(self.live) - 1

    def in_dram(self, name: str, **columns: Any) -> int:
        """A buffer of the whole tensor behind everything else in DRAM."""
        shape = self.graph.tensors[name].shape
        whole = np.array([(0, size) for size in shape])
        self.dram_end += volume(whole)
        return self.buffer(name, whole, DRAM, self.dram_end - volume(whole), **columns)

    def view(self, name: str, box: Any, root: int) -> int:
        """The same bytes as `root`, as a box of another tensor."""
        return self.buffer(name, box, self.live[root].memory, self.live[root].address, root=root)

    def move(self, queue: int, source: int, target: int, box: Any) -> int:
        """Copy a box from buffer to buffer by a transfer that overlaps with its successor."""
        box = np.asarray(box)
        name = self.live[source].name
        return self._add(queue, -1, name, box, [(source, box)], target, box, 0, cycles=0, n_bytes=volume(box), path=0)

    def compute(
        self, queue: int, op: Op, tile: Any, inputs: Sequence[int], write: int, flags: int = 0, sums: int = -1
    ) -> int:
        """One tile of an op."""
        tile = np.asarray(tile)
        space = self.graph.space(op)
        output = space.output.boxes(tile[None])[0]
        reads = [(b, access.boxes(tile[None])[0]) for b, access in zip(inputs, space.inputs, strict=True)]
        if flags & Flag.ACCUMULATE:
            reads.append((sums, output))
        number = self.graph.ops.index(op)
        return self._add(
            queue, number, op.output, tile, reads, write, output, flags, cycles=volume(tile), n_bytes=0, path=-1
        )

    def program(self, order: Any = None) -> Program:
        """The assembled program."""
        return assemble(self.draft, self.machine, order)

    def _add(
        self,
        queue: int,
        op: int,
        name: str,
        box: np.ndarray,
        reads: list[tuple[int, np.ndarray]],
        write: int,
        written: np.ndarray,
        flags: int,
        **service: int,
    ) -> int:
        row = self.draft.add_boxes(box[None])[0]
        command = int(
            self.draft.add_commands(
                reads=np.array([b for b, _ in reads]),
                read_counts=np.array([len(reads)]),
                actions=np.array([[service["n_bytes"], service["cycles"]]]),
                queue=queue,
                op=op,
                tensor=self.draft.tensor_names.index(name),
                box=row,
                flags=flags,
                write=write,
                serial_cycles=0,
                **service,
            )[0]
        )
        reads = [(buffer, touched) for buffer, touched in reads if buffer >= 0]
        earlier = self._hazards(reads, write, written) - {command}
        self.draft.add_dependences(np.full(len(earlier), command), np.array(sorted(earlier), np.int64))
        for buffer, touched in reads:
            root = self.live[self.root(buffer)]
            root.reads.append((command, touched if self.live[buffer].root < 0 else root.box))
        self.live[write].writes.append((command, written))
        return command

    def root(self, buffer: int) -> int:
        while self.live[buffer].root >= 0:
            buffer = self.live[buffer].root
        return buffer

    def _hazards(self, reads: list[tuple[int, np.ndarray]], write: int, written: np.ndarray) -> set[int]:
        found = set()
        for buffer, touched in reads:
            root = self.live[self.root(buffer)]
            is_view = self.live[buffer].root >= 0
            found |= {c for c, box in root.writes if is_view or overlap(box, touched)}
        mine = self.live[write]
        found |= {c for c, box in (*mine.writes, *mine.reads) if overlap(box, written)}
        for other in self.live[:write]:
            same = other.memory == mine.memory and other.root < 0
            if same and other.address < mine.address + mine.capacity and mine.address < other.address + other.capacity:
                found |= {c for c, _ in (*other.writes, *other.reads)}
        return found


def cuts(size: int, step: int) -> list[tuple[int, int]]:
    return [(low, min(low + step, size)) for low in range(0, size, step)]


def map_chain(
    graph: Graph,
    steps: dict[str, Sequence[int]],
    *,
    depth: int = 2,
    macs: int = 1,
    resident: Sequence[str] = (),
    machine: Machine = MACHINE,
) -> Mapper:
    """Tiles of sizes `steps[op]`, reduction innermost, through rings of `depth` slots in SRAM.

    Tensors in `resident` stay whole in SRAM; outputs of other ops go to DRAM tile by tile. Output tiles take turns
    on `macs` queues.
    """
    mapper = Mapper(graph, machine)
    start = 0
    for op in graph.ops:
        if op.kind.is_view:
            whole = [(0, size) for size in graph.tensors[op.output].shape]
            mapper.home[op.output] = mapper.view(op.output, whole, mapper.home[op.inputs[0]])
            continue
        if op.output in resident:
            whole = [(0, size) for size in graph.tensors[op.output].shape]
            mapper.home[op.output] = mapper.buffer(op.output, whole, SRAM, start)
            start += graph.tensors[op.output].elements
        else:
            mapper.home[op.output] = mapper.in_dram(op.output)
        _map_op(mapper, op, steps[op.name], depth, macs, start)
    return mapper


def _map_op(mapper: Mapper, op: Op, step: Sequence[int], depth: int, macs: int, start: int) -> None:
    space = mapper.graph.space(op)
    grid = [cuts(dim.size, size) for dim, size in zip(space.dims, step, strict=True)]
    summed = space.reductions()
    outer = [g for i, g in enumerate(grid) if i not in summed]
    inner = [grid[i] for i in summed]
    biggest = np.array([[(0, size) for size in map(min, step, space.sizes)]])
    sizes = [volume(access.reach(biggest)[0]) for access in space.inputs]
    out_size = volume(space.output.reach(biggest)[0])
    rings = [start + depth * sum(sizes[:i]) for i in range(len(sizes))]
    sums_ring = start + depth * sum(sizes)
    out_ring = sums_ring + 4 * depth * out_size
    n_inner = len(list(itertools.product(*inner)))
    slot = itertools.count()
    for number, tile_out in enumerate(itertools.product(*outer)):
        queue = MAC + number % macs
        sums = -1
        for turn, tile_in in enumerate(itertools.product(*inner)):
            tile = np.array([*tile_out, *tile_in])
            reads, which = [], next(slot) % depth
            for index, (name, access) in enumerate(zip(op.inputs, space.inputs, strict=True)):
                box = access.boxes(tile[None])[0]
                home = mapper.home[name]
                if volume(box) <= 0:  # the window lies in the padding
                    reads.append(-1)
                    continue
                if mapper.live[home].memory == SRAM:
                    reads.append(home)
                    continue
                row = mapper.buffer(name, box, SRAM, rings[index] + which * sizes[index], capacity=sizes[index])
                mapper.move(LOAD, home, row, box)
                reads.append(row)
            output = space.output.boxes(tile[None])[0]
            flags = (Flag.ACCUMULATE if turn else 0) | (Flag.PARTIAL if turn < n_inner - 1 else 0)
            if turn == 0 and n_inner > 1:
                at = sums_ring + 4 * (number % depth) * out_size
                sums = mapper.buffer(op.output, output, SRAM, at, content=Content.ACCUMULATORS, capacity=4 * out_size)
            home, write = mapper.home[op.output], sums
            if not flags & Flag.PARTIAL:
                write = home
                if mapper.live[home].memory == DRAM:
                    write = mapper.buffer(
                        op.output, output, SRAM, out_ring + (number % depth) * out_size, capacity=out_size
                    )
            mapper.compute(queue, op, tile, reads, write, flags, sums)
        if mapper.live[home].memory == DRAM:
            mapper.move(STORE, write, home, output)


def weaken(program: Program, wait: int) -> Program:
    """The program with one wait count lower; a count of one disappears."""
    if program.wait_count[wait] > 1:
        count = program.wait_count.copy()
        count[wait] -= 1
        return replace(program, wait_count=count)
    offset = program.wait_offset.copy()
    offset[np.searchsorted(offset, wait, side="right") :] -= 1
    return replace(
        program,
        wait_offset=offset,
        wait_queue=np.delete(program.wait_queue, wait),
        wait_count=np.delete(program.wait_count, wait),
    )


def changed(program: Program, **columns: tuple[int, int]) -> Program:
    """The program with one element of some columns replaced: ``buffers__address=(row, value)``."""
    for name, (row, value) in columns.items():
        table, _, column = name.rpartition("__")
        owner = getattr(program, table) if table else program
        array = getattr(owner, column).copy()
        array[row] = value
        owner = replace(owner, **{column: array})
        program = replace(program, **{table: owner}) if table else owner
    return program


def with_box(program: Program, command: int, bounds: Any) -> Program:
    """The program in which one command has another box."""
    flat = np.asarray(bounds, np.int32).reshape(-1)
    boxes = BoxTable(
        np.append(program.boxes.offset, program.boxes.offset[-1] + flat.size), np.append(program.boxes.bounds, flat)
    )
    return changed(replace(program, boxes=boxes), box=(command, len(boxes) - 1))


def assert_equal(one: Program, other: Program) -> None:
    """Both programs hold the same names, arrays and types."""
    assert (one.machine, one.ops, one.tensors, one.actions) == (
        other.machine,
        other.ops,
        other.tensors,
        other.actions,
    )
    for left, right in zip(_columns(one), _columns(other), strict=True):
        assert left[0] == right[0]
        assert left[1].dtype == right[1].dtype, left[0]
        np.testing.assert_array_equal(left[1], right[1], err_msg=left[0])


def _columns(program: Program) -> list[tuple[str, np.ndarray]]:
    owners = (program, program.boxes, program.buffers, program.services)
    return [
        (f.name, getattr(o, f.name)) for o in owners for f in fields(o) if isinstance(getattr(o, f.name), np.ndarray)
    ]


@pytest.fixture(scope="session")
def toys() -> ModuleType:
    """This module."""
    return sys.modules[__name__]
