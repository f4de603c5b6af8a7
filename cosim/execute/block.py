"""Sums of a block: rows of bytes, four neighbours of which are broadcast, times 32 columns of packed weights.

Packed weights are, for each tap of a window and each four terms, 32 columns of four bytes.
"""

# ruff: noqa: ARG001 - numba calls by position

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.cgutils import ir
from numba.extending import intrinsic

from cosim.execute.dot import (
    BYTE,
    INT,
    Dot,
    Rounding,
    dot_of,
    length,
    load,
    number,
    pointer,
    splat,
    store,
    vector,
)

COLUMNS = 32


@intrinsic
def block_rows(typing: Any) -> Any:
    """Rows of a block on this processor."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return number(dot_of(context).rows)

    return types.intp(), emit


@intrinsic
def block_sums(
    typing: Any, x: Any, places: Any, taps: Any, quads: Any, packed: Any, at: Any, bias: Any, first: Any, sums: Any
) -> Any:
    """Write bias[first:] plus the sums of a block to `sums`, int32 (rows * 32,).

    The terms of row r are, for each tap, 4 * quads bytes of `x` from places[r] + taps[t]; weights start at packed[at].
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds, dot = signature.args, dot_of(context)
        target, registers = pointer(context, builder, kinds[8], args[8]), COLUMNS // dot.lanes
        for r, row in enumerate(_rows(context, builder, dot, kinds, args, args[7])):
            for i, value in enumerate(row):
                store(builder, value, target, r * registers + i)
        return context.get_dummy_value()

    return types.void(x, places, taps, types.intp, packed, types.intp, bias, types.intp, sums), emit


@intrinsic
def block_codes(
    typing: Any,
    x: Any,
    places: Any,
    taps: Any,
    quads: Any,
    packed: Any,
    at: Any,
    bias: Any,
    first: Any,
    scale: Any,
    bounds: Any,
    out: Any,
    start: Any,
    step: Any,
) -> Any:
    """The same as codes: row r to out[start + r * step :], 32 bytes each; `bounds` as in `Rescale`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds, dot = signature.args, dot_of(context)
        rows = _rows(context, builder, dot, kinds, args, args[7])
        rounding, small = Rounding(builder, args[9], dot.lanes), vector(BYTE, dot.lanes)
        factors = pointer(context, builder, kinds[8], args[8], args[7])
        scales = [load(builder, factors, rounding.real, i) for i in range(COLUMNS // dot.lanes)]
        for r, row in enumerate(rows):
            at = builder.add(args[11], builder.mul(args[12], number(r)))
            target = pointer(context, builder, kinds[10], args[10], at)
            for i, value in enumerate(row):
                store(builder, builder.trunc(rounding.emit(builder, value, scales[i]), small), target, i)
        return context.get_dummy_value()

    given = (x, places, taps, types.intp, packed, types.intp, bias, types.intp, scale, bounds, out)
    return types.void(*given, types.intp, types.intp), emit


def _rows(context: Any, builder: Any, dot: Dot, kinds: Any, args: Any, first: Any) -> list[list[Any]]:
    """Registers of sums by row; args start with (x, places, taps, quads, packed, at, bias)."""
    registers, whole = COLUMNS // dot.lanes, vector(INT, dot.lanes)
    cells = [[cgutils.alloca_once(builder, whole) for _ in range(registers)] for _ in range(dot.rows)]
    bias = pointer(context, builder, kinds[6], args[6], first)
    starts = [load(builder, bias, whole, i) for i in range(registers)]
    for row in cells:
        for cell, start in zip(row, starts, strict=True):
            builder.store(start, cell)
    data, places = pointer(context, builder, kinds[0], args[0]), pointer(context, builder, kinds[1], args[1])
    lines = [builder.gep(data, [builder.load(builder.gep(places, [number(r)]))]) for r in range(dot.rows)]
    taps, bytes_of_row = pointer(context, builder, kinds[2], args[2]), whole.as_pointer()
    weights = builder.bitcast(pointer(context, builder, kinds[4], args[4], args[5]), bytes_of_row)
    weight = cgutils.alloca_once_value(builder, weights)
    undefined = ir.Constant(whole, ir.Undefined)
    with cgutils.for_range(builder, length(context, builder, kinds[2], args[2])) as tap:
        shift = builder.load(builder.gep(taps, [tap.index]))
        runs = [builder.bitcast(builder.gep(line, [shift]), INT.as_pointer()) for line in lines]
        with cgutils.for_range(builder, args[3]) as quad:
            here = builder.load(weight)
            factors = [load(builder, here, whole, i) for i in range(registers)]
            builder.store(builder.gep(here, [number(registers)]), weight)
            for run, row in zip(runs, cells, strict=True):
                four = builder.load(builder.gep(run, [quad.index]), align=1)
                lone = builder.insert_element(undefined, four, ir.Constant(INT, 0))
                terms = builder.shuffle_vector(lone, undefined, splat(whole, 0))
                for cell, factor in zip(row, factors, strict=True):
                    builder.store(dot.emit(builder, builder.load(cell), terms, factor), cell)
    return [[builder.load(cell) for cell in row] for row in cells]
