"""Both answers as tables for a screen, and as one JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cosim.compare.comparison import Comparison
from cosim.compare.explain import causes, causes_of, impossible, main_cause
from cosim.report.grid import grid
from cosim.report.quantity import count, duration, energy

if TYPE_CHECKING:
    from rich.console import Group

MOST_IMPOSSIBLE = 4


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything that was found; columns end in their unit."""
    theirs = comparison.theirs
    return {
        "network": comparison.network,
        "hardware": comparison.hardware,
        "peer": comparison.peer.name,
        "cosim": {
            "latency_cycles": comparison.latency_cycles,
            "latency_ms": comparison.latency_ms,
            "energy_pj": comparison.energy_pj,
            "energy_static_pj": comparison.static_pj,
            "cpu_s": comparison.cpu_s,
        },
        "theirs": {
            "latency_cycles": total_cycles(comparison),
            "energy_pj": total_energy(comparison),
            "cpu_s": theirs.cpu_s,
            "products_run": theirs.ran,
            **({"totals": dict(theirs.totals)} if theirs.totals else {}),
        },
        "products": [_product(ours, costs) for ours, costs in comparison.products],
        "left_out_by_peer": [
            {"op": one.op, "engine": one.engine, "cycles": one.cycles, "energy_pj": one.energy_pj}
            for one in comparison.others
        ],
        "causes_cycles": {cause.name: cause.cycles for cause in causes(comparison)} if theirs.products else {},
        "below_own_bound": [
            {"op": op, "cycles": costs.cycles, "bound_cycles": costs.bound_cycles}
            for op, costs in impossible(comparison)
        ],
        "notes": [*theirs.notes, *comparison.notes],
    }


def _product(ours: Any, costs: Any) -> dict[str, Any]:
    row = {
        "op": ours.op,
        "macs": ours.macs,
        "cycles": ours.cycles,
        "whole_cycles": ours.whole_cycles,
        "busy_cycles": ours.busy_cycles,
        "energy_pj": ours.energy_pj,
    }
    if costs is None:
        return row
    return row | {
        "peer_cycles": costs.cycles,
        "peer_parts_cycles": dict(costs.parts),
        "peer_energy_pj": costs.energy_pj,
        "peer_bound_cycles": costs.bound_cycles,
        "causes_cycles": causes_of(ours, costs),
    }


def total_cycles(comparison: Comparison) -> float:
    """Of the whole network in the peer."""
    totals = comparison.theirs.totals
    return totals["cycles"] if totals else sum(costs.cycles for _, costs in comparison.products if costs)


def total_energy(comparison: Comparison) -> float | None:
    """Of the whole network in the peer [pJ], None where it has none."""
    found = [costs.energy_pj for _, costs in comparison.products if costs and costs.energy_pj is not None]
    return sum(found) if found else None


def render(comparison: Comparison) -> Group:
    """Totals, products side by side, causes, and what the peer does in its own way."""
    from rich.console import Group

    parts: list[Any] = [_totals(comparison)]
    if comparison.theirs.products:
        parts += [_products(comparison), _causes(comparison)]
    if comparison.theirs.totals:
        parts.append(_parts(comparison))
    parts += [_bounds(comparison)] if impossible(comparison) else []
    parts.append(_notes(comparison))
    return Group(*(line for part in parts for line in (part, "")))


def _totals(comparison: Comparison) -> Any:
    title = f"{comparison.network} on {comparison.hardware}: cosim and {comparison.peer.title}"
    out = grid(title, ["@", "#cosim", f"#{comparison.peer.title}", "#ratio"])
    theirs, energy_pj = comparison.theirs, total_energy(comparison)
    ours_cycles, peer_cycles = comparison.latency_cycles, total_cycles(comparison)
    if theirs.products:
        products = sum(ours.cycles for ours, _ in comparison.products)
        out.add_row("cycles of products", f"{products:,.0f}", f"{peer_cycles:,.0f}", _ratio(products, peer_cycles))
        out.add_row("cycles of other ops", f"{abs(round(ours_cycles - products)):,}", "left out", "")
    out.add_row("cycles", f"{ours_cycles:,.0f}", f"{peer_cycles:,.0f}", _ratio(ours_cycles, peer_cycles))
    if theirs.totals:
        milliseconds = theirs.totals["latency_ms"]
        out.add_row(
            "latency",
            duration(comparison.latency_ms),
            duration(milliseconds),
            _ratio(comparison.latency_ms, milliseconds),
        )
    dynamic = sum(ours.energy_pj for ours, _ in comparison.products)
    if energy_pj is not None:
        out.add_row("energy of products", energy(dynamic), energy(energy_pj), _ratio(dynamic, energy_pj))
        out.add_row("energy, all", energy(comparison.energy_pj), "", "")
    else:
        out.add_row("energy", energy(comparison.energy_pj), "none", "")
    out.add_row(
        "CPU time", f"{comparison.cpu_s:.2f} s", f"{theirs.cpu_s:.2f} s", _ratio(comparison.cpu_s, theirs.cpu_s)
    )
    out.caption = (
        f"{comparison.peer.title} ran {theirs.ran} products of different shape and its start; cosim mapped and simulated all"
        if theirs.products
        else None
    )
    return out


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.3g}" if theirs else ""


def _products(comparison: Comparison) -> Any:
    has_energy = total_energy(comparison) is not None
    title = comparison.peer.title
    headings = ["@product", "?#MACs", "#cosim", f"#{title}", "#ratio", "?~mainly by"]
    headings += ["?#energy", f"?#{title}"] if has_energy else []
    out = grid("cycles of products", headings)
    for ours, costs in comparison.products:
        cells = [ours.op, count(ours.macs), f"{ours.cycles:,.0f}"]
        if costs is None:
            out.add_row(*cells, "left out", "", "", *(["", ""] if has_energy else []))
            continue
        cells += [f"{costs.cycles:,.0f}", _ratio(ours.cycles, costs.cycles), main_cause(ours, costs)]
        out.add_row(*cells, *([energy(ours.energy_pj), energy(costs.energy_pj or 0.0)] if has_energy else []))
    return out


def _causes(comparison: Comparison) -> Any:
    difference = comparison.latency_cycles - total_cycles(comparison)
    out = grid(f"why: {difference:+,.0f} cycles", ["cause", "#cycles", "~"])
    for cause in causes(comparison):
        out.add_row(cause.name, f"{cause.cycles:+,.0f}", cause.meaning)
    return out


def _parts(comparison: Comparison) -> Any:
    out = grid(f"cycles in {comparison.peer.title}", ["part", "#cycles"])
    for name, value in comparison.theirs.totals.items():
        if name.endswith("_cycles"):
            out.add_row(name.removesuffix("_cycles").replace("_", " "), f"{value:,.0f}")
    return out


def _bounds(comparison: Comparison) -> Any:
    found = impossible(comparison)
    title = f"{comparison.peer.title} below what its own main-memory port needs ({len(found)} of {len(comparison.products)})"
    out = grid(title, ["@product", "#says", "#each operand once"])
    for op, costs in found[:MOST_IMPOSSIBLE]:
        out.add_row(op, f"{costs.cycles:,.0f}", f"{costs.bound_cycles:,.0f}")
    if len(found) > MOST_IMPOSSIBLE:
        out.caption = f"and {len(found) - MOST_IMPOSSIBLE} more"
    return out


def _notes(comparison: Comparison) -> Any:
    from rich.text import Text

    return Text("\n".join(f"- {note}" for note in comparison.theirs.notes))
