"""Where a group keeps what its ops hand to one another, and what every block needs again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim.hardware.hardware import Engine, Hardware
from cosim.mapping.groups import Group, stages
from cosim.mapping.placement import aligned, roots
from cosim.mapping.wiring import operand_memory


@dataclass(frozen=True)
class Slots:
    """Equal places for the blocks of one tensor.

    Attributes
    ----------
    memory, offset
        First byte, counted from where the group's area begins.
    capacity, count
        Bytes of each [byte], and how many: block b lies in place b modulo `count`. What a group keeps from block to
        block lies in one place, a ring of rows.
    """

    memory: str
    offset: int
    capacity: int
    count: int


@dataclass(frozen=True)
class Layout:
    """The on-chip area of one group.

    Attributes
    ----------
    stage
        How many blocks each op runs behind the first, by name of the op.
    blocks
        Of each tensor that stays inside, by its name; views have none.
    pinned
        Of each tensor that comes once for all blocks, by its name.
    area
        Bytes of each memory [byte].
    """

    stage: Mapping[str, int]
    blocks: Mapping[str, Slots]
    pinned: Mapping[str, Slots]
    area: Mapping[str, int]


class _Area:
    def __init__(self) -> None:
        self.used: dict[str, int] = {}

    def take(self, memory: str, capacity: int, count: int) -> Slots:
        offset = self.used.get(memory, 0)
        self.used[memory] = offset + capacity * count
        return Slots(memory, offset, capacity, count)


def layout_of(
    graph: Graph,
    hardware: Hardware,
    group: Group,
    engines: Mapping[str, Engine],
    staged: frozenset[str],
    room: Mapping[str, int],
) -> Layout | None:
    """Places of the blocks, and of what comes once for all of them while that takes half of the `room` at most.

    `staged` are the tensors that live in main memory. None where the blocks alone leave too little to work with.
    """
    stage = stages(group, {name: engine.name for name, engine in engines.items()})
    root = roots(graph)
    area = _Area()
    blocks: dict[str, Slots] = {}
    for op in group.ops:
        if op.kind.is_view or op.output not in group.inner:
            continue
        readers = [other for other in group.ops if any(root[name] == op.output for name in other.inputs)]
        behind = max(stage[other.name] for other in readers if not other.kind.is_view) - stage[op.name]
        cut, shape = group.inner[op.output], graph.tensors[op.output].shape
        keeps = op.output in group.kept
        boxes = cut.spanning(behind).boxes(shape) if keeps else cut.boxes(shape)
        capacity = aligned(int(graph.tensors[op.output].encoding.box_bytes(boxes).max()))
        count = 1 if keeps else min(behind + 1, group.n_blocks)
        blocks[op.output] = area.take(str(engines[op.name].operands), capacity, count)
    if any(area.used[memory] * 4 > room[memory] * 3 for memory in area.used):
        return None
    pinned: dict[str, Slots] = {}
    for name, memory in sorted(
        _unchanging(graph, hardware, group, engines, staged).items(), key=lambda entry: graph.tensors[entry[0]].bytes
    ):
        capacity = aligned(graph.tensors[name].bytes)
        if (area.used.get(memory, 0) + capacity) * 2 <= room.get(memory, 0):
            pinned[name] = area.take(memory, capacity, 1)
    return Layout(stage, blocks, pinned, area.used)


def _unchanging(
    graph: Graph, hardware: Hardware, group: Group, engines: Mapping[str, Engine], staged: frozenset[str]
) -> dict[str, str]:
    """Staged tensors of which every block needs the same -> memory that they are read from."""
    if group.n_blocks == 1:
        return {}
    found: dict[str, str] = {}
    dropped: set[str] = set()
    for op in group.ops:
        if op.kind.is_view:
            continue
        for number, name in enumerate(op.inputs):
            if name not in staged or name in group.inner:
                continue
            memory = operand_memory(hardware, engines[op.name], graph, op, number)
            if _moves(op, graph, number, group) or found.setdefault(name, memory) != memory:
                dropped.add(name)
    return {name: memory for name, memory in found.items() if name not in dropped}


def _moves(op: Op, graph: Graph, number: int, group: Group) -> bool:
    return group.cuts[op.name].along in graph.space(op).inputs[number].loops()
