"""`Node`: one ONNX node as the converters see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend.lowering import Array, Lowering, Value, scalar


@dataclass(frozen=True)
class Node:
    """One node of the model, its inputs already converted.

    Attributes
    ----------
    kind
        ONNX operator, such as ``"Conv"``.
    opset
        Version of the operator set.
    attributes
        Python values of the attributes that are present.
    inputs
        Operands; None for those left out.
    outputs
        Names; empty for those left out.
    low
        The Graph being written.
    """

    kind: str
    opset: int
    attributes: Mapping[str, Any] = field(repr=False)
    inputs: tuple[Value | None, ...] = field(repr=False)
    outputs: tuple[str, ...] = field(repr=False)
    low: Lowering = field(repr=False)

    def __getitem__(self, position: int) -> Value:
        """An operand that must be there."""
        value = self.optional(position)
        if value is None:
            raise DescriptionError(f"{self.kind} has no input {position}", where=self.low.place())
        return value

    def optional(self, position: int) -> Value | None:
        """An operand, or None where it is left out."""
        return self.inputs[position] if position < len(self.inputs) else None

    def present(self) -> tuple[Value, ...]:
        """All operands that are there."""
        return tuple(value for value in self.inputs if value is not None)

    def get(self, attribute: str, default: Any = None) -> Any:
        """Value of an attribute, or `default`."""
        return self.attributes.get(attribute, default)

    def integers(self, attribute: str, default: Sequence[int]) -> tuple[int, ...]:
        """Value of an attribute that lists integers."""
        return tuple(int(item) for item in self.attributes.get(attribute, default))

    def array(self, position: int, what: str) -> Array:
        """Elements of an operand that must be constant; `what` says its role in the message."""
        value = self[position]
        if value.array is None:
            raise UnsupportedError(
                f"{self.kind} with {what} that is only known at run time ({value.label or 'unnamed'})",
                where=self.low.place(),
                allowed=f"constant {what}",
                fix="export with fixed shapes (no dynamic axes), or run onnx-simplifier on the model",
            )
        return value.array

    def number(self, position: int, what: str, default: float) -> float:
        """The one element of an operand that must be constant, or `default` where it is left out."""
        if self.optional(position) is None:
            return default
        held = scalar(self[position])
        return float(self.array(position, what).reshape(-1)[0]) if held is None else held

    def list(self, position: int, attribute: str, what: str) -> tuple[int, ...] | None:
        """Integers that old operator sets keep in `attribute` and new ones in the input at `position`."""
        if attribute in self.attributes:
            return self.integers(attribute, ())
        if self.optional(position) is None:
            return None
        return tuple(int(item) for item in self.array(position, what).reshape(-1))

    def only(self, attribute: str, allowed: Sequence[Any], default: Any) -> None:
        """Refuse an attribute value that cosim cannot represent."""
        value = self.get(attribute, default)
        if value not in allowed:
            raise UnsupportedError(
                f"{self.kind} with {attribute}={value!r}",
                where=self.low.place(),
                allowed=", ".join(f"{attribute}={item!r}" for item in allowed),
            )


Converter = Callable[[Node], "Value | Sequence[Value]"]
"""Node -> its first outputs."""
