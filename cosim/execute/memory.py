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
from cosim.execute.packing import Packing, is_packed
from cosim.execute.sealed import Sealed, sealed
from cosim.execute.tiles import accumulators_of, regrouped
from cosim.formats import Format
from cosim.formats.builtin import FORMATS, find_format
from cosim.graph.graph import Graph
from cosim.graph.space import Boxes
from cosim.program.program import Content, Program
from cosim.program.row_rings import ring_of

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
        Box of the tensor, shape (axes, 2), and the extents of what is held of it: a ring of rows holds fewer.
    dtype, bits
        Type of an element in arrays, and its bits in memory (of the widest part of a mixed tensor).
    content
        Codes or accumulators.
    packing
        Where each element lies, unless arrays and memory hold the same bytes.
    ring
        Axis along which rows lie modulo the extent, -1 for none.
    root, first
        Of a view of packed elements: the layout of its root, and which of the root's elements is its first.
    """

    name: str
    memory: int
    address: int
    box: Boxes
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    bits: int
    content: Content
    packing: Packing | Sealed | None = None
    root: Layout | None = None
    first: int = 0
    ring: int = -1

    @cached_property
    def n_bytes(self) -> int:
        """Bytes from the first to the last [byte]."""
        if self.root is not None:
            return self.root.n_bytes
        return self.packing.n_bytes if self.packing is not None else -(-math.prod(self.shape) * self.bits // 8)

    def span(self, box: Boxes, where: str) -> Span:
        """Slices of `box` relative to the buffer; it must lie inside."""
        bounds, mine = box.tolist(), self.box.tolist()  # boxes have few axes: plain integers are quicker than numpy
        if any(low < first or high > last for (low, high), (first, last) in zip(bounds, mine, strict=True)):
            message = f"box {box.tolist()} of {self.name!r} is not in its buffer, which holds {self.box.tolist()}"
            raise SimulationError(message, where=where)
        return tuple(slice(low - first, high - first) for (low, high), (first, _) in zip(bounds, mine, strict=True))

    def places(self, span: Span) -> tuple[slice | NDArray[np.int64], ...]:
        """Where the elements of a span lie: rows of a ring come round again."""
        if self.ring < 0:
            return span
        rows = np.arange(span[self.ring].start, span[self.ring].stop) % self.shape[self.ring]
        return *span[: self.ring], rows, *span[self.ring + 1 :]


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
        encoding = self.graph.tensors[name].encoding
        content = Content(int(table.content[buffer]))
        if content is Content.ACCUMULATORS:
            dtype = accumulators_of(self.graph, self.graph.producer[name], self.formats)
        else:
            dtype = find_format(encoding.held.format, self.formats).storage
        bits = int(table.bits[buffer])
        right = encoding.bits if content is Content.CODES else dtype.itemsize * 8
        root = int(table.root[buffer])
        if root >= 0 and content is Content.CODES:
            right = self.graph.tensors[self.program.tensors[table.tensor[root]]].encoding.bits
        if bits != right:
            message = f"buffer {buffer} gives {bits} bits to an element of {name!r}, which has {right}"
            raise SimulationError(message)
        box = self.program.boxes.box(int(table.box[buffer]))
        shape, ring = tuple((box[:, 1] - box[:, 0]).tolist()), int(table.ring[buffer])
        if ring >= 0:
            shape = (*shape[:ring], ring_of(self.program, buffer).held, *shape[ring + 1 :])
        packing: Packing | Sealed | None = None
        shown, first = None, 0
        if content is Content.CODES:
            shown = self._shown(root)
            first = 0 if shown is None else self._first(buffer) - self._first(root)
            if shown is None and encoding.storage is not None:
                packing = sealed(encoding, box, dtype)
            elif shown is None and is_packed(encoding, dtype):
                packing = Packing(encoding, box, self.formats)
        place = int(table.memory[buffer]), int(table.address[buffer])
        layout = Layout(name, *place, box, shape, dtype, bits, content, packing, shown, first, ring)
        if layout.n_bytes > int(table.capacity[buffer]):
            message = f"buffer {buffer} of {name!r} holds {layout.n_bytes} bytes, {table.capacity[buffer]} are reserved"
            raise SimulationError(message)
        return layout

    def _shown(self, root: int) -> Layout | None:
        """Layout of the root of a view whose elements are not simply bytes, or runs of bits."""
        if root < 0:
            return None
        layout = self.layout(root)
        if layout.packing is None:
            return None
        encoding = layout.packing.encoding
        return layout if encoding.is_mixed or encoding.shared_bits or encoding.storage is not None else None

    def _first(self, buffer: int) -> int:
        """Which element of its tensor, in row-major order, a buffer begins with."""
        table = self.program.buffers
        tensor = self.graph.tensors[self.program.tensors[table.tensor[buffer]]]
        low = self.program.boxes.box(int(table.box[buffer]))[:, 0]
        return int(np.ravel_multi_index(tuple(low.tolist()), tensor.shape)) if tensor.shape else 0

    def read(self, buffer: int, box: Boxes, where: str) -> Array:
        """A copy of `box` from a buffer."""
        layout = self.layout(buffer)
        span = layout.span(box, where)
        if layout.root is not None:
            root = layout.root
            everything = tuple(slice(0, extent) for extent in root.shape)
            codes = self._packing(root).read(self._cells(root), everything, root.box).reshape(-1)
            mine = codes[layout.first : layout.first + math.prod(layout.shape)]
            mine = mine.reshape(layout.shape).astype(layout.dtype)
            encoding = self.graph.tensors[layout.name].encoding
            return (regrouped(mine, encoding.cut(layout.box), self.formats) if encoding.block_bits else mine)[span]
        if layout.packing is not None:
            return layout.packing.read(self._cells(layout), span, box)
        return self._elements(layout)[layout.places(span)].copy()

    def write(self, buffer: int, box: Boxes, values: Array, where: str) -> None:
        """Put `values` into `box` of a buffer."""
        layout = self.layout(buffer)
        span = layout.span(box, where)
        if layout.packing is not None:
            layout.packing.write(self._cells(layout), span, box, values, where)
        else:
            self._elements(layout)[layout.places(span)] = values

    def poison(self, buffer: int, box: Boxes, where: str) -> None:
        """Make `box` of a buffer unmistakably wrong, as far as its bits allow."""
        layout = self.layout(buffer)
        span = layout.span(box, where)
        if layout.packing is not None:
            layout.packing.poison(self._cells(layout), span, int.from_bytes(bytes([POISON]) * 8, "little"))
        else:
            poisoned = np.frombuffer(bytes([POISON]) * layout.dtype.itemsize, layout.dtype)[0]
            self._elements(layout)[layout.places(span)] = poisoned

    def _packing(self, layout: Layout) -> Packing | Sealed:
        if layout.packing is None:
            raise SimulationError(f"{layout.name!r} is not packed", where="memory")
        return layout.packing

    def _cells(self, layout: Layout) -> Bytes:
        return self.cells[layout.memory][layout.address : layout.address + layout.n_bytes]

    def _elements(self, layout: Layout) -> Array:
        """The buffer's own bytes as an array of its box."""
        return self._cells(layout).view(layout.dtype).reshape(layout.shape)
