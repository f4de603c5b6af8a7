"""Values of columns as people read them: how follows from the unit that ends a column's name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from cosim.report.quantity import area, count, digits, duration, energy, si, size

_BY_UNIT: tuple[tuple[str, Callable[[float], str]], ...] = (
    (r"_macs_per_s$", lambda v: si(v, "MAC/s")),
    (r"_bytes_per_s$", lambda v: si(v, "B/s")),
    (r"_ms$", duration),
    (r"_fs$", lambda v: duration(v * 1e-12)),
    (r"_pj$", energy),
    (r"_uj$", lambda v: energy(v * 1e6)),
    (r"_um2$", area),
    (r"_bytes$", size),
    (r"_mhz$", lambda v: si(v * 1e6, "Hz")),
    (r"_db$", lambda v: f"{v:.1f} dB"),
    (r"^utilization_", lambda v: f"{100 * v:.1f}%"),
    (r"^seconds$", lambda v: si(v, "s")),
)
_UNIT = re.compile(r"_(macs_per_s|bytes_per_s|ms|fs|pj|uj|um2|bytes|mhz|db)$")


def written(name: str, value: Any) -> str:
    """A value of the column `name`; empty for NaN and None."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else ""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "exact" if name.endswith("_db") and value > 0 else ("inf" if value > 0 else "-inf")
    for pattern, write in _BY_UNIT:
        if re.search(pattern, name):
            return write(value)
    return count(value) if float(value).is_integer() else digits(value)


def titled(name: str) -> str:
    """A column's name as a heading: without its unit, which every value has."""
    return _UNIT.sub("", name).replace("_", " ")
