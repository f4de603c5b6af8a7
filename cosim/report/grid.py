"""Tables for a terminal, in one style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def grid(title: str, headings: Sequence[str], *, caption: str | None = None) -> Table:
    """An empty table; a heading that starts with ``#`` is that of numbers, aligned to the right."""
    from rich import box
    from rich.table import Table

    out = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        caption=caption,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        header_style="bold",
    )
    for heading in headings:
        is_number = heading.startswith("#")
        out.add_column(
            heading.removeprefix("#"),
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    return out
