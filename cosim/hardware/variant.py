"""`whole`: the description of a device that is a variant of another, with everything that the other says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources.abc import Traversable
from typing import Any

from cosim.errors import DescriptionError
from cosim.hardware.document import read_document

Find = Callable[[str], Traversable]
"""Name of a device -> its description; raises `DescriptionError` for an unknown one."""

KEY = "extends"


def whole(document: Mapping[str, Any], where: str, find: Find | None) -> dict[str, Any]:
    """`document` with what it does not say taken from the device that it extends, if any.

    Keys are merged at every depth: a variant names only what differs. A list or a value replaces the one of the base, and
    so does a mapping that holds a `value` of its own, whose source and band belong to it.

    Raises
    ------
    DescriptionError
        An unknown base, or devices that extend each other.
    """
    return _whole(document, where, find, ())


def _whole(document: Mapping[str, Any], where: str, find: Find | None, chain: tuple[str, ...]) -> dict[str, Any]:
    own = dict(document)
    name = own.pop(KEY, None)
    if name is None:
        return own
    place = f"{where}: {KEY}"
    if not isinstance(name, str) or find is None:
        found = f"{name!r}" if find else f"{name!r}, and devices are not known by name here"
        raise DescriptionError(found, where=place, allowed="the name of a registered device")
    if name in chain:
        raise DescriptionError(f"{' -> '.join((*chain, name))} goes round", where=place)
    base, base_where = read_document(find(name))
    return _merged(_whole(base, base_where, find, (*chain, name)), own)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and "value" not in value:
            merged[key] = _merged(old, value)
        else:
            merged[key] = value
    return merged
