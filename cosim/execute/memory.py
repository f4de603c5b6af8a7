"""`Memory`: the bytes of every memory of a machine, read and written box by box through placed buffers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulationError
from cosim.execute.call import Array
from cosim.execute.tiles import accumulators_of
from cosim.formats import Format
from cosim.formats.builtin import FORMATS, find_format
from cosim.graph.graph import Graph
from cosim.graph.space import Boxes
from cosim.program.program import Content, Program

Bytes = NDArray[np.uint8]
Span = tuple[slice, ...]

# Nobody wrote here: 127 as int8, 3.4e38 as fp32, NaN as fp16, 2139062143 as int32. Whoever reads it shows it.
POISON = 0x7F


@dataclass(frozen=True)
class Layout:
    """How one buffer lies in its memory: row-major over its own box.

    Attributes
    ----------
    name
        Tensor.
    memory, address
        Index of the memory, first byte.
    box, shape
        Box of the tensor, shape (axes, 2), and its extents.
    dtype, bits
        Type of an element in arrays, and its bits in memory; below 8 bits several share a byte.
    content
        Codes or accumulators.
    """

    name: str
    memory: int
    address: int
    box: Boxes
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    bits: int
    content: Content

    @cached_property
    def n_bytes(self) -> int:
        """Bytes from the first to the last [byte]."""
        return -(-math.prod(self.shape) * self.bits // 8)

    def span(self, box: Boxes, where: str) -> Span:
        """Slices of `box` relative to the buffer; it must lie inside."""
        bounds, mine = box.tolist(), self.box.tolist()  # boxes have few axes: plain integers are quicker than numpy
        if any(low < first or high > last for (low, high), (first, last) in zip(bounds, mine, strict=True)):
            message = f"box {box.tolist()} of {self.name!r} is not in its buffer, which holds {self.box.tolist()}"
            raise SimulationError(message, where=where)
        return tuple(slice(low - first, high - first) for (low, high), (first, _) in zip(bounds, mine, strict=True))


@dataclass
class Memory:
    """All memories of a machine as bytes, and the layout of each buffer.

    Attributes
    ----------
    cells
        One byte array per memory, as long as the program uses it.
    """

    program: Program
    graph: Graph
    formats: Mapping[str, Format] = field(default_factory=lambda: FORMATS)
    cells: list[Bytes] = field(init=False)
    _layouts: dict[int, Layout] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        buffers = self.program.buffers
        ends = buffers.address + buffers.capacity
        self.cells = []
        for index in range(len(self.program.machine.memories)):
            mine = buffers.memory == index
            used = int(ends[mine].max()) if mine.any() else 0
            self.cells.append(np.full(used, POISON, np.uint8))

    def layout(self, buffer: int) -> Layout:
        """Layout of a buffer."""
        if buffer not in self._layouts:
            self._layouts[buffer] = self._make_layout(buffer)
        return self._layouts[buffer]

    def _make_layout(self, buffer: int) -> Layout:
        table = self.program.buffers
        name = self.program.tensors[table.tensor[buffer]]
        content = Content(int(table.content[buffer]))
        if content is Content.ACCUMULATORS:
            dtype = accumulators_of(self.graph, self.graph.producer[name], self.formats)
        else:
            dtype = find_format(self.graph.tensors[name].encoding.format, self.formats).storage
        bits = int(table.bits[buffer])
        if bits != dtype.itemsize * 8 and not (dtype.itemsize == 1 and bits in {1, 2, 4}):
            message = f"buffer {buffer} gives {bits} bits to an element of {name!r}, which has {dtype}"
            raise SimulationError(message)
        box = self.program.boxes.box(int(table.box[buffer]))
        shape = tuple((box[:, 1] - box[:, 0]).tolist())
        layout = Layout(name, int(table.memory[buffer]), int(table.address[buffer]), box, shape, dtype, bits, content)
        if layout.n_bytes > int(table.capacity[buffer]):
            message = f"buffer {buffer} of {name!r} holds {layout.n_bytes} bytes, {table.capacity[buffer]} are reserved"
            raise SimulationError(message)
        return layout

    def read(self, buffer: int, box: Boxes, where: str) -> Array:
        """A copy of `box` from a buffer."""
        layout = self.layout(buffer)
        return self._elements(layout)[layout.span(box, where)].copy()

    def write(self, buffer: int, box: Boxes, values: Array, where: str) -> None:
        """Put `values` into `box` of a buffer."""
        layout = self.layout(buffer)
        span = layout.span(box, where)
        elements = self._elements(layout)
        elements[span] = values
        self._store(layout, elements)

    def poison(self, buffer: int, box: Boxes, where: str) -> None:
        """Make `box` of a buffer unmistakably wrong."""
        layout = self.layout(buffer)
        span = layout.span(box, where)
        elements = self._elements(layout)
        elements[span] = np.frombuffer(bytes([POISON]) * layout.dtype.itemsize, layout.dtype)[0]
        self._store(layout, elements)

    def _elements(self, layout: Layout) -> Array:
        """The buffer as an array of its box: the bytes themselves, or an unpacked copy below 8 bits."""
        raw = self.cells[layout.memory][layout.address : layout.address + layout.n_bytes]
        if layout.bits == layout.dtype.itemsize * 8:
            return raw.view(layout.dtype).reshape(layout.shape)
        return _unpacked(raw, layout)

    def _store(self, layout: Layout, elements: Array) -> None:
        if layout.bits < 8:
            self.cells[layout.memory][layout.address : layout.address + layout.n_bytes] = _packed(elements, layout)


def _unpacked(raw: Bytes, layout: Layout) -> Array:
    """Two's complement fields of `bits`, lowest first, as whole bytes."""
    shifts = np.arange(0, 8, layout.bits, dtype=np.uint8)
    fields = (raw[:, None] >> shifts) & np.uint8((1 << layout.bits) - 1)
    count = int(np.prod(layout.shape))
    signed = (fields.reshape(-1)[:count] << np.uint8(8 - layout.bits)).view(np.int8) >> np.int8(8 - layout.bits)
    return signed.astype(layout.dtype).reshape(layout.shape)


def _packed(elements: Array, layout: Layout) -> Bytes:
    per_byte = 8 // layout.bits
    fields = np.zeros(layout.n_bytes * per_byte, np.uint8)
    fields[: elements.size] = elements.reshape(-1).view(np.uint8) & np.uint8((1 << layout.bits) - 1)
    shifts = np.arange(0, 8, layout.bits, dtype=np.uint8)
    return np.asarray(np.bitwise_or.reduce(fields.reshape(-1, per_byte) << shifts, axis=1), np.uint8)
