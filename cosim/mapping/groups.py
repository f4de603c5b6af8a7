"""Groups of ops that run block by block, so that what they hand to one another never leaves the chip.

A block is a range along one axis of the group's result. Going backwards through the ops, each access says which
range of each operand a block needs, and that range is the block of its producer. Where windows make neighbouring
blocks need the same rows, these are kept from one block to the next, or each block computes them for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.mapping.joined import is_joined
from cosim.mapping.strips import Cut, Strips, strips_of
from cosim.program.row_rings import WIDTHS

__all__ = ["WHOLE", "Block", "Cut", "Group", "group_of", "stages"]

Finder = Callable[[Op, Cut], Strips | None]


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
    strips
        Blocks of each op that is not a view, by its name.
    inner
        What each block needs of each tensor that only the group reads, views included, by its name.
    outer
        Blocks of its result.
    kept
        Tensors whose rows stay for the next block where it needs them too: none of them is computed twice.
    """

    first: int
    last: int
    ops: tuple[Op, ...]
    strips: Mapping[str, Strips]
    inner: Mapping[str, Cut]
    outer: Cut
    kept: frozenset[str] = frozenset()

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return len(self.outer.ranges)

    @property
    def bounds(self) -> tuple[int, ...]:
        """Where its result is cut, both ends included."""
        return self.outer.ranges[0][0], *(high for _, high in self.outer.ranges)

    @property
    def name(self) -> str:
        """Such as ``"conv1 .. conv3"``."""
        return f"{self.ops[0].name} .. {self.ops[-1].name}"

    @cached_property
    def cuts(self) -> dict[str, Cut]:
        """Blocks of each op that is not a view, by its name."""
        return {name: strips.cut for name, strips in self.strips.items()}

    @property
    def repeats(self) -> bool:
        """Whether something is computed by several blocks."""
        return any(strips.cut.overlaps for strips in self.strips.values())

    def overlaps(self, other: Group) -> bool:
        """Whether an op belongs to both."""
        return self.first <= other.last and other.first <= self.last

    def covers(self, position: int) -> bool:
        """Whether the op at this position is one of them."""
        return self.first <= position <= self.last

    def at(self, graph: Graph, first: int) -> Group:
        """The same group where the ops from position `first` on look the same."""
        if first == self.first:
            return self
        ops = graph.ops[first : first + len(self.ops)]
        named = {old.name: new.name for old, new in zip(self.ops, ops, strict=True)}
        made = {old.output: new.output for old, new in zip(self.ops, ops, strict=True)}
        return Group(
            first,
            first + len(ops) - 1,
            ops,
            {named[name]: strips for name, strips in self.strips.items()},
            {made[name]: cut for name, cut in self.inner.items()},
            self.outer,
            frozenset(made[name] for name in self.kept),
        )


def group_of(
    graph: Graph,
    first: int,
    last: int,
    axis: int,
    bounds: Sequence[int],
    *,
    keep: bool = False,
    find: Finder | None = None,
) -> Group | None:
    """The ops at positions first..last cut along `axis` of the last one's result at `bounds` (from 0 to its extent).

    None where that is impossible: a tensor is read elsewhere too, a block would need all of a tensor, an axis cannot
    be cut, a concat or slice without a copy is among them, or what is cut shares bits between its elements. With `keep`, rows that the next block needs too stay
    where that can be. `find` is `strips_of` the space of an op, for those who ask often.
    """
    ops = graph.ops[first : last + 1]
    if any(not is_inner(graph, op.output, ops) for op in ops[:-1]) or ops[-1].kind.is_view:
        return None
    look = find or (lambda op, cut: strips_of(graph.space(op), cut))
    needed: dict[str, Cut] = {ops[-1].output: Cut(axis, tuple(pairwise(bounds)))}
    found: dict[str, Strips] = {}
    inner = dict.fromkeys(op.output for op in ops[:-1])
    shown = {name for op in ops if op.kind.is_view for name in (*op.inputs, op.output)}
    kept: set[str] = set()
    for op in reversed(ops):
        cut = needed.get(op.output)
        encoding = graph.tensors[op.output].encoding
        if cut is None or not encoding.is_plain:
            return None
        if op.kind.is_view:
            if op.inputs[0] not in inner or is_joined(op):
                return None
            source = _through_view(cut, graph.tensors[op.output].shape, graph.tensors[op.inputs[0]].shape)
            if source is None or not _add(needed, op.inputs[0], source):
                return None
            continue
        if keep and cut.overlaps and op.output not in shown and encoding.bits in WIDTHS:
            kept.add(op.output)
            cut = cut.fresh
        strips = look(op, cut)
        if strips is None:
            return None
        found[op.name] = strips
        for name, part in zip(op.inputs, strips.needs, strict=True):
            if name in inner and (part is None or not _add(needed, name, part)):
                return None
    return Group(
        first, last, ops, found, {name: needed[name] for name in inner}, needed[ops[-1].output], frozenset(kept)
    )


def is_inner(graph: Graph, tensor: str, ops: Sequence[Op]) -> bool:
    """Whether all readers of `tensor` are among `ops`, and there is one."""
    pinned = tensor in graph.outputs or tensor in graph.states or tensor in graph.states.values()
    readers = graph.consumers[tensor]
    return bool(readers) and not pinned and all(op in ops for op in readers)


def _add(needed: dict[str, Cut], tensor: str, cut: Cut) -> bool:
    """Note what another reader needs; False where two need different axes of a tensor."""
    before = needed.get(tensor)
    if before is not None and before.along != cut.along:
        return False
    if before is not None and before != cut:
        both = zip(before.ranges, cut.ranges, strict=True)
        cut = Cut(cut.along, tuple((min(a[0], b[0]), max(a[1], b[1])) for a, b in both))
    needed[tensor] = cut
    return True


def _through_view(cut: Cut, shape: tuple[int, ...], source: tuple[int, ...]) -> Cut | None:
    """The same elements in the shape that a view shows; None where they are not whole slices of one axis."""
    if any(extent != 1 for extent in shape[: cut.along]):
        return None
    below = prod(shape[cut.along + 1 :])
    axis = next((i for i, extent in enumerate(source) if extent != 1), None)
    if axis is None:
        return None
    slice_of = prod(source[axis + 1 :])
    if any(place * below % slice_of for bounds in cut.ranges for place in bounds):
        return None
    return Cut(axis, tuple((low * below // slice_of, high * below // slice_of) for low, high in cut.ranges))


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
