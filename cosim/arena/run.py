"""A network run inside its arena: one array of bytes holds every activation, at the offsets of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.arena.block import is_depthwise, steps
from cosim.arena.patches import Patch
from cosim.arena.plan import Arena
from cosim.errors import UnsupportedError
from cosim.execute import KERNELS
from cosim.execute.tiles import Tiles, kernel_of
from cosim.execute.values import constant_codes, input_codes
from cosim.formats import Format
from cosim.formats.builtin import FORMATS, find_format
from cosim.graph.op import Op
from cosim.graph.space import Boxes
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
    order = steps(arena.graph)
    if arena.stage is not None:
        order = order[len(arena.stage.ops) :]
        for patch in arena.stage.patches:
            for op in arena.stage.ops:
                machine.patch(op, patch)
    for op in order:
        machine.step(op)
    return {name: machine.seen(name).copy() for name in arena.graph.outputs}


@dataclass(frozen=True, eq=False)
class _Machine:
    arena: Arena
    cells: NDArray[np.uint8]
    kernels: Mapping[str, Kernel]
    formats: Mapping[str, Format]
    _constants: dict[str, Array] = field(default_factory=dict)

    def seen(self, name: str, patch: Patch | None = None) -> Array:
        """An activation's own bytes as an array of its shape, or of the box of it that a patch needs."""
        tensor = self.arena.graph.tensors[name]
        storage = find_format(tensor.encoding.format, self.formats).storage
        if not tensor.encoding.is_plain or tensor.encoding.bits != 8 * storage.itemsize:
            raise UnsupportedError(
                f"{tensor.encoding.format} of {name!r} does not fill whole bytes",
                where="arena",
                allowed="plain formats of 8, 16 or 32 bits",
            )
        box = self._held(name, patch)
        shape = tuple((box[:, 1] - box[:, 0]).tolist())
        begin = self.arena.offsets[name]
        n_bytes = int(np.prod(shape)) * storage.itemsize
        return self.cells[begin : begin + n_bytes].view(storage).reshape(shape)

    def step(self, op: Op) -> None:
        """Run one op whole."""
        whole = self.arena.graph.space(op).whole
        if self._is_in_place(op):
            self._channel_by_channel(op, whole, None)
        else:
            self._put(op, self._tile(op, whole, None), whole, None)

    def patch(self, op: Op, patch: Patch) -> None:
        """Run one op as far as a patch needs it."""
        tile = patch.tiles[op.name]
        if self._is_in_place(op):
            self._channel_by_channel(op, tile, patch)
        else:
            self._put(op, self._tile(op, tile, patch), tile, patch)

    def _is_in_place(self, op: Op) -> bool:
        source = op.inputs[0]
        shared = any(source in block.tensors and op.output in block.tensors for block in self.arena.blocks)
        return shared and is_depthwise(op, self.arena.graph)

    def _channel_by_channel(self, op: Op, tile: Boxes, patch: Patch | None) -> None:
        space = self.arena.graph.space(op)
        groups = next(number for number, dim in enumerate(space.dims) if dim.name == "G")
        for channel in range(space.dims[groups].size):
            one = tile.copy()
            one[0, groups] = channel, channel + 1
            self._put(op, self._tile(op, one, patch), one, patch)

    def _put(self, op: Op, values: Array, tile: Boxes, patch: Patch | None) -> None:
        """What one tile computed to its place."""
        box = self.arena.graph.space(op).output.boxes(tile)[0]
        self.seen(op.output, patch)[self._span(box, op.output, patch)] = values

    def _tile(self, op: Op, tile: Boxes, patch: Patch | None) -> Array:
        """What one tile computes, from copies of its operands."""
        tiles = Tiles.of(self.arena.graph, op, tile, self.formats)
        operands: list[Array | None] = []
        for position, name in enumerate(op.inputs):
            span = self._span(tiles.boxes[position][0], name, patch)
            operands.append(None if tiles.is_empty(0, position) else self._operand(name, patch)[span].copy())
        return np.asarray(kernel_of(op, self.kernels)(tiles.call(0, operands)))

    def _held(self, name: str, patch: Patch | None) -> Boxes:
        """Box of an activation that its bytes show now."""
        graph, stage = self.arena.graph, self.arena.stage
        if patch is None or stage is None or name in graph.inputs or name == stage.output or name not in patch.boxes:
            return np.array([(0, extent) for extent in graph.tensors[name].shape], np.int64).reshape(-1, 2)
        return patch.boxes[name]

    def _span(self, box: Boxes, name: str, patch: Patch | None) -> tuple[slice, ...]:
        """`box` of a tensor within the bytes that are shown."""
        held = np.zeros_like(box) if name in self.arena.graph.constants else self._held(name, patch)
        return tuple(slice(int(low - at), int(high - at)) for (low, high), at in zip(box, held[:, 0], strict=True))

    def _operand(self, name: str, patch: Patch | None) -> Array:
        if name not in self.arena.graph.constants:
            return self.seen(name, patch)
        if name not in self._constants:
            self._constants[name] = constant_codes(self.arena.graph, name, self.formats)
        return self._constants[name]
