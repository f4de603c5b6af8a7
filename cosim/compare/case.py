"""`Product`: what other tools cost, a convolution or matrix product with its loops, taken from a Graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

from cosim.graph.graph import Graph
from cosim.graph.op import Op


@dataclass(frozen=True)
class Product:
    """The loops of one product.

    Attributes
    ----------
    loops
        N (batch or rows), G, K, C, OY, OX, FY, FX.
    strides, dilations
        Along y and x.
    image
        Height and width of the input without padding; (rows, 1) for a matrix product.
    pads
        Top, left, bottom, right.
    bits
        Of an element of input, second operand and output [bit].
    is_gemm
        It came from a linear layer or a matrix product.
    """

    name: str
    loops: Mapping[str, int]
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    image: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    bits: tuple[int, int, int] = (8, 8, 8)
    is_gemm: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return prod(self.loops.values())

    @property
    def shape(self) -> tuple[object, ...]:
        """Everything but the name: products of one shape cost the same."""
        return (
            tuple(self.loops.values()),
            self.strides,
            self.dilations,
            self.image,
            self.pads,
            self.bits,
            self.is_gemm,
        )

    @property
    def operand_bits(self) -> tuple[int, int, int]:
        """Bits of input, second operand and output, each element once; of the input what the windows touch [bit]."""
        n = self.loops
        axes = zip(
            self.image, (n["OY"], n["OX"]), self.strides, (n["FY"], n["FX"]), self.dilations, self.pads[:2], strict=True
        )
        touched = [_touched(*axis) for axis in axes]
        inputs = n["N"] * n["G"] * n["C"] * (1 if self.is_gemm else prod(touched))
        weights = n["G"] * n["K"] * n["C"] * n["FY"] * n["FX"]
        outputs = n["N"] * n["G"] * n["K"] * n["OY"] * n["OX"]
        return inputs * self.bits[0], weights * self.bits[1], outputs * self.bits[2]


@dataclass(frozen=True)
class Case:
    """A network as other tools see it.

    Attributes
    ----------
    products
        In the order of the graph.
    others
        Ops that are no product, by kind: other tools leave them out.
    """

    name: str
    products: tuple[Product, ...]
    others: Mapping[str, tuple[str, ...]]

    @property
    def groups(self) -> tuple[tuple[Product, ...], ...]:
        """Products of one shape together, in the order of the first of each."""
        groups: dict[tuple[object, ...], list[Product]] = {}
        for product in self.products:
            groups.setdefault(product.shape, []).append(product)
        return tuple(tuple(group) for group in groups.values())


def case_of(graph: Graph) -> Case:
    """The products of `graph`, in the formats that it has."""
    products: list[Product] = []
    others: dict[str, list[str]] = {}
    for op in graph.ops:
        product = product_of(op, graph)
        if product is not None:
            products.append(product)
        elif not op.kind.is_view:
            others.setdefault(op.kind.name, []).append(op.name)
    return Case(graph.name, tuple(products), MappingProxyType({kind: tuple(names) for kind, names in others.items()}))


def product_of(op: Op, graph: Graph) -> Product | None:
    """The loops of `op`, or None where it is no convolution, linear layer or matrix product."""
    if op.kind.name not in {"conv2d", "linear", "matmul"}:
        return None
    shapes, output = graph.shapes(op), graph.tensors[op.output].shape
    names = (op.inputs[0], op.inputs[1], op.output)
    a, b, c = (graph.tensors[name].encoding.bits for name in names)
    bits = (a, b, c)
    if op.kind.name == "conv2d":
        groups = int(op["groups"])
        filters, channels, fy, fx = shapes[1]
        loops = _loops(N=output[0], G=groups, K=filters // groups, C=channels, OY=output[2], OX=output[3], FY=fy, FX=fx)
        image = (shapes[0][2], shapes[0][3])
        return Product(op.name, loops, op["strides"], op["dilations"], image, op["pads"], bits)
    rows = prod(output[:-1]) if op.kind.name == "linear" else output[-2]
    heads = 1 if op.kind.name == "linear" else prod(output[:-2])
    loops = _loops(N=rows, G=heads, K=output[-1], C=shapes[0][-1])
    return Product(op.name, loops, image=(rows, 1), bits=bits, is_gemm=True)


def _touched(size: int, outputs: int, stride: int, taps: int, dilation: int, pad: int) -> int:
    """Indices of one axis of the input that some window reads; a stride beyond the filter skips some."""
    read = {output * stride + tap * dilation - pad for output in range(outputs) for tap in range(taps)}
    return sum(0 <= index < size for index in read)


def _loops(**sizes: int) -> Mapping[str, int]:
    return MappingProxyType({name: sizes.get(name, 1) for name in ("N", "G", "K", "C", "OY", "OX", "FY", "FX")})
