"""Folders of figures and tables, written as a whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cosim.errors import DescriptionError
from cosim.report.html.write import read_report_source
from cosim.result import Result
from cosim.result.store import check_target, to_json, write_folder

FIGURES = "cosim-figures.json"
TABLES = "cosim-tables.json"


def check_targets(figures: Path | None, tables: Path | None) -> None:
    """Raise `DescriptionError` unless both folders may be written: new, empty, or written by an earlier call."""
    if figures is not None and tables is not None and figures.resolve() == tables.resolve():
        raise DescriptionError("figures and tables have one folder", where=str(tables), fix="name two folders")
    for folder, marker in ((figures, FIGURES), (tables, TABLES)):
        if folder is not None:
            check_target(folder, marker)


def write_figures(source: Result | str | Path, folder: str | Path, *, space: str | None = None) -> None:
    """Figures of a result (timeline, roofline, breakdown, memory, ops) or of a store (pareto), as PDF, SVG and PNG.

    Raises
    ------
    DescriptionError
        `source` is neither, or the folder holds something else.
    """
    from cosim.report.paper import figures

    read = read_report_source(source)

    def write(place: Path) -> None:
        if isinstance(read, Result):
            figures.run_figures(read, place)
        else:
            figures.store_figures(read, place, space)
        _mark(place, FIGURES)

    write_folder(Path(folder), write, FIGURES)


def write_tables(source: Result | str | Path, folder: str | Path, *, space: str | None = None) -> None:
    """Tables of a result or of a store, each as ``.tex`` and ``.md``; of a result the methods and citations as well.

    Raises
    ------
    DescriptionError
        `source` is neither, or the folder holds something else.
    """
    from cosim.report.paper import tables
    from cosim.report.paper.citations import bibtex, citations, escape_tex, sources
    from cosim.report.paper.methods import methods

    read = read_report_source(source)

    def write(place: Path) -> None:
        sheets: Sequence[tables.Sheet] = (
            tables.run_sheets(read) if isinstance(read, Result) else tables.store_sheets(read, space)
        )
        for sheet in sheets:
            _text(place / f"{sheet.name}.tex", tables.latex(sheet))
            _text(place / f"{sheet.name}.md", tables.markdown(sheet))
        if isinstance(read, Result):
            _text(place / "methods.tex", escape_tex(methods(read)) + "\n")
            _text(place / "methods.md", methods(read) + "\n")
            _text(place / "references.bib", bibtex(citations(sources(read))))
        _mark(place, TABLES)

    write_folder(Path(folder), write, TABLES)


def _text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8", newline="\n")


def _mark(folder: Path, marker: str) -> None:
    names = sorted(path.name for path in folder.iterdir())
    _text(folder / marker, to_json({"version": 1, "files": names}) + "\n")
