"""`cosim report`: a page, figures and tables of a result or of a store of designs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DETAILS = 12


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(report)


def report(
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder that 'cosim run --out DIR' wrote, or a store that 'cosim explore' wrote.", metavar="SOURCE"
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="The page; SOURCE with .html otherwise.", metavar="FILE")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="Another result: a section says why the two differ.", metavar="FOLDER"),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Write figures as PDF, SVG and PNG too.", metavar="DIR")
    ] = None,
    tables: Annotated[
        Path | None, typer.Option("--tables", help="Write tables for LaTeX and Markdown too.", metavar="DIR")
    ] = None,
    details: Annotated[
        int,
        typer.Option("--details", min=0, help="Of a store: designs of the front to simulate again for their ops."),
    ] = DETAILS,
    space: Annotated[
        str | None, typer.Option("--space", help="Of a store: one of its spaces; the last explored otherwise.")
    ] = None,
) -> None:
    """One self-contained HTML page that loads nothing, and what a paper needs of the same data."""
    from cosim.cli.screen import notes, progress_bar, show_written
    from cosim.report.html import read_report_source, write_report
    from cosim.report.paper import check_targets, write_figures, write_tables
    from cosim.result.store import check_file

    page = out or _beside(source)
    check_file(page)
    check_targets(figures, tables)
    read = read_report_source(source)
    with progress_bar() as progress, notes():
        write_report(read, page, against=against, details=details, space=space, progress=progress)
        if figures is not None:
            write_figures(read, figures, space=space)
        if tables is not None:
            write_tables(read, tables, space=space)
    show_written(*(path for path in (page, figures, tables) if path is not None))


def _beside(source: Path) -> Path:
    """Name of the page of a source: beside it, never inside a result, which is replaced as a whole."""
    source = Path(source)
    folder = source.resolve() if source.is_dir() else source
    return folder.parent / f"{folder.stem if folder.is_file() else folder.name}.html"
