"""`reference`: the page about formats, from the formats themselves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cosim.errors import DescriptionError
from cosim.formats.format import Format, IntegerFormat
from cosim.formats.table_format import TableFormat

COLUMNS = ("name", "bits", "side information", "largest", "rounding", "past the ends", "NaN", "one multiply-accumulate")
INTRODUCTION = """# Number formats

Generated from the registry by `python docs/regenerate.py`. A plugin adds formats with the hook
[`cosim_formats`](hooks.md).

A format codes elements; an `Encoding` says how a tensor is stored: the format with its side information.
`cosim.formats.fit(format, values, axis=, block=)` finds the side information for a tensor, per channel (`axis`) or per
group of consecutive elements (`block`); `quantise(format, values, encoding)` is what the values become.

- *largest*: the magnitude that a scale of 1 reaches. *scale*: fp32, one per tensor, channel or group.
- *rounding*: where a value between two levels goes, and where a half goes. *exponent*: half-way between logarithms.
  *bit string*: as if the code had one more bit.
- *NaN*: `code` where the format has one; elsewhere a NaN is an error, as it is wherever a format is calibrated.
- *table*: how fp32 numbers find their code, proved when the format is built: `cells` by one look-up and one comparison,
  `arithmetic` without a table, `search` by a look-up and a short search. Other numbers are always searched.
- *one multiply-accumulate*: the parts that a technology without a row of its own is asked to price.
"""


def reference(formats: Mapping[str, Format]) -> str:
    """The page, in Markdown."""
    columns = (*COLUMNS[:-1], "table", COLUMNS[-1])
    ordered = sorted(formats, key=_natural)
    rows = [_row(formats[name]) for name in ordered]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *(f"| {' | '.join(row)} |" for row in rows)]
    described = [f"- `{name}`: {formats[name].summary}" for name in ordered]
    return "\n".join([INTRODUCTION, *lines, "", "## What they are", "", *described, ""])


def _natural(name: str) -> tuple[str, int, str]:
    """Order in which int2 comes before int10."""
    word = name.rstrip("0123456789")
    return (word, int(name[len(word) :] or 0), name)


def _row(form: Format) -> tuple[str, ...]:
    parts = getattr(form, "arithmetic", None)
    rounding = f"{getattr(form, 'rounding', 'nearest')}, {form.tie_rule}"
    costs = "no `arithmetic`" if parts is None else parts.describe() + (f" ({parts.note})" if parts.note else "")
    return (
        f"`{form.name}`",
        str(form.bits),
        _side(form),
        _largest(form),
        rounding,
        form.saturation,
        _nan(form),
        _table(form),
        costs,
    )


def _side(form: Format) -> str:
    block = getattr(form, "block", None)
    encoding = form.calibrate(np.array(-1.0), np.array(1.0), symmetric=False, axis=None)
    parts = [f"{encoding.block_bits} bit per {block}"] if block else []
    parts += ["scale"] if encoding.scale is not None else []
    parts += ["zero point"] if encoding.zero_point is not None else []
    return ", ".join(parts) or "none"


def _largest(form: Format) -> str:
    if isinstance(form, IntegerFormat):
        return str(form.high)
    largest = getattr(form, "largest", None)
    return "" if largest is None else f"{largest:.7g}"


def _nan(form: Format) -> str:
    encoding = form.calibrate(np.array(-1.0), np.array(1.0), symmetric=True, axis=None)
    try:
        decoded = form.decode(form.encode(np.array([np.nan], np.float32), encoding), encoding)
    except DescriptionError:
        return "error"
    return "code" if np.isnan(decoded[0]) else "a number"


def _table(form: Format) -> str:
    if not isinstance(form, TableFormat):
        return ""
    if form.table.shortcut is not None:
        return "arithmetic"
    return "cells" if form.table.cells is not None else "search"
