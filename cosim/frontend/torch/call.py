"""`Call`: one call of an ATen operator as the converters see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosim.errors import UnsupportedError
from cosim.frontend.lowering import Lowering, Value, known


@dataclass(frozen=True)
class Call:
    """A call with its arguments by the names of the operator's schema, defaults filled in.

    Attributes
    ----------
    operator
        Such as ``"aten.conv2d"``, without the overload.
    overload
        Such as ``"default"``.
    arguments
        Tensors as values, everything else as Python objects.
    low
        The Graph being written.
    """

    operator: str
    overload: str
    arguments: Mapping[str, Any] = field(repr=False)
    low: Lowering = field(repr=False)

    def __getitem__(self, name: str) -> Any:
        """An argument."""
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or `default` where the overload does not have it or it is None."""
        value = self.arguments.get(name)
        return default if value is None else value

    def tensor(self, *names: str) -> Value:
        """The first of the arguments `names` that is there, a number as a tensor of one element."""
        value = next(self.arguments[name] for name in names if self.arguments.get(name) is not None)
        return value if isinstance(value, Value) else known(np.array([float(value)], np.float32))

    def optional(self, name: str) -> Value | None:
        """A tensor argument, or None."""
        value = self.arguments.get(name)
        return value if isinstance(value, Value) else None

    def integers(self, name: str, count: int) -> tuple[int, ...]:
        """A list of `count` integers; a single number stands for all."""
        value = self.arguments[name]
        items = [value] if isinstance(value, int) else list(value)
        return tuple(int(item) for item in (items * count if len(items) == 1 else items))

    def refuse(self, what: str, allowed: str, fix: str | None = None) -> UnsupportedError:
        """The error for a use of this operator that has no counterpart."""
        return UnsupportedError(f"{self.operator} with {what}", where=self.low.place(), allowed=allowed, fix=fix)


Converter = Callable[[Call], "Value | Sequence[Value]"]
"""Call -> its results."""
