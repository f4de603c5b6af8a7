"""HTML as values: `Html` is markup that is safe, `element` makes it, and every plain text is escaped on its way in."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

VOID = frozenset({"meta", "input", "br"})


class Html(str):
    """Markup; anything else that is put into an element is text."""

    __slots__ = ()


def element(tag: str, *children: Any, **attributes: Any) -> Html:
    """One element. A trailing ``_`` of an attribute's name is dropped, other ones become hyphens.

    An attribute of None or False is left out, one of True stands alone. None among the children is left out, lists are
    flattened.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items() if value not in (None, False))
    if tag in VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[Any]) -> Html:
    """Children one after the other."""
    return Html("".join(_child(child) for child in children))


def _child(child: Any) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, list | tuple):
        return join(child)
    return escape(str(child), quote=False)


def _attribute(name: str, value: Any) -> str:
    name = name.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def facts(pairs: Iterable[tuple[Any, Any]]) -> Html:
    """A list of names and what is true of them."""
    return element("dl", [[element("dt", name), element("dd", value)] for name, value in pairs], class_="facts")
