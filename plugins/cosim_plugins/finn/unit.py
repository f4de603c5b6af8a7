"""`Unit`: the hardware of one op of a streaming dataflow design, and its cycles per image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cosim.errors import UnsupportedError
from cosim.graph.graph import Graph
from cosim.graph.op import Op
from cosim_plugins.engines import loops


@dataclass(frozen=True)
class Unit:
    """One op and how it is folded.

    Attributes
    ----------
    rows, columns, pixels
        Output channels, products per output, and outputs per channel of one image; of an op without weights: channels,
        1, and pixels that it reads.
    channels
        What SIMD must divide: input channels, or taps where each group has one.
    taps, stride, width
        Rows of the sliding window, rows that it advances by, and values of an input row of all channels.
    weight_bits, input_bits, output_bits
        Of an element [bit]; no weights: 0.
    pe, simd
        Folding.
    """

    op: str
    kind: str
    rows: int
    columns: int
    pixels: int
    channels: int
    taps: int
    stride: int
    width: int
    weight_bits: int
    input_bits: int
    output_bits: int
    pe: int = 1
    simd: int = 1

    @property
    def is_product(self) -> bool:
        """Whether it is an MVAU; other ops pass `pe` channels a cycle."""
        return self.weight_bits > 0

    @property
    def engine(self) -> str:
        """Name of its engine: components have no dots in their names."""
        return self.op.replace(".", "_")

    @property
    def cycles(self) -> int:
        """Initiation interval: cycles between two images."""
        return self.pixels * -(-self.rows // self.pe) * -(-self.columns // self.simd)

    def foldings(self) -> Iterator[Unit]:
        """Every folding: PE divides the output channels, SIMD the input channels."""
        for pe in _divisors(self.rows):
            for simd in _divisors(self.channels) if self.is_product else (1,):
                yield replace(self, pe=pe, simd=simd)


def units_of(graph: Graph) -> tuple[Unit, ...]:
    """Units of all ops that are not views, not yet folded, for one image each.

    Raises
    ------
    UnsupportedError
        A product of two tensors that are computed.
    """
    return tuple(_unit(graph, op) for op in graph.ops if not op.kind.is_view)


def _unit(graph: Graph, op: Op) -> Unit:
    bits = [graph.tensors[name].encoding.bits for name in (*op.inputs, op.output)]
    first = graph.tensors[op.inputs[0]].shape
    batch = max(first[0], 1)
    width = first[-1] * first[1] if len(first) == 4 else graph.tensors[op.inputs[0]].elements // batch
    if op.kind.name not in loops.PRODUCTS:
        channels = first[1] if len(first) > 1 else 1
        pixels = graph.tensors[op.inputs[0]].elements // batch // channels
        return Unit(op.name, op.kind.name, channels, 1, pixels, 1, 1, 1, width, 0, bits[0], bits[-1])
    if op.inputs[1] not in graph.constants:
        raise UnsupportedError(
            "both operands are computed: a streaming unit has its weights on chip",
            where=f"op {op.name}",
            fix="map it on a device with a MAC array",
        )
    extent = {name: int(size[0]) for name, size in loops.extents(op, graph, graph.space(op).whole).items()}
    taps = extent["FY"] * extent["FX"]
    stride = int(op["strides"][0]) if op.kind.name == "conv2d" else 1
    pixels = extent["N"] * extent["OY"] * extent["OX"] // batch
    channels = extent["C"] if extent["C"] > 1 or taps == 1 else taps
    rows, columns = extent["G"] * extent["K"], extent["C"] * taps
    kind = op.kind.name
    return Unit(op.name, kind, rows, columns, pixels, channels, extent["FY"], stride, width, bits[1], bits[0], bits[-1])


def _divisors(n: int) -> tuple[int, ...]:
    return tuple(d for d in range(1, n + 1) if n % d == 0)
