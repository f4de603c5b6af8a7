"""Validations as files: a folder per board, whole or absent, and an index of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cosim.result.store import check_target, write_folder
from cosim.validate.draw import picture
from cosim.validate.page import SCORE_HEADER, SCORE_RULE, page, score_row
from cosim.validate.validation import Scored, Validation

if TYPE_CHECKING:
    from pandas import DataFrame

MARKER = "cosim-validation.txt"
INDEX = "README.md"
_DIGITS = "%.6g"


def folder_of(board: str, out: Path) -> Path:
    """Folder of one board's files below `out`."""
    return out / board.replace("/", "-")


def check_folders(boards: Sequence[str], out: Path) -> None:
    """Raise `DescriptionError` where a board's folder holds something else than an earlier validation."""
    for board in boards:
        check_target(folder_of(board, out), MARKER)


def save(validation: Validation, out: Path, command: str) -> Path:
    """Write the folder of one board: README.md, networks.csv, scores.csv, scatter.png; return it."""
    folder = folder_of(validation.board.name, out)
    contents = {
        "README.md": page(validation, command).encode(),
        "networks.csv": _csv(networks(validation)),
        "scores.csv": _csv(scores([validation])),
        "scatter.png": picture(validation),
        MARKER: f"{validation.board.name}\n".encode(),
    }

    def write(temporary: Path) -> None:
        for name, content in contents.items():
            (temporary / name).write_bytes(content)

    write_folder(folder, write, MARKER)
    return folder


def save_index(validations: Sequence[Validation], out: Path, command: str) -> Path:
    """Write the page that has the scores of all boards; return its path."""
    out.mkdir(parents=True, exist_ok=True)
    lines = ["# Predictions against published measurements", "", f"Made by `{command}`.", ""]
    for one in validations:
        name = one.board.name
        state = "" if one.board.hardware else " No model yet: baselines only."
        lines += [f"## [{name}]({folder_of(name, Path()).name}/README.md)", "", f"{one.board.summary}.{state}", ""]
        lines += [SCORE_HEADER, SCORE_RULE, *(score_row(row) for row in one.scores), ""]
    temporary = out / f".{INDEX}.new"
    temporary.write_text("\n".join(lines), encoding="utf-8")
    return temporary.replace(out / INDEX)


def networks(validation: Validation) -> DataFrame:
    """One row per scored measurement."""
    from pandas import DataFrame

    rows = []
    for line in validation.lines:
        one = line.measured
        head = {"table": one.table, "network": one.network, "topology": one.topology, "metric": one.metric}
        predicted = {f"predicted: {name}": value for name, value in line.predicted.items()}
        parts = {f"part: {name}": value for name, value in line.parts.items()}
        rows.append({**head, "macs": line.macs, "measured": one.value, **predicted, **parts, "source": one.source})
    return DataFrame(rows)


def scores(validations: Sequence[Validation]) -> DataFrame:
    """One row per board, table and predictor."""
    from pandas import DataFrame

    return DataFrame([_score(validation.board.name, one) for validation in validations for one in validation.scores])


def _score(board: str, one: Scored) -> dict[str, object]:
    head = {"board": board, "table": one.table, "metric": one.metric, "predictor": one.predictor}
    mean = {name: getattr(one.mean, name) for name in ("n", "median", "p90", "bias", "spearman")}
    return {**head, "splits": one.splits, **mean, "worst_median": one.worst.median, "worst_p90": one.worst.p90}


def _csv(table: DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n", float_format=_DIGITS).encode()
