"""Floating-point formats of four to eight bits.

Sources: OCP 8-bit Floating Point Specification (OFP8) 1.0; OCP Microscaling Formats (MX) 1.0; Micikevicius et al.
2022, arXiv:2209.05433.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from cosim.formats import CodeBook, Grid, TableFormat, float_arithmetic, nearest_book


def minifloat_book(exponent_bits: int, fraction_bits: int, *, specials: str = "", overflow: str = "clamp") -> CodeBook:
    """Code book of sign, exponent and fraction, with subnormals and bias ``2^(e-1) - 1``.

    Parameters
    ----------
    specials
        ``""``: every pattern is a number. ``"nan"``: the largest pattern of either sign is NaN.
        ``"ieee"``: the largest exponent is for infinity and NaN.
    overflow
        What numbers beyond the largest become, infinity included: ``"clamp"``, ``"infinity"`` or ``"nan"``.
    """
    codes = np.arange(1 << (exponent_bits + fraction_bits))
    exponent, fraction = codes >> fraction_bits, codes & ((1 << fraction_bits) - 1)
    bias = (1 << (exponent_bits - 1)) - 1
    significand = np.where(exponent > 0, fraction + (1 << fraction_bits), fraction)
    values = np.ldexp(significand.astype(np.float64), np.maximum(exponent, 1) - bias - fraction_bits)
    last = len(codes) - {"": 0, "nan": 1, "ieee": 1 << fraction_bits}[specials]  # first that is no number
    numbers = slice(0, last)
    sign = 1 << (exponent_bits + fraction_bits)
    nan = None if not specials else (sign - 1, 2 * sign - 1)
    if specials == "ieee":
        quiet = last | (1 << (fraction_bits - 1))
        nan = (quiet, sign | quiet)
    positive, magnitudes = codes[numbers], values[numbers]
    book = nearest_book(
        exponent_bits + fraction_bits + 1,
        np.concatenate([magnitudes, -magnitudes[1:]]),
        np.concatenate([positive, positive[1:] | sign]),
        tie="even",
        negative_zero=sign,
        nan=nan,
    )
    if overflow == "clamp":
        return book
    beyond = last if overflow == "infinity" else sign - 1
    top, before = float(magnitudes[-1]), float(magnitudes[-2])
    bound, rises = top + (top - before) / 2, bool(beyond % 2 == 0 if overflow == "infinity" else int(positive[-1]) % 2)
    level = np.inf if overflow == "infinity" else np.nan
    return CodeBook(
        book.bits,
        np.concatenate([[-level], book.values, [level]]),
        np.concatenate([[sign | beyond], book.codes, [beyond]]),
        np.concatenate([[-bound], book.bounds, [bound]]),
        np.concatenate([[not rises], book.closed, [rises]]),
        negative_zero=sign,
        nan=nan,
        tie="even",
    )


def minifloat(
    name: str, exponent_bits: int, fraction_bits: int, *, specials: str = "", summary: str = "", overflow: str = "clamp"
) -> TableFormat:
    """The format of a `minifloat_book`, with a scale that takes the largest magnitude to the largest number."""
    bits = exponent_bits + fraction_bits + 1
    last = (1 << (bits - 1)) - {"": 0, "nan": 1, "ieee": 1 << fraction_bits}[specials] - 1
    plain = overflow == "clamp" and fraction_bits > 0
    book = partial(minifloat_book, exponent_bits, fraction_bits, specials=specials, overflow=overflow)
    return TableFormat(
        name,
        bits,
        summary,
        book,
        tie_rule="even",
        saturation=overflow,
        arithmetic=float_arithmetic(bits, exponent_bits, fraction_bits),
        shortcut=Grid(exponent_bits, fraction_bits, last) if plain else None,
    )


def fp8_e4m3() -> TableFormat:
    """OFP8 E4M3: no infinity, largest 448; saturates."""
    return minifloat("fp8_e4m3", 4, 3, specials="nan", summary="OCP FP8 E4M3 (FN), largest 448, no infinity; scaled")


def fp8_e5m2() -> TableFormat:
    """OFP8 E5M2, largest 57344; saturates instead of making infinities."""
    return minifloat("fp8_e5m2", 5, 2, specials="ieee", summary="OCP FP8 E5M2, largest 57344, saturating; scaled")


def fp6_e2m3() -> TableFormat:
    """OCP FP6 E2M3: largest 7.5."""
    return minifloat("fp6_e2m3", 2, 3, summary="OCP FP6 E2M3, largest 7.5, every code a number; scaled")


def fp6_e3m2() -> TableFormat:
    """OCP FP6 E3M2: largest 28."""
    return minifloat("fp6_e3m2", 3, 2, summary="OCP FP6 E3M2, largest 28, every code a number; scaled")


def fp4_e2m1() -> TableFormat:
    """OCP FP4 E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6."""
    return minifloat("fp4_e2m1", 2, 1, summary="OCP FP4 E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 of either sign; scaled")
