"""Patch-based inference: the first layers run patch by patch, so that their large activations never exist whole.

Patches overlap by the halo of the convolutions behind them; what they share is computed again.
Source: Lin et al., MCUNetV2, NeurIPS 2021, arXiv:2110.15352.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.arena.block import Block, blocks, is_depthwise, steps
from cosim.errors import DescriptionError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Boxes, volume

MOST_PATCHES = 4  # along each side, that a search tries


@dataclass(frozen=True, eq=False)
class Patch:
    """What is computed for one patch of the stage's output.

    Attributes
    ----------
    boxes
        Box of each activation that is needed, shape (axes, 2), by name.
    tiles
        Tile of each op of the stage, shape (1, loops, 2), by name.
    """

    boxes: Mapping[str, Boxes] = field(repr=False)
    tiles: Mapping[str, Boxes] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Stage:
    """The ops that run patch by patch.

    Attributes
    ----------
    ops
        In order; only the last one's output is read by what follows.
    output
        Activation that is put together from patches.
    patches
        All of them, row by row.
    """

    graph: Graph
    ops: tuple[Op, ...]
    output: str
    patches: tuple[Patch, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all patches, what they share counted as often as it is computed."""
        total = 0
        for op in self.ops:
            space = self.graph.space(op)
            total += sum(int(volume(patch.tiles[op.name])[0]) for patch in self.patches) * space.macs_per_point
        return total

    @property
    def extra_macs(self) -> int:
        """Multiply-accumulates that whole layers would not need."""
        return self.macs - sum(self.graph.space(op).macs for op in self.ops)


def cut_points(graph: Graph) -> Iterator[tuple[int, str]]:
    """Activations behind which a stage may end: images that alone connect what comes before with what follows.

    Pairs (number of ops before, name).
    """
    order = steps(graph)
    for number, op in enumerate(order[:-1], start=1):
        before = {one.output for one in order[:number]}
        crossing = {name for later in order[number:] for name in later.inputs if name in before}
        again = {name for later in order[number:] for name in later.inputs if name in graph.inputs}
        is_image = len(graph.tensors[op.output].shape) == 4 and not is_depthwise(op, graph)
        if (
            crossing == {op.output}
            and not again
            and is_image
            and all(_can_be_cut(one, graph) for one in order[:number])
        ):
            yield number, op.output
        if not all(_can_be_cut(one, graph) for one in order[:number]):
            return


def stage(graph: Graph, output: str, patches: int) -> Stage:
    """The stage that ends with `output`, in `patches` x `patches` patches.

    Raises
    ------
    DescriptionError
        `output` is no place for a cut, or smaller than its patches.
    """
    known = {name: number for number, name in cut_points(graph)}
    if output not in known:
        raise DescriptionError(
            f"a stage cannot end with {output!r}", where=f"graph {graph.name}", allowed=", ".join(known) or "nothing"
        )
    _, _, rows, columns = graph.tensors[output].shape
    if not 1 <= patches <= min(rows, columns):
        raise DescriptionError(
            f"{patches} patches along {rows} x {columns}", where="patches", allowed=f"1 to {min(rows, columns)}"
        )
    ops = steps(graph)[: known[output]]
    parts = [_patch(graph, ops, output, (y, x)) for y in _edges(rows, patches) for x in _edges(columns, patches)]
    return Stage(graph, ops, output, tuple(parts))


def staged_blocks(made: Stage, *, in_place: bool) -> list[Block]:
    """Blocks of a network whose first ops run patch by patch: those of one patch, then those of whole layers.

    The network's input and the stage's output are there throughout the stage; everything else is as large as the
    largest patch needs it.
    """
    graph, n_first = made.graph, len(made.ops)
    whole = blocks(graph, in_place=in_place)
    found = []
    for block in whole:
        members = [name for name in block.tensors if name in made.patches[0].boxes]
        if not members:
            found.append(block)
        elif made.output in members:
            found.append(_spread(block, made))
        else:
            length = n_first if members[0] in graph.inputs else len(block.sizes)
            sizes = np.full(length, _largest(made, members), np.int64)
            first = 0 if members[0] in graph.inputs else block.first
            found.append(Block(block.tensors, first, sizes))
    return found


