"""The number formats of DRQ: 8-bit integers that carry the flag of their region, and the 4-bit ones they become.

In memory a sensitive element takes 8 bits, an insensitive one 4 bits, and each region one bit. Arrays hold both in one
code: bit 8 says that the element is sensitive; below it stand the byte of the 8-bit integer (less its lowest), or the
4-bit integer (less its lowest). Plans reserve the worst case, a byte and its flag for every element; once the values
are known, transfers take what the mask leaves (`Flagged.bind`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats import Arithmetic, Encoding, IntegerFormat, Storage
from cosim_plugins.drq.narrowing import LOWEST, RULES, Integers, Narrowing

Array = NDArray[Any]
FLAG = 1 << 8
INT8 = IntegerFormat("int8", 8, "int8", "")
CODES = np.dtype(np.uint16)


class Flagged:
    """8-bit integers with the flag of their region: what arrays and kernels hold of a DRQ tensor."""

    bits = 9
    storage: np.dtype[np.generic] = CODES
    tie_rule = "even"
    saturation = "clamp"
    largest = 127.0
    sums = np.dtype(np.int32)
    # An 8x8 product is four passes of a 4x4 multiplier, each added to the sum: 4 x 16 bit products, 4 x 16 bit added.
    # The sum of a pass is 16 bits wide: Fig. 4 joins partial results by a 16-bit adder.
    arithmetic = Arithmetic((8, 8), adder_bits=4 * 16, operand_bits=9, note="four passes of a 4-bit multiplier")

    def __init__(self, rule: Narrowing) -> None:
        self.rule = rule
        self.name = wide_name(rule)
        self.summary = f"DRQ: int8 in sensitive regions, else int4 ({rule.summary}); a flag per region"

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
        """Scale and zero point of int8."""
        return replace(INT8.calibrate(low, high, symmetric=symmetric, axis=axis), format=self.name, bits=self.bits)

    def encode(self, values: Array, encoding: Encoding) -> Array:
        """Codes of real values, or of codes of this format, all as sensitive elements."""
        if values.dtype == self.storage:
            low_bits = np.clip(self.integers(values, encoding) - lowest_of(encoding), 0, FLAG - 1)
        else:
            low_bits = INT8.encode(values, encoding).astype(np.int32) - LOWEST
        return (low_bits | FLAG).astype(self.storage)

    def decode(self, codes: Array, encoding: Encoding) -> NDArray[np.float32]:
        """Integers times the scale."""
        return (self.integers(codes, encoding) * _scale(encoding, codes.shape)).astype(np.float32)

    def integers(self, codes: Array, encoding: Encoding) -> Integers:
        """Real value / scale of each element, same shape."""
        lowest, low_bits = lowest_of(encoding), (codes & (FLAG - 1)).astype(np.int32)
        narrow = self.rule.step * (low_bits + self.rule.base(lowest))
        return np.where(is_sensitive(codes), low_bits + lowest, narrow).astype(np.int32)

    def bind(self, codes: Array, encoding: Encoding) -> Storage:
        """What each element takes in memory: 8 or 4 bits, and the first of each region the flag of the region."""
        bits = np.where(is_sensitive(codes), 8, 4).astype(np.int64)
        if encoding.regions is not None:
            bits[np.ix_(*encoding.regions.starts)] += 1
        return Storage(tuple(np.arange(extent, dtype=np.int64) for extent in codes.shape), bits)


class Narrowed:
    """4-bit integers: what insensitive regions keep. Their codes are those of `Flagged` without the flag."""

    bits = 4
    storage: np.dtype[np.generic] = np.dtype(np.uint8)
    tie_rule = "up"
    saturation = "clamp"
    rounding = "down"
    largest = 127.0
    arithmetic = Arithmetic((4, 4), adder_bits=16, operand_bits=4, note="one pass of a 4-bit multiplier")

    def __init__(self, rule: Narrowing) -> None:
        self.rule = rule
        self.name = narrow_name(rule)
        self.summary = f"DRQ: int4 of insensitive regions ({rule.summary})"
        self._wide = Flagged(rule)

    def calibrate(
        self, low: NDArray[np.float64], high: NDArray[np.float64], *, symmetric: bool, axis: int | None
    ) -> Encoding:
        """Scale and zero point of the int8 that is narrowed."""
        return replace(INT8.calibrate(low, high, symmetric=symmetric, axis=axis), format=self.name, bits=self.bits)

    def encode(self, values: Array, encoding: Encoding) -> Array:
        """Codes of real values, or of codes of `Flagged`: those that are narrow already stay."""
        codes = values if values.dtype == CODES else self._wide.encode(values, encoding)
        lowest = lowest_of(encoding)
        low_bits = (codes & (FLAG - 1)).astype(np.int32)
        kept = self.rule.narrow(low_bits + lowest, lowest) - self.rule.base(lowest)
        return np.where(is_sensitive(codes), kept, low_bits).astype(self.storage)

    def decode(self, codes: Array, encoding: Encoding) -> NDArray[np.float32]:
        """Integers times the scale."""
        return self._wide.decode(codes.astype(CODES), encoding)


def is_sensitive(codes: Array) -> NDArray[np.bool_]:
    """Which elements of `codes` of a `Flagged` tensor are in a sensitive region."""
    return codes >= FLAG


def wide_name(rule: Narrowing) -> str:
    """Registered name of the 8-bit format of a rule."""
    return "drq8" if rule.name == "msb" else f"drq8_{rule.name}"


def narrow_name(rule: Narrowing) -> str:
    """Registered name of the 4-bit format of a rule."""
    return "drq4" if rule.name == "msb" else f"drq4_{rule.name}"


def factories() -> Mapping[str, Callable[[], Flagged | Narrowed]]:
    """The formats by name."""
    wide: dict[str, Callable[[], Flagged | Narrowed]] = {
        wide_name(rule): partial(Flagged, rule) for rule in RULES.values()
    }
    return wide | {narrow_name(rule): partial(Narrowed, rule) for rule in RULES.values()}


def lowest_of(encoding: Encoding) -> int:
    """Smallest 8-bit integer (real value / scale): 0 where the zero point is the lowest code.

    Raises
    ------
    DescriptionError
        Zero points differ from channel to channel: the 4-bit integers of the tensor would not begin at one number.
    """
    zeros = np.zeros(1, np.int64) if encoding.zero_point is None else np.unique(encoding.zero_point)
    if zeros.size != 1:
        raise DescriptionError("zero points differ", where=f"encoding {encoding.format}", allowed="one for the tensor")
    return LOWEST - int(zeros[0])


def _scale(encoding: Encoding, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if encoding.scale is None:
        raise DescriptionError(
            f"{encoding.format} has no scale",
            where="decode",
            fix="calibrate the graph: compress it with calibrate=True",
        )
    return np.asarray(encoding.aligned(encoding.scale, shape), np.float64)
