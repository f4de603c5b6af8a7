"""Op kinds: what each op computes from shapes to iteration space. `KINDS` holds all of them by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cosim.graph.op import OpKind
from cosim.graph.ops import (
    convolution,
    elementwise,
    movement,
    normalization,
    pooling,
    product,
    quantization,
    reduction,
)

_FAMILIES = (convolution, product, elementwise, pooling, reduction, normalization, movement, quantization)

KINDS: Mapping[str, OpKind] = MappingProxyType({kind.name: kind for family in _FAMILIES for kind in family.KINDS})

__all__ = ["KINDS"]
