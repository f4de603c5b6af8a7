"""`Dot`: four products of unsigned by signed bytes added to a 32-bit sum, in the processor's own instruction.

Numba has no vectors that a loop could keep in registers, so the innermost loops of prepared steps are written as LLVM
code, here and in `block` and `lanes`. With VNNI four products are one instruction (`vpdpbusd`, which does not saturate);
elsewhere they are pairs of 16-bit products, exact as well. Which one is used changes speed only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numba.core import cgutils
from numba.core.cgutils import ir  # llvmlite, of the version that numba was made for

QUAD = 4  # terms that are multiplied and added at once
_MAGIC, _MAGIC_BITS = 12582912.0, 0x4B400000  # 1.5 * 2^23: what is small and added to it is rounded to even

BYTE, INT, FLOAT = ir.IntType(8), ir.IntType(32), ir.FloatType()
Emit = Callable[[Any, Any, Any, Any], Any]


@dataclass(frozen=True)
class Dot:
    """How products of four neighbours are added to lanes of 32 bits.

    Attributes
    ----------
    name
        Of the instruction.
    lanes
        32-bit lanes of a register.
    rows, pixels
        Rows of a block, and pixels of a strip of channels: as many as registers hold.
    emit
        (builder, sums, unsigned operand, signed operand) -> sums.
    """

    name: str
    lanes: int
    rows: int
    pixels: int
    emit: Emit


def vector(element: Any, lanes: int) -> Any:
    """Type of a register."""
    return ir.VectorType(element, lanes)


def splat(kind: Any, value: float) -> Any:
    """The same number in every lane."""
    return ir.Constant(kind, [value] * kind.count)


def spread(builder: Any, value: Any, kind: Any) -> Any:
    """A value that is known at run time in every lane."""
    undefined = ir.Constant(kind, ir.Undefined)
    lone = builder.insert_element(undefined, value, ir.Constant(INT, 0))
    return builder.shuffle_vector(lone, undefined, splat(vector(INT, kind.count), 0))


def _vnni(width: int) -> Emit:
    whole = vector(INT, width // 32)

    def emit(builder: Any, sums: Any, left: Any, right: Any) -> Any:
        kind = ir.FunctionType(whole, [whole] * 3)
        name = f"llvm.x86.avx512.vpdpbusd.{width}"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [sums, left, right])

    return emit


def _pairs(lanes: int, instruction: str) -> Emit:
    """Even and odd bytes as 16-bit numbers, whose products an x86 processor adds in pairs."""
    whole, halves = vector(INT, lanes), vector(ir.IntType(16), 2 * lanes)

    def emit(builder: Any, sums: Any, left: Any, right: Any) -> Any:
        kind = ir.FunctionType(whole, [halves, halves])
        added = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.{instruction}")
        left, right, eight = builder.bitcast(left, halves), builder.bitcast(right, halves), splat(halves, 8)
        even = builder.and_(left, splat(halves, 255)), builder.ashr(builder.shl(right, eight), eight)
        odd = builder.lshr(left, eight), builder.ashr(right, eight)
        return builder.add(builder.add(sums, builder.call(added, even)), builder.call(added, odd))

    return emit


def _one_by_one(lanes: int) -> Emit:
    """Products of single bytes in 32 bits, for any processor."""
    whole = vector(INT, lanes)

    def emit(builder: Any, sums: Any, left: Any, right: Any) -> Any:
        for byte in range(QUAD):
            one = builder.and_(builder.lshr(left, splat(whole, 8 * byte)), splat(whole, 255))
            other = builder.ashr(builder.shl(right, splat(whole, 24 - 8 * byte)), splat(whole, 24))
            sums = builder.add(sums, builder.mul(one, other))
        return sums

    return emit


def dot_of(context: Any) -> Dot:
    """The quickest way on the processor that numba compiles for."""
    triple, _, features = context.codegen().magic_tuple()
    has = features.split(",")
    if "+avx512vnni" in has:
        return Dot("vpdpbusd, 512 bits", 16, 14, 6, _vnni(512))
    if "+avxvnni" in has:
        return Dot("vpdpbusd, 256 bits", 8, 3, 1, _vnni(256))
    if "+avx512bw" in has:
        return Dot("vpmaddwd, 512 bits", 16, 8, 4, _pairs(16, "avx512.pmaddw.d.512"))
    if "+avx2" in has:
        return Dot("vpmaddwd, 256 bits", 8, 2, 1, _pairs(8, "avx2.pmadd.wd"))
    if triple.startswith("x86_64"):
        return Dot("pmaddwd", 4, 1, 1, _pairs(4, "sse2.pmadd.wd"))
    return Dot("no instruction of its own", 4, 2, 1, _one_by_one(4))


def number(value: int) -> Any:
    """An index."""
    return ir.Constant(ir.IntType(64), value)


def pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any = None) -> Any:
    """Address of an element of a contiguous array."""
    data = context.make_array(kind)(context, builder, array).data
    return data if at is None else builder.gep(data, [at])


def length(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Elements of an array of one axis."""
    return builder.extract_value(context.make_array(kind)(context, builder, array).shape, 0)


def load(builder: Any, address: Any, kind: Any, at: int) -> Any:
    """Register number `at` behind an address."""
    return builder.load(builder.gep(builder.bitcast(address, kind.as_pointer()), [number(at)]), align=1)


def store(builder: Any, value: Any, address: Any, at: int) -> None:
    """The opposite of `load`."""
    builder.store(value, builder.gep(builder.bitcast(address, value.type.as_pointer()), [number(at)]), align=1)


class Rounding:
    """Code of the sums in a register: round(float32(sum) * scale + inside) to even, cut to [low, high], plus `added`."""

    def __init__(self, builder: Any, bounds: Any, lanes: int) -> None:
        self.real, self.whole = vector(FLOAT, lanes), vector(INT, lanes)
        numbers = [builder.fptrunc(builder.extract_value(bounds, i), FLOAT) for i in range(3)]
        self.inside, self.low, self.high = (spread(builder, value, self.real) for value in numbers)
        added = builder.sub(builder.fptosi(builder.extract_value(bounds, 3), INT), ir.Constant(INT, _MAGIC_BITS))
        self.added = spread(builder, added, self.whole)

    def emit(self, builder: Any, sums: Any, scale: Any) -> Any:
        """Codes, one in each lane."""
        value = builder.fadd(builder.fmul(builder.sitofp(sums, self.real), scale), self.inside)
        value = builder.select(builder.fcmp_ordered(">", value, self.low), value, self.low)
        value = builder.select(builder.fcmp_ordered("<", value, self.high), value, self.high)
        # Bounds are whole numbers, so that cutting may come before rounding.
        return builder.add(builder.bitcast(builder.fadd(value, splat(self.real, _MAGIC)), self.whole), self.added)
