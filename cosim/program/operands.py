"""Second check: buffers hold what commands read and write, and the boxes that each command touches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes, Space, volume
from cosim.program.finding import Findings
from cosim.program.listing import box_text, buffer_name, command_name
from cosim.program.program import Content, Flag, Int32, Int64, Program
from cosim.program.structure import grouped

CHUNK = 1 << 16  # commands handled at once: bounds the temporaries


@dataclass(frozen=True)
class Touched:
    """Boxes touched, padded with empty axes to one rank.

    Attributes
    ----------
    reads, writes
        Shapes (reads, rank, 2) and (commands, rank, 2), in elements of the tensor.
    points, all_points
        Points of the reduction that a compute sums into each output element, and how many the op has; 0 for moves.
    """

    reads: Int32
    writes: Int32
    points: Int64
    all_points: Int64


def check_operands(program: Program, graph: Graph, base: Int64, found: Findings) -> Touched:
    """Report buffers that do not hold the boxes their commands need; return those boxes.

    `base` is the buffer whose elements each buffer's are: itself, but for parts and successors.
    """
    ops = {op.name: op for op in graph.ops}
    rank = max((len(tensor.shape) for tensor in graph.tensors.values()), default=0)
    touched = Touched(
        reads=_unit_boxes(len(program.read_buffer), rank),
        writes=_unit_boxes(len(program), rank),
        points=np.zeros(len(program), np.int64),
        all_points=np.zeros(len(program), np.int64),
    )
    for index, commands in enumerate(grouped(program.op, len(program.ops))):
        op = ops[program.ops[index]]
        for chunk in _chunks(commands):
            _check_computes(_Operands(program, graph, base, found, touched), op, chunk)
    moves = np.flatnonzero(program.op < 0)
    for index, members in enumerate(grouped(program.tensor[moves], len(program.tensors))):
        for chunk in _chunks(moves[members]):
            _check_moves(_Operands(program, graph, base, found, touched), index, chunk)
    return touched


def _unit_boxes(n: int, rank: int) -> Int32:
    """Boxes whose every axis is 0:1, so that unused axes count once."""
    boxes = np.zeros((n, rank, 2), np.int32)
    boxes[:, :, 1] = 1
    return boxes


def _chunks(commands: Int64) -> Iterator[Int64]:
    for start in range(0, len(commands), CHUNK):
        yield commands[start : start + CHUNK]


@dataclass(frozen=True)
class _Operands:
    """One check under way."""

    program: Program
    graph: Graph
    base: Int64
    found: Findings
    touched: Touched

    def rule(self, commands: Int64, wrong: NDArray[np.bool_] | np.bool_, text: str) -> Int64:
        """Report the commands that are wrong; return the others."""
        self.found.each(wrong, lambda i: f"{command_name(self.program, commands[i])}: {text}")
        return commands[~wrong]

    def hold(self, commands: Int64, buffers: Int32, name: str, content: Int32, boxes: Boxes, role: str) -> None:
        """Report buffers that do not hold `boxes` of tensor `name`."""
        program, table = self.program, self.program.buffers
        tensor = program.tensors.index(name) if name in program.tensors else -1
        wrong = (table.tensor[buffers] != tensor) | (table.content[buffers] != content)

        def mistaken(i: int) -> str:
            kind = "sums of " if content[i] == Content.ACCUMULATORS else ""
            where = buffer_name(program, buffers[i])
            return f"{command_name(program, commands[i])}: its {role} should hold {kind}{name} but is {where}"

        self.found.each(wrong, mistaken)
        commands, buffers, boxes = commands[~wrong], buffers[~wrong], boxes[~wrong]
        held = program.boxes.boxes(table.box[buffers], boxes.shape[1])
        beyond = (held[..., 0] > boxes[..., 0]) | (held[..., 1] < boxes[..., 1])
        beyond = beyond.any(axis=1) & (volume(boxes) > 0)

        def missing(i: int) -> str:
            needed, where = box_text(boxes[i]), buffer_name(program, buffers[i])
            return f"{command_name(program, commands[i])}: its {role} must contain {name}{needed} but is {where}"

        self.found.each(beyond, missing)

    def writable(self, commands: Int64) -> None:
        """Report writes to views and to buffers that are filled before time starts."""
        table, buffers = self.program.buffers, self.program.write[commands]
        for wrong, text in (
            (table.root[self.base[buffers]] >= 0, "writes to a view"),
            (table.preloaded[buffers], "writes to a preloaded buffer"),
        ):
            self.rule(commands, wrong, text)


def _check_computes(check: _Operands, op: Op, commands: Int64) -> None:
    program, space = check.program, check.graph.space(op)
    rank = np.diff(program.boxes.offset)[program.box[commands]] // 2
    commands = check.rule(commands, rank != len(space.dims), f"its tile needs {len(space.dims)} loops")
    tiles = program.boxes.boxes(program.box[commands], len(space.dims))
    outside = (tiles[..., 0] < 0) | (tiles[..., 1] > space.sizes) | (tiles[..., 1] <= tiles[..., 0])
    commands = check.rule(commands, outside.any(axis=1), f"its tile is empty or outside the loops {space.sizes}")
    accumulates = (program.flags[commands] & Flag.ACCUMULATE) > 0
    counts = program.read_offset[commands + 1] - program.read_offset[commands]
    wrong = counts != len(op.inputs) + accumulates
    commands = check.rule(commands, wrong, f"does not read {len(op.inputs)} inputs, and its sums if it accumulates")
    output = program.tensors.index(op.output) if op.output in program.tensors else -1
    check.rule(commands, program.tensor[commands] != output, f"its tensor is not {op.output}")
    tiles = program.boxes.boxes(program.box[commands], len(space.dims))
    _check_cut(check, space, commands, tiles)
    _note_points(check.touched, space, commands, tiles)
    for number, name in enumerate(op.inputs):
        _check_input(check, commands, number, name, space.inputs[number].boxes(tiles))
    _check_output(check, op, commands, space.output.boxes(tiles))


def _check_cut(check: _Operands, space: Space, commands: Int64, tiles: Boxes) -> None:
    """Loops that must stay whole, and pairs of which only one may be cut."""
    extents = tiles[..., 1] - tiles[..., 0]
    for index, dim in enumerate(space.dims):
        if dim.role.value == "whole":
            check.rule(commands, extents[:, index] != dim.size, f"cuts loop {dim.name}, which must stay whole")
    for outer, inner in space.exclusive:
        wrong = (extents[:, outer] > 1) & (extents[:, inner] < space.sizes[inner])
        names = f"loop {space.dims[inner].name} across several {space.dims[outer].name}"
        check.rule(commands, wrong, f"cuts {names}")


def _note_points(touched: Touched, space: Space, commands: Int64, tiles: Boxes) -> None:
    summed = list(space.reductions())
    touched.points[commands] = volume(tiles[:, summed])
    touched.all_points[commands] = volume(space.whole[:, summed])[0]


def _check_input(check: _Operands, commands: Int64, number: int, name: str, boxes: Boxes) -> None:
    program = check.program
    reads = program.read_offset[commands] + number
    buffers = program.read_buffer[reads]
    needed = volume(boxes) > 0
    check.rule(commands, (buffers < 0) & needed, f"has no buffer for input {number}, {name}")
    some = buffers >= 0
    _fill(check.touched.reads, reads[some], boxes[some])
    codes = np.full(int(some.sum()), Content.CODES, np.int32)
    check.hold(commands[some], buffers[some], name, codes, boxes[some], f"input {number}")


def _check_output(check: _Operands, op: Op, commands: Int64, boxes: Boxes) -> None:
    program = check.program
    _fill(check.touched.writes, commands, boxes)
    partial = (program.flags[commands] & Flag.PARTIAL) > 0
    content = np.where(partial, Content.ACCUMULATORS, Content.CODES).astype(np.int32)
    check.hold(commands, program.write[commands], op.output, content, boxes, "result")
    check.writable(commands)
    some = (program.flags[commands] & Flag.ACCUMULATE) > 0
    reads = program.read_offset[commands[some] + 1] - 1
    buffers = program.read_buffer[reads]
    left = check.rule(commands[some], buffers < 0, "accumulates, but reads no sums")
    if len(left) == len(buffers):
        _fill(check.touched.reads, reads, boxes[some])
        sums = np.full(len(buffers), Content.ACCUMULATORS, np.int32)
        check.hold(left, buffers, op.output, sums, boxes[some], "accumulators")


def _check_moves(check: _Operands, tensor: int, commands: Int64) -> None:
    program, name = check.program, check.program.tensors[tensor]
    rank = len(check.graph.tensors[name].shape)
    ranks = np.diff(program.boxes.offset)[program.box[commands]] // 2
    commands = check.rule(commands, ranks != rank, f"moves a box that is not of {name}")
    counts = program.read_offset[commands + 1] - program.read_offset[commands]
    commands = check.rule(commands, counts != 1, "a move reads one buffer")
    sources = program.read_buffer[program.read_offset[commands]]
    commands = check.rule(commands, sources < 0, "a move reads one buffer")
    check.rule(commands, program.flags[commands] != 0, "a move has no flags")
    boxes = program.boxes.boxes(program.box[commands], rank)
    check.rule(commands, (boxes[..., 1] <= boxes[..., 0]).any(axis=1), "moves nothing")
    reads = program.read_offset[commands]
    sources, targets = program.read_buffer[reads], program.write[commands]
    check.rule(commands, sources == targets, "moves a buffer onto itself")
    _fill(check.touched.reads, reads, boxes)
    _fill(check.touched.writes, commands, boxes)
    content = program.buffers.content[sources].astype(np.int32)
    check.hold(commands, sources, name, content, boxes, "source")
    check.hold(commands, targets, name, content, boxes, "destination")
    check.writable(commands)


def _fill(table: Int32, rows: Int64, boxes: Boxes) -> None:
    table[rows, : boxes.shape[1]] = boxes
