"""Real numbers to codes of at most 8 bits as frameworks round them, in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats import Encoding, IntegerFormat

Reals = NDArray[np.float32]

_ONE = np.float32(1)


def _away(values: Reals) -> Reals:
    wide = values.astype(np.float64)  # in float32 the sum could round up to the next integer
    return np.asarray(np.copysign(np.floor(np.abs(wide) + 0.5), wide), np.float32)


def _fused(values: Reals, scale: np.float32, zero: np.float32) -> Reals:
    """One fused multiply-add: exact in float64, then cut to float32."""
    return np.asarray(np.rint((values.astype(np.float64) * np.float64(_ONE / scale) + zero).astype(np.float32)))


RULES: Mapping[str, Callable[[Reals, np.float32, np.float32], Reals]] = MappingProxyType(
    {
        "reciprocal": lambda x, scale, zero: np.rint(x * (_ONE / scale)) + zero,
        "reciprocal-inside": lambda x, scale, zero: np.rint(x * (_ONE / scale) + zero),
        "reciprocal-away": lambda x, scale, zero: _away(x * (_ONE / scale)) + zero,
        "divide-even": lambda x, scale, zero: np.rint(x / scale) + zero,
        "divide-away": lambda x, scale, zero: _away(x / scale) + zero,
        "fused": _fused,
    }
)


def quantised_real(
    values: NDArray[np.floating], encoding: Encoding, form: IntegerFormat, rule: str, *, unsigned: bool
) -> NDArray[Any]:
    """Codes of `values` in a calibrated `encoding` with one scale; a NaN has no code and is refused."""
    real = np.asarray(values, np.float32)
    if np.isnan(real).any():
        raise DescriptionError(f"a NaN has no code in {form.name}", fix="find the op or the data that makes it")
    offset = 128 if unsigned else 0
    zero = 0 if encoding.zero_point is None else int(np.asarray(encoding.zero_point).reshape(-1)[0])
    scale = np.float32(np.asarray(encoding.scale).reshape(-1)[0])
    with np.errstate(over="ignore"):
        codes = RULES[rule](real, scale, np.float32(zero + offset))
    return np.asarray(np.clip(codes, form.low + offset, form.high + offset) - offset, form.storage)


def coded(values: NDArray[np.floating], scale: float, zero: int, bounds: tuple[int, int], rule: str) -> NDArray[Any]:
    """Codes of computed `values` as int64; a NaN becomes the lowest, as the conversion of x86 makes it."""
    single = np.asarray(values, np.float32)
    with np.errstate(all="ignore"):
        made = RULES[rule](single, np.float32(scale), np.float32(zero))
    return np.clip(np.where(np.isnan(single), bounds[0], np.clip(made, *bounds)), *bounds).astype(np.int64)


def takes_rule(encoding: Encoding, form: object, rule: str) -> bool:
    """Whether a framework's rule applies: at most 8 bits, calibrated, one scale."""
    if rule not in RULES or not isinstance(form, IntegerFormat) or encoding.scale is None:
        return False
    return form.bits <= 8 and encoding.scale.size == 1
