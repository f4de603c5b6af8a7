"""How a design is made larger or smaller: the steps of its array's dimensions, and what grows with them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from cosim.compare.designs.terms import array_of, mac_units
from cosim.errors import CosimError, DescriptionError
from cosim.hardware.document import read_document
from cosim.hardware.hardware import Engine, Hardware, Memory
from cosim.plugin.registry import load_registry

STEPS = 4  # of a dimension between nothing and what it is: a quarter each
MOST = 32  # times what a dimension is
ASPECT = 2  # between the factors of two dimensions: an array keeps about its shape
LOOPS = 3  # dimensions that are varied at most, the longest first
EIGHTHS = 8  # steps of keys that are no integers
ON_CHIP = ("sram", "flip_flop")
GROUPS_GO_WITH = "K"  # a group of a depthwise layer is an output channel
_QUANTITY = re.compile(r"\s*([0-9.]+)\s*(.*?)\s*")


@dataclass(frozen=True)
class Step:
    """One size of a design.

    Attributes
    ----------
    factor
        Its multipliers, or its keys where these are told, over those of the design as described.
    overrides
        Keys of the description that make it so.
    """

    factor: float
    overrides: Mapping[str, str]


def steps(hardware: Hardware, source: str, keys: Sequence[str] = (), *, keep_memory: bool = False) -> list[Step]:
    """Sizes of a design, the smallest first; empty where nothing of it can be scaled.

    Without `keys`: every dimension of the array in quarters of itself, memories on chip in proportion to its multipliers
    unless `keep_memory`. With `keys`: these alone, all by one factor.

    Raises
    ------
    DescriptionError
        A key that the description does not have, or that is no number.
    """
    if keys:
        return _of_keys(hardware, source, keys)
    engine = array_of(hardware)
    found = dimensions(engine)
    if not found:
        return []
    best: dict[int, tuple[float, dict[str, int]]] = {}
    for values in _sizes(found):
        ratios = [value / found[name] for name, value in values.items()]
        skew = max(ratios) / min(ratios)
        if skew <= ASPECT:
            product = math.prod(values.values())
            best[product] = min(best.get(product, (math.inf, values)), (skew, values), key=lambda pair: pair[0])
    base = math.prod(found.values())
    others = max((mac_units(other) for other in hardware.engines.values() if other is not engine), default=0)
    made = []
    for product in sorted(best):
        if mac_units(engine) * product < others * base:
            continue  # another engine would be the array
        values = best[product][1]
        overrides = _array_keys(engine, found, values)
        if not keep_memory:
            overrides |= _memories(hardware, Fraction(product, base))
        made.append(Step(product / base, {} if values == found else overrides))
    return made


def dimensions(engine: Engine) -> dict[str, int]:
    """Integer settings of an engine that change its number of multipliers: ``"rows"``, ``"unroll.K"`` ..."""
    before = mac_units(engine)
    if not before:
        return {}
    found: dict[str, int] = {}
    for name, value in engine.parameters.items():
        if _is_integer(value):
            trials = {name: (value, {**engine.parameters, name: 2 * value})}
        elif isinstance(value, Mapping):
            trials = {
                f"{name}.{key}": (n, {**engine.parameters, name: {**value, key: 2 * n}})
                for key, n in value.items() if _is_integer(n)
            }  # fmt: skip
        else:
            continue
        for key, (size, parameters) in trials.items():
            if _units(replace(engine, parameters=parameters)) == 2 * before:
                found[key] = size
    return found


def _units(engine: Engine) -> float:
    """Multipliers, or -1 for an engine that cannot be."""
    try:
        load_registry()["engine_kinds"][engine.kind].check(engine)
    except CosimError:
        return -1.0
    return mac_units(engine)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _sizes(found: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """All sizes of the longest dimensions in quarters, then in whole multiples."""
    varied = sorted(found, key=lambda name: -found[name])[:LOOPS]
    grids = []
    for name in varied:
        base = found[name]
        quarters = {max(1, base * n // STEPS) for n in range(1, STEPS * STEPS)}
        grids.append(sorted(quarters | {base * n for n in range(1, MOST + 1)}))
    for values in itertools.product(*grids):
        yield {**found, **dict(zip(varied, values, strict=True))}


def _array_keys(engine: Engine, base: Mapping[str, int], values: Mapping[str, int]) -> dict[str, str]:
    """The dimensions, and other unrollings of the same array along with them."""
    place = f"engines.{engine.name}"
    keys = {f"{place}.{name}": str(value) for name, value in values.items()}
    ratios = {name.rpartition(".")[2]: Fraction(value, base[name]) for name, value in values.items()}
    mine = {name.partition(".")[0] for name in values if "." in name}
    for name, value in engine.parameters.items():
        if isinstance(value, Mapping) and mine and name not in mine:
            for loop, copies in value.items():
                ratio = ratios.get(loop, ratios.get(GROUPS_GO_WITH, Fraction(1)) if loop == "G" else Fraction(1))
                if _is_integer(copies):
                    keys[f"{place}.{name}.{loop}"] = str(max(1, int(copies * ratio)))
    return keys


def _memories(hardware: Hardware, ratio: Fraction) -> dict[str, str]:
    """Memories on chip in proportion, in whole rows of all banks."""
    found = {}
    for memory in hardware.memories.values():
        if memory.technology in ON_CHIP and memory.name != hardware.main_memory:
            found[f"memories.{memory.name}.size"] = f"{_rounded(memory, ratio)} B"
    return found


def _rounded(memory: Memory, ratio: Fraction) -> int:
    row = max(memory.banks * memory.width_bits // 8, 1)
    return max(int(memory.size_bytes * ratio) // row, 1) * row


def _of_keys(hardware: Hardware, source: str, keys: Sequence[str]) -> list[Step]:
    document = _document(source)
    values = {key: _value(document, key) for key in keys}
    integers = [value for value in values.values() if isinstance(value, int)]
    if integers:
        quarter = {base: max(1, base // STEPS) for base in integers}
        factors = {Fraction(n, base) for base, step in quarter.items() for n in range(step, MOST * base + 1, step)}
        factors = {factor for factor in factors if factor * min(integers) >= 1}
    else:
        factors = {Fraction(n, EIGHTHS) for n in range(1, MOST * EIGHTHS + 1)}
    made = []
    for factor in sorted(factors | {Fraction(1)}):
        texts = {key: _scaled(hardware, key, value, factor) for key, value in values.items()}
        made.append(Step(float(factor), {} if factor == 1 else texts))
    return made


def has_key(source: str, key: str) -> bool:
    """Whether a description has a value at a dotted key."""
    found: Any = _document(source)
    for word in key.split("."):
        if not isinstance(found, Mapping) or word not in found:
            return False
        found = found[word]
    return True


def _document(source: str) -> Mapping[str, Any]:
    table = load_registry()["hardware"]
    return read_document(table.get(source, source))[0]


def _value(document: Any, key: str) -> int | tuple[Fraction, str]:
    """An integer, or a number with its unit, at a key of a description."""
    where, found = f"--scale {key}", document
    for word in key.split("."):
        found = found[word]
    if isinstance(found, Mapping) and "value" in found:
        found = found["value"]
    if _is_integer(found):
        return int(found)
    match = _QUANTITY.fullmatch(str(found))
    if match is None or isinstance(found, Mapping | list):
        raise DescriptionError(f"{found!r} is no number", where=where, allowed="an integer, or a number with its unit")
    return Fraction(match[1]), match[2]


def _scaled(hardware: Hardware, key: str, value: int | tuple[Fraction, str], factor: Fraction) -> str:
    if isinstance(value, int):
        return str(max(1, int(value * factor)))
    _, part, *rest = [*key.split("."), ""]
    if key.startswith("memories.") and rest[0] == "size" and part in hardware.memories:
        return f"{_rounded(hardware.memories[part], factor)} B"
    number, unit = value
    return f"{float(number * factor):.12g} {unit}".strip()
