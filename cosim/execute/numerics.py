"""`Numerics`: the arithmetic that a graph is executed with, from the line that it carries (`Graph.arithmetic`).

A line is the name of a preset with named deviations from exact sums: ``"tflite"``, ``"pytorch-x86:pairs=int16"``,
``"cosim:accumulator=20:overflow=saturate"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cosim.errors import DescriptionError, unknown
from cosim.execute.presets import COSIM, PRESETS, Preset

OVERFLOWS = ("wrap", "saturate", "error")
DEVIATIONS = ("pairs", "accumulator", "overflow", "winograd")


@dataclass(frozen=True)
class Numerics:
    """A preset and how its sums deviate from exact ones.

    Attributes
    ----------
    preset
        Rules by op.
    pairs
        Products of consecutive input channels are added in pairs that saturate at 16 bits, as the u8 by s8
        multiply-add of x86 without VNNI does.
    accumulator
        Bits of the accumulator; 0 where it is wide enough.
    overflow
        What a narrow accumulator does: ``"wrap"``, ``"saturate"`` after every product, or ``"error"``.
    winograd
        Bits of the transformed image and weights of 3x3 convolutions with stride 1, F(2x2, 3x3); 0 for direct sums.
    """

    preset: Preset = PRESETS[COSIM]
    pairs: bool = False
    accumulator: int = 0
    overflow: str = "wrap"
    winograd: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether sums are those of unbounded integers."""
        return not (self.pairs or self.accumulator or self.winograd)


@lru_cache(maxsize=256)
def numerics_of(line: str) -> Numerics:
    """The numerics that `line` names.

    Raises
    ------
    DescriptionError
        On an unknown preset or deviation, and on values that cannot be meant.
    """
    name, *pairs = line.split(":")
    where = f"arithmetic {line!r}"
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS, where=where)
    options = dict(pair.partition("=")[::2] for pair in pairs)
    for key in options:
        if key not in DEVIATIONS:
            raise unknown("deviation", key, DEVIATIONS, where=where)
    if options.get("pairs", "int16") != "int16":
        raise DescriptionError(f"pairs is {options['pairs']!r}", where=where, allowed="int16")
    overflow = options.get("overflow", "wrap")
    if overflow not in OVERFLOWS:
        raise unknown("overflow", overflow, OVERFLOWS, where=where)
    accumulator, winograd = (_bits(options, key, where) for key in ("accumulator", "winograd"))
    if "overflow" in options and not accumulator:
        raise DescriptionError("overflow without accumulator", where=where, fix="name its bits: accumulator=20")
    if ("pairs" in options) + bool(accumulator) + bool(winograd) > 1:
        raise DescriptionError("deviates in two ways", where=where, allowed="one of pairs, accumulator, winograd")
    return Numerics(PRESETS[name], "pairs" in options, accumulator, overflow, winograd)


def _bits(options: dict[str, str], key: str, where: str) -> int:
    if key not in options:
        return 0
    text = options[key]
    if not text.isdigit() or not 8 <= int(text) <= 32:
        raise DescriptionError(f"{key} is {text!r}", where=where, allowed="8 to 32 bits")
    return int(text)
