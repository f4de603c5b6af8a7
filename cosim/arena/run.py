"""A network run inside its arena: one array of bytes holds every activation, at the offsets of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.arena.block import is_depthwise, steps
from cosim.arena.plan import Arena
from cosim.errors import UnsupportedError
from cosim.execute import KERNELS
from cosim.execute.tiles import Tiles, kernel_of
from cosim.execute.values import constant_codes, input_codes
from cosim.formats import Format
from cosim.formats.builtin import FORMATS, find_format
from cosim.graph.op import Op
from cosim.plugin.functions import Kernel

Array = NDArray[np.generic]
POISON = 0x7F


def run(
    arena: Arena,
    inputs: Mapping[str, ArrayLike],
    *,
    kernels: Mapping[str, Kernel] = KERNELS,
    formats: Mapping[str, Format] = FORMATS,
) -> dict[str, Array]:
    """Codes of the outputs, computed in an array of exactly `arena.placed.peak` bytes.

    Depthwise convolutions that the plan has in place are computed channel by channel, as the stack does it.

    Raises
    ------
    UnsupportedError
        Activations whose elements are not whole bytes.
    """
    machine = _Machine(arena, np.full(arena.placed.peak, POISON, np.uint8), kernels, formats)
    for name, codes in input_codes(arena.graph, inputs, formats).items():
        machine.seen(name)[...] = codes
    for op in steps(arena.graph):
        machine.step(op)
    return {name: machine.seen(name).copy() for name in arena.graph.outputs}


@dataclass(frozen=True, eq=False)
class _Machine:
    arena: Arena
    cells: NDArray[np.uint8]
    kernels: Mapping[str, Kernel]
    formats: Mapping[str, Format]
    _constants: dict[str, Array] = field(default_factory=dict)

    def seen(self, name: str) -> Array:
        """An activation's own bytes as an array of its shape."""
        tensor = self.arena.graph.tensors[name]
        storage = find_format(tensor.encoding.format, self.formats).storage
        if not tensor.encoding.is_plain or tensor.encoding.bits != 8 * storage.itemsize:
            raise UnsupportedError(
                f"{tensor.encoding.format} of {name!r} does not fill whole bytes",
                where="arena",
                allowed="plain formats of 8, 16 or 32 bits",
            )
        begin = self.arena.offsets[name]
        return self.cells[begin : begin + tensor.bytes].view(storage).reshape(tensor.shape)

    def step(self, op: Op) -> None:
        """Run one op."""
        source = op.inputs[0]
        same = source not in self.arena.graph.constants and self.arena.offsets[source] == self.arena.offsets[op.output]
        if same and is_depthwise(op, self.arena.graph):
            self._channel_by_channel(op)
        else:
            space = self.arena.graph.space(op)
            self.seen(op.output)[...] = self._tile(op, space.whole)

    def _channel_by_channel(self, op: Op) -> None:
        space = self.arena.graph.space(op)
        groups = next(number for number, dim in enumerate(space.dims) if dim.name == "G")
        for channel in range(space.dims[groups].size):
            tile = space.whole.copy()
            tile[0, groups] = channel, channel + 1
            self.seen(op.output)[:, channel : channel + 1] = self._tile(op, tile)

    def _tile(self, op: Op, tile: NDArray[np.int64]) -> Array:
        """What one tile computes, from copies of its operands."""
        tiles = Tiles.of(self.arena.graph, op, tile, self.formats)
        operands: list[Array | None] = []
        for position, name in enumerate(op.inputs):
            box = tiles.boxes[position][0]
            span = tuple(slice(int(low), int(high)) for low, high in box)
            operands.append(None if tiles.is_empty(0, position) else self._operand(name)[span].copy())
        return np.asarray(kernel_of(op, self.kernels)(tiles.call(0, operands)))

    def _operand(self, name: str) -> Array:
        if name not in self.arena.graph.constants:
            return self.seen(name)
        if name not in self._constants:
            self._constants[name] = constant_codes(self.arena.graph, name, self.formats)
        return self._constants[name]
