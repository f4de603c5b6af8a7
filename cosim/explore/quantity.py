"""Values of axes as comparable quantities: a number, a number with a dimension, or a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from cosim.errors import CosimError
from cosim.units import UNITS, parse

# Dimensions that an axis may have; a unit that two of them know (B) is a size.
DIMENSIONS = ("size", "rate", "rate per cycle", "frequency", "time", "cycles", "width", "voltage", "power", "length")
_BEGINS_WITH_NUMBER = re.compile(r"\s*[+-]?(\d|\.\d)")


@dataclass(frozen=True)
class Quantity:
    """A number, with the dimension of its unit; ``""`` where it has none."""

    value: Fraction
    dimension: str = ""


Value = Quantity | str


def quantity_of(value: object) -> Value:
    """`value` as a quantity if it is a number, with or without a known unit; its text otherwise."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return Quantity(Fraction(str(value)))
    text = str(value)
    if not _BEGINS_WITH_NUMBER.match(text):
        return text
    for dimension in ("ratio", *DIMENSIONS):
        try:
            return Quantity(parse(text, dimension), "" if dimension == "ratio" else dimension)
        except CosimError:
            continue
    return text


def known_units() -> set[str]:
    """Every unit that a literal in a condition may have."""
    return {unit for dimension in DIMENSIONS for unit in UNITS[dimension] if unit}
