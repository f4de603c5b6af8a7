"""`Node`: one operator of a .tflite file as the converters see it, and `Laid`: a value and the order of its axes.

Files keep images channels last, the Graph keeps them channels first. A value of four axes stays as it is until an
operator needs the other order, so no transposition is made that the network does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cosim.errors import DescriptionError, UnsupportedError
from cosim.frontend.lowering import Array, Lowering, Value, view
from cosim.frontend.tflite.flatbuffer import Table
from cosim.frontend.tflite.schema import TensorInfo

TO_IMAGE = (0, 3, 1, 2)
FROM_IMAGE = (0, 2, 3, 1)
IMAGE_AXIS = {0: 0, 1: 2, 2: 3, 3: 1}
"""Axis of the file -> axis of the Graph."""


@dataclass(frozen=True)
class Laid:
    """A value; `is_image` says that its four axes are (N, C, H, W) instead of the file's (N, H, W, C)."""

    value: Value
    is_image: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in the file."""
        shape = self.value.shape
        return tuple(shape[axis] for axis in FROM_IMAGE) if self.is_image else shape


def ordered(low: Lowering, x: Value, order: tuple[int, ...]) -> Value:
    """`x` with its axes in another order; free where only axes of one element move."""
    wide = [axis for axis in range(x.rank) if x.shape[axis] != 1]
    if x.array is None and [axis for axis in order if x.shape[axis] != 1] == wide:
        return view.reshape(low, x, tuple(x.shape[axis] for axis in order))
    before = x.source("transpose")
    if before is not None and tuple(before.attributes["permutation"][axis] for axis in order) == tuple(range(x.rank)):
        return before.inputs[0]
    return view.transpose(low, x, order)


def as_image(low: Lowering, x: Laid) -> Value:
    """`x` as (N, C, H, W); fewer axes are the last ones of (N, H, W, C)."""
    if x.is_image:
        return x.value
    value = x.value
    if value.rank < 4:
        value = view.reshape(low, value, (*(1,) * (4 - value.rank), *value.shape))
    return ordered(low, value, TO_IMAGE)


def as_file(low: Lowering, x: Laid) -> Value:
    """`x` with the axes that it has in the file."""
    return ordered(low, x.value, FROM_IMAGE) if x.is_image else x.value


@dataclass(frozen=True)
class Node:
    """One operator, its inputs already converted.

    Attributes
    ----------
    kind
        Operator, such as ``"CONV_2D"``.
    options
        Its table of options, or None where all are defaults.
    inputs
        Operands; None for those left out.
    outputs
        What the file says of its outputs.
    low
        The Graph being written.
    """

    kind: str
    options: Table | None = field(repr=False)
    inputs: tuple[Laid | None, ...] = field(repr=False)
    outputs: tuple[TensorInfo, ...] = field(repr=False)
    low: Lowering = field(repr=False)

    def __getitem__(self, position: int) -> Laid:
        """An operand that must be there."""
        held = self.inputs[position] if position < len(self.inputs) else None
        if held is None:
            raise DescriptionError(f"{self.kind} has no input {position}", where=self.low.place())
        return held

    def has(self, position: int) -> bool:
        """Whether an optional operand is there."""
        return position < len(self.inputs) and self.inputs[position] is not None

    def image(self, position: int) -> Value:
        """An operand of four axes as (N, C, H, W)."""
        x = self[position]
        if len(x.shape) != 4:
            raise DescriptionError(f"{self.kind} of shape {x.shape}", where=self.low.place(), allowed="(N, H, W, C)")
        return as_image(self.low, x)

    def plain(self, position: int) -> Value:
        """An operand with the axes of the file."""
        return as_file(self.low, self[position])

    def option(self, slot: int, kind: str, default: float = 0) -> Any:
        """The option in field `slot`."""
        return default if self.options is None else self.options.number(slot, kind, default)

    def array(self, position: int, what: str) -> Array:
        """Elements of an operand that must be constant, in the file's order; `what` says its role in the message."""
        held = self[position].value.array
        if held is None:
            raise UnsupportedError(
                f"{self.kind} with {what} that is only known at run time",
                where=self.low.place(),
                allowed=f"constant {what}",
            )
        return held

    def integers(self, position: int, what: str) -> tuple[int, ...]:
        """Elements of a constant operand of integers."""
        return tuple(int(item) for item in self.array(position, what).reshape(-1))

    def only(self, what: str, value: object, allowed: Mapping[Any, str]) -> None:
        """Refuse an option that cosim cannot represent."""
        if value not in allowed:
            raise UnsupportedError(
                f"{self.kind} with {what} {value}", where=self.low.place(), allowed=", ".join(allowed.values())
            )


Converter = Callable[[Node], "Laid | Sequence[Laid]"]
"""Node -> its outputs."""
