"""AdaptivFloat one number at a time, from the published rules alone: what the fast code is compared with."""

from __future__ import annotations

import math
from fractions import Fraction


def paper(w, bits, exponent_bits, bias):
    """Algorithm 1 of the paper, with halves to even, and half of the smallest number going up to it."""
    m = bits - exponent_bits - 1
    sign, w = math.copysign(1.0, w), Fraction(abs(w))
    smallest = Fraction(2) ** bias * (1 + Fraction(1, 2**m))
    largest = Fraction(2) ** (bias + 2**exponent_bits - 1) * (2 - Fraction(1, 2**m))
    small = smallest if w >= smallest / 2 else Fraction(0)
    found = small if w < smallest else min(_rounded(w, m), largest)
    return math.copysign(float(found), sign)


def script(w, bits, exponent_bits, bias):
    """The public script with IEEE-like limits: flush below 2^(bias + 2), clip, round the fraction to even."""
    m = bits - exponent_bits - 1
    sign, w = math.copysign(1.0, w), Fraction(abs(w))
    least, most = bias + 2, bias + 2**exponent_bits - 1
    largest = Fraction(2) ** most * (2 - Fraction(1, 2**m))
    found = Fraction(0) if w < Fraction(2) ** least else _rounded(min(w, largest), m)
    return math.copysign(float(found), sign)


def flexasr(w, bits, exponent_bits, bias):
    """The write-back of FlexASR: nothing below 2^bias, halves towards plus infinity, the slot 2^bias is zero."""
    m = bits - exponent_bits - 1
    sign, w = math.copysign(1.0, w), Fraction(abs(w))
    if w < Fraction(2) ** bias:
        return math.copysign(0.0, sign)
    largest = Fraction(2) ** (bias + 2**exponent_bits - 1) * (2 - Fraction(1, 2**m))
    w = min(w, largest)
    step = Fraction(2) ** (_exponent(w) - m)
    steps = w / step
    found = (math.floor(steps + Fraction(1, 2)) if sign > 0 else math.ceil(steps - Fraction(1, 2))) * step
    return math.copysign(0.0 if found == Fraction(2) ** bias else float(min(found, largest)), sign)


RULES = {"paper": paper, "script": script, "flexasr": flexasr}


def _exponent(w):
    return math.frexp(float(w))[1] - 1


def _rounded(w, m):
    """The significand of w > 0 to m fraction bits, halves to the even one."""
    step = Fraction(2) ** (_exponent(w) - m)
    return round(w / step) * step
