"""Sums of a strip: pixels of 64 channels, each channel by its own weights.

Four neighbouring bytes share a lane, so there are four sums a lane, each made by weights of which three of four bytes
are zero: sum j of lane i is that of channel 4 i + j. Nothing is widened or moved, and codes come out in order.
Weights are, for each tap and each j, 64 bytes; biases and scales are in the order of sums, (4, 16).
"""

# ruff: noqa: ARG001 - numba calls by position

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.cgutils import ir
from numba.extending import intrinsic

from cosim.execute.dot import INT, QUAD, Dot, Rounding, dot_of, length, load, number, pointer, splat, store, vector

CHANNELS = 64


@intrinsic
def strip_pixels(typing: Any) -> Any:
    """Pixels of a strip on this processor."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return number(dot_of(context).pixels)

    return types.intp(), emit


@intrinsic
def strip_sums(
    typing: Any, x: Any, places: Any, taps: Any, weights: Any, at: Any, bias: Any, first: Any, sums: Any
) -> Any:
    """Write bias[first:] plus the sums of a strip to `sums`, int32 (pixels * 64,), in the order of sums.

    Pixel p meets, for each tap, 64 bytes of `x` from places[p] + taps[t]; its weights start at weights[at].
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds, dot = signature.args, dot_of(context)
        target, parts = pointer(context, builder, kinds[7], args[7]), CHANNELS // QUAD // dot.lanes
        for p, pixel in enumerate(_pixels(context, builder, dot, kinds, args, args[6])):
            for part, quad in enumerate(pixel):
                for j, value in enumerate(quad):
                    store(builder, value, target, (p * QUAD + j) * parts + part)
        return context.get_dummy_value()

    return types.void(x, places, taps, weights, types.intp, bias, types.intp, sums), emit


@intrinsic
def strip_codes(
    typing: Any,
    x: Any,
    places: Any,
    taps: Any,
    weights: Any,
    at: Any,
    bias: Any,
    first: Any,
    scale: Any,
    bounds: Any,
    out: Any,
    start: Any,
    step: Any,
) -> Any:
    """The same as codes: pixel p to out[start + p * step :], 64 bytes each; `bounds` as in `Rescale`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds, dot = signature.args, dot_of(context)
        pixels = _pixels(context, builder, dot, kinds, args, args[6])
        rounding, parts = Rounding(builder, args[8], dot.lanes), CHANNELS // QUAD // dot.lanes
        factors = pointer(context, builder, kinds[7], args[7], args[6])
        for p, pixel in enumerate(pixels):
            place = builder.add(args[10], builder.mul(args[11], number(p)))
            target = pointer(context, builder, kinds[9], args[9], place)
            for part, quad in enumerate(pixel):
                word = None
                for j, value in enumerate(quad):
                    scales = load(builder, factors, rounding.real, j * parts + part)
                    code = builder.shl(rounding.emit(builder, value, scales), splat(rounding.whole, 8 * j))
                    word = code if word is None else builder.or_(word, code)
                store(builder, word, target, part)
        return context.get_dummy_value()

    given = (x, places, taps, weights, types.intp, bias, types.intp, scale, bounds, out)
    return types.void(*given, types.intp, types.intp), emit


def _pixels(context: Any, builder: Any, dot: Dot, kinds: Any, args: Any, first: Any) -> list[list[list[Any]]]:
    """Registers of sums by pixel, part of the 64 channels, and j; args start with (x, places, taps, weights, at, bias)."""
    parts, whole = CHANNELS // QUAD // dot.lanes, vector(INT, dot.lanes)
    bias = pointer(context, builder, kinds[5], args[5], first)
    cells = [
        [[cgutils.alloca_once(builder, whole) for _ in range(QUAD)] for _ in range(parts)] for _ in range(dot.pixels)
    ]
    for pixel in cells:
        for part, quad in enumerate(pixel):
            for j, cell in enumerate(quad):
                builder.store(load(builder, bias, whole, j * parts + part), cell)
    data, places = pointer(context, builder, kinds[0], args[0]), pointer(context, builder, kinds[1], args[1])
    lines = [builder.gep(data, [builder.load(builder.gep(places, [number(p)]))]) for p in range(dot.pixels)]
    taps = pointer(context, builder, kinds[2], args[2])
    weights = pointer(context, builder, kinds[3], args[3], args[4])
    with cgutils.for_range(builder, length(context, builder, kinds[2], args[2])) as tap:
        shift = builder.load(builder.gep(taps, [tap.index]))
        here = builder.gep(weights, [builder.mul(tap.index, ir.Constant(tap.index.type, CHANNELS * QUAD))])
        factors = [[load(builder, here, whole, j * parts + part) for j in range(QUAD)] for part in range(parts)]
        for line, pixel in zip(lines, cells, strict=True):
            run = builder.gep(line, [shift])
            for part, quad in enumerate(pixel):
                terms = load(builder, run, whole, part)
                for cell, factor in zip(quad, factors[part], strict=True):
                    builder.store(dot.emit(builder, builder.load(cell), terms, factor), cell)
    return [[[builder.load(cell) for cell in quad] for quad in pixel] for pixel in cells]
