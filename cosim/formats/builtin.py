"""The formats that cosim brings itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cosim.errors import UnsupportedError, nearest
from cosim.formats.format import FloatFormat, Format, IntegerFormat


def _table(formats: Iterable[Format]) -> Mapping[str, Format]:
    return MappingProxyType({entry.name: entry for entry in formats})


FORMATS: Mapping[str, Format] = _table(
    (
        FloatFormat("fp32", 32, "float32", "IEEE 754 single precision"),
        FloatFormat("fp16", 16, "float16", "IEEE 754 half precision; arithmetic in fp32, rounded when stored"),
        IntegerFormat("int4", 4, "int8", "4-bit two's complement with scale and zero point"),
        IntegerFormat("int8", 8, "int8", "8-bit two's complement with scale and zero point"),
        IntegerFormat("int16", 16, "int16", "16-bit two's complement with scale and zero point"),
        IntegerFormat("int32", 32, "int32", "32-bit two's complement: biases (with a scale) and indices (without)"),
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
