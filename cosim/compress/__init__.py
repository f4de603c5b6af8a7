"""Compression: Graph to Graph with fewer ops or smaller formats.

`accuracy` is loaded when first used: it executes networks, which formats alone do not need.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cosim.compress.constants import FoldedBias, FoldedWeight, Quantized
from cosim.compress.fold import fold
from cosim.compress.int8 import int8
from cosim.compress.pipeline import BUILTIN, compress, parse
from cosim.compress.ranges import METHODS, Range, observe_ranges
from cosim.compress.roles import Role, Roles, assign_roles
from cosim.compress.samples import samples_of, synthetic_samples

if TYPE_CHECKING:
    from cosim.compress.accuracy import AccuracyResult, accuracy

_LATE = ("AccuracyResult", "accuracy")

__all__ = [
    "BUILTIN",
    "METHODS",
    "AccuracyResult",
    "FoldedBias",
    "FoldedWeight",
    "Quantized",
    "Range",
    "Role",
    "Roles",
    "accuracy",
    "assign_roles",
    "compress",
    "fold",
    "int8",
    "observe_ranges",
    "parse",
    "samples_of",
    "synthetic_samples",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.accuracy"), name)


class _Callable(ModuleType):
    """`cosim.compress` is a package and, on the public front, a function: calling the package calls the function."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return compress(*arguments, **options)

    def __setattr__(self, name: str, value: Any) -> None:
        """Importing the module `accuracy` leaves the function of that name in place."""
        if name not in _LATE or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Callable
