"""Ops: what is computed. An op names its kind, its inputs and its only output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cosim.graph.space import Space

Shape = tuple[int, ...]
Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class OpKind:
    """One kind of op. A plugin adds one by the hook `cosim_op_kinds`.

    Attributes
    ----------
    name
        Name in the Graph, such as ``"conv2d"``.
    infer
        (attributes, input shapes) -> output shape; raises `DescriptionError` on shapes that do not fit.
    space
        (attributes, input shapes, output shape) -> iteration space.
    defaults
        Attributes with their default values; an attribute outside this table is an error.
    is_view
        The output is the input's bytes under another shape: no work, no copy.
    summary
        One line of documentation.
    """

    name: str
    infer: Callable[[Attributes, tuple[Shape, ...]], Shape] = field(repr=False)
    space: Callable[[Attributes, tuple[Shape, ...], Shape], Space] = field(repr=False)
    defaults: Attributes = field(default_factory=lambda: MappingProxyType({}), repr=False)
    is_view: bool = False
    summary: str = field(default="", repr=False)


@dataclass(frozen=True, eq=False)
class Op:
    """One node of a Graph."""

    name: str
    kind: OpKind
    inputs: tuple[str, ...]
    output: str
    attributes: Attributes = field(default_factory=lambda: MappingProxyType({}))

    def __getitem__(self, attribute: str) -> Any:
        """Value of an attribute, or its default."""
        if attribute in self.attributes:
            return self.attributes[attribute]
        return self.kind.defaults[attribute]
