"""What `cosim compare-designs` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cosim.compare.designs.compare import Compared, Comparison
from cosim.report.grid import grid
from cosim.report.quantity import area, digits, duration, energy, si

if TYPE_CHECKING:
    from rich.console import Group


def render(found: Comparison) -> Group:
    """What was made equal and how, then the results side by side."""
    from rich.console import Group

    return Group(_scaling(found), "", _results(found), "", *(_notes(found)))


def as_json(found: Comparison) -> dict[str, Any]:
    """The same facts."""
    return {
        "network": found.network,
        "at": found.term.name,
        "unit": found.term.unit,
        "target": found.target,
        "target_of": found.target_of,
        "designs": found.rows(),
    }


def _scaling(found: Comparison) -> Any:
    whose = f", that of {found.target_of}" if found.target_of else ""
    out = grid(
        f"{found.term.name}: {found.term.meaning}, target {found.term.shown(found.target)}{whose}",
        ["@design", "#as described", "#scaled", "#off by", "#times", "~what was changed"],
        caption="times: multipliers, or the named keys, over those as described; nothing else was scaled",
    )
    for one in found.designs:
        shown = (found.term.shown(one.described), found.term.shown(one.reached))
        changed = ", ".join(f"{key} = {text}" for key, text in one.overrides.items()) or "nothing"
        out.add_row(one.hardware, *shown, f"{100 * found.mismatch(one):+.1f}%", f"{one.factor:.3g}", changed)
    return out


def _results(found: Comparison) -> Any:
    out = grid(
        f"{found.network} on each",
        ["@design", "#latency", "#energy", "#EDP", "#power", "#area", "?#peak", "?#inf/s/mm2", "?#inf/s/W"],
        caption="first inference, weights start in main memory; EDP: energy times latency [uJ ms]; inferences per second over "
        "area and over power",
    )
    for one in found.designs:
        out.add_row(
            one.hardware,
            duration(one.latency_ms),
            energy(one.energy_uj * 1e6),
            digits(one.edp_uj_ms),
            f"{digits(one.power_mw)} mW",
            area(one.area_um2) if one.area_um2 else "-",
            si(one.peak_macs_per_s, "MAC/s") if one.peak_macs_per_s else "-",
            digits(one.per_second_per_mm2) if one.per_second_per_mm2 else "-",
            digits(one.per_second_per_w),
        )
    return out


def _notes(found: Comparison) -> list[str]:
    """What is not equal, and by how much."""
    lines = [f"{one.hardware}: {_note(found, one)}" for one in found.designs if one.note]
    prices = {one.hardware: f"{one.technology} ({one.boundary})" for one in found.designs}
    if len(set(prices.values())) > 1:
        said = ", ".join(f"{name} by {price}" for name, price in prices.items())
        lines.append(f"energy and area are not priced alike: {said}")
    return lines


def _note(found: Comparison, one: Compared) -> str:
    return f"{one.note}; {abs(100 * found.mismatch(one)):.1f}% {'above' if found.mismatch(one) > 0 else 'below'} the target"
