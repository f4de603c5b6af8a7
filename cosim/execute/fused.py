"""`fused`: a * b + c with one rounding, as compiled code of frameworks computes it."""

# ruff: noqa: ARG001 - numba calls by position

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic


@intrinsic
def fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """float32 a * b + c, rounded once on every processor."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float32(types.float32, types.float32, types.float32), emit
