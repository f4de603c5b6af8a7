"""Tables for a terminal, in one style: where there is no room, texts wrap and columns go, but no number is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

WRAPPED_WIDTH = 14
"""Least width of a column that wraps [characters]."""

NAME_WIDTH = 16
"""Least width of a column of names, which are shortened [characters]."""

GAP = 3
"""Between two columns [characters]."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    is_number, is_text, is_name
        On the right; may wrap; may be shortened.
    is_optional
        May be left out where there is no room, the rightmost first.
    """

    heading: str
    is_number: bool = False
    is_text: bool = False
    is_name: bool = False
    is_optional: bool = False

    def least(self, natural: int) -> int:
        """Least width that keeps what must be kept [characters]."""
        if self.is_text:
            return min(natural, WRAPPED_WIDTH)
        return min(natural, NAME_WIDTH) if self.is_name else natural


@dataclass
class Grid:
    """A table that fits itself to the width it is printed at."""

    title: str
    columns: tuple[Column, ...]
    caption: str | None = None
    show_header: bool = True
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add_row(self, *cells: str) -> None:
        """Add one cell per column."""
        self.rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        natural = self._natural()
        shown = self._shown(natural, options.max_width)
        widths = self._widths(shown, natural, options.max_width)
        if self.title:
            yield Text(self.title, style="bold")
        out = self._table(shown, widths)
        yield from console.render(out, options.update(width=max(options.max_width, sum(widths) + GAP * len(widths))))
        gone = [column.heading for i, column in enumerate(self.columns) if i not in shown and column.heading]
        if self.caption:
            yield Text(self.caption, style="italic")
        if gone:
            yield Text(f"no room for: {', '.join(gone)}", style="italic")

    def _natural(self) -> list[int]:
        """Width of each column if nothing is wrapped or shortened [characters]."""
        from rich.cells import cell_len

        lines = [[column.heading] if self.show_header else [] for column in self.columns]
        for row in self.rows:
            for column, cell in zip(lines, row, strict=True):
                column.extend(cell.split("\n"))
        return [max((cell_len(line) for line in column), default=0) for column in lines]

    def _shown(self, natural: list[int], room: int) -> list[int]:
        """Positions of the columns for which there is room; the indispensable ones in any case."""
        shown = list(range(len(self.columns)))
        for position in reversed(shown.copy()):
            needed = sum(self.columns[i].least(natural[i]) for i in shown) + GAP * (len(shown) - 1)
            if needed <= room:
                break
            if self.columns[position].is_optional:
                shown.remove(position)
        return shown

    def _widths(self, shown: list[int], natural: list[int], room: int) -> list[int]:
        """Width of each shown column: what is left goes to names first, then to texts [characters]."""
        widths = {i: self.columns[i].least(natural[i]) for i in shown}
        left = room - sum(widths.values()) - GAP * (len(shown) - 1)
        names = [i for i in shown if self.columns[i].is_name]
        texts = [i for i in shown if self.columns[i].is_text]
        for group in (names, texts):
            group.sort(key=lambda i: natural[i])  # who needs little leaves the rest to the others
            for waiting, i in zip(range(len(group), 0, -1), group, strict=True):
                more = max(0, min(left // waiting, natural[i] - widths[i]))
                widths[i] += more
                left -= more
        return list(widths.values())

    def _table(self, shown: list[int], widths: list[int]) -> Table:
        from rich import box
        from rich.table import Table

        out = Table(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            show_header=self.show_header,
            pad_edge=False,
            header_style="bold",
        )
        for i, width in zip(shown, widths, strict=True):
            column = self.columns[i]
            out.add_column(
                column.heading,
                justify="right" if column.is_number else "left",
                no_wrap=not column.is_text,
                overflow="fold" if column.is_text else "ellipsis",
                width=width,
            )
        for row in self.rows:
            out.add_row(*(row[i] for i in shown))
        return out


def grid(title: str, headings: Sequence[str], *, caption: str | None = None) -> Grid:
    """An empty table.

    A heading that starts with ``#`` is that of numbers, with ``~`` of text that may wrap, with ``@`` of names that may
    be shortened; a ``?`` before it marks a column that may be left out.
    """
    return Grid(title, tuple(_column(heading) for heading in headings), caption)


def _column(heading: str) -> Column:
    mark = heading.removeprefix("?")
    return Column(
        mark.lstrip("#~@"),
        is_number=mark.startswith("#"),
        is_text=mark.startswith("~"),
        is_name=mark.startswith("@"),
        is_optional=heading.startswith("?"),
    )
