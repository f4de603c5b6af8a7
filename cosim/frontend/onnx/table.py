"""ONNX operator -> converter: the one table of what `read_onnx` understands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cosim.frontend.onnx import elementwise, movement, norm, product, quantised, recurrent, reduction, resize, window
from cosim.frontend.onnx.node import Converter

_FAMILIES = (window, product, elementwise, norm, reduction, movement, resize, recurrent, quantised)

CONVERTERS: Mapping[str, Converter] = MappingProxyType(
    {name: converter for family in _FAMILIES for name, converter in family.CONVERTERS.items()}
)
