"""The formats that the simulator itself computes in; all others are plugins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cosim.errors import UnsupportedError, nearest
from cosim.formats.format import BrainFloat, FloatFormat, Format, IntegerFormat

INTEGER_WIDTHS = (*range(2, 17), 32)


def _table(formats: Iterable[Format]) -> Mapping[str, Format]:
    return MappingProxyType({entry.name: entry for entry in formats})


def _integer(bits: int) -> Format:
    storage = "int8" if bits <= 8 else "int16" if bits <= 16 else "int32"
    summary = f"{bits}-bit two's complement with scale and zero point"
    if bits == 32:
        summary = "32-bit two's complement: biases (with a scale) and indices (without)"
    return IntegerFormat(f"int{bits}", bits, storage, summary)


FORMATS: Mapping[str, Format] = _table(
    (
        FloatFormat("fp32", 32, "float32", "IEEE 754 single precision"),
        FloatFormat("fp16", 16, "float16", "IEEE 754 half precision; arithmetic in fp32, rounded when stored"),
        BrainFloat(),
        *(_integer(bits) for bits in INTEGER_WIDTHS),
        IntegerFormat("uint8", 8, "uint8", "8-bit unsigned with scale and zero point", signed=False),
    )
)


def find_format(name: str, formats: Mapping[str, Format] = FORMATS) -> Format:
    """The format called `name`; `UnsupportedError` where no plugin brings it."""
    if name not in formats:
        raise UnsupportedError(
            f"no format is called {name!r}{nearest(name, formats)}",
            allowed=", ".join(sorted(formats)),
            fix="register it with the hook cosim_formats",
        )
    return formats[name]
