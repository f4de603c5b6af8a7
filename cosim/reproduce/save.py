"""`save`: a reproduction as a folder that is whole or absent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.errors import PluginError
from cosim.plugin.reproduction import Row
from cosim.reproduce.draw import differences, pictures
from cosim.reproduce.page import page
from cosim.reproduce.run import Progress, Report
from cosim.result.store import check_target, to_json, write_folder

if TYPE_CHECKING:
    from pandas import DataFrame

MARKER = "cosim-reproduction.json"
RESERVED = ("rows", "README", "differences")
_BEFORE, _AFTER = ("part", "case", "quantity", "unit", "paper", "ours"), ("evidence", "role", "low", "high")
COLUMNS = (*_BEFORE, "difference", *_AFTER, "values", "note")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_DIGITS = "%.9g"  # enough for any figure, too few for the last bit in which two machines differ


def check_folder(folder: Path) -> None:
    """Raise `DescriptionError` unless a reproduction may be written there: absent, empty, or an earlier one."""
    check_target(folder, MARKER)


def save(report: Report, folder: Path | str, progress: Progress | None = None) -> tuple[str, ...]:
    """Write the folder, replacing an earlier reproduction as a whole; names of its files, sorted.

    The bytes depend on the report alone: no dates.

    Raises
    ------
    DescriptionError
        The folder holds something else, or cannot be written.
    PluginError
        A table or figure cannot be made; nothing is written.
    """
    folder = Path(folder)
    check_folder(folder)
    contents = files(report, progress)

    def write(temporary: Path) -> None:
        for name, content in contents.items():
            (temporary / name).write_bytes(content)

    write_folder(folder, write, MARKER)
    return tuple(sorted(contents))


def files(report: Report, progress: Progress | None = None) -> dict[str, bytes]:
    """Everything that is written: file name -> content."""
    found, where = report.found, f"plugin {report.plugin}, reproduction {report.name!r}"
    _check_names(where, "table", found.tables)
    _check_names(where, "figure", found.figures)
    made = {"rows.csv": _rows(found.rows).encode()}
    for name, table in found.tables.items():
        made[f"{name}.csv"] = _table(table, name, where).encode()
    drawn = {"differences": differences(found.rows), **found.figures}
    for number, (name, draw) in enumerate(drawn.items()):
        if progress is not None:
            progress(f"figure {name}", number / len(drawn))
        made |= pictures(name, draw, found.rows, where)
    made["README.md"] = page(report).encode()
    marker: dict[str, Any] = {
        "name": report.name,
        "source": report.source,
        "command": report.command,
        "seed": report.seed,
        "plugin": report.plugin,
        "versions": dict(report.versions),
        "files": sorted([*made, MARKER]),
    }
    return made | {MARKER: (to_json(marker) + "\n").encode()}


def as_frame(rows: Iterable[Row]) -> DataFrame:
    """The rows as a table with the relative difference."""
    from pandas import DataFrame

    return DataFrame([[getattr(row, column) for column in COLUMNS] for row in rows], columns=list(COLUMNS))


def _rows(rows: Iterable[Row]) -> str:
    return as_frame(rows).to_csv(index=False, lineterminator="\n", float_format=_DIGITS)


def _table(table: DataFrame, name: str, where: str) -> str:
    """A table as CSV; one that has figures of the paper must say what each rests on."""
    columns = [str(column) for column in table.columns]
    if any("paper" in column.lower() for column in columns) and "evidence" not in columns:
        raise PluginError(
            "has figures of the paper but no column 'evidence'",
            where=f"{where}, table {name!r}",
            fix="add the column, or leave the paper's figures to the rows",
        )
    return table.to_csv(index=False, lineterminator="\n", float_format=_DIGITS)


def _check_names(where: str, what: str, names: Iterable[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name) or name in RESERVED:
            raise PluginError(
                f"{name!r} cannot be the name of a {what}",
                where=where,
                allowed=f"letters, digits, - and _, and none of {', '.join(RESERVED)}",
            )
