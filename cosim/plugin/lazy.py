"""`lazy`: a factory written as the place of a class, so that registering it imports nothing."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy(place: str) -> Callable[[], Any]:
    """A factory that imports ``"package.module:Class"`` when it is called, and returns an instance.

    >>> lazy("collections:OrderedDict")()
    OrderedDict()
    """
    module, _, name = place.partition(":")

    def make() -> Any:
        return getattr(import_module(module), name)()

    return make
