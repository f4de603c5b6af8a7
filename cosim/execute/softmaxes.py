"""Softmax over integers as frameworks compute it: rules of codes, to codes of the output before the clamp.

``"lut-up"`` adds float32 exponentials from a table one after the other and rounds halves up (LiteRT's default);
``"fixed"`` is fixed point throughout (LiteRT's reference kernels, which microcontrollers run); ``"shifted"`` scales the
table by a power of e so that sums keep their digits, and rounds halves to even (ONNX Runtime). Their codes are
those of softmax in 256ths where the output has its usual scale of 1/256.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cosim.execute import fixed_point
from cosim.jit import njit

Int64s = NDArray[np.int64]
Singles = NDArray[np.float32]
_RESERVE = 5  # powers of e that are left below the largest float32


@dataclass(frozen=True)
class Rows:
    """Codes whose last axis sums to one, shape (rows, terms), with the scale of the input and of the output."""

    codes: Int64s
    scale: float
    target: float

    @property
    def below(self) -> Int64s:
        """How far each code is below the largest of its row."""
        return np.asarray(self.codes.max(axis=1, keepdims=True) - self.codes, np.int64)


def _lut_up(rows: Rows) -> Int64s:
    steps = np.arange(256, dtype=np.float32) * -np.float32(rows.scale)
    powers = np.exp(steps.astype(np.float64)).astype(np.float32)[rows.below]
    inverse = np.float32(1) / (_row_sums(powers) * np.float32(rows.target))
    return np.asarray(np.floor(powers * inverse[:, None] + np.float32(0.5)), np.int64)


def _fixed(rows: Rows) -> Int64s:
    return fixed_point.softmax(rows.codes, rows.scale, 1)


def _shifted(rows: Rows) -> Int64s:
    terms, scale = rows.codes.shape[1], np.float64(np.float32(rows.scale))
    room = np.log(np.float64(np.finfo(np.float32).max / np.float32(terms))) - _RESERVE
    steps = (max(0.0, float(room)) / scale - np.arange(256)) * scale
    powers = np.exp(steps).astype(np.float32)[rows.below]
    whole = np.floor(np.float32(1) / np.float32(rows.target))
    return np.asarray(np.rint((powers * whole).astype(np.float32) / _row_sums(powers)[:, None]), np.int64)


SOFTMAXES: Mapping[str, Callable[[Rows], Int64s]] = MappingProxyType(
    {"lut-up": _lut_up, "fixed": _fixed, "shifted": _shifted}
)


def _row_sums(values: Singles) -> Singles:
    out = np.empty(len(values), np.float32)
    _add_in_turn(np.ascontiguousarray(values), out)
    return out


@njit
def _add_in_turn(values: Singles, out: Singles) -> None:
    """Sums of rows, one term after the other: float32 sums depend on their order."""
    for row in range(len(values)):
        total = np.float32(0.0)
        for term in range(values.shape[1]):
            total += values[row, term]
        out[row] = total
