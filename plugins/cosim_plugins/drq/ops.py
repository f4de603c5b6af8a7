"""Op kinds of mixed products: those of plain ones, with an input of a DRQ format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from cosim.graph import KINDS, OpKind

PREFIX = "mixed_"
PLAIN = ("conv2d", "linear")
"""Kinds of ops that have a mixed form, by name: ``mixed_conv2d`` and ``mixed_linear``."""


def mixed_kind(plain: str) -> OpKind:
    """The op kind `plain` whose first input is of a DRQ format; shapes, loops and accesses are those of `plain`.

    Its attribute `relu_per_branch` clamps each of the two sums before they are added, as Fig. 4 draws it; the default
    is one clamp behind the sum, which differs where a window lies across a border.
    """
    kind = KINDS[plain]
    defaults = MappingProxyType({**kind.defaults, "relu_per_branch": False})
    return replace(kind, name=PREFIX + plain, defaults=defaults, summary=f"{kind.summary} Input of a DRQ format.")


def op_kinds() -> Mapping[str, Callable[[], OpKind]]:
    """The mixed op kinds by name."""
    return {PREFIX + plain: partial(mixed_kind, plain) for plain in PLAIN}


def plain_kind(kind: str) -> str:
    """Name of the plain form of an op kind: ``conv2d`` of ``mixed_conv2d``, others as they are."""
    return kind.removeprefix(PREFIX)
