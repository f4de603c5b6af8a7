"""`Numerics`: the arithmetic that a graph is executed with, from the line that it carries (`Graph.arithmetic`).

A line is the name of a preset with options: the type of the framework's codes, and named deviations from exact sums.
``"tflite"``, ``"onnxruntime:codes=int8"``, ``"pytorch-x86:pairs=int16"``, ``"cosim:accumulator=20:overflow=saturate"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cosim.errors import DescriptionError, unknown
from cosim.execute.presets import CODES, COSIM, PRESETS, Preset, with_codes

PAIRS = ("int16", "taps")
OVERFLOWS = ("wrap", "saturate", "count", "error")
TILES = ("2", "4")
DEVIATIONS = ("pairs", "accumulator", "overflow", "winograd", "tile")
OPTIONS = ("codes", *DEVIATIONS)
WIDTHS = {"accumulator": (2, 62), "winograd": (8, 32)}
"""Least and most bits of what has a width."""


@dataclass(frozen=True)
class Numerics:
    """A preset and how its sums deviate from exact ones.

    Attributes
    ----------
    preset
        Rules by op.
    pairs
        What is added in pairs that saturate at 16 bits, as the u8 by s8 multiply-add of x86 without VNNI does:
        ``"int16"``, the products of consecutive input channels; ``"taps"``, those of consecutive taps where fbgemm has
        a depthwise kernel; empty for exact sums.
    accumulator
        Bits of the accumulator; 0 where it is wide enough.
    overflow
        What a narrow accumulator does: ``"wrap"``, ``"saturate"`` after every product, ``"count"`` (the sum is exact,
        only counted) or ``"error"``. Whatever it is, `cosim.execute.overflow.watched` counts.
    winograd
        Bits of the transformed image and weights of 3x3 convolutions with stride 1; 0 for direct sums. Transformed sums
        have 32 bits.
    tile
        Outputs of a Winograd tile along one axis: 2, F(2x2, 3x3), or 4, F(4x4, 3x3).
    """

    preset: Preset = PRESETS[COSIM]
    pairs: str = ""
    accumulator: int = 0
    overflow: str = "wrap"
    winograd: int = 0
    tile: int = 2

    @property
    def is_exact(self) -> bool:
        """Whether sums are those of unbounded integers, made in any order."""
        return not (self.pairs or self.accumulator or self.winograd)


@lru_cache(maxsize=256)
def numerics_of(line: str) -> Numerics:
    """The numerics that `line` names.

    Raises
    ------
    DescriptionError
        On an unknown preset or option, and on values that cannot be meant.
    """
    name, options = _parts(line)
    where = f"arithmetic {line!r}"
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS, where=where)
    for key in options:
        if key not in OPTIONS:
            raise unknown("option", key, OPTIONS, where=where)
    preset = PRESETS[name]
    if "codes" in options:
        preset = _with_codes(preset, options["codes"], where)
    if options.get("pairs", "int16") not in PAIRS:
        raise unknown("kind of pairs", options["pairs"], PAIRS, where=where)
    overflow = options.get("overflow", "wrap")
    if overflow not in OVERFLOWS:
        raise unknown("overflow", overflow, OVERFLOWS, where=where)
    accumulator, winograd = (_bits(options, key, where) for key in ("accumulator", "winograd"))
    if "overflow" in options and not accumulator:
        raise DescriptionError("overflow without accumulator", where=where, fix="name its bits: accumulator=20")
    if "tile" in options and not winograd:
        raise DescriptionError("tile without winograd", where=where, fix="name its bits: winograd=16")
    if options.get("tile", "2") not in TILES:
        raise unknown("tile", options["tile"], TILES, where=where)
    if ("pairs" in options) + bool(accumulator) + bool(winograd) > 1:
        raise DescriptionError("deviates in two ways", where=where, allowed="one of pairs, accumulator, winograd")
    return Numerics(preset, options.get("pairs", ""), accumulator, overflow, winograd, int(options.get("tile", "2")))


def merged(line: str, changes: str) -> str:
    """`line` with `changes`: a whole line, or only options (``"accumulator=20:overflow=count"``) for the same preset.

    Options of `changes` replace those of `line`; a deviation replaces all others, as a sum deviates in one way.

    Raises
    ------
    DescriptionError
        The result is no line, see `numerics_of`.
    """
    if "=" not in changes.partition(":")[0]:
        numerics_of(changes)
        return changes
    name, options = _parts(line)
    wanted = _parts(f"{name}:{changes}")[1]
    if any(key in DEVIATIONS for key in wanted):
        options = {key: value for key, value in options.items() if key not in DEVIATIONS}
    made = ":".join([name, *(f"{key}={value}" for key, value in {**options, **wanted}.items())])
    numerics_of(made)
    return made


def _parts(line: str) -> tuple[str, dict[str, str]]:
    """Name and options of a line; an option without a value has an empty one."""
    name, *pairs = line.split(":")
    return name, dict(pair.partition("=")[::2] for pair in pairs)


def _with_codes(preset: Preset, codes: str, where: str) -> Preset:
    if codes not in CODES:
        raise unknown("type of codes", codes, CODES, where=where)
    made = with_codes(preset, codes)
    if made is None:
        raise DescriptionError(
            f"no rules of {preset.name} are known for {codes} codes", where=where, fix="leave codes out"
        )
    return made


def _bits(options: dict[str, str], key: str, where: str) -> int:
    if key not in options:
        return 0
    text, (least, most) = options[key], WIDTHS[key]
    if not text.isdigit() or not least <= int(text) <= most:
        raise DescriptionError(f"{key} is {text!r}", where=where, allowed=f"{least} to {most} bits")
    return int(text)
