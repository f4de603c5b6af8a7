"""`cosim explain`: where time and energy go, why, and the source of every price."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cosim.errors import unknown
from cosim.report.grid import grid
from cosim.report.per_mac import per_mac
from cosim.report.quantity import area, count, digits, duration, energy, share, si, size
from cosim.report.summary import critical_by_op, engines, head, shares
from cosim.result import Result
from cosim.result.table import rows

if TYPE_CHECKING:
    from rich.console import Group


def render(result: Result, *, top: int = 12) -> Group:
    """Time, roofline, energy and area of a run."""
    from rich.console import Group
    from rich.text import Text

    summary, sources = result.summary, Sources()
    parts = [
        head(result),
        engines(result),
        _critical(result, top),
        per_mac(result),
        _roofline(result, top),
        _energy(result, top, sources),
        _area(result, sources),
        sources.render(),
        Text(f"intervals: {summary['energy_interval_rule']}"),
        *(Text(f"not in the energy: {text}") for text in summary["energy_excludes"]),
        *(Text(f"not in the area: {text}") for text in summary["area_excludes"]),
    ]
    return Group(*(line for part in parts for line in ((part,) if isinstance(part, Text) else (part, ""))))


def as_json(result: Result, *, op: str | None = None) -> dict[str, Any]:
    """The same facts as one JSON object; NaN becomes null."""
    summary = result.summary
    facts = {key: summary[key] for key in ("network", "hardware", "latency_ms", "energy_uj", "roofline")}
    facts["overrides"] = summary["provenance"]["overrides"]
    if op is not None:
        op = running(result, op)
        return facts | {"op": clean(op_row(result, op)), "mapping": clean(mapping_row(result, op))}
    frames = ("engines", "links", "ops", "actions", "areas")
    return facts | {
        "critical_path_ms": summary["critical_path_ms"],
        "critical_path_by_op_ms": critical_by_op(result),
        **{name: [clean(row) for row in rows(result.table(name))] for name in frames},
    }


def clean(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose missing numbers are None."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


def _critical(result: Result, top: int) -> Any:
    summary, spent = result.summary, critical_by_op(result)
    total = {op: sum(engines_.values()) for op, engines_ in spent.items()}
    largest = sorted(total, key=lambda op: -total[op])
    by_engine = shares(summary["critical_path_ms"], summary["latency_ms"], most=6)
    out = grid(
        f"critical path: {by_engine}",
        ["@op", "#time", "#of all", "?~spent in"],
        caption=f"the {min(top, len(largest))} longest of {len(largest)}; an op with no work for it is '(none)'",
    )
    for op in largest[:top]:
        out.add_row(
            op or "(none)",
            duration(total[op]),
            share(total[op], summary["latency_ms"]),
            shares(spent[op], total[op], most=5),
        )
    return out


def _roofline(result: Result, top: int) -> Any:
    from rich.text import Text

    roof = result.summary["roofline"]
    if not roof["peak_macs_per_s"]:  # a core: its kernels are described by cycles
        return Text(f"no roofline: {roof['engine']} has no MAC units that could be filled\n")
    ridge = roof["ridge_macs_per_byte"]
    title = (
        f"roofline: {roof['engine']} {si(roof['peak_macs_per_s'], 'MAC/s')}, {roof['memory']} "
        f"{si(roof['peak_bytes_per_s'], 'B/s')}" + (f", ridge at {digits(ridge)} MAC/B" if ridge else "")
    )
    out = grid(
        title,
        ["@op", "?#MACs", "?#bytes", "#MAC/B", "?limited by", "#reached", "#of its roof"],
        caption=(
            "reached: MACs over the time on the critical path; 'hidden': above the roof, since part of the work is done "
            "while other ops are on that path"
        ),
    )
    found = [row for row in rows(result.table("ops")) if row["macs"] and row["critical_ms"]]
    found.sort(key=lambda row: -row["critical_ms"])
    for row in found[:top]:
        moved = row[f"{roof['memory']}_read_bytes"] + row[f"{roof['memory']}_write_bytes"]
        intensity = row["macs"] / moved if moved else math.inf
        limit = min(roof["peak_macs_per_s"], intensity * roof["peak_bytes_per_s"])
        reached = row["macs"] / row["critical_ms"] * 1e3
        out.add_row(
            row["op"],
            count(row["macs"]),
            size(moved),
            digits(intensity) if moved else "all on chip",
            roof["memory"] if limit < roof["peak_macs_per_s"] else roof["engine"],
            si(reached, "MAC/s"),
            share(reached, limit) if reached <= limit else "hidden",
        )
    return out


def _energy(result: Result, top: int, sources: Sources) -> Any:
    summary = result.summary
    total = summary["energy_uj"] * 1e6
    states = shares(summary["energy_by_state_uj"], summary["energy_uj"], most=6)
    bill = sorted(rows(result.table("actions")), key=lambda row: -row["energy_pj"])
    rest = sum(row["energy_pj"] for row in bill[top:])
    out = grid(
        f"energy: {energy(total)}, between {energy(summary['energy_uj_low'] * 1e6)} and "
        f"{energy(summary['energy_uj_high'] * 1e6)}, {summary['energy_boundary']}; {states}",
        BILL,
        caption=f"{len(bill) - top} more lines with {energy(rest)}" if len(bill) > top else None,
    )
    for row in bill[:top]:
        bill_line(out, sources, row, row["count"], row["energy_pj"], total)
    return out


@dataclass
class Sources:
    """Numbered footnotes: where prices come from, each once."""

    notes: dict[str, int] = field(default_factory=dict)

    def number(self, row: dict[str, Any]) -> str:
        """Footnote number of the origin of a price: its source, the rule applied to it, and whether it is assumed."""
        parts = (row["source"], row["rule"], "assumed" if row["is_assumed"] else "")
        return str(self.notes.setdefault("; ".join(part for part in parts if part), len(self.notes) + 1))

    def render(self) -> Any:
        """The footnotes."""
        out = grid("sources", ["#", "~"])
        out.show_header = False
        for note, number in self.notes.items():
            out.add_row(str(number), note)
        return out


BILL = ["@what", "#count", "?#price", "?#band", "#energy", "?#of all", "?#source"]


def bill_line(
    out: Any, sources: Sources, row: dict[str, Any], counted: float, energy_pj: float, total_pj: float
) -> None:
    """Add a line of the `actions` frame to a table: count, price with band, energy, and the number of its source."""
    low, price, high = row["price_low_pj"], row["price_pj"], row["price_high_pj"]
    is_power = row["per"] == "ms"  # 1 pJ per ms is 1 nW
    out.add_row(
        f"{row['component']}.{row['action']} ({row['part'] if row['state'] == 'action' else row['state']})",
        duration(counted) if is_power else f"{count(counted)} {row['per']}",
        f"{digits(price * 1e-6)} mW" if is_power else f"{digits(price)} pJ",
        f"{digits(low * 1e-6)} to {digits(high * 1e-6)}" if is_power else f"{digits(low)} to {digits(high)}",
        energy(energy_pj),
        share(energy_pj, total_pj),
        sources.number(row),
    )


def _area(result: Result, sources: Sources) -> Any:
    summary = result.summary
    span = f"between {area(summary['area_um2_low'])} and {area(summary['area_um2_high'])}"
    out = grid(
        f"area: {area(summary['area_um2'])}, {span}", ["@component", "?#units", "?of", "#area", "#of all", "?#source"]
    )
    for row in sorted(rows(result.table("areas")), key=lambda row: -row["area_um2"]):
        cells = (row["component"], count(row["count"]), row["unit"], area(row["area_um2"]))
        out.add_row(*cells, share(row["area_um2"], summary["area_um2"]), sources.number(row))
    return out


def op_row(result: Result, op: str) -> dict[str, Any]:
    """Row of the `ops` frame; raises `DescriptionError` with the nearest name."""
    found = {row["op"]: row for row in rows(result.table("ops"))}
    if op not in found:
        raise unknown("op", op, found, where="--op")
    return found[op]


def running(result: Result, op: str) -> str:
    """`op`, or the op that it is fused into."""
    table = result.table("ops")
    parts = zip(table["op"].tolist(), table["fused"].tolist(), strict=True)
    return next((name for name, fused in parts if op in fused.split(" ")), op)


def mapping_row(result: Result, op: str) -> dict[str, Any]:
    """Row of the `mapping` frame; empty for an op that the mapper did not see."""
    return next((row for row in rows(result.table("mapping")) if row["op"] == op), {})
