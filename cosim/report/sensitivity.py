"""What `cosim sensitivity` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

from cosim.report.quantity import count

if TYPE_CHECKING:
    from cosim.compress.sensitivity import Damage
    from cosim.graph.graph import Graph


def as_json(found: Sequence[Damage], graph: Graph) -> dict[str, Any]:
    """The ranking as one JSON object; null stands for an output that did not change at all."""
    rows = [{**asdict(damage), "sqnr_db": damage.sqnr_db if isfinite(damage.sqnr_db) else None} for damage in found]
    return {"network": graph.name, "values": graph.values, "ops": rows}


def render(found: Sequence[Damage], graph: Graph) -> Any:
    """One table, the most damaging first."""
    from cosim.report.grid import grid

    out = grid(
        f"sensitivity of {graph.name}",
        ["op", "kind", "format", "#bits", "#MACs", "#output SQNR"],
        caption=f"one op at a time in the format, everything else in fp32; values: {graph.values}",
    )
    for damage in found:
        ratio = f"{damage.sqnr_db:.1f} dB" if isfinite(damage.sqnr_db) else "unchanged"
        out.add_row(damage.op, damage.kind, damage.format, str(damage.bits), count(damage.macs), ratio)
    return out
