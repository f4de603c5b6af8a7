"""`Call`: one tile of one op with the operand boxes that it touches. The only thing a kernel sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError, UnsupportedError
from cosim.execute.numerics import Numerics, numerics_of
from cosim.execute.presets import COSIM
from cosim.formats import Encoding, Format, IntegerFormat, mixture
from cosim.formats.builtin import FORMATS, find_format
from cosim.graph.op import Op
from cosim.graph.space import Boxes, Space

Array = NDArray[Any]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Call:
    """One tile of one op.

    Attributes
    ----------
    op, space
        What is computed, and its iteration space.
    tile
        Box of loops, shape (loops, 2).
    operands
        One contiguous array per input, exactly the operand box of the tile; None where that box is empty.
    boxes, reaches
        Per input its box, shape (axes, 2), and the same before clipping to the tensor: the difference is padding.
    output_box
        Box of the output, shape (axes, 2).
    inputs, output
        Encodings.
    accumulators
        Partial sums to start from, shape of the output box, or None.
    partial
        The result is accumulators, not codes.
    formats
        Formats by name.
    numerics
        Rules of rounding, and deviations from exact sums.
    backend
        What integer products are computed with; every one gives the same sums.
    stored
        Encodings in which the inputs are stored, cut to their boxes, where one is not what kernels compute on (`inputs`):
        a mixed one, or integers with a scale per block. Empty where all are.
    target_stored
        The same for the output; what a kernel returns is rounded to its parts afterwards.
    """

    op: Op
    space: Space
    tile: Boxes
    operands: tuple[Array | None, ...]
    boxes: tuple[Boxes, ...]
    reaches: tuple[Boxes, ...]
    output_box: Boxes
    inputs: tuple[Encoding, ...]
    output: Encoding
    accumulators: Array | None = None
    partial: bool = False
    formats: Mapping[str, Format] = field(default_factory=lambda: FORMATS)
    numerics: Numerics = field(default_factory=lambda: numerics_of(COSIM))
    backend: str = "numpy"
    stored: tuple[Encoding, ...] = ()
    target_stored: Encoding | None = None

    def operand(self, position: int) -> Array:
        """An operand that must exist."""
        array = self.operands[position]
        if array is None:
            raise DescriptionError(f"operand {position} is empty", where=self.where)
        return array

    @property
    def where(self) -> str:
        """Place for error messages."""
        return f"op {self.op.name} ({self.op.kind.name})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the output box."""
        return tuple((self.output_box[:, 1] - self.output_box[:, 0]).tolist())

    @property
    def target(self) -> Format:
        """Format of the output."""
        return find_format(self.output.format, self.formats)

    @property
    def integer_target(self) -> IntegerFormat:
        """Format of an output that must be a scaled integer."""
        form = self.target
        if not isinstance(form, IntegerFormat):
            raise UnsupportedError(
                f"integer arithmetic cannot write {form.name}",
                where=self.where,
                fix="register a kernel that can with the hook cosim_kernels",
            )
        return form

    def is_integer(self, position: int) -> bool:
        """Whether an operand is a scaled integer."""
        return isinstance(find_format(self.inputs[position].format, self.formats), IntegerFormat)

    def scale(self, position: int) -> float:
        """The one scale of an operand."""
        return one(self.inputs[position].scale, f"{self.where}, input {self.op.inputs[position]!r}")

    def zero(self, position: int) -> int:
        """The one zero point of an operand."""
        return _zero(self.inputs[position], f"{self.where}, input {self.op.inputs[position]!r}")

    @property
    def output_scale(self) -> float:
        """The one scale of the output."""
        return one(self.output.scale, f"{self.where}, output {self.op.output!r}")

    @property
    def output_zero(self) -> int:
        """The one zero point of the output."""
        return _zero(self.output, f"{self.where}, output {self.op.output!r}")

    def real(self, position: int) -> NDArray[np.float32]:
        """Decoded operand [real]; the operand itself where it is fp32."""
        if self.inputs[position].format == "fp32":
            return self.operand(position)
        form = find_format(self.inputs[position].format, self.formats)
        return form.decode(self.operand(position), self.local(position))

    def by_part(self, position: int) -> list[tuple[Encoding, Array]]:
        """The parts of a mixed operand, each with the operand's codes where it applies and the code of 0 elsewhere.

        Codes are on the grid that all parts have in common (`inputs`), so sums over parts are those of the operand.
        """
        codes = self.operand(position)
        encoding = self.stored[position] if self.stored else self.inputs[position]
        if not encoding.is_mixed:
            return [(self.local(position), codes)]
        members = mixture.members_of(codes, encoding, self.formats)
        zero = self.zero(position) if self.is_integer(position) else 0
        apart = [np.where(members == i, codes, codes.dtype.type(zero)) for i in range(len(encoding.parts))]
        return list(zip(encoding.parts, apart, strict=True))

    def local(self, position: int) -> Encoding:
        """Encoding of an operand, per-channel scales cut to its box."""
        return calibrated(self.inputs[position], self.formats, self.where).seen(self.boxes[position])

    @property
    def all_integer(self) -> bool:
        """Whether every operand and the output are scaled integers."""
        return isinstance(self.target, IntegerFormat) and all(self.is_integer(i) for i in range(len(self.inputs)))

    @property
    def all_integer_input(self) -> bool:
        """Whether the first operand and the output are scaled integers, whatever the parameters are."""
        return isinstance(self.target, IntegerFormat) and self.is_integer(0)

    def encoded(self, values: NDArray[np.floating]) -> Array:
        """Codes of the output box from real values."""
        encoding = calibrated(self.output, self.formats, self.where)
        return self.target.encode(values, encoding.cut(self.output_box))


def one(values: Doubles | None, where: str) -> float:
    """The only scale or zero point; an error while uncalibrated, or where there is one per channel."""
    if values is None:
        raise DescriptionError("has no scale", where=where, fix="calibrate the graph: compress it with calibrate=True")
    if np.size(values) != 1:
        raise UnsupportedError(
            f"has {np.size(values)} scales where one per tensor is needed",
            where=where,
            fix="register a kernel that takes them with the hook cosim_kernels",
        )
    return float(np.asarray(values).reshape(-1)[0])


def _zero(encoding: Encoding, where: str) -> int:
    point = encoding.zero_point
    if point is not None and point.size == 1:
        return int(point.reshape(-1)[0])
    return 0 if point is None or not np.any(point) else int(one(np.asarray(point, np.float64), where))


def calibrated(encoding: Encoding, formats: Mapping[str, Format], where: str) -> Encoding:
    """The same encoding; an error where it is an integer without a scale."""
    if encoding.scale is None and isinstance(find_format(encoding.format, formats), IntegerFormat):
        raise DescriptionError(
            f"{encoding.format} has no scale", where=where, fix="calibrate the graph: compress it with calibrate=True"
        )
    return encoding


def padded(array: Array | None, box: Boxes, reach: Boxes, fill: float, dtype: np.dtype[Any]) -> Array:
    """Put a box into its reach and fill the overhang, shape of the reach."""
    if array is not None and np.array_equal(box, reach):
        return array
    out = np.full(tuple((reach[:, 1] - reach[:, 0]).tolist()), fill, dtype)
    if array is not None:
        out[tuple(slice(int(b[0] - r[0]), int(b[1] - r[0])) for b, r in zip(box, reach, strict=True))] = array
    return out
