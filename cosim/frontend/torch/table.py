"""ATen operator -> converter: the one table of what `read_torch` understands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cosim.frontend.torch import elementwise, layer, movement, window
from cosim.frontend.torch.call import Converter

CONVERTERS: Mapping[str, Converter] = MappingProxyType(
    {
        name: converter
        for family in (window, layer, elementwise, movement)
        for name, converter in family.CONVERTERS.items()
    }
)
