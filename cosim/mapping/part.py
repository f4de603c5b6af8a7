"""A graph in which some ops are one block of themselves: what the search sees of a group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.graph.space import Access, Space
from cosim.mapping.groups import Group
from cosim.mapping.strips import Strips


@dataclass(frozen=True, eq=False)
class PartGraph(Graph):
    """A graph whose `spaces` replace those of some ops."""

    spaces: Mapping[str, Space] = field(default_factory=dict, repr=False)

    def space(self, op: Op) -> Space:
        """Iteration space of `op`, or of its block."""
        return self.spaces[op.name]


def part_of(graph: Graph, group: Group) -> PartGraph:
    """The graph with each op of `group` as its largest block; their tensors are as large as what that block touches."""
    spaces: dict[str, Space] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for op in group.ops:
        if op.kind.is_view:
            continue
        space, strips = graph.space(op), group.strips[op.name]
        spaces[op.name] = block_space(space, strips)
        box = spaces[op.name].whole
        box[0, strips.cut.along] = strips.cut.ranges[strips.largest]
        for name, access in zip((*op.inputs, op.output), (*space.inputs, space.output), strict=True):
            touched = access.boxes(box)[0]
            shapes[name] = tuple(np.maximum(touched[:, 1] - touched[:, 0], 0).tolist())
    tensors = {name: replace(graph.tensors[name], shape=shape) for name, shape in shapes.items()}
    known = {item.name: getattr(graph, item.name) for item in fields(graph)}
    known |= {"tensors": {**graph.tensors, **tensors}, "spaces": spaces}
    return PartGraph(**known)


def block_space(space: Space, strips: Strips) -> Space:
    """The largest block of an op as a space of its own: fewer steps along one loop, which starts at 0 as all do."""
    cut = strips.cut
    low, high = cut.ranges[strips.largest]
    dims = tuple(replace(dim, size=high - low) if i == cut.along else dim for i, dim in enumerate(space.dims))

    def shifted(access: Access) -> Access:
        return Access(
            tuple(
                replace(axis, offset=axis.offset + low * sum(step for loop, step in axis.terms if loop == cut.along))
                for axis in access.axes
            )
        )

    return replace(
        space, dims=dims, inputs=tuple(shifted(access) for access in space.inputs), output=shifted(space.output)
    )
