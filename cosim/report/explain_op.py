"""`cosim explain --op`: one op in depth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cosim.report.explain import BILL, Sources, bill_line, mapping_row, op_row, running
from cosim.report.grid import grid
from cosim.report.quantity import count, digits, duration, energy, share, size
from cosim.report.summary import critical_by_op, shares
from cosim.result import Result
from cosim.result.table import rows

if TYPE_CHECKING:
    from rich.console import Group


def render_op(result: Result, op: str) -> Group:
    """How an op is cut, when it runs and why then, its operands, its traffic and every price behind its energy."""
    from rich.console import Group
    from rich.text import Text

    asked, op = op, running(result, op)
    row, plan = op_row(result, op), mapping_row(result, op)
    sources = Sources()
    bill = _bill(result, row, sources)
    note = [Text(f"{asked} is fused into {op}, which is shown")] if op != asked else []
    parts = (*note, _facts(result, row, plan), _operands(result, row), _traffic(result, row), bill, sources.render())
    return Group(*(line for part in parts for line in (part, "")))


def _facts(result: Result, row: dict[str, Any], plan: dict[str, Any]) -> Any:
    out = grid(f"{row['op']} ({row['kind']}) on {row['engine'] or 'nothing: a view'}", ["", "~"])
    out.show_header = False
    for name, text in _texts(result, row, plan):
        out.add_row(name, text)
    return out


def _texts(result: Result, row: dict[str, Any], plan: dict[str, Any]) -> list[tuple[str, str]]:
    spent = critical_by_op(result).get(row["op"], {})
    latency = result.summary["latency_ms"]
    texts = [
        ("work", f"{count(row['macs'])} MACs in {count(row['commands'])} command{'s' * (row['commands'] != 1)}"),
        ("tile", plan.get("tile") or "-"),
        ("loops", f"{plan.get('trips') or 'one tile'} (outermost first)"),
        ("cycles", _cycles(row)),
        ("critical", f"{duration(row['critical_ms'])}, {share(row['critical_ms'], latency)} of the latency"),
        ("", shares(spent, row["critical_ms"], most=5) if spent else "hidden behind other work"),
        ("waits", _waits(row)),
        (
            "energy",
            f"{energy(row['energy_pj'])}, between {energy(row['energy_low_pj'])} and {energy(row['energy_high_pj'])}",
        ),
    ]
    if plan.get("group"):
        blocks = f"{count(plan['blocks'])} block{'s' * (plan['blocks'] != 1)}"
        texts.insert(1, ("group", f"{plan['group']}, {blocks}: what they hand on stays on chip"))
    if row["fused"]:
        texts.insert(1, ("fused", f"{row['fused']}, part of it"))
    if math.isfinite(row["start_ms"]):
        texts.insert(
            [name for name, _ in texts].index("cycles"),
            ("when", f"from {duration(row['start_ms'])} to {duration(row['end_ms'])}"),
        )
    if math.isfinite(row["utilization_spatial"]):
        texts.append(
            ("spatial", f"{100 * row['utilization_spatial']:.1f}% of the MACs do useful work while it is busy")
        )
    if not math.isnan(row["sqnr_db"]):
        texts.append(("SQNR", f"{row['sqnr_db']:.1f} dB against float"))
    if plan.get("reason"):
        texts.append(("refused", plan["reason"].replace("; ", "\n")))
    return texts


def _cycles(row: dict[str, Any]) -> str:
    busy, bound = row["busy_cycles"], row["bound_cycles"]
    ratio = f", {digits(busy / bound)}x the bound" if bound else ""
    return f"{count(busy)} of work{ratio} ({count(bound)}), {count(row['cycles'])} from first start to last end"


def _waits(row: dict[str, Any]) -> str:
    causes = {
        key.removeprefix("stall_").removesuffix("_ms"): value
        for key, value in row.items()
        if key.startswith("stall_") and key.endswith("_ms") and key != "stall_ms"
    }
    text = shares(causes, row["stall_ms"], most=6)
    return f"{duration(row['stall_ms'])} of its engine" + (f": {text}" if text else "")


def _operands(result: Result, row: dict[str, Any]) -> Any:
    tensors = {tensor["tensor"]: tensor for tensor in rows(result.table("tensors"))}
    placed: dict[str, list[str]] = {}
    for place in rows(result.table("placements")):
        if place["role"] == "sums" and place["what"].partition("/")[0] != row["output"]:
            continue  # partial sums are there only while the op that makes them runs
        placed.setdefault(place["what"].partition("/")[0], []).append(f"{place['memory']} {place['address_bytes']:#x}")
    out = grid("operands", ["", "@tensor", "?shape", "?format", "#bytes", "?part", "?~where"])
    names = [("input", name) for name in row["inputs"].split()] + [("output", row["output"])]
    for role, name in names:
        tensor = tensors[name]
        where = ", ".join(dict.fromkeys(placed.get(name, ["-"])))
        out.add_row(role, name, tensor["shape"], tensor["format"], size(tensor["size_bytes"]), tensor["part"], where)
    return out


def _traffic(result: Result, row: dict[str, Any]) -> Any:
    operands = sum(t["size_bytes"] for t in rows(result.table("tensors")) if t["tensor"] in _names(row))
    out = grid(f"traffic (operands are {size(operands)})", ["@memory", "#read", "#written", "?#times the operands"])
    for memory in result.table("memories")["memory"].tolist():
        read, written = row[f"{memory}_read_bytes"], row[f"{memory}_write_bytes"]
        if read or written:
            ratio = digits((read + written) / operands) if operands else "-"
            out.add_row(memory, size(read), size(written), ratio)
    return out


def _names(row: dict[str, Any]) -> set[str]:
    return {*row["inputs"].split(), row["output"]}


def _bill(result: Result, row: dict[str, Any], sources: Sources) -> Any:
    prices = {
        (p["component"], p["action"], p["part"]): p for p in rows(result.table("actions")) if p["state"] == "action"
    }
    mine = [line for line in rows(result.table("op_actions")) if line["op"] == row["op"]]
    out = grid(
        "energy of its actions, its moves included",
        BILL,
        caption="power over time (leakage, background, idle clocks) belongs to no op",
    )
    for line in sorted(mine, key=lambda line: -line["energy_pj"]):
        price = prices[line["component"], line["action"], line["part"]]
        bill_line(out, sources, price, line["count"], line["energy_pj"], row["energy_pj"])
    return out
