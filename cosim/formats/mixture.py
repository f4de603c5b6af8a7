"""Mixed encodings: tensors of which channels, or regions, have formats of their own.

Arrays hold a mixed tensor in one *common* encoding in which every part's values are exact, so that kernels need not
know of parts: an integer grid where all parts are integers whose steps are multiples of the finest one, fp32 elsewhere.
Products of parts then add up exactly as they would one by one: sum (x8 + x4) w = sum x8 w + sum x4 w.

Parts whose products meet in one sum share a grid (`nested`): the coarsest is calibrated, each finer one divides its
step by a power of two. Real numbers become codes of their part in one rounding. What an op computes is rounded to
the common encoding by the op's epilogue, then to its part, halves to even: two roundings, as in hardware that
requantises to the wider format and narrows what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import DescriptionError
from cosim.formats.builtin import find_format
from cosim.formats.encoding import FLOAT32, Encoding
from cosim.formats.fit import quantise
from cosim.formats.format import Format, IntegerFormat
from cosim.formats.regions import Regions
from cosim.formats.storage import Storage

Doubles = NDArray[np.float64]
Formats = Mapping[str, Format]


def mix(parts: Sequence[Encoding], regions: Regions, formats: Formats) -> Encoding:
    """The encoding of a tensor whose elements have `parts` according to `regions`.

    Raises
    ------
    DescriptionError
        A region cuts a block of its part, or values decide between parts without a common integer grid.
    """
    _check_blocks(parts, regions)
    common = _grid(parts, regions, formats)
    if common is None:
        if regions.part is None:
            raise DescriptionError(
                f"values cannot decide between {' and '.join(part.format for part in parts)}",
                where="regions",
                allowed="integer formats on one grid",
                fix="integer formats for both, or regions that are given",
            )
        common = FLOAT32
    bits = {part.format: part.bits for part in parts}
    names = sorted(bits, key=lambda name: (-bits[name], name))
    return replace(
        common, format="+".join(names), bits=max(bits.values()), parts=tuple(parts), regions=regions, common=common
    )


def nested(
    forms: Sequence[IntegerFormat], low: Doubles, high: Doubles, *, symmetric: bool, axis: int | None
) -> dict[str, Encoding]:
    """Encodings of integer formats for one range, by name: each step is the coarsest one over a power of two."""
    coarsest = min(forms, key=lambda form: form.bits)
    first = coarsest.calibrate(low, high, symmetric=symmetric, axis=axis)
    scale, zero = np.asarray(first.scale), np.asarray(first.zero_point)
    found = {}
    for form in forms:
        finer = 1 << (form.bits - coarsest.bits)
        point = (zero - coarsest.low) * finer + form.low
        found[form.name] = replace(first, format=form.name, bits=form.bits, scale=scale / finer, zero_point=point)
    return found


def encoded(values: NDArray[np.floating], encoding: Encoding, formats: Formats) -> NDArray[Any]:
    """Codes in the common encoding of real `values`, each rounded once, to its part."""
    regions = _regions(encoding)
    held = find_format(encoding.held.format, formats)
    if regions.part is None:
        return narrowed(held.encode(values, encoding.held), encoding, formats)
    members = regions.members(np.shape(values))
    out = np.zeros(np.shape(values), held.storage)
    for number, part in enumerate(encoding.parts):
        mine = members == number
        if mine.any():
            form = find_format(part.format, formats)
            if encoding.held.format == FLOAT32.format:
                codes: NDArray[Any] = quantise(form, values, part)
            else:
                codes = from_part(form.encode(values, part), encoding, number)
            np.copyto(out, codes.astype(held.storage), where=mine)
    return out


def narrowed(codes: NDArray[Any], encoding: Encoding, formats: Formats) -> NDArray[Any]:
    """`codes` in the common encoding, each rounded to its part, halves to even."""
    if encoding.held.format == FLOAT32.format:
        return encoded(codes, encoding, formats)
    held = find_format(encoding.held.format, formats)
    members = members_of(codes, encoding, formats)
    out = codes.copy()
    for number in range(len(encoding.parts)):
        mine = members == number
        if mine.any():
            lowered = to_part(codes, encoding, number, formats)
            np.copyto(out, from_part(lowered, encoding, number).astype(held.storage), where=mine)
    return out


def members_of(codes: NDArray[Any], encoding: Encoding, formats: Formats) -> NDArray[np.uint8]:
    """Number of the part of each element of a tensor of `codes` in the common encoding."""
    regions = _regions(encoding)
    if regions.part is not None:
        return regions.members(codes.shape)
    return regions.members_of(find_format(encoding.held.format, formats).decode(codes, encoding.held))


def decided_storage(codes: NDArray[Any], encoding: Encoding, formats: Formats) -> Storage:
    """What the cells take whose part is decided by the values behind `codes`: their elements and one flag each.

    Without a scale, which a graph has that was never calibrated, codes count as values.

    Raises
    ------
    DescriptionError
        The parts are known before there are values.
    """
    regions = _regions(encoding)
    held = encoding.held if encoding.held.scale is not None else replace(encoding.held, scale=np.ones(()))
    part = regions.decide(find_format(held.format, formats).decode(codes, held))
    elements = np.ones((), np.int64)
    for start, extent in zip(regions.starts, codes.shape, strict=True):
        elements = np.multiply.outer(elements, np.diff(start, append=extent))
    bits = np.array([one.bits for one in encoding.parts], np.int64)
    return Storage(regions.starts, elements * bits[part] + 1)


def to_part(codes: NDArray[Any], encoding: Encoding, number: int, formats: Formats) -> NDArray[Any]:
    """Codes of part `number` from those in the common encoding: the nearest, halves to even; all elements."""
    part = encoding.parts[number]
    form = find_format(part.format, formats)
    if not isinstance(form, IntegerFormat) or encoding.held.format == FLOAT32.format:
        return form.encode(codes, part)
    ratio, zero, common_zero = _steps(encoding, number, codes.shape)
    steps = np.rint((codes.astype(np.float64) - common_zero) / ratio) + zero
    return np.clip(steps, form.low, form.high).astype(form.storage)


def from_part(codes: NDArray[Any], encoding: Encoding, number: int) -> Doubles:
    """Numbers on the integer grid that all parts have in common from codes of part `number`; exact."""
    ratio, zero, common_zero = _steps(encoding, number, codes.shape)
    return np.asarray((codes.astype(np.float64) - zero) * ratio + common_zero)


def _steps(encoding: Encoding, number: int, shape: tuple[int, ...]) -> tuple[Doubles, Doubles, Doubles]:
    """Step of a part over the common one, its zero point and the common one, ready to broadcast over `shape`."""
    part, common = encoding.parts[number], encoding.held
    if part.scale is None or common.scale is None:
        raise DescriptionError(
            f"{encoding.format} has no scale", where="mixed encoding", fix="calibrate the tensor first"
        )
    scale, step = part.aligned(part.scale, shape), common.aligned(common.scale, shape)
    zeros = [
        np.zeros(()) if side.zero_point is None else side.aligned(np.asarray(side.zero_point, np.float64), shape)
        for side in (part, common)
    ]
    return np.maximum(np.rint(scale / step), 1.0), zeros[0], zeros[1]


def _regions(encoding: Encoding) -> Regions:
    if encoding.regions is None:
        raise DescriptionError("has no parts", where=f"encoding {encoding.format}", fix="make it with `mix`")
    return encoding.regions


def _check_blocks(parts: Sequence[Encoding], regions: Regions) -> None:
    for part in parts:
        if part.block is None:
            continue
        starts = regions.starts[part.block_axis]
        if np.any(starts % part.block):
            raise DescriptionError(
                f"a region from index {int(starts[starts % part.block > 0][0])} cuts a block of {part.block} "
                f"of {part.format}",
                where="regions",
                allowed=f"multiples of {part.block} along axis {part.block_axis}",
            )


def _grid(parts: Sequence[Encoding], regions: Regions, formats: Formats) -> Encoding | None:
    """The integer encoding in which all parts are exact; None where there is none."""
    forms = [find_format(part.format, formats) for part in parts]
    if not all(isinstance(form, IntegerFormat) for form in forms) or any(part.block is not None for part in parts):
        return None
    # Of equally wide ones a signed one: its zero point may be 0.
    widest = max(range(len(parts)), key=lambda i: (parts[i].bits, getattr(forms[i], "low", 0) < 0))
    if any(part.scale is None for part in parts):
        return Encoding(parts[widest].format, parts[widest].bits, axis=parts[widest].axis)
    common = _by_channel(parts, regions, widest) or parts[widest]
    mixed = replace(common, parts=tuple(parts), regions=regions, common=common)
    fits = (_fits(mixed, number, forms[number], forms[widest]) for number in range(len(parts)))
    return common if all(fits) else None


def _by_channel(parts: Sequence[Encoding], regions: Regions, widest: int) -> Encoding | None:
    """Where each channel is of one part: the step of its part, and zero point 0 if codes are signed."""
    axis = next((part.axis for part in parts if part.axis is not None), None)
    if axis is None or any(part.axis != axis for part in parts):
        return None
    length = int(np.asarray(parts[widest].scale).size)
    chosen = regions.along(axis, length)
    if chosen is None:
        return None
    scale = np.stack([np.asarray(part.scale) for part in parts])[chosen, np.arange(length)]
    zero = parts[widest].zero_point
    return replace(parts[widest], scale=scale, zero_point=zero)


def _fits(mixed: Encoding, number: int, form: Any, common: Any) -> bool:
    """Whether every code of a part lies on the common grid, exactly."""
    part, held = mixed.parts[number], mixed.held
    scale, step = np.asarray(part.scale), np.asarray(held.scale)
    if scale.shape != step.shape:
        return False
    used: Any = ...
    if part.axis is not None and mixed.regions is not None:
        chosen = mixed.regions.along(part.axis, scale.size)
        used = ... if chosen is None else chosen == number
    ratio = scale / step
    zero, common_zero = (
        np.zeros(scale.shape) if side.zero_point is None else np.asarray(side.zero_point) for side in (part, held)
    )
    lowest, highest = (ratio * (end - zero) + common_zero for end in (form.low, form.high))
    good = (ratio == np.rint(ratio)) & (ratio >= 1) & (lowest >= common.low) & (highest <= common.high)
    return bool(np.all(good[used]))
