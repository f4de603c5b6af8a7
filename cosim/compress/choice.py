"""`Choice`: what rules ask for one tensor, and the encodings that answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.compress.ranges import Range
from cosim.compress.rules import Wanted
from cosim.errors import DescriptionError
from cosim.formats import Encoding, Format, IntegerFormat, Regions, fit, mix, nested

Axes = dict[str, int]


@dataclass(frozen=True)
class Choice:
    """Formats of one tensor.

    Attributes
    ----------
    wanted
        The format of the whole tensor, then those of its parts, each painted over the ones before.
    axes
        Axis of each name.
    where
        The tensor in words.
    """

    wanted: tuple[Wanted, ...]
    shape: tuple[int, ...]
    axes: Axes
    where: str

    def encoding(self, parts: Sequence[Encoding], formats: Mapping[str, Format]) -> Encoding:
        """The encoding with one of `parts` for each wish; mixed where there are several."""
        if len(self.wanted) == 1:
            return parts[0]
        try:
            return mix(*self._merged(parts), formats)
        except DescriptionError as error:
            if error.where not in {None, "regions"}:
                raise
            raise DescriptionError(error.found, where=self.where, allowed=error.allowed, fix=error.fix) from error

    def regions(self) -> Regions:
        """Which wish each element falls to.

        Raises
        ------
        DescriptionError
            A part is not in the tensor, or the values decide and places do too.
        """
        deciding = [one for one in self.wanted if one.where is not None and one.where.above is not None]
        if not deciding:
            layers = [
                one.where.layer(number, self.shape, self.axes, self.where)
                for number, one in enumerate(self.wanted)
                if one.where is not None
            ]
            return Regions.painted(self.shape, layers)
        if len(self.wanted) > 2 or deciding[0].where is None:
            raise DescriptionError(
                "values decide which regions have a format, and other parts are given too",
                where=self.where,
                allowed="one format for the tensor and one for the regions that values choose",
            )
        if len(deciding[0].where.region) > len(self.shape):
            raise DescriptionError(
                f"regions of {deciding[0].where.region} in a tensor of shape {self.shape}", where=self.where
            )
        return deciding[0].where.decided(self.shape)

    def _merged(self, parts: Sequence[Encoding]) -> tuple[list[Encoding], Regions]:
        """Wishes for the same encoding as one part; parts that nothing is left of are dropped."""
        regions = self.regions()
        if regions.part is None:
            return list(parts), regions
        used = [i for i in range(len(parts)) if np.any(regions.part == i)]
        number = np.zeros(len(parts), np.uint8)
        number[used] = np.arange(len(used))
        return [parts[i] for i in used], Regions(regions.starts, number[regions.part])


def plain(form: Format, axis: int | None = None) -> Encoding:
    """The encoding before calibration: what its size depends on."""
    block = getattr(form, "block", None)
    return Encoding(form.name, form.bits, axis=axis, block=block, block_bits=getattr(form, "block_bits", 0))


def of_range(forms: Sequence[Format], seen: Sequence[Range], *, calibrate: bool) -> dict[str, Encoding]:
    """Encodings of an activation by format name: several integers share a grid, others cover the range each."""
    if not calibrate or not seen:
        return {form.name: plain(form) for form in forms}
    low, high = np.array(min(part.low for part in seen)), np.array(max(part.high for part in seen))
    integers = [form for form in forms if isinstance(form, IntegerFormat)]
    if len(forms) > 1 and len(integers) == len(forms):
        return nested(integers, low, high, symmetric=False, axis=None)
    return {form.name: form.calibrate(low, high, symmetric=False, axis=None) for form in forms}


def of_values(
    choice: Choice, values: NDArray[np.float32], axis: int | None, formats: Mapping[str, Format]
) -> list[Encoding]:
    """Encodings of a constant, one per wish.

    Integers that meet in a sum share a grid; where every output channel is of one part, each has the step that suits it.
    """
    forms = [formats[one.format] for one in choice.wanted]
    integers = [form for form in forms if isinstance(form, IntegerFormat)]
    meets = len(forms) > 1 and len(integers) == len(forms) and not any(one.block for one in choice.wanted)
    if meets and (axis is None or choice.regions().along(axis, values.shape[axis]) is None):
        others = None if axis is None else tuple(i for i in range(values.ndim) if i != axis)
        low, high = values.min(axis=others).astype(np.float64), values.max(axis=others).astype(np.float64)
        found = nested(list(dict.fromkeys(integers)), low, high, symmetric=True, axis=axis)
        return [found[one.format] for one in choice.wanted]
    return [
        _fitted(form, one, values, axis, choice, alone=len(forms) == 1)
        for form, one in zip(forms, choice.wanted, strict=True)
    ]


def _fitted(
    form: Format, wanted: Wanted, values: NDArray[np.float32], axis: int | None, choice: Choice, *, alone: bool
) -> Encoding:
    own = getattr(form, "block", None)
    if wanted.block is not None or own is not None:
        # Products sum along the inputs: a block's scale is then a factor of its partial sum.
        along = choice.axes.get("inputs", -1)
        along = along if values.shape[along] > 1 else -1
        return fit(form, values, block=wanted.block or own, block_axis=along)
    if not isinstance(form, IntegerFormat):
        return fit(form, values, axis=axis)
    # Alone, unsigned weights need a zero point, and kernels take one per tensor.
    is_unsigned = form.low == 0 and alone
    return fit(form, values, axis=None if is_unsigned else axis, symmetric=not is_unsigned)
