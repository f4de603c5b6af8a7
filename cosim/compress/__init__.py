"""Compression: Graph to Graph with fewer ops or smaller formats."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from cosim.compress.accuracy import AccuracyResult, accuracy
from cosim.compress.constants import FoldedBias, FoldedWeight, Quantized
from cosim.compress.fold import fold
from cosim.compress.int8 import int8
from cosim.compress.pipeline import BUILTIN, compress, parse
from cosim.compress.samples import samples_of, synthetic_samples

__all__ = [
    "BUILTIN",
    "AccuracyResult",
    "FoldedBias",
    "FoldedWeight",
    "Quantized",
    "accuracy",
    "compress",
    "fold",
    "int8",
    "parse",
    "samples_of",
    "synthetic_samples",
]


class _Callable(ModuleType):
    """`cosim.compress` is a package and, on the public front, a function: calling the package calls the function."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return compress(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
