"""`plan`: where every activation lies, how much memory that takes, and what is at the peak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arena.block import Block, blocks, is_depthwise, live_bytes, steps
from cosim.arena.patches import Stage, patch_scratch, search, staged_blocks
from cosim.arena.place import Placed, first_fit, optimal
from cosim.arena.stack import Stack, find_stack
from cosim.errors import unknown
from cosim.graph.graph import Graph
from cosim.graph.op import Op

PLANNERS = ("first-fit", "optimal")
_WEIGHTED = ("conv2d", "conv_transpose2d", "linear")


@dataclass(frozen=True, eq=False)
class Arena:
    """One plan.

    Attributes
    ----------
    blocks, placed
        What has a place, and where.
    scratch_bytes, kernel_bytes
        Beside the activations, the most that any op needs [byte].
    weight_bytes, table_bytes, code_bytes
        Flash: weights; biases and scales; program [byte].
    stage
        Ops that run patch by patch, if any.
    """

    graph: Graph
    stack: Stack
    blocks: tuple[Block, ...]
    placed: Placed
    scratch_bytes: int
    kernel_bytes: int
    weight_bytes: int
    table_bytes: int
    code_bytes: int
    stage: Stage | None = None

    @property
    def peak_bytes(self) -> int:
        """SRAM: the arena, scratch and widened weights [byte]."""
        return self.placed.peak + self.scratch_bytes + self.kernel_bytes

    @property
    def flash_bytes(self) -> int:
        """Flash: weights, tables and program [byte]."""
        return self.weight_bytes + self.table_bytes + self.code_bytes

    @property
    def offsets(self) -> dict[str, int]:
        """First byte of every activation, views included [byte]."""
        pairs = zip(self.blocks, self.placed.offsets, strict=True)
        return {name: offset for block, offset in pairs for name in block.tensors}

    @property
    def peak_step(self) -> int:
        """First step at which most bytes are alive."""
        live = live_bytes(list(self.blocks), len(steps(self.graph)))
        return int(np.argmax(live)) if len(live) else 0

    def alive(self, step: int) -> list[tuple[Block, int, int]]:
        """Blocks at a step with their offsets and sizes, largest first."""
        pairs = zip(self.blocks, self.placed.offsets, strict=True)
        here = [(block, offset) for block, offset in pairs if block.first <= step <= block.last]
        found = [(block, offset, int(block.sizes[step - block.first])) for block, offset in here]
        return sorted(found, key=lambda one: (-one[2], one[1]))


def plan(
    graph: Graph,
    stack: str = "tinyengine",
    planner: str = "first-fit",
    *,
    align: int = 1,
    stage: Stage | None = None,
) -> Arena:
    """Places for all activations of `graph`.

    Parameters
    ----------
    stack
        A name of `STACKS`: what is in place, and what is needed beside.
    planner
        ``"first-fit"`` as the stack does it, or ``"optimal"``: the smallest arena there is.
    align
        Multiple that offsets are rounded up to [byte].
    stage
        First ops of `graph` that run patch by patch (`cosim.arena.patches`).

    Raises
    ------
    DescriptionError
        An unknown stack or planner.
    """
    rules = find_stack(stack)
    if planner not in PLANNERS:
        raise unknown("planner", planner, PLANNERS)
    in_place = rules.in_place
    found = blocks(graph, in_place=in_place) if stage is None else staged_blocks(stage, in_place=in_place)
    placed = first_fit(found, rules.order, align) if planner == "first-fit" else optimal(found, align)
    order = steps(graph)
    read = {name for op in order for name in op.inputs if name in graph.constants}
    heavy = {op.inputs[1] for op in order if op.kind.name in _WEIGHTED} & read
    channels = sum(graph.tensors[op.output].shape[1] for op in order if op.kind.name in _WEIGHTED)
    return Arena(
        graph,
        rules,
        tuple(found),
        placed,
        scratch_bytes=max((_scratch(op, graph, rules, stage) for op in order), default=0),
        kernel_bytes=max((rules.kernel(op, graph) for op in order), default=0),
        weight_bytes=sum(graph.tensors[name].bytes for name in heavy),
        table_bytes=rules.channel_bytes * channels,
        code_bytes=rules.code_bytes,
        stage=stage,
    )


def patched(
    graph: Graph, stack: str = "tinyengine", planner: str = "first-fit", *, align: int = 1, most_extra: float = 0.1
) -> Arena:
    """The plan with the stage of patches that needs the least SRAM; without one where none needs less.

    `most_extra`: most multiply-accumulates that may be computed again, as a share of the network's.
    """
    best = plan(graph, stack, planner, align=align)
    for stage in search(graph, most_extra=most_extra):
        tried = plan(graph, stack, planner, align=align, stage=stage)
        if tried.peak_bytes < best.peak_bytes:
            best = tried
    return best


def _scratch(op: Op, graph: Graph, rules: Stack, stage: Stage | None) -> int:
    if stage is None or op not in stage.ops or not is_depthwise(op, graph):
        return rules.scratch(op, graph)
    return min(rules.scratch(op, graph), patch_scratch(op, stage))
