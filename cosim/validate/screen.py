"""Validations for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cosim.errors import unknown
from cosim.plugin.board import COUNTED
from cosim.report.grid import Column, Grid
from cosim.validate.page import percent
from cosim.validate.save import folder_of, scores
from cosim.validate.validation import Validation

COLUMNS = (
    Column("table", is_name=True),
    Column("predictor", is_name=True),
    Column("n", is_number=True),
    Column("median error", is_number=True),
    Column("90 % below", is_number=True),
    Column("bias", is_number=True),
    Column("Spearman", is_number=True),
    Column("worst split", is_number=True, is_optional=True),
)


def chosen(names: Iterable[str], asked: str | None) -> list[str]:
    """Boards of that name or class, sorted; all where nothing is asked for; raises `DescriptionError` otherwise."""
    known = sorted(names)
    found = [name for name in known if asked in (None, name, name.partition("/")[0])]
    if asked is not None and not found:
        classes = sorted({name.partition("/")[0] for name in known})
        raise unknown("board", asked, [*known, *classes])
    return found


def render(validations: Sequence[Validation], out: Path) -> list[Any]:
    """A table of scores per board, and where the rest is."""
    return [_grid(one) for one in validations] + [_where(validations, out)]


def as_json(validations: Sequence[Validation], out: Path) -> dict[str, Any]:
    """Scores and constants of every board."""
    return {
        "boards": [
            {
                "board": one.board.name,
                "summary": one.board.summary,
                "hardware": one.board.hardware,
                "folder": str(folder_of(one.board.name, out)),
                "measurements": len(one.lines),
                "excluded": len(one.excluded),
                "constants": [
                    {"name": c.name, "value": one.constants[c.name], "unit": c.unit, "origin": c.origin}
                    for c in one.board.constants
                ],
                "fit_rows": one.fit_rows,
                "scores": scores([one]).to_dict("records"),
            }
            for one in validations
        ]
    }


def _grid(validation: Validation) -> Grid:
    board = validation.board
    fitted = sum(one.origin in COUNTED for one in board.constants)
    about = f"{fitted} fitted constants on {validation.fit_rows} measurements" if board.hardware else "no model yet"
    caption = f"{len(validation.lines)} measurements scored, {len(validation.excluded)} left out; {about}"
    grid = Grid(f"{board.name}: {board.summary}", COLUMNS, caption=caption)
    for one in validation.scores:
        mean = one.mean
        rank = "-" if mean.spearman != mean.spearman else f"{mean.spearman:.3f}"
        errors = (percent(mean.median), percent(mean.p90), percent(mean.bias), rank, percent(one.worst.median))
        grid.add_row(one.table, one.predictor, str(mean.n), *errors)
    return grid


def _where(validations: Sequence[Validation], out: Path) -> str:
    folders = ", ".join(str(folder_of(one.board.name, out)) for one in validations)
    return f"every network, constant and exclusion: {folders}"
