"""Where output goes: tables on stdout, notes and progress on stderr, JSON as one object."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Progress = Callable[[str, float], None]
PIPE_WIDTH = 120
"""Columns of a table that goes to a file or pipe, whatever the terminal that started it."""

_PLAIN = str.maketrans({"█": "#", "░": ".", "─": "-", "…": "~"})  # for a screen that has ASCII only


def show(*renderables: Any) -> None:
    """Print tables and texts; in a pipe plain characters, without colours and without blanks at the ends of lines."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    width = None if is_terminal or os.environ.get("COLUMNS") else PIPE_WIDTH
    page = io.StringIO()  # drawn in full first: the screen may not know its characters
    console = Console(
        file=page, force_terminal=is_terminal, markup=False, highlight=False, emoji=False, width=width, soft_wrap=False
    )
    for renderable in renderables:
        console.print(renderable, crop=False)
    text = page.getvalue()
    if not is_terminal:
        text = "".join(line.rstrip() + "\n" for line in text.splitlines())
    sys.stdout.write(text if _can_show(text) else _shown(text.translate(_PLAIN)))
    sys.stdout.flush()


def show_written(*paths: Any, note: str = "") -> None:
    """Say where something is; no path is broken into lines."""
    for path in paths:
        line = f"written to {path}{note}"
        sys.stdout.write((line if _can_show(line) else _shown(line)) + "\n")
    sys.stdout.flush()


def show_json(value: Any) -> None:
    """Print one JSON object; with escapes where the screen lacks a character."""
    from cosim.result.store import to_json

    text = to_json(value)
    if not _can_show(text):
        text = json.dumps(json.loads(text), indent=2, allow_nan=False, ensure_ascii=True)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """One line on stderr: what is worth knowing beside the result."""
    sys.stderr.write(text + "\n")


class _Notes(logging.Handler):
    """Says what the library logs."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line, ``note:`` or ``warning:``."""
        say(f"{'warning' if record.levelno >= logging.WARNING else 'note'}: {record.getMessage()}")


@contextmanager
def notes() -> Iterator[None]:
    """What the library has to say of a network or a program goes to stderr meanwhile."""
    handler = _Notes(logging.INFO)
    loggers = [
        logging.getLogger(name) for name in ("cosim.compare", "cosim.frontend", "cosim.interop", "cosim.simulation")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str) -> str:
    """`text` with a question mark for every character that the screen lacks."""
    code = sys.stdout.encoding or "utf-8"
    return text.encode(code, "replace").decode(code)


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