def search(graph: Graph, *, most_extra: float) -> Iterator[Stage]:
    """Stages whose recomputation is at most `most_extra` of the network's MACs."""
    limit = most_extra * graph.macs
    for _, output in cut_points(graph):
        for number in range(2, MOST_PATCHES + 1):
            if number <= min(graph.tensors[output].shape[2:]):
                made = stage(graph, output, number)
                if made.extra_macs <= limit:
                    yield made


def _spread(block: Block, made: Stage) -> Block:
    """The block of the stage's output: whole, from the first patch on; what it was computed in place of has its own."""
    last = block.last
    sizes = np.full(last + 1, made.graph.tensors[made.output].bytes, np.int64)
    tail = block.sizes[max(len(made.ops) - block.first, 0) :]
    if len(tail):
        sizes[len(sizes) - len(tail) :] = tail
    return Block(block.tensors, 0, sizes)


def _largest(made: Stage, members: list[str]) -> int:
    """Bytes of the largest patch of any of `members`; the network's input is there whole."""
    graph = made.graph
    if members[0] in graph.inputs:
        return graph.tensors[members[0]].bytes
    return max(int(graph.tensors[m].encoding.box_bytes(p.boxes[m][None])[0]) for m in members for p in made.patches)


def _patch(graph: Graph, ops: tuple[Op, ...], output: str, window: tuple[tuple[int, int], tuple[int, int]]) -> Patch:
    box = np.array([(0, extent) for extent in graph.tensors[output].shape], np.int64)
    box[2:] = window
    needed, tiles = {output: box}, {}
    for op in reversed(ops):
        if op.output not in needed:
            continue
        tiles[op.name] = _tile(op, graph, needed[op.output])
        space = graph.space(op)
        for name, access in zip(op.inputs, space.inputs, strict=True):
            if name not in graph.constants:
                touched = access.boxes(tiles[op.name])[0]
                needed[name] = _hull(needed[name], touched) if name in needed else touched
    return Patch(needed, tiles)


def _tile(op: Op, graph: Graph, box: Boxes) -> Boxes:
    """The tile that computes `box` of an op's output."""
    space = graph.space(op)
    tile: NDArray[np.int64] = space.whole.copy()
    for axis, span in zip(space.output.axes[2:], box[2:], strict=True):
        tile[0, axis.terms[0][0]] = span
    return tile


def _can_be_cut(op: Op, graph: Graph) -> bool:
    """Whether rows and columns of the output are loops of their own."""
    axes = graph.space(op).output.axes
    if len(axes) != 4:
        return False
    return all(len(a.terms) == 1 and a.terms[0][1] == 1 and not a.offset and a.divisor == 1 for a in axes[2:])


def _hull(one: Boxes, other: Boxes) -> Boxes:
    return np.stack([np.minimum(one[:, 0], other[:, 0]), np.maximum(one[:, 1], other[:, 1])], axis=1)


def _edges(extent: int, parts: int) -> list[tuple[int, int]]:
    ends = [extent * number // parts for number in range(parts + 1)]
    return list(itertools.pairwise(ends))


def patch_scratch(op: Op, made: Stage) -> int:
    """Scratch of an in-place depthwise op of the stage: one channel of its largest patch with its border, twice [byte]."""
    if not is_depthwise(op, made.graph):
        return 0
    access = made.graph.space(op).inputs[0]
    reach = [access.reach(patch.tiles[op.name])[0] for patch in made.patches if op.name in patch.tiles]
    return max(2 * int(np.prod(box[2:, 1] - box[2:, 0])) for box in reach)
