"""`Where`: which part of a tensor a rule speaks of: boxes along named axes, a mask, or what the values say.

``channels=0:16``, ``rows=0:50%,columns=8:24``, ``mask=masks.npz:stem,region=4x16``, ``mean>0.5,region=4x16``
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats import Layer, Regions

NAMES = ("batch", "channels", "inputs", "rows", "columns")
ALLOWED = (
    "channels=0:16, inputs=, rows=, columns=, batch= or a number of an axis, with 25% for shares; "
    "mask=FILE.npz:NAME,region=4x16; mean>0.5,region=4x16"
)
_SPAN = re.compile(r"(?P<axis>[a-z]+|\d+)=(?P<first>\d*)(?P<f>%?):(?P<last>\d*)(?P<l>%?)")


@dataclass(frozen=True)
class Span:
    """Indices along one axis: from `first` to before `last`, as numbers or, with `%`, as shares of the axis."""

    axis: str
    first: str
    last: str

    def bounds(self, extent: int) -> tuple[int, int]:
        """First and last + 1 of an axis of `extent`."""
        return _index(self.first or "0", extent), _index(self.last or "100%", extent)


@dataclass(frozen=True, eq=False)
class Where:
    """A part of a tensor.

    Attributes
    ----------
    text
        As the user wrote it.
    spans
        Boxes: everything along the axes that are not named.
    mask
        One flag per region of rows and columns, or of channels, rows and columns, or of all axes.
    region
        Extents of a region along the last axes (rows and columns); elements where it is empty.
    above
        Regions whose mean real value is above this, found from the values.
    """

    text: str
    spans: tuple[Span, ...] = ()
    mask: NDArray[np.bool_] | None = field(default=None, repr=False)
    region: tuple[int, ...] = ()
    above: float | None = None

    def layer(self, part: int, shape: Sequence[int], axes: dict[str, int], where: str) -> Layer:
        """Which elements of a tensor of `shape` are of `part`; `axes` says which axis has which name.

        Raises
        ------
        DescriptionError
            The tensor has no such axis, or does not reach so far.
        """
        box = [(0, extent) for extent in shape]
        for span in self.spans:
            axis = axes.get(span.axis, int(span.axis) if span.axis.isdecimal() else -1)
            if not 0 <= axis < len(shape):
                raise DescriptionError(
                    f"a tensor of shape {tuple(shape)} has no {span.axis}",
                    where=f"{where}, {self.text}",
                    allowed=", ".join([*axes, *(f"axis {i}" for i in range(len(shape)))]),
                )
            first, last = span.bounds(shape[axis])
            if not 0 <= first < last <= shape[axis]:
                raise DescriptionError(
                    f"{span.axis} {first}:{last} of a tensor of shape {tuple(shape)}",
                    where=f"{where}, {self.text}",
                    allowed=f"a part of 0:{shape[axis]} that is not empty",
                    fix="shares, such as 0:50%, suit tensors of any size",
                )
            box[axis] = first, last
        region = (*(1,) * (len(shape) - len(self.region)), *self.region)
        mask = None if self.mask is None else self._spread(shape, region, where)
        return Layer(part, tuple(box), mask, region if mask is not None else ())

    def decided(self, shape: Sequence[int]) -> Regions:
        """Regions of which the values decide; all channels of a region together."""
        whole = len(shape) - len(self.region)
        return Regions.decided(shape, (*(1,) * min(whole, 1), *shape[1:whole], *self.region), float(self.above or 0.0))

    def _spread(self, shape: Sequence[int], region: Sequence[int], where: str) -> NDArray[np.bool_]:
        wanted = tuple(-(-extent // size) for extent, size in zip(shape, region, strict=True))
        mask = np.asarray(self.mask, np.bool_)
        if mask.ndim > len(wanted) or mask.shape != wanted[len(wanted) - mask.ndim :]:
            raise DescriptionError(
                f"the mask has shape {mask.shape}, the tensor {tuple(shape)} has {wanted} regions",
                where=f"{where}, {self.text}",
                allowed=f"shape {wanted}, or its last axes",
            )
        return np.broadcast_to(mask, wanted)


def parse_where(text: str, *, where: str) -> Where:
    """What stands in the brackets of a rule; raises `DescriptionError` where it means nothing."""
    spans: list[Span] = []
    mask, above = None, None
    region: tuple[int, ...] = ()
    for item in (part.strip() for part in text.split(",")):
        if item.startswith("mask="):
            mask = _mask(item.removeprefix("mask="), where)
        elif item.startswith("region="):
            region = _region(item.removeprefix("region="), where)
        elif item.startswith("mean>"):
            above = _number(item.removeprefix("mean>"), where)
        else:
            spans.append(_span(item, where))
    if above is not None and (spans or mask is not None or not region):
        raise DescriptionError(
            f"{text!r} asks for values and for places", where=where, allowed="mean>0.5,region=4x16, and nothing else"
        )
    if region and mask is None and above is None:
        raise DescriptionError(f"{text!r} says how large regions are, not which", where=where, allowed=ALLOWED)
    return Where(text, tuple(spans), mask, region, above)


def _span(item: str, where: str) -> Span:
    found = _SPAN.fullmatch(item)
    if found is None or not (found["axis"].isdecimal() or found["axis"] in NAMES):
        raise DescriptionError(f"{item!r} names no part of a tensor", where=where, allowed=ALLOWED)
    return Span(found["axis"], found["first"] + found["f"], found["last"] + found["l"])


def _index(text: str, extent: int) -> int:
    if text.endswith("%"):
        return round(extent * int(text[:-1] or "0") / 100)
    return int(text)


def _region(text: str, where: str) -> tuple[int, ...]:
    sizes = text.split("x")
    if not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise DescriptionError(f"region is {text!r}", where=where, allowed="rows x columns, such as 4x16")
    return tuple(int(size) for size in sizes)


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise DescriptionError(f"mean>{text}", where=where, allowed="a real number, such as mean>0.5")
    return number


def _mask(text: str, where: str) -> NDArray[np.bool_]:
    path, _, name = text.rpartition(":")
    if not path:
        raise DescriptionError(f"mask={text} names no array", where=where, allowed="mask=FILE.npz:NAME")
    try:
        with np.load(Path(path), allow_pickle=False) as arrays:
            if name not in arrays:
                raise DescriptionError(
                    f"{path} has no array {name!r}", where=where, allowed=", ".join(sorted(arrays)) or "an array"
                )
            array = arrays[name]
    except (OSError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise DescriptionError(f"{path} cannot be read", where=where, allowed="an .npz file of masks") from error
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise DescriptionError(f"mask {name!r} of {path} holds other numbers than 0 and 1", where=where)
    return np.asarray(array, np.bool_)
