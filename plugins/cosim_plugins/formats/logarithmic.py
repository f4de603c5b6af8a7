"""Logarithmic formats: powers of two with a fixed-point exponent.

Sources: Miyashita et al. 2016, arXiv:1603.01025; Li et al., ICLR 2020 (additive powers of two), arXiv:1909.13144.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cosim.formats import Arithmetic, CodeBook, TableFormat, nearest_book


def logarithmic_book(bits: int, gamma: int) -> CodeBook:
    """Zero, and 2^((m - top) / gamma) for m = 1 .. top of either sign; rounded half-way in the exponent."""
    sign = 1 << (bits - 1)
    top = sign - 1
    steps = np.arange(1, top + 1)
    magnitudes = np.exp2((steps - top) / gamma).astype(np.float32).astype(np.float64)
    # The bound below the smallest is half a step lower: what is smaller becomes zero.
    bounds = np.array([power_of_two(2 * (m - top) - 1, 2 * gamma) for m in range(1, top + 1)])
    return CodeBook(
        bits,
        np.concatenate([-magnitudes[::-1], [-0.0, 0.0], magnitudes]),
        np.concatenate([sign + steps[::-1], [sign, 0], steps]),
        np.concatenate([-bounds[::-1], [0.0], bounds]),
        np.concatenate([np.zeros(top, bool), [True], np.zeros(top, bool)]),
        negative_zero=sign,
    )


def power_of_two(numerator: int, denominator: int) -> float:
    """2^(numerator / denominator) for an irrational power, to the nearest fp64 and never an fp32 number.

    So no fp32 number lies between it and the true bound: comparing with it is exact.
    """
    guess = math.exp2(numerator / denominator)
    power = Fraction(2) ** numerator
    while Fraction(guess) ** denominator > power:
        guess = math.nextafter(guess, 0.0)
    above = math.nextafter(guess, math.inf)
    while Fraction(above) ** denominator < power:
        guess, above = above, math.nextafter(above, math.inf)
    nearer = guess if 2**denominator * power < (Fraction(guess) + Fraction(above)) ** denominator else above
    if float(np.float32(nearer)) == nearer:
        message = f"2^({numerator}/{denominator}) is too close to an fp32 number"
        raise ArithmeticError(message)
    return nearer


def logarithmic(name: str, bits: int, gamma: int) -> TableFormat:
    """Logarithmic format of `gamma` steps per octave."""
    steps = "one step" if gamma == 1 else f"{gamma} steps"
    return TableFormat(
        name,
        bits,
        f"{bits}-bit logarithmic: sign and exponent, {steps} per octave, rounded in the exponent; scaled",
        partial(logarithmic_book, bits, gamma),
        tie_rule="even",
        saturation="clamp",
        arithmetic=Arithmetic(
            exponent_bits=bits - 1,
            shift_bits=32,
            adder_bits=32,
            operand_bits=bits,
            note=f"a table of {gamma} entries makes the sum linear" if gamma > 1 else "",
        ),
        rounding="exponent",
    )


def _signed(bits: int, magnitudes: NDArray[np.float64], codes: NDArray[np.int64]) -> CodeBook:
    """Nearest of `magnitudes` (0 first) with a sign bit above `codes`; halves go away from zero."""
    sign = 1 << (bits - 1)
    values = np.concatenate([magnitudes, -magnitudes[1:]])
    return nearest_book(bits, values, np.concatenate([codes, codes[1:] | sign]), tie="away", negative_zero=sign)


def power_book(bits: int) -> CodeBook:
    """Zero, and 2^(m - top) for m = 1 .. top of either sign."""
    top = (1 << (bits - 1)) - 1
    steps = np.arange(1, top + 1)
    return _signed(bits, np.concatenate([[0.0], np.ldexp(1.0, steps - top)]), np.arange(top + 1))


def power_format(bits: int) -> TableFormat:
    """Format ``pot{bits}``: nearest power of two; a product is a shift."""
    return TableFormat(
        f"pot{bits}",
        bits,
        f"{bits}-bit power of two: zero and {(1 << (bits - 1)) - 1} powers of either sign, nearest; scaled",
        partial(power_book, bits),
        tie_rule="away",
        saturation="clamp",
        arithmetic=Arithmetic(exponent_bits=bits - 1, shift_bits=32, adder_bits=32, operand_bits=bits),
    )


def additive_book(terms: int, width: int = 2) -> CodeBook:
    """Sums of `terms` powers; term i is 0 or 2^-(i + j * terms), j = 0 .. 2^width - 2. Code: the choices, term 0 lowest."""
    choices = range(1 << width)
    magnitudes, codes = [], []
    for picked in product(choices, repeat=terms):
        magnitudes.append(sum(2.0 ** -(i + (j - 1) * terms) for i, j in enumerate(picked) if j))
        codes.append(sum(j << (i * width) for i, j in enumerate(picked)))
    order = np.argsort(magnitudes)
    return _signed(1 + terms * width, np.array(magnitudes)[order], np.array(codes)[order])


def additive_format(terms: int) -> TableFormat:
    """Format ``apot{bits}`` of `terms` powers of two of 2 bits each; a product is `terms` shifts."""
    bits = 1 + 2 * terms
    return TableFormat(
        f"apot{bits}",
        bits,
        f"{bits}-bit additive powers of two: sign and {terms} terms of 2 bits, nearest; scaled",
        partial(additive_book, terms),
        tie_rule="away",
        saturation="clamp",
        arithmetic=Arithmetic(shift_bits=32, adder_bits=32, operand_bits=bits, products=terms),
    )
