"""Tables for a terminal, in one style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

WRAPPED_WIDTH = 14
"""Least width of a column that wraps [characters]."""


def grid(title: str, headings: Sequence[str], *, caption: str | None = None) -> Table:
    """An empty table. A heading that starts with ``#`` is that of numbers, on the right; ``~`` of text that may wrap."""
    from rich import box
    from rich.table import Table

    out = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        caption=caption,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        header_style="bold",
    )
    for heading in headings:
        out.add_column(
            heading.removeprefix("#").removeprefix("~"),
            justify="right" if heading.startswith("#") else "left",
            no_wrap=not heading.startswith("~"),
            overflow="fold" if heading.startswith("~") else "ellipsis",
            min_width=WRAPPED_WIDTH if heading.startswith("~") else None,
        )
    return out
