"""`extended`: a technology that is another one with some rows of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources.abc import Traversable
from typing import Any

from cosim.errors import DescriptionError
from cosim.hardware.document import read_document

Find = Callable[[str], Traversable]
"""Name of a technology -> its description; raises `DescriptionError` for an unknown one."""

KEY = "extends"
_TABLES = ("sources", "actions", "areas", "densities", "dram")


def extended(document: Mapping[str, Any], where: str, find: Find | None) -> dict[str, Any]:
    """`document` with everything that it does not say itself taken from the technology that it extends, if any.

    Rows of actions, areas, densities and DRAM stand beside those of the base, or replace them by name; rules follow
    the base's; node, voltage and SRAM are the base's where they are not given. A source keeps its meaning.

    Raises
    ------
    DescriptionError
        An unknown base, technologies that extend each other, or a source that the base has under the same key.
    """
    return _extended(document, where, find, ())


def _extended(document: Mapping[str, Any], where: str, find: Find | None, chain: tuple[str, ...]) -> dict[str, Any]:
    own = dict(document)
    base_name = own.pop(KEY, None)
    if base_name is None:
        return own
    if not isinstance(base_name, str) or find is None:
        found = f"{base_name!r}" if find else f"{base_name!r}, and technologies are not known by name here"
        raise DescriptionError(found, where=f"{where}: {KEY}", allowed="the name of a registered technology")
    if base_name in chain:
        raise DescriptionError(f"{' -> '.join((*chain, base_name))} goes round", where=f"{where}: {KEY}")
    base = _extended(*read_document(find(base_name)), find, (*chain, base_name))
    merged = {**base, **own}
    for key in _TABLES:
        mine = own.get(key, {})
        if isinstance(mine, Mapping):  # anything else is refused with the rest of the document
            merged[key] = {**base.get(key, {}), **mine}
    for name, text in base.get("sources", {}).items():
        if merged["sources"].get(name, text) != text:
            raise DescriptionError(
                f"{name!r} is a source of {base_name} already", where=f"{where}: sources", fix="choose another key"
            )
    rules = own.get("rules", [])
    if isinstance(rules, list):
        merged["rules"] = [*base.get("rules", []), *rules]
    return merged
