"""The format of rebuilt weights."""

from __future__ import annotations

from cosim.formats import IntegerFormat, integer_arithmetic

NAME = "smartexchange"
BITS = 24  # of a code in an array: 16 for sums of three shifted bases, 8 for slices of unlike steps in one filter


def rebuilt_weights() -> IntegerFormat:
    """Integers on one grid per filter. In memory they take what their coefficients and bases take (`Storage`)."""
    summary = "weights rebuilt from 4-bit powers of two and an 8-bit basis, exact on a grid per filter"
    form = IntegerFormat(NAME, BITS, "int32", summary)
    form.arithmetic = integer_arithmetic(16)  # of an engine that multiplies them whole: 3 x 127 x 2^6 and a sign
    return form
