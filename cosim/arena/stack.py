"""`Stack`: what a software stack of microcontrollers adds to the activations, and how it places them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cosim.arena.block import is_depthwise
from cosim.errors import unknown
from cosim.graph.graph import Graph
from cosim.graph.op import Op

Bytes = Callable[[Op, Graph], int]


@dataclass(frozen=True)
class Stack:
    """Rules of one stack.

    Attributes
    ----------
    in_place
        Depthwise convolutions write over their input.
    order
        Order of its first fit, see `cosim.arena.place.ORDERS`.
    scratch, kernel
        Bytes that an op needs beside its activations, and for weights made wider; of all ops the largest counts [byte].
    channel_bytes
        Flash per output channel beside the weights: bias and scale [byte].
    code_bytes
        Flash of the program without any network [byte].
    source
        Where the rules are from.
    """

    name: str
    summary: str
    in_place: bool
    order: str
    scratch: Bytes
    kernel: Bytes
    channel_bytes: int
    code_bytes: int
    source: str


def _columns(op: Op, graph: Graph) -> int:
    """Two columns of patches in 16 bit of a convolution; one channel with its border, twice, of a depthwise one."""
    if op.kind.name != "conv2d":
        return 0
    _, channels, rows, columns = graph.tensors[op.inputs[0]].shape
    if is_depthwise(op, graph):
        top, left, bottom, right = (int(pad) for pad in op["pads"])
        return 2 * (rows + top + bottom) * (columns + left + right)
    taps_y, taps_x = graph.tensors[op.inputs[1]].shape[2:]
    return 4 * taps_y * taps_x * channels


def _wide_weights(op: Op, graph: Graph) -> int:
    """Weights in 16 bit of a convolution of more than one tap."""
    if op.kind.name != "conv2d" or is_depthwise(op, graph):
        return 0
    weights = graph.tensors[op.inputs[1]]
    return 2 * weights.elements if weights.shape[2] * weights.shape[3] > 1 else 0


def _nothing(_op: Op, _graph: Graph) -> int:
    return 0


STACKS: Mapping[str, Stack] = {
    "tinyengine": Stack(
        "tinyengine",
        "in-place depthwise, first fit by size, im2col buffers of 16 bit",
        in_place=True,
        order="size",
        scratch=_columns,
        kernel=_wide_weights,
        channel_bytes=8,
        code_bytes=65024,
        source="mit-han-lab/tinyengine, code_generator (memory scheduler and operators); code size fitted to 7 builds",
    ),
    "plain": Stack(
        "plain",
        "activations alone, first fit by size",
        in_place=False,
        order="size",
        scratch=_nothing,
        kernel=_nothing,
        channel_bytes=8,
        code_bytes=0,
        source="none: activations as they are",
    ),
}


def find_stack(name: str) -> Stack:
    """The stack of that name; raises `DescriptionError` with the nearest one."""
    if name not in STACKS:
        raise unknown("stack", name, STACKS)
    return STACKS[name]
