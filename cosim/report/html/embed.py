"""Data inside a page: JSON that no text can break out of, long columns packed."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.result.table import Table, column

LONG = 2000
"""Columns longer than this are packed: little-endian float64, or codes and words, deflated."""


def script(value: Any) -> str:
    """JSON for a `script` element: without ``<``, which could end it, and without NaN, which is not JSON."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    escapes = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
    return text.translate({ord(character): escape for character, escape in escapes.items()})


def plain(value: Any) -> Any:
    """`value` with infinities and NaN as texts, as JSON has no others."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return _number(value)
    return value


def packed(table: Table) -> dict[str, Any]:
    """A table: ``rows``, and per column its ``type`` and ``values`` (short) or ``deflated`` (long).

    Numbers are float64 there: whole ones are exact up to 2**53.
    """
    rows = len(next(iter(table.values()))) if table else 0
    return {"rows": rows, "columns": {name: _column(values) for name, values in table.items()}}


def unpacked(found: Mapping[str, Any]) -> Table:
    """The table that `packed` has written: what the page's script reads, for Python."""
    return {name: _values(one) for name, one in found["columns"].items()}


def _column(values: NDArray[Any] | Sequence[Any]) -> dict[str, Any]:
    array = np.asarray(values) if _is_text(values) else column(values)
    kind = {"i": "int", "f": "float", "b": "bool", "O": "text"}[array.dtype.kind]
    if kind == "text":
        return _texts(array)
    if len(array) > LONG:
        return {"type": kind, "deflated": _deflated(array.astype("<f8"))}
    return {"type": kind, "values": [_number(value) for value in array.tolist()]}


def _is_text(values: NDArray[Any] | Sequence[Any]) -> bool:
    """Whether a column holds texts already; one without rows too."""
    if not isinstance(values, np.ndarray) or values.dtype != object:
        return False
    return all(isinstance(value, str) for value in values.tolist())


def _texts(array: NDArray[Any]) -> dict[str, Any]:
    words, codes = np.unique(array.astype(str), return_inverse=True) if len(array) else (array, array)
    if len(array) <= LONG or len(words) > len(array) // 2:
        return {"type": "text", "values": array.tolist()}
    return {"type": "text", "words": words.tolist(), "deflated": _deflated(codes.astype("<f8"))}


def _deflated(array: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(array.tobytes(), 6)).decode("ascii")


def _number(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def _values(one: Mapping[str, Any]) -> NDArray[Any]:
    types = {"int": np.int64, "float": np.float64, "bool": np.bool_}
    if "deflated" in one:
        numbers = np.frombuffer(zlib.decompress(base64.b64decode(one["deflated"])), "<f8")
        if one["type"] == "text":
            return np.array(one["words"], object)[numbers.astype(np.int64)]
        return numbers.astype(types[one["type"]])
    if one["type"] == "text":
        return np.array(one["values"], object)
    return np.array([math.nan if v is None else float(v) for v in one["values"]]).astype(types[one["type"]])
