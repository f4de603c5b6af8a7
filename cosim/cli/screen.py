"""Where output goes: tables on stdout, progress on stderr and only on a terminal, JSON as one object."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Progress = Callable[[str, float], None]
PIPE_WIDTH = 120
"""Columns of a table that goes to a file or pipe, whatever the terminal that started it."""


def show(*renderables: Any) -> None:
    """Print tables and texts; plain characters without colours in a pipe."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    width = None if is_terminal or os.environ.get("COLUMNS") else PIPE_WIDTH
    console = Console(markup=False, highlight=False, emoji=False, width=width)
    for renderable in renderables:
        console.print(renderable)


def show_json(value: Any) -> None:
    """Print one JSON object."""
    from cosim.result.store import to_json

    sys.stdout.write(to_json(value) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """One line on stderr: what is worth knowing beside the result."""
    sys.stderr.write(text + "\n")


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A callback (stage, fraction done) that draws a bar on a terminal; None, and nothing drawn, in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def advance(stage: str, fraction: float) -> None:
            bar.update(task, description=stage, completed=fraction)

        yield advance
