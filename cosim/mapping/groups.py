"""Groups of ops that run block by block, so that what they hand to one another never leaves the chip.

A block is a range along one axis of the group's result. Going backwards through the ops, each access says which
range of each operand a block needs, and that range is the block of its producer. Where windows make neighbouring
blocks need the same rows, each block computes them for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Access, Role, Space, volume

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """Blocks of a tensor along one of its axes, or of an op along one of its loops.

    Attributes
    ----------
    along
        Axis or loop.
    ranges
        First and last but one index of each block, shape (blocks, 2); they ascend, cover everything and may overlap.
    """

    along: int
    ranges: tuple[tuple[int, int], ...]

    @property
    def overlaps(self) -> bool:
        """Whether blocks share something, which is then computed more than once."""
        return any(one[1] > two[0] for one, two in pairwise(self.ranges))

    def boxes(self, shape: Sequence[int]) -> Ints:
        """Boxes of all blocks of something of this `shape`, shape (blocks, axes, 2)."""
        whole = np.array([(0, extent) for extent in shape], np.int64).reshape(len(shape), 2)
        boxes = np.repeat(whole[None], len(self.ranges), axis=0)
        boxes[:, self.along] = np.array(self.ranges, np.int64)
        return boxes


@dataclass(frozen=True)
class Block:
    """What is particular about the commands of one block of an op.

    Attributes
    ----------
    shared
        What other blocks compute too: loop, first and last but one index of each range.
    is_first
        Nothing of the result has been written before.
    """

    shared: tuple[tuple[int, int, int], ...] = ()
    is_first: bool = True


WHOLE = Block()  # of an op that runs alone


@dataclass(frozen=True, eq=False)
class Group:
    """Ops that follow one another and run block by block.

    Attributes
    ----------
    first, last
        Positions in the graph's op order.
    ops
        All of them, views included.
    cuts
        Blocks of each op that is not a view, by its name.
    inner
        Blocks of each tensor that only the group reads, views included, by its name.
    outer
        Blocks of its result.
    """

    first: int
    last: int
    ops: tuple[Op, ...]
    cuts: Mapping[str, Cut]
    inner: Mapping[str, Cut]
    outer: Cut

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return len(self.cuts[self.ops[-1].name].ranges)

    @property
    def name(self) -> str:
        """Such as ``"conv1 .. conv3"``."""
        return f"{self.ops[0].name} .. {self.ops[-1].name}"

    def overlaps(self, other: Group) -> bool:
        """Whether an op belongs to both."""
        return self.first <= other.last and other.first <= self.last

    def covers(self, position: int) -> bool:
        """Whether the op at this position is one of them."""
        return self.first <= position <= self.last


def group_of(graph: Graph, first: int, last: int, axis: int, bounds: Sequence[int]) -> Group | None:
    """The ops at positions first..last cut along `axis` of the last one's result at `bounds` (from 0 to its extent).

    None where that is impossible: a tensor is read elsewhere too, a block would need all of a tensor, an axis cannot
    be cut, or what is cut shares bits between its elements.
    """
    ops = graph.ops[first : last + 1]
    names = {op.name for op in ops}
    if any(not _is_inner(graph, op.output, names) for op in ops[:-1]) or ops[-1].kind.is_view:
        return None
    needed: dict[str, Cut] = {ops[-1].output: Cut(axis, tuple(pairwise(bounds)))}
    cuts: dict[str, Cut] = {}
    inner = {op.output for op in ops[:-1]}
    for op in reversed(ops):
        cut = needed.get(op.output)
        if cut is None or not graph.tensors[op.output].encoding.is_plain:
            return None
        if op.kind.is_view:
            if op.inputs[0] not in inner:
                return None
            shown = _through_view(cut, graph.tensors[op.output].shape, graph.tensors[op.inputs[0]].shape)
            if shown is None or not _add(needed, op.inputs[0], shown):
                return None
            continue
        space = graph.space(op)
        loop = _loop_of(space, cut)
        if loop is None:
            return None
        if not _has_a_largest(space, loop):
            return None
        cuts[op.name] = loop
        for name, access in zip(op.inputs, space.inputs, strict=True):
            if name in inner:
                part = _needed(access, space, loop)
                if part is None or not _add(needed, name, part):
                    return None
    return Group(first, last, ops, cuts, {name: needed[name] for name in inner}, needed[ops[-1].output])


def _is_inner(graph: Graph, tensor: str, names: set[str]) -> bool:
    """Whether all readers of `tensor` are ops called `names`, and there is one."""
    kept = tensor in graph.outputs or tensor in graph.states or tensor in graph.states.values()
    readers = graph.consumers[tensor]
    return bool(readers) and not kept and all(op.name in names for op in readers)


def _add(needed: dict[str, Cut], tensor: str, cut: Cut) -> bool:
    """Note what another reader needs; False where two need different axes of a tensor."""
    before = needed.get(tensor)
    if before is not None and before.along != cut.along:
        return False
    if before is not None:
        both = zip(before.ranges, cut.ranges, strict=True)
        cut = Cut(cut.along, tuple((min(a[0], b[0]), max(a[1], b[1])) for a, b in both))
    needed[tensor] = cut
    return True


def _loop_of(space: Space, cut: Cut) -> Cut | None:
    """Blocks of an op that make these blocks of its result; None where no loop does."""
    axis = space.output.axes[cut.along]
    terms = [(loop, step) for loop, step in axis.terms if space.dims[loop].size > 1]
    if axis.full or axis.divisor != 1 or axis.offset or not terms:
        return None
    loop, step = max(terms, key=lambda term: term[1])  # of groups and channels of a group: the groups
    if space.dims[loop].role is not Role.PARALLEL:
        return None
    if any(place % step for bounds in cut.ranges for place in bounds) or step * space.dims[loop].size != axis.size:
        return None
    if any(loop == other for axis_ in space.output.axes if axis_ is not axis for other, _ in axis_.terms):
        return None
    return Cut(loop, tuple((low // step, high // step) for low, high in cut.ranges))


def _needed(access: Access, space: Space, cut: Cut) -> Cut | None:
    """Blocks of an operand that the blocks of an op need; None where one needs all of it."""
    boxes = access.boxes(cut.boxes(space.sizes))
    moved = [number for number, axis in enumerate(access.axes) if cut.along in [loop for loop, _ in axis.terms]]
    if len(moved) != 1 or (boxes[:, moved[0], 1] <= boxes[:, moved[0], 0]).any():
        return None
    size = access.axes[moved[0]].size
    lows, highs = boxes[:, moved[0], 0].copy(), boxes[:, moved[0], 1].copy()
    lows[0], highs[-1] = 0, size
    highs[:-1] = np.maximum(highs[:-1], lows[1:])  # what strides skip is computed all the same
    if len(lows) > 1 and ((np.diff(lows) <= 0).any() or (np.diff(highs) <= 0).any()):
        return None
    return Cut(moved[0], tuple(zip(lows.tolist(), highs.tolist(), strict=True)))


def _through_view(cut: Cut, shape: tuple[int, ...], source: tuple[int, ...]) -> Cut | None:
    """The same elements in the shape that a view shows; None where they are not whole slices of one axis."""
    if any(extent != 1 for extent in shape[: cut.along]):
        return None
    below = int(np.prod(shape[cut.along + 1 :], dtype=np.int64))
    axis = next((i for i, extent in enumerate(source) if extent != 1), None)
    if axis is None:
        return None
    slice_of = int(np.prod(source[axis + 1 :], dtype=np.int64))
    if any(place * below % slice_of for bounds in cut.ranges for place in bounds):
        return None
    return Cut(axis, tuple((low * below // slice_of, high * below // slice_of) for low, high in cut.ranges))


def largest(space: Space, cut: Cut) -> int:
    """The block of an op with the longest range; of equals, one that touches most."""
    touched = _touched(space, cut).sum(axis=1)
    return max(range(len(touched)), key=lambda b: (cut.ranges[b][1] - cut.ranges[b][0], int(touched[b])))


def _touched(space: Space, cut: Cut) -> Ints:
    """Elements of each input that each block touches, shape (blocks, inputs)."""
    boxes = cut.boxes(space.sizes)
    columns = [volume(access.boxes(boxes)) for access in space.inputs]
    return np.stack([np.zeros(len(boxes), np.int64), *columns], axis=1)


def _has_a_largest(space: Space, cut: Cut) -> bool:
    """Whether the tiles of one block do for all: no other touches more of any input (as blocks of a concat do)."""
    if len(cut.ranges) == 1:
        return True
    touched = _touched(space, cut)
    return bool((touched <= touched[largest(space, cut)]).all())


def stages(group: Group, engine_of: Mapping[str, str]) -> dict[str, int]:
    """How many blocks each op runs behind the first: one more wherever another engine made what it reads."""
    found: dict[str, int] = {}
    made: dict[str, tuple[int, str]] = {}
    for op in group.ops:
        if op.kind.is_view:
            if op.inputs[0] in made:
                made[op.output] = made[op.inputs[0]]
            continue
        engine = engine_of[op.name]
        before = [made[name] for name in op.inputs if name in made]
        found[op.name] = max((stage + (other != engine) for stage, other in before), default=0)
        made[op.output] = found[op.name], engine
    return found


def merged(first: int, last: int, groups: Iterable[Group]) -> tuple[int, int]:
    """Span of ops between which a tensor must live when the ops of each group run in turn."""
    for group in groups:
        if group.covers(first):
            first = group.first
        if group.covers(last):
            last = group.last
    return first, last
