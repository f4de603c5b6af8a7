"""`Value` and `Step`: tensors and ops of a Graph that is still being written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.formats import FLOAT32, Encoding

Shape = tuple[int, ...]
Array = NDArray[Any]

INT32 = Encoding("int32", 32)
"""Encoding of indices (token ids): codes are the numbers themselves."""


@dataclass(eq=False)
class Value:
    """An array that flows between steps; compared by identity.

    Attributes
    ----------
    shape
        Its extents.
    encoding
        fp32, int32 without a scale for indices, or scaled integers in quantised files.
    array
        The elements when they are known before the network runs, in the dtype of the source file.
    label
        Name in the source; empty until the source names it.
    step
        The step that writes it; None for inputs and known arrays.
    codes
        Codes of a known value that its file stores quantised, in `encoding`; `array` then holds what they mean.
    """

    shape: Shape
    encoding: Encoding = FLOAT32
    array: Array | None = field(default=None, repr=False)
    label: str = ""
    step: Step | None = field(default=None, repr=False)
    codes: Array | None = field(default=None, repr=False)

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def is_known(self) -> bool:
        """Whether the elements are known before the network runs."""
        return self.array is not None

    @property
    def is_integer(self) -> bool:
        """Whether the elements are indices."""
        return self.encoding.format == INT32.format and self.encoding.scale is None

    @property
    def is_coded(self) -> bool:
        """Whether the elements are scaled integers."""
        return self.encoding.scale is not None

    def source(self, kind: str) -> Step | None:
        """The step that writes this value when it is of that kind."""
        return self.step if self.step is not None and self.step.kind == kind else None


@dataclass(eq=False)
class Step:
    """An op that is still being written.

    Attributes
    ----------
    kind
        Name of the op kind.
    inputs
        Operands.
    attributes
        Attributes that differ from the defaults.
    label
        Name of the node of the source that asked for it; several steps may share one.
    """

    kind: str
    inputs: tuple[Value, ...]
    attributes: Mapping[str, Any]
    label: str


def known(array: Array, label: str = "") -> Value:
    """A value whose elements are known."""
    array = np.asarray(array)
    is_integer = array.dtype.kind in "iub"
    return Value(tuple(int(extent) for extent in array.shape), INT32 if is_integer else FLOAT32, array, label)


def scalar(value: Value | None) -> float | None:
    """The number held by a known value of one element, otherwise None."""
    if value is None or value.array is None or value.array.size != 1 or value.array.dtype.kind not in "fiub":
        return None
    return float(value.array.reshape(())[()])
