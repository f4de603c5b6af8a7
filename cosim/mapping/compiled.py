"""How the parts of `play` are compiled: into it, and by themselves only there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from cosim.jit import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def inner(function: Function) -> Function:
    """A function for compiled callers alone; it allocates nothing."""
    compiled: Function = njit(_nrt=False, cache=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    return compiled
