"""`Table`: a frame as plain columns, so that saving, printing and JSON need no pandas."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]
Table = dict[str, Column]

_DTYPES: Mapping[str, str] = {"int": "int64", "float": "float64", "bool": "bool", "text": "object"}


def column(values: Sequence[Any] | NDArray[Any]) -> Column:
    """One column: int64, float64, bool, or object for text. A None among numbers becomes NaN."""
    array = np.asarray(values) if not isinstance(values, np.ndarray) else values
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        return array.astype(np.float64)
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind == "O" and all(v is None or isinstance(v, int | float | np.number) for v in array):
        return np.array([np.nan if v is None else float(v) for v in array], np.float64)
    return np.array(["" if v is None else str(v) for v in array], object)


def table(columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> Table:
    """Columns of one length.

    Raises
    ------
    ValueError
        Columns of different lengths.
    """
    made = {name: column(values) for name, values in columns.items()}
    if len({len(values) for values in made.values()}) > 1:
        message = f"columns differ in length: { {name: len(values) for name, values in made.items()} }"
        raise ValueError(message)
    return made


def table_of_rows(rows: Iterable[Mapping[str, Any]], names: Sequence[str] = ()) -> Table:
    """Columns from rows; a key that a row lacks is empty. `names` gives the columns where there is no row."""
    rows = list(rows)
    keys = list(dict.fromkeys([*names, *(key for row in rows for key in row)]))
    return table({key: [row.get(key) for row in rows] for key in keys})


def rows(columns: Table) -> list[dict[str, Any]]:
    """Rows of plain Python values."""
    names = list(columns)
    lists = [values.tolist() for values in columns.values()]
    return [dict(zip(names, values, strict=True)) for values in zip(*lists, strict=True)]


def length(columns: Table) -> int:
    """Number of rows."""
    return len(next(iter(columns.values()))) if columns else 0


def types(columns: Table) -> dict[str, str]:
    """Column name -> ``"int"``, ``"float"``, ``"bool"`` or ``"text"``."""
    kinds = {"i": "int", "f": "float", "b": "bool", "O": "text"}
    return {name: kinds[values.dtype.kind] for name, values in columns.items()}


def to_csv(columns: Table) -> str:
    """RFC 4180 text; floats by their shortest exact form, NaN as an empty field, so equal tables give equal bytes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*(_text(values) for values in columns.values()), strict=True):
        writer.writerow(row)
    return out.getvalue()


def _text(values: Column) -> list[str]:
    if values.dtype.kind == "f":
        return ["" if math.isnan(value) else repr(value) for value in values.tolist()]
    return [str(value) for value in values.tolist()]


def from_csv(text: str, kinds: Mapping[str, str]) -> Table:
    """The table that `to_csv` wrote, with the types that `types` gave."""
    reader = csv.reader(io.StringIO(text))
    names = next(reader)
    cells = list(zip(*reader, strict=True)) or [() for _ in names]
    return {name: _parsed(values, kinds[name]) for name, values in zip(names, cells, strict=True)}


def _parsed(values: Sequence[str], kind: str) -> Column:
    if kind == "float":
        return np.array([float(value) if value else np.nan for value in values], np.float64)
    if kind == "bool":
        return np.array([value == "True" for value in values], bool)
    if kind == "int":
        return np.array([int(value) for value in values], np.int64)
    return np.array(values, dtype=_DTYPES["text"])
