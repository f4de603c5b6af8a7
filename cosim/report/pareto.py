"""What `cosim pareto` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cosim.report.quantity import duration, energy, size

if TYPE_CHECKING:
    from cosim.result.front import Front


def as_json(front: Front) -> dict[str, Any]:
    """All points as one JSON object."""
    return {"network": front.network, "hardware": front.hardware, "points": [asdict(p) for p in front.points]}


def render(front: Front) -> Any:
    """One table in the order of the objectives; a star marks what no other point beats."""
    from cosim.report.grid import grid

    out = grid(
        f"{front.network} on {front.hardware}",
        ["", "objective", "#latency", "#energy", "#main memory traffic", "#on chip"],
        caption="* no other is at least as good in latency, energy and on-chip memory, and better in one",
    )
    for point in front.points:
        out.add_row(
            "*" if point.is_on_front else "",
            point.objective,
            duration(point.latency_ms),
            energy(point.energy_uj * 1e6),
            size(point.moved_bytes),
            size(point.on_chip_bytes),
        )
    return out
